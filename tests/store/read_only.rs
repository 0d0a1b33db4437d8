// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store that cannot be written. Root can write everywhere, so that the child of these tests
//! gives up root first, where it has it.

use crate::common::*;
use crate::{UNUSABLE, child_on, files, filled, join, try_use};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

const NOBODY: u32 = 65534;

#[test]
fn what_cannot_be_written_is_refused_and_nothing_is_lost() {
    let test = "read_only::what_cannot_be_written_is_refused_and_nothing_is_lost";
    match child::role().as_deref() {
        Some("writable") => {
            let s = join();
            s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "new" })
                .good();
            return;
        }
        Some(_) => return use_what_is_read_only(),
        None => {}
    }
    let (fixture, content) = filled();
    let owner = owner();
    give(fixture.directory(), owner);
    fs::set_permissions(fixture.store_path(), mode(0o500)).unwrap();
    for file in files(&fixture.store_path()) {
        fs::set_permissions(file, mode(0o400)).unwrap();
    }
    child::succeeds(without_root(child_on(&fixture, test, "read-only")));
    fs::set_permissions(fixture.store_path(), mode(0o700)).unwrap();
    for file in files(&fixture.store_path()) {
        fs::set_permissions(file, mode(0o600)).unwrap();
    }
    child::succeeds(without_root(child_on(&fixture, test, "writable")));
    // SAFETY: asks for the user id of this process.
    give(fixture.directory(), unsafe { libc::geteuid() });
    assert_eq!(try_use(&fixture).good().len(), content.len() + 1);
}

#[test]
fn a_directory_of_others_takes_no_store() {
    let test = "read_only::a_directory_of_others_takes_no_store";
    if child::role().is_some() {
        let made = initialize_child().and_then(|()| {
            let slot = session::slots(false)?.first().copied().ok_or(Rv(CKR_DEVICE_ERROR))?;
            session::init_token(slot, SO_PIN, "label")
        });
        made.gives_one_of(UNUSABLE);
        return;
    }
    let fixture = Fixture::prepared("");
    let owner = owner();
    give(fixture.directory(), owner);
    fs::set_permissions(fixture.directory(), mode(0o555)).unwrap();
    child::succeeds(without_root(child_on(&fixture, test, "child")));
    fs::set_permissions(fixture.directory(), mode(0o755)).unwrap();
    assert!(!fixture.store_path().exists());
}

#[test]
fn a_destroy_that_others_could_not_see_is_refused() {
    let test = "read_only::a_destroy_that_others_could_not_see_is_refused";
    if child::role().is_some() {
        return destroy_what_is_there();
    }
    let (fixture, content) = filled();
    give(fixture.directory(), owner());
    let changes = fixture.store_path().join("changes");
    fs::set_permissions(&changes, mode(0o400)).unwrap();
    child::succeeds(without_root(child_on(&fixture, test, "destroyer")));
    fs::set_permissions(&changes, mode(0o600)).unwrap();
    // SAFETY: asks for the user id of this process.
    give(fixture.directory(), unsafe { libc::geteuid() });
    assert_eq!(try_use(&fixture).good(), content, "nothing was destroyed");
}

