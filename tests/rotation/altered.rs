// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An object that was altered stops a rotation, until its owner gives it up: then it goes on.

use crate::*;
use rusqlite::Connection;

/// What is altered, and which rotation it stops.
const ALTERED: &[(&str, &[&str], &str)] = &[
    ("its key", PLAIN, "wrap = x'00'"),
    ("its body", WHOLE, "body = CAST(zeroblob(3) || substr(body, 4) AS BLOB)"),
    ("the generation of its key", PLAIN, "generation = 0"),
    ("a number", WHOLE, "revision = 'x'"),
];

#[test]
fn a_rotation_goes_on_once_the_altered_object_is_given_up() {
    for (what, how, column) in ALTERED {
        let (fixture, token) = people("");
        let user = token.user();
        for label in ["first", "second", "third"] {
            aes(user, label);
        }
        let kept = block(user, labelled(user, "third"));
        session::finalize().good();
        let file = fixture.store_path().join("store.db");
        let sql = format!("UPDATE object SET {column} WHERE id = 2");
        assert_eq!(Connection::open(&file).unwrap().execute(&sql, []), Ok(1));
        let stopped = command(&fixture, &[*how, &["--pin-env", "PIN"]].concat());
        let said = child::everything(&stopped);
        assert_eq!(stopped.status.code(), Some(1), "{what}: {said}");
        assert!(said.contains("strongroom check --discard NUMBER"), "{what}: {said}");
        // It is as far as it came, and says so; nobody's keys are lost by that.
        fixture.initialize().good();
        let user = token.user();
        assert_eq!(block(user, labelled(user, "third")), kept, "{what}");
        assert!(user.find(&template! { CKA_LABEL => "second" }).good().is_empty(), "{what}");
        let discard = ["check", "--discard", "2", "--yes", "--so-pin-env", "SO"];
        let done = run(&fixture, &discard);
        assert!(done.contains("faults: 0"), "{what}: {done}");
        // The session of before sees the rotation end, and works.
        rotate(&fixture, how);
        assert_eq!(block(user, labelled(user, "third")), kept, "{what}");
        assert_eq!(block(user, labelled(user, "first")).len(), 16, "{what}");
        let under_way = run(&fixture, &["rotate", "status"]);
        assert!(!under_way.contains("left"), "{what}: {under_way}");
        session::finalize().good();
        clean(&fixture);
    }
}
