// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A rotation covers nothing up: what was altered before is altered after.

use crate::common::*;
use crate::reader::Files;
use crate::*;

#[test]
fn an_altered_object_is_still_one_after_the_rotation() {
    let user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    let files = Files::open(&user.fixture.store_path());
    let query = "UPDATE object SET body = CAST(zeroblob(3) || substr(body, 4) AS BLOB) \
                 WHERE private = 0 AND length(wrap) = 0 AND id = (SELECT min(id) FROM object \
                 WHERE private = 0 AND length(wrap) = 0)";
    assert_eq!(files.database.execute(query, []).unwrap(), 1);
    drop(files);
    let before = fails(&user.fixture, &["check"]);
    assert!(before.contains("altered: its body"), "{before}");
    let said = rotate_all_the_same(&user.fixture);
    assert!(said.contains("could not be opened"), "{said}");
    let after = fails(&user.fixture, &["check"]);
    assert!(after.contains("altered: its body"), "{after}");
}

#[test]
fn a_row_that_cannot_be_read_does_not_stop_the_rotation() {
    let mut user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    let files = Files::open(&user.fixture.store_path());
    let query = "UPDATE object SET private = 7 WHERE id = (SELECT min(id) FROM object)";
    assert_eq!(files.database.execute(query, []).unwrap(), 1);
    drop(files);
    let before = fails(&user.fixture, &["check"]);
    let said = rotate_all_the_same(&user.fixture);
    assert!(said.contains("could not be opened"), "{said}");
    assert_eq!(fails(&user.fixture, &["check"]), before);
    user.fixture.initialize().good();
    user.session = user.token.user();
    signs(user.session);
}

#[test]
fn an_object_put_back_from_an_older_copy_is_still_seen_after_the_rotation() {
    let user = User::new();
    let s = user.session;
    fill(s, KINDS);
    let files = Files::open(&user.fixture.store_path());
    files.database.execute_batch("CREATE TEMP TABLE kept AS SELECT * FROM object").unwrap();
    let found = s.find(&template! { CKA_LABEL => "object 2" }).good();
    s.set(found[0], &template! { CKA_LABEL => "object 2" }).good();
    session::finalize().good();
    let back = "INSERT OR REPLACE INTO object SELECT * FROM temp.kept";
    assert!(files.database.execute(back, []).unwrap() >= KINDS);
    drop(files);
    let said = fails(&user.fixture, &["check"]);
    assert!(said.contains("object 3"), "{said}");
    rotate_all_the_same(&user.fixture);
    let said = fails(&user.fixture, &["check"]);
    assert!(said.contains("object 3"), "{said}");
}

#[test]
fn an_altered_key_of_the_store_is_refused() {
    let user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    run(&user.fixture, PLAIN);
    let files = Files::open(&user.fixture.store_path());
    for name in ["key rows", "key tags", "key state", "key cover", "key pin"] {
        let right = files.value(name).unwrap();
        for at in [0, 1, 5, 20, right.len() - 1] {
            let mut wrong = right.clone();
            wrong[at] ^= 1;
            put(&files, name, &wrong);
            let said = fails(&user.fixture, &["token", "list"]);
            let known = ["altered", "TOKEN_NOT_RECOGNIZED", "FUNCTION_FAILED", "DEVICE_ERROR"];
            assert!(known.iter().any(|word| said.contains(word)), "{name} {at}: {said}");
        }
        put(&files, name, &right);
    }
    whole(&user.fixture);
}

/// A token that was altered is left as it is; whoever goes on with a rotation that met it is told too.
#[test]
fn an_altered_token_is_left_behind_and_that_is_said() {
    let user = User::new();
    fill(user.session, KINDS);
    user.fixture.token("other");
    session::finalize().good();
    let files = Files::open(&user.fixture.store_path());
    let sql = "UPDATE token SET body = CAST(zeroblob(3) || substr(body, 4) AS BLOB) WHERE id = 2";
    assert_eq!(files.database.execute(sql, []).unwrap(), 1);
    drop(files);
    let said = rotate_all_the_same(&user.fixture);
    assert!(said.contains("the store is not as it was written (faults: "), "{said}");
    let after = fails(&user.fixture, &["check"]);
    assert!(after.contains("token 2: "), "{after}");
    // The master key alone takes nothing along that could be left behind.
    run(&user.fixture, PLAIN);
}

/// What a rotation left behind is given up afterwards, and the next one is whole.
#[test]
fn what_was_left_behind_is_given_up() {
    let user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    let files = Files::open(&user.fixture.store_path());
    for sql in [
        "UPDATE object SET body = x'00' WHERE id = 1",
        "UPDATE object SET private = 7 WHERE id = 2",
        "UPDATE object SET wrap = x'01' WHERE id = 3",
        "DELETE FROM tag WHERE object = 4",
    ] {
        assert!(files.database.execute(sql, []).unwrap() > 0);
    }
    drop(files);
    let said = rotate_all_the_same(&user.fixture);
    assert!(said.contains("objects that could not be opened stay as they are (4)"), "{said}");
    for number in ["1", "2", "3", "4"] {
        let named = fails(&user.fixture, &["check"]);
        assert!(named.contains(&format!("object {number}: ")), "{named}");
        let discard = ["check", "--discard", number, "--yes", "--so-pin-env", "SO"];
        let _ = command(&user.fixture, &discard).output().unwrap();
    }
    whole(&user.fixture);
    run(&user.fixture, COMPROMISED);
    whole(&user.fixture);
}

/// Without insisting it is refused, because what was altered could not be repaired afterwards.
fn rotate_all_the_same(fixture: &Fixture) -> String {
    let said = fails(fixture, COMPROMISED);
    assert!(said.contains("nothing was rotated") && said.contains("--force"), "{said}");
    assert_eq!(Files::open(&fixture.store_path()).generation(), 1);
    // The keys are new, and not all came along: that is what code and last lines say.
    let output = command(fixture, DESPITE_FAULTS).output().unwrap();
    let said = child::everything(&output);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert_eq!(Files::open(&fixture.store_path()).generation(), 2, "{said}");
    let errors = String::from_utf8_lossy(&output.stderr);
    let last: Vec<&str> = errors.lines().rev().take(2).collect();
    assert!(last[1].contains("the new keys are in force, but "), "{said}");
    assert!(last[0].contains("next: 'strongroom check' names each"), "{said}");
    said
}

fn put(files: &Files, name: &str, value: &[u8]) {
    let query = "UPDATE value SET value = ?2 WHERE name = ?1";
    assert_eq!(files.database.execute(query, rusqlite::params![name, value]).unwrap(), 1);
}
