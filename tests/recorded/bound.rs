// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Store and log are bound to each other: an older copy of either is noticed, and so is a change that was
//! recorded and never made.

use crate::common::*;
use crate::{of, records};
use std::fs;
use std::path::Path;
use std::process::Command;
use strongroom::audit::{Announced, Entry, Log, Place, Position};
use strongroom::config::Config;
use strongroom::files::Access;
use strongroom::session::open_store;

#[test]
fn a_store_and_its_log_go_together() {
    let fixture = Fixture::new();
    fixture.token("bound");
    session::finalize().good();
    assert_eq!(check(&fixture), (true, String::new()));
}

#[test]
fn an_older_log_is_noticed_though_it_is_whole() {
    let (fixture, copy) = copied("audit");
    put_back(&copy, &fixture.store_path().join("audit"));
    let (good, said) = check(&fixture);
    assert!(!good && said.contains("before the one that the store was bound to"), "{said}");
    change(&fixture);
    let all = records(&fixture.store_path());
    let found = of(&all, "audit.older");
    assert_eq!(found.len(), 1, "{all:#?}");
    assert_eq!(found[0]["outcome"], "CKR_DEVICE_ERROR");
    change(&fixture);
    assert_eq!(of(&records(&fixture.store_path()), "audit.older").len(), 1, "once");
}

#[test]
fn an_older_store_is_noticed() {
    let (fixture, copy) = copied("store.db");
    put_back(&copy, &fixture.store_path().join("store.db"));
    let (good, said) = check(&fixture);
    assert!(!good && said.contains("the store is an older copy"), "{said}");
    change(&fixture);
    let all = records(&fixture.store_path());
    assert_eq!(of(&all, "store.older").len(), 1, "{all:#?}");
    change(&fixture);
    assert_eq!(of(&records(&fixture.store_path()), "store.older").len(), 1, "once");
}

/// The log of another store, in the place of this one's.
#[test]
fn a_log_of_another_store_is_refused() {
    let fixture = Fixture::new();
    fixture.token("bound");
    session::finalize().good();
    let other = fixture.directory().join("other");
    let mut init = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    init.args(["init", "--label", "o", "--pin-env", "PIN", "--so-pin-env", "PIN"]);
    init.env("PIN", SO_PIN).env("STRONGROOM_STORE", &other);
    assert!(init.output().unwrap().status.success());
    put_back(&other.join("audit"), &fixture.store_path().join("audit"));
    let (good, said) = check(&fixture);
    assert!(!good && said.contains("the audit log cannot be read"), "{said}");
    fixture.initialize().good();
    let s = Session::read_write(0).good();
    s.login(CKU_SO, SO_PIN).gives(CKR_DEVICE_ERROR);
}

/// A writer that was killed between its record and its commit: the record is there, the change is not.
#[test]
fn a_change_that_never_came_is_recorded_as_such() {
    let fixture = Fixture::new();
    fixture.token("bound");
    session::finalize().good();
    let config = Config::load(Some(&fixture.config_path())).unwrap();
    let opened = open_store(&config, None).unwrap().unwrap();
    let known = opened.vault.audit().unwrap().unwrap();
    let directory = fixture.store_path().join("audit");
    let access = Access::for_group("").unwrap();
    let place = Place { directory, access, store: *opened.vault.id() };
    let log = Log::open(place, &known.key, config.audit.clone()).unwrap();
    let bound = Position { seq: known.bound.seq, mac: known.bound.mac };
    let change_ = Announced { bound, revision: known.revision + 1 };
    let entry = Entry { op: "C_CreateObject", outcome: "CKR_OK", ..Entry::default() };
    log.announce(&change_, Some(&entry)).unwrap();
    drop((log, opened));
    change(&fixture);
    let all = records(&fixture.store_path());
    let undone = of(&all, "store.undone");
    assert_eq!(undone.len(), 1, "{all:#?}");
    assert_eq!(undone[0]["details"]["revision"], known.revision + 1);
    change(&fixture);
    assert_eq!(of(&records(&fixture.store_path()), "store.undone").len(), 1, "once");
}

/// A store, and a copy of one of its files or directories from before two more changes.
fn copied(name: &str) -> (Fixture, std::path::PathBuf) {
    let fixture = Fixture::new();
    fixture.token("bound");
    session::finalize().good();
    let copy = fixture.directory().join("copy");
    put_back(&fixture.store_path().join(name), &copy);
    change(&fixture);
    change(&fixture);
    (fixture, copy)
}

/// Copies a file, or a directory of files and directories.
fn put_back(from: &Path, to: &Path) {
    if !from.is_dir() {
        fs::copy(from, to).unwrap();
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(format!("{}{suffix}", to.display()));
        }
        return;
    }
    let _ = fs::remove_dir_all(to);
    assert!(Command::new("cp").args(["-a"]).args([from, to]).status().unwrap().success());
}

fn change(fixture: &Fixture) {
    fixture.initialize().good();
    let s = Session::read_write(0).good();
    s.login(CKU_USER, USER_PIN).good();
    s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }).good();
    session::finalize().good();
}

/// Whether `strongroom check` finds nothing, and what it says of the log.
fn check(fixture: &Fixture) -> (bool, String) {
    let mut check = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    check.arg("check").env("STRONGROOM_CONF", fixture.config_path());
    let output = check.output().unwrap();
    let text = child::everything(&output);
    let said = text.lines().filter(|line| line.contains("audit")).collect::<Vec<_>>().join("\n");
    (output.status.success(), said)
}
