// SPDX-License-Identifier: Apache-2.0 OR MIT
//! After a compromise: who has the old master key, the old store keys and the old seal file opens nothing
//! of the store as it is now. Read with a reader of the tests' own.

use crate::common::*;
use crate::format::{mac, open};
use crate::reader::Files;
use crate::*;
use std::collections::BTreeSet;
use std::fs;

const COUNT: usize = 12;
const KEYS: &[&str] = &["rows", "tags", "state", "cover", "pin"];

/// What an intruder took along.
struct Taken {
    secret: Vec<u8>,
    master: Vec<u8>,
    keys: Vec<(String, Vec<u8>)>,
    tags: BTreeSet<Vec<u8>>,
}

fn take(fixture: &Fixture) -> Taken {
    let files = Files::open(&fixture.store_path());
    let secret = fs::read(seal(fixture)).unwrap();
    let master = files.master(&files.slot(1), &secret).expect("the seal opens");
    let key = |name: &String| (name.clone(), files.key(name, &master).expect("a store key opens"));
    let keys = files.key_names().iter().map(key).collect();
    Taken { secret, master, keys, tags: tags(&files) }
}

fn tags(files: &Files) -> BTreeSet<Vec<u8>> {
    let mut query = files.database.prepare("SELECT tag FROM tag").unwrap();
    query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
}

#[test]
fn the_old_keys_and_the_old_seal_open_nothing() {
    let user = User::new();
    fill(user.session, COUNT);
    session::finalize().good();
    let taken = take(&user.fixture);
    assert!(KEYS.iter().all(|key| taken.keys.iter().any(|(name, _)| name.ends_with(key))));
    let fixture = &user.fixture;
    run(fixture, COMPROMISED);
    let files = Files::open(&fixture.store_path());
    let slot = files.slot(1);
    assert!(files.master(&slot, &taken.secret).is_none(), "the old secret opens the slot");
    assert!(files.master(&slot, &taken.master).is_none());
    for name in files.key_names() {
        assert!(files.key(&name, &taken.master).is_none(), "{name} opens with the old master key");
        for (old, key) in &taken.keys {
            assert!(files.key(&name, key).is_none(), "{name} opens with {old}");
        }
    }
    nothing_rests_under(&files, &taken);
    // What is sealed now opens with what is in force: the reader is right.
    let secret = fs::read(seal(fixture)).unwrap();
    let master = files.master(&slot, &secret).expect("the new seal opens");
    for name in files.key_names() {
        files.key(&name, &master).expect("with the new master key");
    }
    assert_eq!(files.generation(), 2);
    // Tags are equal where values are, and no tag is one that was there before.
    assert_eq!(tags(&files).len(), taken.tags.len());
    assert!(tags(&files).is_disjoint(&taken.tags), "tags from before");
}

/// Nothing of the database is under one of these keys.
fn nothing_rests_under(files: &Files, taken: &Taken) {
    let state = files.value("state").unwrap();
    let mut query = files.database.prepare("SELECT id, private, body, wrap FROM object").unwrap();
    let rows: Vec<(i64, bool, Vec<u8>, Vec<u8>)> = query
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    let token: Vec<u8> =
        files.database.query_row("SELECT body FROM token", [], |row| row.get(0)).unwrap();
    let uuid = &token[1..17];
    let (record, tag) = token.split_at(token.len() - 32);
    let mut looked = 0;
    for (name, key) in &taken.keys {
        assert!(open(key, &files.id, &state).is_none(), "the state, with {name}");
        let found = mac(key, &[b"record of token", &files.id, &1_i64.to_be_bytes(), record]);
        assert_ne!(found, tag, "the token's record, with {name}");
        for (id, private, body, wrap) in &rows {
            let head = [&[1][..], b"strongroom object", &files.id, uuid, &id.to_be_bytes()];
            let head = [&head.concat()[..], &[u8::from(*private)], &1_u64.to_be_bytes()].concat();
            if wrap.is_empty() {
                let (record, tag) = body.split_at(body.len() - 32);
                assert_ne!(mac(key, &[&head, record]), tag, "object {id}, with {name}");
                looked += 1;
            } else if !private {
                for generation in [1_u32, 2] {
                    let context = [&b"key of "[..], &head, &generation.to_be_bytes()].concat();
                    assert!(open(key, &context, wrap).is_none(), "object {id}, with {name}");
                }
                looked += 1;
            }
        }
    }
    assert!(looked >= COUNT / 2 * taken.keys.len());
}

#[test]
fn an_old_seal_file_put_back_is_refused_in_words() {
    let user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    let (fixture, old) = (&user.fixture, fs::read(seal(&user.fixture)).unwrap());
    let first = seal(fixture);
    run(fixture, COMPROMISED);
    let new = seal(fixture);
    assert_ne!(first, new, "each secret has a file of its own");
    let right = fs::read(&new).unwrap();
    // In the place of the new one.
    fs::write(&new, &old).unwrap();
    let said = fails(fixture, &["token", "list"]);
    assert!(said.contains("this is not its secret"), "{said}");
    assert!(said.contains("rotate master-key --compromised"), "{said}");
    // Under its own name, the new one gone.
    fs::rename(&new, &first).unwrap();
    let said = fails(fixture, &["token", "list"]);
    let name = new.file_name().unwrap().to_str().unwrap();
    assert!(said.contains(&format!("{name} is missing")), "{said}");
    assert!(said.contains("from before this slot was rotated"), "{said}");
    fixture.initialize().good();
    let slot = session::slots(false).good()[0];
    session::token_info(slot).map(drop).gives(CKR_TOKEN_NOT_RECOGNIZED);
    session::finalize().good();
    // Beside the new one it does no harm, and the doctor tells.
    fs::write(&new, &right).unwrap();
    std::os::unix::fs::chown(&new, None, None).unwrap();
    fs::set_permissions(&new, fs::metadata(&first).unwrap().permissions()).unwrap();
    whole(fixture);
    assert!(run(fixture, &["doctor"]).contains("belongs to no seal slot"));
    run(fixture, PLAIN);
    assert!(!first.exists(), "the next rotation removes it");
}

#[test]
fn the_bytes_of_what_was_replaced_are_gone() {
    let user = User::new();
    fill(user.session, COUNT);
    session::finalize().good();
    let files = Files::open(&user.fixture.store_path());
    let rows = |query: &str| {
        let mut query = files.database.prepare(query).unwrap();
        let found = query.query_map([], |row| row.get::<_, Vec<u8>>(0)).unwrap();
        found.map(Result::unwrap).collect::<Vec<_>>()
    };
    // The last bytes of each are a MAC, or the sealed key's tag.
    let mut old = rows("SELECT wrap FROM object WHERE private = 0 AND length(wrap) > 0");
    old.extend(rows("SELECT body FROM object WHERE private = 0"));
    old.extend(rows("SELECT tag FROM tag"));
    old.extend(rows("SELECT value FROM value WHERE name LIKE 'key %' OR name = 'state'"));
    assert!(old.len() > COUNT);
    drop(files);
    let secret = fs::read(seal(&user.fixture)).unwrap();
    let said = run(&user.fixture, COMPROMISED);
    assert!(!said.contains("still holds what was replaced"), "{said}");
    old.push(secret);
    for entry in fs::read_dir(user.fixture.store_path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let content = fs::read(&path).unwrap();
        for piece in &old {
            let end = &piece[piece.len() - 16..];
            let there = content.windows(end.len()).any(|window| window == end);
            assert!(!there, "{} holds {}", path.display(), hex::encode(end));
        }
    }
}
