// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A reader of stores from `docs/store-format.md` alone, as far as seal slots, the store's keys and what
//! rests under them go.

use crate::format::{Bytes, counted, open};
use rusqlite::{Connection, OptionalExtension};
use std::path::Path;

/// A store's files.
pub struct Files {
    pub database: Connection,
    pub id: Vec<u8>,
}

/// A seal slot's row.
pub struct Slot {
    head: Vec<u8>,
    pub parameters: Vec<u8>,
    label: Vec<u8>,
    pub generation: u32,
    wrap: Vec<u8>,
}

impl Files {
    pub fn open(directory: &Path) -> Files {
        let database = Connection::open(directory.join("store.db")).unwrap();
        let mut files = Files { database, id: Vec::new() };
        files.id = files.value("store id").unwrap();
        files
    }

    pub fn value(&self, name: &str) -> Option<Vec<u8>> {
        let query = "SELECT value FROM value WHERE name = ?1";
        self.database.query_row(query, [name], |row| row.get(0)).optional().unwrap()
    }

    pub fn has(&self, name: &str) -> bool {
        self.value(name).is_some()
    }

    /// The generation of the store's keys.
    pub fn generation(&self) -> u32 {
        parts(&self.value("key state").unwrap()).0
    }

    pub fn slot(&self, id: i64) -> Slot {
        let query = "SELECT body FROM seal_slot WHERE id = ?1";
        let body: Vec<u8> = self.database.query_row(query, [id], |row| row.get(0)).unwrap();
        let mut slot = Bytes(body);
        assert_eq!(slot.u8(), 1);
        let head = slot.take(5);
        let (label, parameters) = (slot.bytes(), slot.bytes());
        let (generation, wrap) = (slot.u32(), slot.bytes());
        Slot { head, parameters, label, generation, wrap }
    }

    /// The master key, by the secret of a slot.
    pub fn master(&self, slot: &Slot, secret: &[u8]) -> Option<Vec<u8>> {
        let context = [
            &[1][..],
            b"strongroom master key",
            &counted(&self.id),
            &slot.head,
            &counted(&slot.label),
            &counted(&slot.parameters),
            &slot.generation.to_be_bytes(),
        ];
        open(secret, &context.concat(), &slot.wrap)
    }

    /// A key of the store, by a master key.
    pub fn key(&self, name: &str, master: &[u8]) -> Option<Vec<u8>> {
        let value = self.value(name)?;
        let (generation, of_master, sealed) = parts(&value);
        let mut context =
            [&[1][..], b"strongroom store key", &self.id, &counted(name.as_bytes())].concat();
        if value.len() != FIRST {
            context[0] = 2;
            context.extend(generation.to_be_bytes());
            context.extend(of_master.to_be_bytes());
        }
        open(master, &context, sealed)
    }

    /// All keys of the store that are there: their names.
    pub fn key_names(&self) -> Vec<String> {
        let mut query = self
            .database
            .prepare("SELECT name FROM value WHERE name LIKE 'key %' OR name LIKE 'previous key %'")
            .unwrap();
        query.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect()
    }
}

/// Generations of a store key and of the master key that it is under, and the sealed key.
fn parts(value: &[u8]) -> (u32, u32, &[u8]) {
    if value.len() == FIRST {
        return (1, 1, value);
    }
    assert_eq!(value[0], 2);
    let number = |at: usize| u32::from_be_bytes(value[at..at + 4].try_into().unwrap());
    (number(1), number(5), &value[9..])
}

/// The length of a key's row in its first form.
const FIRST: usize = 60;
