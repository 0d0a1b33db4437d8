// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Roles: named users, strict tokens, and that their separation holds without the library's word.

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

mod apart;
mod auditors;
mod logins;
mod matrix;
mod older;
#[allow(dead_code, reason = "shared with the tests of rotation")]
mod reader;
mod removed;
mod strict;
mod table;

use common::people::*;
use common::*;

/// The configuration of tokens that are strict.
pub const STRICT: &str = "[token]\nseparation = \"strict\"\n";

/// What the token keeps of a key that a manager makes: AES, for the uses named.
pub fn aes(session: Session, label: &str, uses: &[CK_ATTRIBUTE_TYPE]) -> R<Obj> {
    let mut template = template! {
        CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32,
        CKA_EXTRACTABLE => !uses.contains(&CKA_WRAP),
    };
    for usage in [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP] {
        template = template.with(usage, uses.contains(&usage));
    }
    session.generate(&Mech::plain(CKM_AES_KEY_GEN), &template)
}

/// The object with this label; a handle of none where the caller sees none.
pub fn labelled(session: Session, label: &str) -> Obj {
    let found = session.find(&template! { CKA_LABEL => label }).good();
    found.first().copied().unwrap_or(Obj(0x7777_0000_7777))
}
