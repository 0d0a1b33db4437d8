// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A log that is begun late, and one that may not be written for a while: what is refused meanwhile, what is
//! let through, and that all goes on when the right to write comes back.

use crate::common::*;
use crate::{of, records};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const WARN: &str = "[audit]\non_failure = \"warn\"\n";

/// A store that an earlier version made, which had no log.
fn older(settings: &str) -> Fixture {
    let fixture = Fixture::prepared(settings);
    let (from, to) = ("tests/vectors/store-2", fixture.store_path());
    fs::create_dir(&to).unwrap();
    fs::set_permissions(&to, mode(0o700)).unwrap();
    for name in ["store.db", "seal-1.key", "changes"] {
        fs::copy(format!("{from}/{name}"), to.join(name)).unwrap();
        fs::set_permissions(to.join(name), mode(0o600)).unwrap();
    }
    fixture
}

fn login() -> R<()> {
    let s = Session::read_only(session::slots(true)?[0])?;
    let done = s.login(CKU_USER, USER_PIN);
    s.close().good();
    done
}

#[track_caller]
fn begun_late(fixture: &Fixture) {
    let all = records(&fixture.store_path());
    let begun: Vec<_> = all[..3].iter().map(|record| record["op"].as_str().unwrap()).collect();
    assert_eq!(begun, ["audit.segment", "audit.begin", "audit.late"]);
    assert!(all[2]["details"]["revision"].as_u64().unwrap() > 1, "{}", all[2]);
    assert_eq!(of(&all, "audit.late").len(), 1);
}

#[test]
fn a_store_of_before_gets_its_log_when_it_may_be_written() {
    let fixture = older("");
    fixture.initialize().good();
    begun_late(&fixture);
    login().good();
    fixture.restart();
    begun_late(&fixture);
    assert_eq!(of(&records(&fixture.store_path()), "C_Login").len(), 1);
    assert!(command(&fixture, &["check"]).status.success());
    assert!(command(&fixture, &["audit", "verify"]).status.success());
    // A new store has none that is late.
    let fixture = {
        drop(fixture);
        Fixture::new()
    };
    fixture.token("new");
    assert_eq!(of(&records(&fixture.store_path()), "audit.late").len(), 0);
}

/// Who may read alone begins none.
#[test]
fn a_reader_begins_none() {
    let test = "late::a_reader_begins_none";
    if child::role().is_some() {
        session::initialize(Some(&conf())).good();
        return login().gives(CKR_TOKEN_WRITE_PROTECTED);
    }
    let fixture = older("");
    let store = fixture.store_path();
    let files = ["store.db", "seal-1.key", "changes"].map(|name| store.join(name));
    files.iter().for_each(|file| fs::set_permissions(file, mode(0o400)).unwrap());
    fs::set_permissions(&store, mode(0o500)).unwrap();
    give(fixture.directory(), true);
    child::succeeds(rootless(test, &fixture));
    assert!(!store.join("audit").exists());
    give(fixture.directory(), false);
    fs::set_permissions(&store, mode(0o700)).unwrap();
    files.iter().for_each(|file| fs::set_permissions(file, mode(0o600)).unwrap());
    fixture.initialize().good();
    begun_late(&fixture);
    login().good();
}

/// Something else is where the log is to be.
#[test]
fn where_it_cannot_be_begun() {
    for (settings, done) in [("", Err(Rv(CKR_DEVICE_ERROR))), (WARN, Ok(()))] {
        let fixture = older(settings);
        let place = fixture.store_path().join("audit");
        fs::write(&place, "no log").unwrap();
        fixture.initialize().good();
        assert_eq!(login(), done, "{settings}");
        assert_eq!(fs::read(&place).unwrap(), b"no log");
        fs::remove_file(&place).unwrap();
        fixture.restart();
        begun_late(&fixture);
        login().good();
        assert_eq!(of(&records(&fixture.store_path()), "C_Login").len(), 1, "{settings}");
    }
}

