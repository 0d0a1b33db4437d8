// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token: what its rules permit, and that every path of the library asks them.

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

mod approvals;
mod arithmetic;
mod counts;
mod enforce;
mod faults;
mod judge;
mod walk;

use common::*;
use std::process::{Command, Output};

/// The PIN of named users that are made here.
const OTHER_PIN: &str = "other-pin-4242";

/// The command over a fixture's store.
fn strongroom(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_STORE", fixture.store_path());
    command.env("STRONGROOM_CONF", fixture.config_path());
    heard::secret(OTHER_PIN.as_bytes());
    command.env("SO", SO_PIN).env("USER", USER_PIN).env("OTHER", OTHER_PIN);
    let output = command.output().expect("the command runs");
    heard::assert_silent(&output);
    output
}

/// Sets the policy of a fixture's token: these lines below the version.
#[track_caller]
fn set_policy(fixture: &Fixture, lines: &str) {
    let file = fixture.directory().join("policy.toml");
    std::fs::write(&file, format!("version = 1\n{lines}\n")).expect("a file");
    let file = file.to_str().expect("a name");
    let set = strongroom(fixture, &["policy", "set", file, "--so-pin-env", "SO"]);
    assert!(set.status.success(), "{lines}\n{}", child::everything(&set));
}

/// A rule of this name.
fn rule(name: &str, lines: &str) -> String {
    format!("[[rule]]\nname = \"{name}\"\n{lines}\n")
}
