// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Many objects, many sessions: that nothing is lost among them, and what they may cost in memory.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

mod cost;
mod memory;
mod objects;
mod sessions;

use common::*;

/// A data object of the token, private or not.
fn data(label: &str, private: bool) -> Template {
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => label };
    object.with(CKA_PRIVATE, private)
}

/// Begins a search.
fn begin(session: Session, template: &Template) {
    let mut raw = template.raw();
    let count = raw.len() as CK_ULONG;
    outcome(p11!(C_FindObjectsInit(session.0, raw.as_mut_ptr(), count))).good();
}

/// So many more of what a search finds.
fn more(session: Session, most: usize) -> Vec<Obj> {
    let (mut batch, mut got) = (vec![CK_INVALID_HANDLE; most], 0);
    outcome(p11!(C_FindObjects(session.0, batch.as_mut_ptr(), most as CK_ULONG, &mut got))).good();
    batch[..got as usize].iter().map(|handle| Obj(*handle)).collect()
}

/// All the rest, and the end of the search.
fn rest(session: Session) -> Vec<Obj> {
    let mut all = Vec::new();
    loop {
        let batch = more(session, 100);
        if batch.is_empty() {
            outcome(p11!(C_FindObjectsFinal(session.0))).good();
            return all;
        }
        all.extend(batch);
    }
}
