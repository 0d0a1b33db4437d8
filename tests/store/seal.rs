// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The seal: without the right one nothing opens, and nothing is lost.

use crate::common::*;
use crate::{UNUSABLE, files, filled, try_use};
use std::fs;
use std::path::PathBuf;
use std::process::Command;

#[test]
fn a_wrong_seal_opens_nothing_and_loses_nothing() {
    let (fixture, content) = filled();
    let seal = seal(&fixture);
    let right = fs::read(&seal).unwrap();
    let random = reference::digest(CKM_SHA512, &right);
    let mut flipped = right.clone();
    flipped[right.len() / 2] ^= 1;
    for (what, wrong) in [
        ("random", random[..right.len().min(64)].to_vec()),
        ("one bit", flipped),
        ("empty", Vec::new()),
        ("shorter", right[..right.len() - 1].to_vec()),
        ("longer", [&right[..], &[0]].concat()),
    ] {
        fs::write(&seal, &wrong).unwrap();
        let used = try_use(&fixture);
        used.map(drop).gives_for(&format!("{what} seal"), UNUSABLE);
        refuses_to_start_over(&fixture, what);
        fs::write(&seal, &right).unwrap();
        assert_eq!(try_use(&fixture).good_for(what), content, "nothing was lost");
    }
}

#[test]
fn a_missing_seal_opens_nothing_and_loses_nothing() {
    let (fixture, content) = filled();
    let seal = seal(&fixture);
    let aside = fixture.directory().join("aside");
    fs::rename(&seal, &aside).unwrap();
    try_use(&fixture).map(drop).gives_for("no seal", UNUSABLE);
    refuses_to_start_over(&fixture, "no seal");
    fs::rename(&aside, &seal).unwrap();
    assert_eq!(try_use(&fixture).good(), content);
}

#[test]
fn the_seal_of_another_store_opens_nothing() {
    let (other, _) = filled();
    let foreign = fs::read(seal(&other)).unwrap();
    drop(other);
    let (fixture, content) = filled();
    let seal = seal(&fixture);
    let right = fs::read(&seal).unwrap();
    assert_ne!(right, foreign, "each store has its own");
    fs::write(&seal, foreign).unwrap();
    try_use(&fixture).map(drop).gives_for("foreign seal", UNUSABLE);
    fs::write(&seal, right).unwrap();
    assert_eq!(try_use(&fixture).good(), content);
}

#[test]
fn a_seal_without_its_database_is_left_as_it_is() {
    let (fixture, content) = filled();
    let (seal, store) = (seal(&fixture), fixture.store_path());
    let right = fs::read(&seal).unwrap();
    let aside = fixture.directory().join("aside");
    fs::create_dir(&aside).unwrap();
    // The database goes missing, then the file of the changes as well.
    for gone in ["store.db", "changes"] {
        for file in files(&store) {
            let name = file.file_name().unwrap().to_string_lossy().into_owned();
            if name.starts_with(gone) {
                fs::rename(&file, aside.join(name)).unwrap();
            }
        }
        fixture.initialize().good();
        session::init_token(0, SO_PIN, "new").gives_for(gone, UNUSABLE);
        session::finalize().good();
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.args(["init", "--label", "new", "--so-pin-env", "PIN", "--pin-env", "PIN"]);
        command.env("PIN", SO_PIN).env("STRONGROOM_CONF", fixture.config_path());
        let made = command.output().unwrap();
        assert!(!made.status.success(), "{}", child::everything(&made));
        assert_eq!(fs::read(&seal).unwrap(), right, "the seal was touched");
        assert!(!store.join("store.db").exists(), "a store was made");
    }
    for file in files(&aside) {
        fs::rename(&file, store.join(file.file_name().unwrap())).unwrap();
    }
    assert_eq!(try_use(&fixture).good(), content, "the right database opens again");
}

/// A store that does not open is not taken for an empty one.
fn refuses_to_start_over(fixture: &Fixture, what: &str) {
    if fixture.initialize().is_err() {
        return;
    }
    for slot in session::slots(false).unwrap_or_default() {
        let made = session::init_token(slot, "another SO PIN", "label");
        assert!(made.is_err(), "{what}: a token was made over a store that does not open");
    }
    session::finalize().good();
}

fn seal(fixture: &Fixture) -> PathBuf {
    let is_seal = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("seal");
    let found: Vec<PathBuf> = files(&fixture.store_path()).into_iter().filter(is_seal).collect();
    assert_eq!(found.len(), 1, "one seal file");
    found[0].clone()
}