#[test]
fn a_use_that_cannot_be_counted_is_refused() {
    let test = "read_only::a_use_that_cannot_be_counted_is_refused";
    if child::role().is_some() {
        initialize_child().good();
        let s = Session::read_only(session::slots(false).good()[0]).good();
        let key = |label: &str| s.find(&template! { CKA_LABEL => label }).good()[0];
        let start = |label| {
            let (kind, mech) = (operation::Kind::Encrypt, Mech::plain(CKM_RSA_PKCS));
            s.start(kind, &mech, Some(key(label)))
        };
        start("free").good_for("what is not counted needs no writing");
        s.cancel(CKF_ENCRYPT).good();
        return start("counted").gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
    let user = User::new();
    for label in ["free", "counted"] {
        let place = template! { CKA_TOKEN => true, CKA_PRIVATE => false, CKA_LABEL => label };
        user.session.create(&keys::rsa_public(&reference::rsa()).and(&place)).good();
    }
    let fixture = &user.fixture;
    let policy = fixture.directory().join("policy.toml");
    let text = "version = 1\n[[rule]]\nname = \"r\"\nmatch = { label = \"counted\" }\ntotal = 9\n";
    fs::write(&policy, text).unwrap();
    let mut set = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    set.args(["policy", "set", policy.to_str().unwrap(), "--so-pin-env", "SO"]).env("SO", SO_PIN);
    set.env("STRONGROOM_STORE", fixture.store_path()).env("STRONGROOM_CONF", fixture.config_path());
    assert!(set.status().unwrap().success());
    session::finalize().good();
    give(fixture.directory(), owner());
    let changes = fixture.store_path().join("changes");
    fs::set_permissions(&changes, mode(0o400)).unwrap();
    child::succeeds(without_root(child_on(fixture, test, "counter")));
    fs::set_permissions(&changes, mode(0o600)).unwrap();
    // SAFETY: asks for the user id of this process.
    give(fixture.directory(), unsafe { libc::geteuid() });
}

/// The child: it cannot tell the others of a change, so that it makes none.
fn destroy_what_is_there() {
    let started = initialize_child();
    if started.is_err() {
        return started.gives_one_of(UNUSABLE);
    }
    let s = match session::slots(false).and_then(|slots| Session::read_write(slots[0])) {
        Ok(session) => session,
        refused => return refused.map(drop).gives_one_of(UNUSABLE),
    };
    let public = s.find(&Template::default()).unwrap_or_default();
    assert!(!public.is_empty(), "there are objects that need no login");
    for object in &public {
        s.destroy(*object).gives_one_of(UNUSABLE);
        s.set(*object, &template! { CKA_LABEL => "changed" }).gives_one_of(UNUSABLE);
        s.get(*object, CKA_LABEL).good_for("it is still there");
    }
    s.login(CKU_USER, USER_PIN).gives_one_of(UNUSABLE);
}

/// The child: nothing crashes, no write is acknowledged, no PIN is tried without being counted.
/// Without a write-ahead log beside it, as a store is that nobody uses: SQLite would make one to read.
#[test]
fn a_store_on_a_file_system_that_is_mounted_for_reading_is_read() {
    let test = "read_only::a_store_on_a_file_system_that_is_mounted_for_reading_is_read";
    if child::role().is_some() {
        return read_what_is_mounted();
    }
    // SAFETY: asks for the user id of this process.
    if unsafe { libc::geteuid() } != 0 {
        // Only root mounts.
        return;
    }
    let (fixture, _) = filled();
    assert!(!fixture.store_path().join("store.db-wal").exists(), "nobody uses it");
    for (name, format) in [("today's", "2"), ("the first", "1")] {
        let script = format!(
            "set -e; cp -a '{store}' '{store}.copy'; mount -t tmpfs none '{store}'; chmod 700 '{store}'
             cp -a '{store}.copy/.' '{store}'; rm -r '{store}.copy'
             mount -o remount,ro '{store}'; exec \"$@\"",
            store = fixture.store_path().display()
        );
        if format == "1" {
            make_first(&fixture.store_path().join("store.db"));
        }
        let child = child_on(&fixture, test, "reader");
        let mut command = apart();
        command.args(["sh", "-c", &script, "sh"]).arg(child.get_program());
        command.args(child.get_args());
        for (key, value) in child.get_envs() {
            command.env(key, value.unwrap());
        }
        let output = command.output().unwrap();
        assert!(output.status.success(), "{name}: {}", child::everything(&output));
    }
    // What was the first format is today's after the first change, and whole.
    assert!(try_use(&fixture).is_ok());
    crate::check(&fixture).unwrap();
    assert_eq!(format_of(&fixture.store_path().join("store.db")), 2);
}

/// The first format is today's without roll and list.
fn make_first(database: &Path) {
    let database = rusqlite::Connection::open(database).unwrap();
    let strip = "DROP TABLE roll; DELETE FROM value WHERE name IN ('roll', 'heads'); \
                 PRAGMA user_version = 1";
    database.execute_batch(strip).unwrap();
}

fn format_of(database: &Path) -> i64 {
    let database = rusqlite::Connection::open(database).unwrap();
    database.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap()
}

fn read_what_is_mounted() {
    let s = joined().public();
    let found = s.find(&template! { CKA_CLASS => CKO_DATA }).good();
    assert_eq!(found.len(), 3, "the public ones");
    let labels = found.iter().map(|object| s.get(*object, CKA_LABEL).good());
    assert!(labels.into_iter().all(|label| label.starts_with(b"object ")));
    // An attempt that cannot be counted is none.
    s.login(CKU_USER, USER_PIN).gives(CKR_TOKEN_WRITE_PROTECTED);
    let new = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false };
    s.create(&new).gives_one_of(&[CKR_TOKEN_WRITE_PROTECTED, CKR_USER_NOT_LOGGED_IN]);
}

fn use_what_is_read_only() {
    let started = initialize_child();
    if started.is_err() {
        return started.gives_one_of(UNUSABLE);
    }
    let slot = match session::slots(false) {
        Ok(slots) => slots[0],
        refused => return refused.map(drop).gives_one_of(UNUSABLE),
    };
    session::init_token(slot, SO_PIN, "label").gives_one_of(UNUSABLE);
    let s = match Session::read_write(slot).or_else(|_| Session::read_only(slot)) {
        Ok(session) => session,
        refused => return refused.map(drop).gives_one_of(UNUSABLE),
    };
    s.login(CKU_USER, "not the PIN").gives_one_of(UNUSABLE);
    s.login(CKU_USER, USER_PIN).gives_one_of(UNUSABLE);
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => false };
    let refused = s.create(&object).map(drop).code();
    assert!(UNUSABLE.contains(&refused) || refused == CKR_SESSION_READ_ONLY, "{refused:#x}");
}

/// Runs a command as nobody, where this process is root.
fn without_root(mut command: Command) -> Command {
    if is_root() {
        command.uid(NOBODY).gid(NOBODY);
    }
    command
}

fn owner() -> u32 {
    // SAFETY: asks for the user id of this process.
    if is_root() { NOBODY } else { unsafe { libc::geteuid() } }
}

fn is_root() -> bool {
    // SAFETY: asks for the user id of this process.
    unsafe { libc::geteuid() == 0 }
}

fn give(directory: &Path, owner: u32) {
    if !is_root() {
        return;
    }
    let group = if owner == NOBODY { NOBODY } else { 0 };
    let own = [directory.to_owned(), directory.join("store")];
    let log = [directory.join("store/audit"), directory.join("store/audit/checkpoints")];
    for place in files(directory).into_iter().chain(own).chain(log) {
        if place.exists() {
            chown(&place, Some(owner), Some(group)).unwrap();
        }
    }
    fs::set_permissions(directory, mode(0o755)).unwrap();
}

fn mode(bits: u32) -> fs::Permissions {
    fs::Permissions::from_mode(bits)
}

/// What gives another command mounts of its own. The second form is for a bare chroot, whose root is no
/// mount that could be set apart.
fn apart() -> Command {
    let with = |propagation: &str| {
        let mut command = Command::new("unshare");
        command.args(["--mount", "--propagation", propagation]);
        command
    };
    match with("private").arg("true").output().unwrap().status.success() {
        true => with("private"),
        false => with("unchanged"),
    }
}
