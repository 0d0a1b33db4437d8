// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `strongroom check --discard` gives up, and what it never does.

use crate::common::{SO_PIN, child};
use crate::probe;
use crate::world::{Checked, World, command};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

/// How an object is altered; `$N` is its number.
const ALTERED: &[(&str, &str)] = &[
    ("a bit", "UPDATE object SET body = CAST(body || x'00' AS BLOB) WHERE id = $N"),
    ("the wrapped key", "UPDATE object SET wrap = x'0102' WHERE id = $N"),
    ("the privacy", "UPDATE object SET private = 1 - private WHERE id = $N"),
    ("the token", "UPDATE object SET token = 3 - token WHERE id = $N"),
    ("no token", "UPDATE object SET token = 99 WHERE id = $N"),
    ("the generation", "UPDATE object SET generation = generation + 1 WHERE id = $N"),
    ("no flag", "UPDATE object SET private = 7 WHERE id = $N"),
    ("no bytes", "UPDATE object SET body = 'x' || char(10) || 'y' WHERE id = $N"),
    ("no number", "UPDATE object SET revision = 2.5 WHERE id = $N"),
    (
        "another's body",
        "UPDATE object SET body = (SELECT body FROM object WHERE id <> $N LIMIT 1) WHERE id = $N",
    ),
    ("gone", "DELETE FROM tag WHERE object = $N; DELETE FROM object WHERE id = $N"),
    ("gone but for its tags", "DELETE FROM object WHERE id = $N"),
    (
        "altered with its tags",
        "UPDATE object SET body = x'00' WHERE id = $N; DELETE FROM tag WHERE object = $N",
    ),
];

#[test]
fn what_is_not_as_it_was_written_is_given_up_and_nothing_else() {
    let world = World::new();
    let numbers: Vec<i64> = rows(&world).into_keys().collect();
    for (round, (what, sql)) in ALTERED.iter().enumerate() {
        let number = numbers[round % numbers.len()];
        world.reset();
        alter(&world, &sql.replace("$N", &number.to_string()));
        given_up(&world, what, number);
    }
}

#[test]
fn an_older_copy_and_what_nobody_wrote_are_given_up() {
    let world = World::new();
    let older = world.kept("older").join("store.db");
    let older = format!("ATTACH '{}' AS older;", older.display());
    world.reset();
    let number: i64 = Connection::open(world.file("store.db"))
        .unwrap()
        .query_row("SELECT min(id) FROM object WHERE revision > 1 AND private = 1", [], |row| {
            row.get(0)
        })
        .unwrap();
    let back =
        format!("INSERT OR REPLACE INTO object SELECT * FROM older.object WHERE id = {number}");
    alter(&world, &format!("{older} {back}"));
    given_up(&world, "older", number);
    world.reset();
    let twice = "INSERT INTO object SELECT id + 1000, token, private, revision, generation, wrap, body FROM \
                 object WHERE id = (SELECT min(id) FROM object); \
                 INSERT INTO tag VALUES (zeroblob(16), 1001)";
    alter(&world, twice);
    given_up(&world, "foreign", 1001);
    // What was destroyed is nobody's any more.
    world.reset();
    let gone = "SELECT * FROM older.object WHERE id NOT IN (SELECT id FROM main.object)";
    let number: i64 = {
        let database = Connection::open(world.file("store.db")).unwrap();
        database.execute_batch(&older).unwrap();
        database.query_row(&format!("SELECT id FROM ({gone})"), [], |row| row.get(0)).unwrap()
    };
    alter(&world, &format!("{older} INSERT INTO object {gone}"));
    given_up(&world, "destroyed", number);
}

#[test]
fn what_is_right_is_never_given_up() {
    let world = World::new();
    let right = rows(&world);
    for number in right.keys().copied().chain([4711, 0, -1]) {
        refused(&world, &discard(&world, number), "as it was written");
    }
    // Search tags are made anew, and are no fault of the object.
    let number = *right.keys().next().unwrap();
    for sql in [
        "DELETE FROM tag WHERE object = $N",
        "UPDATE tag SET tag = 'x' WHERE tag = (SELECT min(tag) FROM tag WHERE object = $N) \
         AND object = $N",
        "INSERT INTO tag VALUES (zeroblob(16), $N)",
    ] {
        world.reset();
        alter(&world, &sql.replace("$N", &number.to_string()));
        refused(&world, &discard(&world, number), "search tags alone");
    }
    // Where its neighbour is altered too.
    world.reset();
    alter(&world, &format!("UPDATE object SET body = x'00' WHERE id = {}", number + 1));
    refused(&world, &discard(&world, number), "as it was written");
    assert!(world.check(&[]).names("object", &(number + 1).to_string()));
}

#[test]
fn it_takes_the_officer_and_a_yes() {
    let world = World::new();
    let number = *rows(&world).keys().next().unwrap();
    let bad = format!("UPDATE object SET body = x'00' WHERE id = {number}");
    let again = |more: &str| {
        world.reset();
        alter(&world, &bad);
        alter(&world, more);
    };
    let number = number.to_string();
    again("");
    let before = rows(&world);
    for (arguments, says) in [
        (&["--yes", "--so-pin-env", "PIN"][..], "SO PIN of token 'first' is wrong"),
        (&["--so-pin-env", "SO"], "no terminal to ask whether to discard it"),
        (&["--yes", "--so-pin-env", "NONE"], "the environment has no variable NONE"),
    ] {
        let checked = world.check(&[&["--discard", &number], arguments].concat());
        refused(&world, &checked, says);
        assert_eq!(rows(&world), before, "{says}");
    }
    for arguments in [&["--repair"][..], &["--token", "first"]] {
        let checked = world.check(&[&["--discard", &number, "--yes"], arguments].concat());
        assert_eq!(checked.code, 2, "{}", checked.said);
        assert_eq!(rows(&world), before);
    }
    // The roll tells what was written, and is believed where it is itself as it was written.
    for sql in
        ["UPDATE roll SET body = x'00' WHERE id = 0", "DELETE FROM value WHERE name = 'roll'"]
    {
        again(sql);
        refused(&world, &discard(&world, number.parse().unwrap()), "nothing tells whether");
    }
    again("UPDATE token SET body = x'00' WHERE id = 1");
    refused(&world, &discard(&world, number.parse().unwrap()), "token 1, which the object is of");
}

