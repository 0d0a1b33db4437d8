// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `strongroom check --repair` makes anew, and what it leaves alone.

use crate::probe;
use crate::world::World;
use rusqlite::Connection;

const PIN: &[&str] = &["--token", "first", "--pin-env", "PIN"];

#[test]
fn what_follows_from_what_is_authentic_is_made_anew() {
    let world = World::new();
    let private = "(SELECT min(id) FROM object WHERE token = 1 AND private = 1)";
    let public = "(SELECT min(id) FROM object WHERE token = 1 AND private = 0)";
    let other = format!("tag NOT IN (SELECT tag FROM tag WHERE object = {public})");
    for (what, alter, needs) in [
        ("missing tags", format!("DELETE FROM tag WHERE object = {public}"), &[][..]),
        (
            "missing tags of a private object",
            format!("DELETE FROM tag WHERE object = {private}"),
            PIN,
        ),
        ("a tag too many", format!("INSERT INTO tag VALUES (x'00', {private})"), &[]),
        ("tags of nothing", "INSERT INTO tag VALUES (x'00', 1000)".to_string(), &[]),
        (
            "a tag of another",
            format!("INSERT INTO tag SELECT tag, {public} FROM tag WHERE {other} LIMIT 1"),
            &[],
        ),
        ("a roll row gone", "DELETE FROM roll WHERE id = 0".to_string(), &[]),
        ("a page gone", "DELETE FROM roll WHERE id = -1".to_string(), &[]),
        ("a roll row too many", "INSERT INTO roll VALUES (77, x'00')".to_string(), &[]),
        ("no roll", "DELETE FROM roll; DELETE FROM value WHERE name = 'roll'".to_string(), &[]),
        ("no list of tokens", "DELETE FROM value WHERE name = 'heads'".to_string(), &[]),
        ("counters", "UPDATE number SET last = 1".to_string(), &[]),
        ("no counters", "DELETE FROM number".to_string(), &[]),
    ] {
        world.reset();
        let database = Connection::open(world.file("store.db")).unwrap();
        database.execute_batch(&alter).unwrap();
        let objects = keys(&database);
        drop(database);
        let found = world.check(&[]);
        assert_eq!(found.code, 1, "{what}: {}", found.said);
        let repaired = world.check(&[&["--repair"], needs].concat());
        assert_eq!(repaired.code, 0, "{what}: {}", repaired.said);
        assert_eq!(world.check(&[]).code, 0, "{what}");
        let after = Connection::open(world.file("store.db")).unwrap();
        assert!(keys(&after) == objects, "{what}: a key was touched");
        drop(after);
        let seen = probe::look(&world.fixture).unwrap();
        seen.is_part_of(&world.seen, what);
        assert_eq!(seen.counts(), world.seen.counts(), "{what}: something is missing");
    }
}

#[test]
fn keys_and_tokens_are_never_touched() {
    let world = World::new();
    for alter in [
        "UPDATE object SET body = x'00' WHERE id = 1",
        "UPDATE object SET private = 0 WHERE id = 2",
        "DELETE FROM object WHERE id = 2",
        "UPDATE token SET body = x'00' WHERE id = 2",
        "DELETE FROM token WHERE id = 2",
        "DELETE FROM tag WHERE object = (SELECT min(id) FROM object WHERE private = 1)",
    ] {
        world.reset();
        let database = Connection::open(world.file("store.db")).unwrap();
        assert!(database.execute(alter, []).unwrap() > 0);
        let before = keys(&database);
        drop(database);
        let repaired = world.check(&["--repair"]);
        assert_eq!(repaired.code, 1, "{alter}: {}", repaired.said);
        let after = Connection::open(world.file("store.db")).unwrap();
        assert!(keys(&after) == before, "{alter}: a row was touched");
        drop(after);
        world.nothing_else_is_seen(alter);
    }
}

#[test]
fn a_pin_opens_the_contents_too() {
    let world = World::new();
    let checked = world.check(PIN);
    assert_eq!(checked.code, 0, "{}", checked.said);
    assert!(checked.said.contains("first"), "{}", checked.said);
    let wrong = world.check(&["--token", "first", "--pin-env", "SO"]);
    assert_eq!(wrong.code, 2, "{}", wrong.said);
    let none = world.check(&["--token", "nobody", "--pin-env", "PIN"]);
    assert_eq!(none.code, 2, "{}", none.said);
}

/// Everything in the tables of objects, tokens and seal slots.
fn keys(database: &Connection) -> Vec<Vec<rusqlite::types::Value>> {
    let tables = ["SELECT * FROM object", "SELECT * FROM token", "SELECT * FROM seal_slot"];
    let mut all = Vec::new();
    for sql in tables {
        let mut query = database.prepare(sql).unwrap();
        let count = query.column_count();
        let rows = query.query_map([], |row| (0..count).map(|at| row.get(at)).collect()).unwrap();
        all.extend(rows.map(Result::unwrap));
    }
    all
}
