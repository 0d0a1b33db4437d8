// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of a token renewed while others work with it.

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

mod altered;
mod erased;
mod killed;
mod older;
mod online;
mod pins;
#[path = "../roles/reader.rs"]
#[allow(dead_code, reason = "shared with the tests of roles")]
mod reader;
mod removed;
mod roles;

use common::people::*;
use common::*;

/// Renewing the token key alone, and with everything beneath it.
pub const PLAIN: &[&str] = &["rotate", "token-key"];
pub const WHOLE: &[&str] = &["rotate", "token-key", "--compromised"];

/// Renews keys, with the user's PIN.
#[track_caller]
pub fn rotate(fixture: &Fixture, how: &[&str]) -> String {
    run(fixture, &[how, &["--pin-env", "PIN"]].concat())
}

/// The store is as it was written.
#[track_caller]
pub fn clean(fixture: &Fixture) {
    let said = run(fixture, &["check"]);
    assert!(said.contains("faults: 0"), "{said}");
}

/// A private AES key on the token that encrypts and decrypts.
#[track_caller]
pub fn aes(session: Session, label: &str) -> Obj {
    let template = template! {
        CKA_TOKEN => true, CKA_LABEL => label, CKA_VALUE_LEN => 32,
        CKA_ENCRYPT => true, CKA_DECRYPT => true, CKA_SIGN => false, CKA_VERIFY => false,
        CKA_WRAP => false, CKA_UNWRAP => false,
    };
    session.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).good_for(label)
}

/// The object with this label.
#[track_caller]
pub fn labelled(session: Session, label: &str) -> Obj {
    let found = session.find(&template! { CKA_LABEL => label }).good_for(label);
    *found.first().unwrap_or_else(|| panic!("no object '{label}'"))
}

/// What a key makes of a block.
#[track_caller]
pub fn block(session: Session, key: Obj) -> Vec<u8> {
    session.encrypt(&Mech::plain(CKM_AES_ECB), key, &[7; 16]).good_for("encrypting")
}
