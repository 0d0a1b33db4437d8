// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rows that someone with SQL altered, or put back from an older copy.

use crate::common::*;
use crate::{Content, check, child_on, database, filled, join, try_use, until_told};
use rusqlite::Connection;
use std::io::{BufRead, BufReader};
use std::path::Path;

#[test]
fn check_names_an_object_whose_privacy_is_no_truth_value() {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    let (object, private): (i64, i64) = ask(&file, "SELECT id, private FROM object LIMIT 1");
    for wrong in [2, -1, 256] {
        change(&file, &format!("UPDATE object SET private = {wrong} WHERE id = {object}"));
        let said = check(&fixture).expect_err("an altered row");
        assert!(said.contains(&format!("object {object}")), "{said}");
    }
    change(&file, &format!("UPDATE object SET private = {private} WHERE id = {object}"));
    check(&fixture).unwrap();
    change(&file, "UPDATE object SET private = 2");
    let said = check(&fixture).expect_err("altered rows");
    assert_eq!(said.matches("cannot be read").count(), content.len(), "{said}");
    if let Ok(read) = try_use(&fixture) {
        assert!(read.iter().all(|item| content.contains(item)), "something else was read");
    }
}

#[test]
fn a_number_set_back_replaces_no_object() {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    for (round, last) in [0, 3, -5].into_iter().enumerate() {
        change(&file, &format!("UPDATE number SET last = {last} WHERE name = 'object'"));
        fixture.initialize().good();
        let s = Token { slot: session::slots(false).good()[0] }.user();
        for i in 0..4 {
            let label = format!("new {round} {i}");
            let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true };
            s.create(&object.with(CKA_LABEL, label.as_str())).good();
        }
        session::finalize().good();
        let now = try_use(&fixture).good();
        assert!(content.iter().all(|old| now.contains(old)), "an old object was replaced");
        assert_eq!(now.len(), content.len() + 4 * (round + 1));
        check(&fixture).unwrap();
    }
}

#[test]
fn an_older_token_put_back_brings_no_attempts_back() {
    let (fixture, content) = guessed();
    let file = database(&fixture).remove(0);
    let (now, old): (Vec<u8>, _) = (token_row(&file), older(&fixture));
    assert_ne!(now, old, "failed logins are written to the token's row");
    put_back(&file, &old);
    let said = check(&fixture).expect_err("an older row");
    assert!(said.contains("token"), "{said}");
    refused(&fixture);
    put_back(&file, &now);
    check(&fixture).unwrap();
    assert_eq!(try_use(&fixture).good(), content, "nothing was lost");
}

#[test]
fn an_older_token_put_back_under_a_running_application_is_refused() {
    let test = "altered::an_older_token_put_back_under_a_running_application_is_refused";
    if child::role().is_some() {
        let file = std::env::var("CHILD_FILE").unwrap();
        let old = std::fs::read(std::env::var("CHILD_OLD").unwrap()).unwrap();
        return put_back(Path::new(&file), &old);
    }
    let (fixture, _) = guessed();
    let file = database(&fixture).remove(0);
    fixture.initialize().good();
    let s = Token { slot: session::slots(false).good()[0] }.public();
    let mut command = child_on(&fixture, test, "putting back");
    command.env("CHILD_FILE", &file).env("CHILD_OLD", fixture.directory().join("old"));
    child::succeeds(command);
    s.login(CKU_USER, "not the PIN").gives(CKR_DEVICE_ERROR);
    s.login(CKU_USER, USER_PIN).gives(CKR_DEVICE_ERROR);
    session::finalize().good();
    refused(&fixture);
    let said = check(&fixture).expect_err("an older row");
    assert!(said.contains("token"), "{said}");
}

#[test]
fn check_is_clean_while_another_process_writes() {
    let test = "altered::check_is_clean_while_another_process_writes";
    if child::role().is_some() {
        return write_until_told();
    }
    let user = User::new();
    for _ in 0..200 {
        // So many that a check takes as long as several writes.
        keys::aes_with(user.session, 32, &template! { CKA_TOKEN => true });
    }
    session::finalize().good();
    let mut writer = child::spawn(child_on(&user.fixture, test, "writer"));
    let mut lines = BufReader::new(writer.stdout.take().unwrap()).lines();
    assert!(lines.any(|line| line.unwrap().contains("writing")));
    let verdicts: Vec<_> = (0..3).map(|_| check(&user.fixture)).collect();
    assert!(writer.try_wait().unwrap().is_none(), "it was writing all the time");
    drop(writer.stdin.take());
    let rest: Vec<String> = lines.map_while(Result::ok).collect();
    assert!(writer.wait().unwrap().success(), "{rest:?}");
    for verdict in verdicts {
        verdict.unwrap();
    }
    check(&user.fixture).unwrap();
}

/// The child: objects and logins, until its input ends.
fn write_until_told() {
    let s = join();
    until_told(|round| {
        let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
        s.set(key, &template! { CKA_LABEL => "changed" }).good();
        if round % 3 == 0 {
            s.logout().good();
            s.login(CKU_USER, USER_PIN).good();
        } else {
            s.destroy(key).good();
        }
        if round == 3 {
            println!("writing");
        }
    });
}

/// A store that is not in use, after failed logins, with the token's row from before them in the
/// file `old` beside it; and what it holds.
fn guessed() -> (Fixture, Content) {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    std::fs::write(fixture.directory().join("old"), token_row(&file)).unwrap();
    fixture.initialize().good();
    let s = Token { slot: session::slots(false).good()[0] }.public();
    for _ in 0..3 {
        s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    }
    session::finalize().good();
    (fixture, content)
}

fn older(fixture: &Fixture) -> Vec<u8> {
    std::fs::read(fixture.directory().join("old")).unwrap()
}

/// The token of the store takes no PIN.
fn refused(fixture: &Fixture) {
    fixture.initialize().good();
    Session::read_write(0).map(drop).gives(CKR_DEVICE_ERROR);
    session::init_token(0, SO_PIN, "label").gives(CKR_DEVICE_ERROR);
    session::finalize().good();
}

fn token_row(file: &Path) -> Vec<u8> {
    let connection = Connection::open(file).unwrap();
    connection.query_row("SELECT body FROM token WHERE id = 1", [], |row| row.get(0)).unwrap()
}

fn put_back(file: &Path, row: &[u8]) {
    let connection = Connection::open(file).unwrap();
    assert_eq!(connection.execute("UPDATE token SET body = ?1 WHERE id = 1", [row]).unwrap(), 1);
}

fn ask(file: &Path, sql: &str) -> (i64, i64) {
    let connection = Connection::open(file).unwrap();
    connection.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).unwrap()
}

fn change(file: &Path, sql: &str) {
    let connection = Connection::open(file).unwrap();
    assert!(connection.execute(sql, []).unwrap() > 0, "{sql}");
}
