// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The database as such: versions, another's database, and what someone with SQL puts into the schema.

use crate::world::World;
use rusqlite::Connection;

#[test]
fn raised_versions_and_other_databases_are_refused_and_left_alone() {
    let world = World::new();
    let other = world.kept("other").join("store.db");
    for (what, alter) in [
        ("a later format", "PRAGMA user_version = 3"),
        ("no format", "PRAGMA user_version = 0"),
        ("another application", "PRAGMA application_id = 1"),
        ("other tables", "DROP TABLE value"),
    ] {
        world.reset();
        Connection::open(world.file("store.db")).unwrap().execute_batch(alter).unwrap();
        refused(&world, what);
    }
    world.reset();
    std::fs::copy(other, world.file("store.db")).unwrap();
    refused(&world, "the database of another store");
    world.reset();
    std::fs::remove_file(world.file("store.db")).unwrap();
    let foreign = Connection::open(world.file("store.db")).unwrap();
    foreign.execute_batch("CREATE TABLE bookmarks (name TEXT)").unwrap();
    drop(foreign);
    refused(&world, "a database of something else");
}

fn refused(world: &World, what: &str) {
    let before = std::fs::read(world.file("store.db")).unwrap();
    let checked = world.check(&[]);
    assert_eq!(checked.code, 2, "{what}: {}", checked.said);
    assert!(checked.said.contains("next:"), "{what}: {}", checked.said);
    world.nothing_else_is_seen(what);
    assert!(before == std::fs::read(world.file("store.db")).unwrap(), "{what}: it was written to");
}

#[test]
fn what_was_put_into_the_schema_is_named_and_not_run() {
    let world = World::new();
    let steal = "DELETE FROM tag; UPDATE object SET private = 0;";
    for (name, alter) in [
        ("t", format!("CREATE TRIGGER t AFTER INSERT ON value BEGIN {steal} END")),
        ("t", format!("CREATE TRIGGER t AFTER DELETE ON value BEGIN {steal} END")),
        ("v", "CREATE VIEW v AS SELECT * FROM object".to_string()),
        ("i", "CREATE UNIQUE INDEX i ON tag (object, tag)".to_string()),
        ("extra", "CREATE TABLE extra (a)".to_string()),
        ("object_token", "DROP INDEX object_token".to_string()),
        ("tag_object", "DROP INDEX tag_object".to_string()),
        ("object", "ALTER TABLE object ADD COLUMN more TEXT DEFAULT 'x'".to_string()),
    ] {
        world.reset();
        Connection::open(world.file("store.db")).unwrap().execute_batch(&alter).unwrap();
        let checked = world.check(&[]);
        assert_eq!(checked.code, 1, "{alter}: {}", checked.said);
        assert!(checked.names("sqlite_schema", name), "{alter}: {}", checked.said);
        // A login writes: no trigger of others runs.
        world.nothing_else_is_seen(&alter);
        let after = world.check(&[]);
        assert_eq!(after.faults.len(), checked.faults.len(), "{alter}: {}", after.said);
        let repaired = world.check(&["--repair"]);
        let stays = ["extra", "object"].contains(&name);
        assert_eq!(repaired.code, i32::from(stays), "{alter}: {}", repaired.said);
    }
    // A view in the place of a table is not read.
    world.reset();
    let database = Connection::open(world.file("store.db")).unwrap();
    let swap = "ALTER TABLE object RENAME TO hidden; CREATE VIEW object AS SELECT * FROM hidden";
    database.execute_batch(swap).unwrap();
    drop(database);
    let checked = world.check(&[]);
    assert!(checked.code == 1 && checked.names("sqlite_schema", "object"), "{}", checked.said);
    world.nothing_else_is_seen("a view");
}
