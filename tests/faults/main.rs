// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What goes wrong around the store: calls that are interrupted, processes that are killed, files that
//! change hands, limits and clocks.

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

mod acts;
mod chains;
mod crowd;
mod discarding;
mod kill;
mod library;
mod place;
mod rights;
mod seen;
mod steps;
mod surroundings;
mod unread;

use common::*;
use std::process::Command;

/// The command on a store; `$D` in its arguments is the directory with its configuration.
fn strongroom(fixture: &Fixture, arguments: &[&str]) -> String {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    let directory = fixture.directory().to_str().unwrap();
    command.args(arguments.iter().map(|argument| argument.replace("$D", directory)));
    let output = command.env("STRONGROOM_CONF", fixture.config_path()).output().unwrap();
    assert!(output.status.success(), "{arguments:?}: {}", child::everything(&output));
    child::everything(&output)
}

/// `strongroom check` must find nothing.
fn check(fixture: &Fixture, what: &str) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("check").env("STRONGROOM_STORE", fixture.store_path());
    let output = command.env("STRONGROOM_CONF", fixture.config_path()).output().unwrap();
    assert!(output.status.success(), "{what}: strongroom check:\n{}", child::everything(&output));
}
