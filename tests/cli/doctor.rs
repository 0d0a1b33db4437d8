// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Installations that are wrong in ways a script of cases cannot make: other users, damage inside
//! the database.

use super::desk::{Desk, Ended, mode_of};
use std::fs;
use std::os::unix::fs::chown;
use std::path::Path;

/// Runs the command as an ordinary user where the test is root's, whom modes do not stop.
fn as_user(desk: &Desk, arguments: &[&str]) -> Ended {
    let arguments = arguments.iter().map(|argument| desk.expand(argument));
    let program = env!("CARGO_BIN_EXE_strongroom").to_string();
    if !is_root() {
        return desk.end(desk.command(&program, arguments));
    }
    let user = ["--reuid=65534", "--regid=65534", "--clear-groups"].map(str::to_string);
    let all = user.into_iter().chain([program]).chain(arguments);
    desk.end(desk.command("setpriv", all))
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("Uid:")).unwrap();
    line.split_whitespace().nth(2) == Some("0")
}

/// Gives everything to the user that `as_user` is.
fn hand_over(desk: &Desk) {
    if is_root() {
        give(&desk.path("."));
        give(&desk.store());
    }
}

fn give(directory: &Path) {
    chown(directory, Some(65534), Some(65534)).unwrap();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        chown(&path, Some(65534), Some(65534)).unwrap();
        if path.is_dir() && path.ends_with("audit") || path.ends_with("checkpoints") {
            give(&path);
        }
    }
}

#[test]
fn a_store_that_cannot_be_written() {
    let desk = Desk::with_token();
    hand_over(&desk);
    as_user(&desk, &["key", "list", "--pin-file", "$D/pin"]).good();
    let mut files: Vec<_> =
        fs::read_dir(desk.store()).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    for file in &files {
        let name = format!("store/{}", file.file_name().unwrap().to_str().unwrap());
        desk.mode(&name, 0o400);
    }
    desk.mode("store", 0o500);
    let login = as_user(
        &desk,
        &["key", "generate", "--type", "aes", "--label", "a", "--pin-file", "$D/pin"],
    );
    login.bad("the store cannot be written");
    let found = as_user(&desk, &["doctor"]);
    assert_eq!(found.code, 1, "{found:?}");
    assert!(found.out.contains("cannot be written by this user"), "{found:?}");
    assert!(found.out.contains("chmod u+w"), "{found:?}");
    desk.mode("store", 0o700);
    for file in &files {
        let name = format!("store/{}", file.file_name().unwrap().to_str().unwrap());
        desk.mode(&name, 0o600);
    }
    as_user(&desk, &["key", "list", "--pin-file", "$D/pin"]).good();
    as_user(&desk, &["check"]).good();
}

#[test]
fn a_store_of_someone_else() {
    if !is_root() {
        return;
    }
    let desk = Desk::with_token();
    hand_over(&desk);
    chown(desk.store(), Some(12345), Some(12345)).unwrap();
    as_user(&desk, &["token", "list"]).bad("Permission denied");
    let found = as_user(&desk, &["doctor"]);
    assert!(found.code == 1 && found.out.contains("cannot open"), "{found:?}");
}

#[test]
fn a_database_that_was_edited() {
    let desk = Desk::with_token();
    for label in ["a", "b"] {
        desk.run(&[
            "key",
            "generate",
            "--type",
            "ed25519",
            "--label",
            label,
            "--pin-file",
            "$D/pin",
        ])
        .good();
    }
    let database = rusqlite::Connection::open(desk.store().join("store.db")).unwrap();
    database.execute("DELETE FROM object WHERE id = 1", []).unwrap();
    drop(database);
    let ended = desk.run(&["check", "--json"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert_eq!(ended.json()["faults"].as_array().unwrap().len(), 1);
    let ended = desk.run(&["check"]);
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("faults: 1"), "{ended:?}");
    assert!(ended.err.contains("restore a backup"), "{ended:?}");
}

#[test]
fn files_have_their_modes() {
    let desk = Desk::with_token();
    assert_eq!(mode_of(&desk.store()), 0o700);
    for entry in fs::read_dir(desk.store()).unwrap() {
        let path = entry.unwrap().path();
        let mode = if path.is_dir() { 0o700 } else { 0o600 };
        assert_eq!(mode_of(&path), mode, "{}", path.display());
    }
}

#[test]
fn a_library_that_does_not_load() {
    let desk = Desk::with_token();
    let bin = desk.path("bin");
    fs::create_dir(&bin).unwrap();
    let command = bin.join("strongroom");
    fs::copy(env!("CARGO_BIN_EXE_strongroom"), &command).unwrap();
    fs::write(bin.join("libstrongroom.so"), b"this is no library").unwrap();
    let ended = desk.end(desk.command(command.to_str().unwrap(), ["doctor"]));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains("bin/libstrongroom.so cannot be loaded"), "{ended:?}");
}

#[test]
fn leftovers_and_diagnostics() {
    let mut desk = Desk::with_token();
    desk.write("store/store.draft", b"");
    let ended = desk.run(&["doctor"]).good();
    assert!(ended.out.contains("warn  store.draft: left over"), "{ended:?}");
    // STRONGROOM_LOG turns the library's own diagnostics on.
    desk.variable("STRONGROOM_LOG", "debug");
    desk.mode("store", 0o701);
    let ended = desk.run(&["token", "list"]).bad("0701");
    assert!(ended.err.contains("ERROR"), "{ended:?}");
}