/// The store may be written and its log may not: by the process that has it open, by one that begins then, and
/// by both when the right comes back.
#[test]
fn a_log_that_may_not_be_written_for_a_while() {
    let test = "late::a_log_that_may_not_be_written_for_a_while";
    if let Some(role) = child::role() {
        return without_the_right(role == "warn");
    }
    for (role, settings) in [("deny", ""), ("warn", WARN)] {
        let fixture = Fixture::with_settings(settings);
        fixture.token("readable");
        session::finalize().good();
        let before = records(&fixture.store_path());
        give(fixture.directory(), true);
        let mut child = rootless(test, &fixture);
        child
            .env("STRONGROOM_TEST_ROLE", role)
            .env("CHILD_LOG", fixture.store_path().join("audit"));
        child::succeeds(child);
        give(fixture.directory(), false);
        let after = records(&fixture.store_path()).split_off(before.len());
        // One before, and one from each of two processes' lives after.
        assert_eq!(of(&after, "C_Login").len(), 3, "{role}: {after:#?}");
        assert_eq!(of(&after, "C_CreateObject").len(), 3, "{role}: {after:#?}");
        assert!(command(&fixture, &["audit", "verify"]).status.success(), "{role}");
        let checked = command(&fixture, &["check"]);
        assert!(checked.status.success(), "{role}: {}", child::everything(&checked));
    }
}

fn without_the_right(warns: bool) {
    let log = std::path::PathBuf::from(std::env::var("CHILD_LOG").unwrap());
    let may = |may: bool| {
        let files = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path());
        for path in files.filter(|path| path.is_file()) {
            fs::set_permissions(path, mode(if may { 0o600 } else { 0o400 })).unwrap();
        }
        fs::set_permissions(&log, mode(if may { 0o700 } else { 0o500 })).unwrap();
    };
    let data = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
    session::initialize(Some(&conf())).good();
    let slot = session::slots(true).good()[0];
    let act = || {
        let s = Session::read_write(slot).good();
        let done = s.login(CKU_USER, USER_PIN).and_then(|()| s.create(&data)).map(|_| ());
        s.close().good();
        done
    };
    act().good();
    session::finalize().good();
    may(false);
    session::initialize(Some(&conf())).good();
    match warns {
        true => act().good(),
        false => act().gives(CKR_DEVICE_ERROR),
    }
    may(true);
    act().good_for("the right is back");
    session::finalize().good();
    session::initialize(Some(&conf())).good();
    act().good_for("a process that begins then");
    session::finalize().good();
}

fn conf() -> String {
    format!("conf={}", std::env::var("CHILD_CONF").unwrap())
}

fn command(fixture: &Fixture, arguments: &[&str]) -> std::process::Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_CONF", fixture.config_path()).output().unwrap()
}

/// A child that is nobody, where this process is root: root can write everywhere.
fn rootless(test: &str, fixture: &Fixture) -> Command {
    let mut command = child::command(test, "child");
    command.env("CHILD_CONF", fixture.config_path());
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

/// Gives a directory and all that is in it to that child, or takes it back.
fn give(directory: &Path, away: bool) {
    if !is_root() {
        return;
    }
    let owner = if away { NOBODY } else { 0 };
    for entry in fs::read_dir(directory).unwrap().map(|entry| entry.unwrap()) {
        match entry.file_type().unwrap().is_dir() {
            true => give(&entry.path(), away),
            false => chown(entry.path(), Some(owner), Some(owner)).unwrap(),
        }
    }
    chown(directory, Some(owner), Some(owner)).unwrap();
}

fn is_root() -> bool {
    // SAFETY: asks for the user id of this process.
    unsafe { libc::geteuid() == 0 }
}

fn mode(bits: u32) -> fs::Permissions {
    fs::Permissions::from_mode(bits)
}

const NOBODY: u32 = 65534;