/// It is named, then given up, and then the store is as it should be, with all else as it was.
fn given_up(world: &World, what: &str, number: i64) {
    let named = world.check(&[]);
    let name = number.to_string();
    assert_eq!(named.code, 1, "{what}: {}", named.said);
    assert!(named.names("object", &name), "{what}: {}", named.said);
    let mut before = rows(world);
    let lost = before.remove(&number).unwrap_or_default();
    let records = records(world);
    let done = discard(world, number);
    assert_eq!(done.code, 0, "{what}: {}", done.said);
    assert!(done.faults.is_empty() && done.said.contains("discarded-"), "{what}: {}", done.said);
    assert!(!done.said.contains(SO_PIN), "{what}: {}", done.said);
    assert!(rows(world) == before, "{what}: another row was touched");
    let new = &self::records(world)[records.len()..];
    assert!(new.contains("\"op\":\"object.discarded\""), "{what}: {new}");
    assert!(new.contains(&format!("object {number}: ")), "{what}: {new}");
    // What was left of it can be put back, to the last byte.
    let copies = copies(world);
    let [copy] = copies.as_slice() else { panic!("{what}: {copies:?}") };
    let mode = std::fs::metadata(copy).unwrap().permissions().mode();
    assert_eq!(mode & 0o7777, 0o600, "{what}");
    let text = std::fs::read_to_string(copy).unwrap();
    assert!(text.starts_with("-- strongroom discarded row, version 1\n"), "{what}: {text}");
    let seen = probe::look(&world.fixture).unwrap();
    let (now, then) = (seen.counts(), world.seen.counts());
    // The officer's login took their failed attempts back.
    seen.without_flags().is_part_of(&world.seen, what);
    assert!(now[0] == then[0] && now[1] + 1 >= then[1], "{what}: {now:?} of {then:?}");
    Connection::open(world.file("store.db")).unwrap().execute_batch(&text).unwrap();
    assert!(rows(world).remove(&number).unwrap_or_default() == lost, "{what}: {text}");
}

/// It is not given up, and nothing is left behind of the attempt.
fn refused(world: &World, checked: &Checked, says: &str) {
    assert_eq!(checked.code, 1, "{}", checked.said);
    assert!(checked.said.contains(says), "'{says}': {}", checked.said);
    assert!(checked.said.contains("next: "), "{}", checked.said);
    assert!(copies(world).is_empty(), "{:?}", copies(world));
}

fn discard(world: &World, number: i64) -> Checked {
    world.check(&[&format!("--discard={number}"), "--yes", "--so-pin-env", "SO"])
}

/// Each object's row, and its tags.
fn rows(world: &World) -> BTreeMap<i64, Vec<Vec<Value>>> {
    let database = Connection::open(world.file("store.db")).unwrap();
    let mut all: BTreeMap<i64, Vec<Vec<Value>>> = BTreeMap::new();
    for sql in [
        "SELECT id, * FROM object",
        "SELECT object, tag FROM tag WHERE typeof(object) = 'integer' ORDER BY tag",
    ] {
        let mut query = database.prepare(sql).unwrap();
        let count = query.column_count();
        let row = |row: &rusqlite::Row<'_>| {
            Ok((row.get(0)?, (1..count).map(|at| row.get(at)).collect::<Result<_, _>>()?))
        };
        for pair in query.query_map([], row).unwrap() {
            let (number, row) = pair.unwrap();
            all.entry(number).or_default().push(row);
        }
    }
    all
}

fn alter(world: &World, sql: &str) {
    Connection::open(world.file("store.db")).unwrap().execute_batch(sql).unwrap();
}

fn copies(world: &World) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(world.fixture.store_path()).unwrap();
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.filter(|path| path.extension().is_some_and(|ending| ending == "sql")).collect()
}

/// The audit log, as it is.
fn records(world: &World) -> String {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(world.file("audit"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "jsonl"))
        .collect();
    segments.sort();
    segments.iter().map(|path| std::fs::read_to_string(path).unwrap()).collect()
}

/// Who gives up one object, and then another of the same number in a store put back, keeps both.
#[test]
fn no_copy_takes_the_place_of_another() {
    let world = World::new();
    let number = *rows(&world).keys().next().unwrap();
    let bad = format!("UPDATE object SET body = x'00' WHERE id = {number}");
    world.reset();
    let kept = world.file(&format!("discarded-{number}.sql"));
    std::fs::write(&kept, "what was here").unwrap();
    alter(&world, &bad);
    let output = command(
        &world.fixture,
        &["check", "--discard", &number.to_string(), "--yes", "--so-pin-env", "SO"],
    );
    let said = child::everything(&output);
    assert!(output.status.success(), "{said}");
    assert!(said.contains(&format!("discarded-{number}-2.sql")), "{said}");
    assert!(said.contains("discarded: object"), "{said}");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), "what was here");
    assert_eq!(copies(&world).len(), 2);
}
