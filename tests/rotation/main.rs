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

use common::*;
use std::process::{Command, Output};

/// The users that [`people`] adds, one of each role.
pub const PEOPLE: &[&str] = &["operator", "manager", "auditor", "custodian"];
/// Renewing the token key alone, and with everything beneath it.
pub const PLAIN: &[&str] = &["rotate", "token-key"];
pub const WHOLE: &[&str] = &["rotate", "token-key", "--compromised"];

/// The PIN of a user made here.
pub fn pin_of(name: &str) -> String {
    format!("{name}-pin-4711")
}

/// The command over the store of a fixture, with the PINs of its token in variables.
pub fn strongroom(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.env("STRONGROOM_CONF", fixture.config_path()).args(arguments);
    command.env("SO", SO_PIN).env("PIN", USER_PIN).env("NEW", "new-pin-0815");
    for name in PEOPLE {
        command.env(format!("PIN_{name}"), pin_of(name));
    }
    command
}

pub fn command(fixture: &Fixture, arguments: &[&str]) -> Output {
    strongroom(fixture, arguments).output().expect("the command")
}

/// The same; it must end well.
#[track_caller]
pub fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = command(fixture, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", child::everything(&output));
    String::from_utf8(output.stdout).unwrap()
}

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

/// Adds a user; the user without a name helps where that is needed.
#[track_caller]
pub fn add(fixture: &Fixture, name: &str, role: &str) {
    let variable = format!("PIN_{name}");
    let who = ["user", "add", name, "--role", role, "--so-pin-env", "SO"];
    run(fixture, &[&who[..], &["--pin-env", "PIN", "--new-pin-env", &variable]].concat());
}

/// A token with a user of each role.
pub fn people(settings: &str) -> (Fixture, Token) {
    let fixture = Fixture::with_settings(settings);
    let token = fixture.token("web");
    for name in PEOPLE {
        add(&fixture, name, name);
    }
    (fixture, token)
}

/// A read/write session with a named user logged in.
#[track_caller]
pub fn enter(token: Token, name: &str) -> Session {
    let session = token.public();
    session.login_user(CKU_USER, &pin_of(name), name).good_for(name);
    session
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

/// A command that runs a test of this binary as a child on the same store.
pub fn child_on(fixture: &Fixture, test: &str, role: &str) -> Command {
    let mut command = child::command(test, role);
    command.env("CHILD_CONF", fixture.config_path());
    command
}

/// In a child: the token of the parent's store.
pub fn joined() -> Token {
    let conf = std::env::var("CHILD_CONF").expect("CHILD_CONF");
    session::initialize(Some(&format!("conf={conf}"))).good();
    Token { slot: session::slots(false).good()[0] }
}
