// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Users of each role, and the command in their hands.

use super::{Answer, CKU_USER, Fixture, SO_PIN, Session, Token, USER_PIN, child, heard};
use std::process::{Command, Output};

/// The users that [`people`] adds, one of each role; the PIN of each is [`pin_of`] the name.
pub const PEOPLE: &[&str] = &["operator", "manager", "auditor", "custodian"];

/// The PIN of a user made here.
pub fn pin_of(name: &str) -> String {
    format!("{name}-pin-4711")
}

/// The command over the store of a fixture, with the PINs of its token in variables.
pub fn strongroom(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.env("STRONGROOM_CONF", fixture.config_path()).args(arguments);
    let own = [("SO", SO_PIN), ("PIN", USER_PIN), ("NEW", "new-pin-0815")];
    let named = PEOPLE.iter().map(|name| (format!("PIN_{name}"), pin_of(name)));
    let own = own.map(|(name, pin)| (name.to_owned(), pin.to_owned()));
    for (name, pin) in own.into_iter().chain(named) {
        heard::secret(pin.as_bytes());
        command.env(name, pin);
    }
    command
}

/// The same, to its end.
pub fn command(fixture: &Fixture, arguments: &[&str]) -> Output {
    let output = strongroom(fixture, arguments).output().expect("the command");
    heard::assert_silent(&output);
    output
}

/// The same; it must end well.
#[track_caller]
pub fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = command(fixture, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", child::everything(&output));
    String::from_utf8(output.stdout).unwrap()
}

/// Adds a user; the user without a name helps where that is needed.
#[track_caller]
pub fn add(fixture: &Fixture, name: &str, role: &str) {
    let variable = format!("PIN_{name}");
    let who = ["user", "add", name, "--role", role, "--so-pin-env", "SO"];
    run(fixture, &[&who[..], &["--pin-env", "PIN", "--new-pin-env", &variable]].concat());
}

/// A token, "web", with a user of each role.
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
