// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Guessing PINs away from the token, by a reader that shares no code with the library and has all that
//! someone has who copied the files.

use crate::common::*;
use crate::filled;
use crate::reader::{Files, Pin, mac, open, stretched};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::Path;

/// Without the seal: a guess becomes a key, and that key is tried on every byte string of the database,
/// with every context that the format has. The right PIN fits nowhere, as the wrong ones do not.
#[test]
fn without_the_seal_no_guess_can_be_tested() {
    let (fixture, _) = filled();
    let files = Files::open(&fixture.store_path());
    let (id, token) = (files.id.clone(), files.token());
    drop(files);
    let pins = [token.user.as_ref().unwrap(), token.so.as_ref().unwrap()];
    std::fs::remove_file(fixture.store_path().join("seal-1.key")).unwrap();
    let strings = strings(&fixture.store_path().join("store.db"));
    assert!(strings.len() > 40, "{}", strings.len());
    let mut verdicts = Vec::new();
    for guess in [USER_PIN, SO_PIN, "000000", "user-pin-1235"] {
        let mut fits = 0;
        for pin in pins {
            let key = stretched(guess, &pin.salt, pin.cost());
            fits += tried(&key, &strings, &contexts(&id, &token.uuid));
        }
        verdicts.push(fits);
    }
    assert_eq!(verdicts, [0; 4], "the right PIN shows nowhere");
    drop(fixture);
    // The same search finds the right PIN once the outer layer is off: it is one that can find.
    let (fixture, _) = filled();
    let files = Files::open(&fixture.store_path());
    let token = files.token();
    let pin = token.user.as_ref().unwrap();
    let context = Files::pin_context(&files.id, &token, (1, ""), pin);
    let inner = open(&files.key("key pin"), &context, &pin.wrap).unwrap();
    let found = |guess| {
        let stretched = stretched(guess, &pin.salt, pin.cost());
        tried(&stretched, std::slice::from_ref(&inner), std::slice::from_ref(&context))
    };
    assert_eq!([found(USER_PIN), found("000000")], [1, 0]);
}

/// With the seal file too: a guess is tested, at the cost that was recorded and no other. Who writes a
/// lower one into the record has another key, and nothing that fits it.
#[test]
fn with_the_seal_a_guess_costs_what_was_recorded() {
    let (fixture, _) = filled();
    let files = Files::open(&fixture.store_path());
    let token = files.token();
    for (role, pin, right) in [(1, &token.user, USER_PIN), (0, &token.so, SO_PIN)] {
        let pin = pin.as_ref().unwrap();
        let (memory, passes, lanes) = pin.cost();
        // RFC 9106, and what OWASP recommends as the least: the configuration takes no less.
        assert!(memory >= 19 * 1024 && passes >= 2, "{memory} {passes}");
        let context = Files::pin_context(&files.id, &token, (role, ""), pin);
        let inner = open(&files.key("key pin"), &context, &pin.wrap).unwrap();
        let fits =
            |guess, cost| open(&stretched(guess, &pin.salt, cost), &context, &inner).is_some();
        assert!(fits(right, (memory, passes, lanes)));
        assert!(!fits("000000", (memory, passes, lanes)));
        for cheaper in [(8, 1, 1), (memory / 2, passes, lanes), (memory, passes - 1, lanes)] {
            assert!(!fits(right, cheaper), "a guess at {cheaper:?}");
        }
        // Nothing but the whole of Argon2id stands between guess and key: no shorter digest is kept.
        for short in [mac(right.as_bytes(), &[&pin.salt]), mac(&pin.salt, &[right.as_bytes()])] {
            assert!(open(&short, &context, &inner).is_none());
        }
    }
}

/// The library takes no lower cost from a record: it is authenticated with the rest of it.
#[test]
fn a_lower_cost_in_the_record_is_refused() {
    let (fixture, _) = filled();
    let database = || Connection::open(fixture.store_path().join("store.db")).unwrap();
    let body: Vec<u8> =
        database().query_row("SELECT body FROM token", [], |row| row.get(0)).unwrap();
    let cost = [&(19_u32 * 1024).to_be_bytes()[..], &2_u32.to_be_bytes()].concat();
    let at: Vec<usize> = (0..body.len() - 8).filter(|at| body[*at..*at + 8] == cost[..]).collect();
    assert_eq!(at.len(), 2, "both PINs");
    for at in at {
        let mut cheaper = body.clone();
        cheaper[at..at + 8]
            .copy_from_slice(&[&8_u32.to_be_bytes()[..], &1_u32.to_be_bytes()].concat());
        database().execute("UPDATE token SET body = ?1", [&cheaper]).unwrap();
        fixture.initialize().good();
        Session::read_write(0).map(drop).gives(CKR_DEVICE_ERROR);
        session::finalize().good();
        let said = crate::check(&fixture).expect_err("an altered record");
        assert!(said.contains("token 1: its record was altered"), "{said}");
    }
}

/// How often a key opens one of these strings.
fn tried(key: &[u8], strings: &[Vec<u8>], contexts: &[Vec<u8>]) -> usize {
    let opens = |string: &Vec<u8>| {
        contexts.iter().filter(|context| open(key, context, string).is_some()).count()
    };
    strings.iter().map(opens).sum()
}

/// Everything in the database that may be one sealed thing: each value, and in records each part that
/// stands behind its length.
fn strings(database: &Path) -> Vec<Vec<u8>> {
    let database = Connection::open(database).unwrap();
    let mut tables =
        database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = tables.query_map([], |row| row.get(0)).unwrap().flatten().collect();
    let mut all = Vec::new();
    for name in names {
        let mut query = database.prepare(&format!("SELECT * FROM {name}")).unwrap();
        let count = query.column_count();
        let mut rows = query.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            for at in 0..count {
                if let Value::Blob(bytes) = row.get(at).unwrap() {
                    all.extend(parts(&bytes));
                    all.push(bytes);
                }
            }
        }
    }
    all
}

fn parts(bytes: &[u8]) -> Vec<Vec<u8>> {
    let part = |at: usize| {
        let len = u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().unwrap()) as usize;
        (28..4096).contains(&len).then(|| bytes.get(at + 4..at + 4 + len).map(<[u8]>::to_vec))?
    };
    (0..bytes.len()).filter_map(part).collect()
}

/// What the format binds a PIN's wrap to, for each that it may be; and less.
fn contexts(store: &[u8], uuid: &[u8]) -> Vec<Vec<u8>> {
    let mut all = vec![Vec::new(), store.to_vec(), uuid.to_vec()];
    for (role, holds) in [(0, 0), (0, 2), (1, 1), (1, 2)] {
        all.push(Files::context(store, uuid, (role, ""), holds));
    }
    all
}

impl Pin {
    fn cost(&self) -> (u32, u32, u32) {
        (self.cost[0], self.cost[1], self.cost[2])
    }
}
