// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The master key, the store's keys and seal slots made anew, while applications go on.

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
#[allow(dead_code, reason = "shared with the tests of roles")]
#[path = "../roles/reader.rs"]
mod format;

mod altered;
mod kill;
mod old_secrets;
mod older;
mod online;
mod paged;
mod reader;
mod seal_kill;
mod shut;
mod tokens;

use common::*;
use std::path::PathBuf;
use std::process::{Command, Output};

/// The command over a store.
fn command(fixture: &Fixture, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_CONF", fixture.config_path());
    command.env("USER", USER_PIN).env("SO", SO_PIN).stdin(std::process::Stdio::null());
    command
}

/// What the command said; it must end well.
fn run(fixture: &Fixture, arguments: &[&str]) -> String {
    let output: Output = command(fixture, arguments).output().unwrap();
    heard::assert_silent(&output);
    let said = child::everything(&output);
    assert!(output.status.success(), "{arguments:?}: {said}");
    said
}

/// What the command said; it must not end well.
fn fails(fixture: &Fixture, arguments: &[&str]) -> String {
    let output = command(fixture, arguments).output().unwrap();
    let said = child::everything(&output);
    assert!(!output.status.success(), "{arguments:?}: {said}");
    said
}

const PLAIN: &[&str] = &["rotate", "master-key"];
const COMPROMISED: &[&str] = &["rotate", "master-key", "--compromised"];

const DESPITE_FAULTS: &[&str] = &["rotate", "master-key", "--compromised", "--force"];

/// The store has no fault.
fn whole(fixture: &Fixture) {
    let said = run(fixture, &["check"]);
    assert!(said.contains("faults: 0"), "{said}");
}

/// The seal files of a store, by name.
fn seals(fixture: &Fixture) -> Vec<String> {
    let entries = std::fs::read_dir(fixture.store_path()).unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned());
    let mut names: Vec<_> = names.filter(|name| name.starts_with("seal-")).collect();
    names.sort();
    names
}

fn seal(fixture: &Fixture) -> PathBuf {
    let seals = seals(fixture);
    assert_eq!(seals.len(), 1, "{seals:?}");
    fixture.store_path().join(&seals[0])
}

/// Objects of every kind that the store keeps: private and not, secret and not.
const KINDS: usize = 4;

/// Makes objects, some of each kind, and a pair to sign with.
fn fill(s: Session, count: usize) {
    for i in 0..count {
        let label = format!("object {i}");
        let place = template! {
            CKA_TOKEN => true,
            CKA_PRIVATE => i % 2 == 0,
            CKA_LABEL => label.as_str(),
            CKA_ID => vec![7, (i % KINDS) as u8],
        };
        if i % KINDS < 2 {
            let data = template! { CKA_CLASS => CKO_DATA, CKA_VALUE => value(i) };
            // Data objects have no id.
            let place = template! {
                CKA_TOKEN => true, CKA_PRIVATE => i % 2 == 0, CKA_LABEL => label.as_str()
            };
            s.create(&data.and(&place)).good();
        } else {
            keys::try_secret(s, CKK_AES, &value(i), &keys::open().and(&place)).good();
        }
    }
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "signer" };
    keys::pair_with(s, &ec::P256, &place, &place);
}

fn value(i: usize) -> Vec<u8> {
    (0..32).map(|byte| (byte * 7 + i) as u8).collect()
}

/// Every object is there, found by its label, and says what it said; keys work.
fn all_there(s: Session, count: usize) {
    for i in 0..count {
        let label = format!("object {i}");
        let found = s.find(&template! { CKA_LABEL => label.as_str() }).good_for(&label);
        assert_eq!(found.len(), 1, "{label}");
        assert_eq!(s.get(found[0], CKA_VALUE).good_for(&label), value(i), "{label}");
    }
    signs(s);
}

/// The pair is found and works.
fn signs(s: Session) {
    let pair = s.find(&template! { CKA_LABEL => "signer" }).good_for("the pair");
    assert_eq!(pair.len(), 2);
    let half = |class| {
        let found = s.find(&template! { CKA_LABEL => "signer", CKA_CLASS => class }).good();
        assert_eq!(found.len(), 1);
        found[0]
    };
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    let signature = s.sign(&mech, half(CKO_PRIVATE_KEY), b"message").good_for("a signature");
    s.verify(&mech, half(CKO_PUBLIC_KEY), b"message", &signature).good_for("and its check");
}

/// A command that runs a test of this binary as a child on the same store.
fn child_to_stop(fixture: &Fixture, test: &str, role: &str) -> Command {
    let mut command = common::child_on(fixture, test, role);
    command.env("CHILD_STOP", fixture.directory().join("stop"));
    command
}

/// Whether the parent has told its children to come to an end.
fn stopped() -> bool {
    std::path::Path::new(&std::env::var("CHILD_STOP").unwrap()).exists()
}
