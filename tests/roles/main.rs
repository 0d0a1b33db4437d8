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

use common::*;
use std::process::{Command, Output};

/// The configuration of tokens that are strict.
pub const STRICT: &str = "[token]\nseparation = \"strict\"\n";
/// The users that [`people`] adds, one of each role; the PIN of each is [`pin_of`] the name.
pub const PEOPLE: &[&str] = &["operator", "manager", "auditor", "custodian"];

/// The PIN of a user made here.
pub fn pin_of(name: &str) -> String {
    format!("{name}-pin-4711")
}

/// The command over the store of a fixture, with the PINs of its token in variables.
pub fn command(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.env("STRONGROOM_CONF", fixture.config_path()).args(arguments);
    command.env("SO", SO_PIN).env("PIN", USER_PIN).env("NEW", "new-pin-0815");
    for name in PEOPLE {
        command.env(format!("PIN_{name}"), pin_of(name));
    }
    command.output().expect("the command")
}

/// The same; it must end well.
#[track_caller]
pub fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = command(fixture, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", child::everything(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Adds a user; the user without a name helps.
#[track_caller]
pub fn add(fixture: &Fixture, name: &str, role: &str) {
    let variable = format!("PIN_{name}");
    let who = ["user", "add", name, "--role", role, "--so-pin-env", "SO"];
    run(fixture, &[&who[..], &["--pin-env", "PIN", "--new-pin-env", &variable]].concat());
}

/// A token with a user of each role.
pub fn people(settings: &str) -> (Fixture, Token) {
    let fixture = Fixture::with_settings(settings);
    let token = fixture.token("roles");
    for name in PEOPLE {
        add(&fixture, name, name);
    }
    (fixture, token)
}

/// A read/write session with a named user logged in.
pub fn enter(token: Token, name: &str) -> Session {
    let session = token.public();
    session.login_user(CKU_USER, &pin_of(name), name).good_for(name);
    session
}

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
