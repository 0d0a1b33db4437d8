// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The envelope: every row sealed or authenticated, every change bound into the store's set-hash,
//! every search by keyed tags. `docs/store-format.md` specifies what is written here.

use super::counter::Counter;
use super::heads::{Heads, LIST};
use super::pin::Stretch;
use super::roll::{Latest, Roll, Seals};
use super::state::{MAC, State, VERSION, name};
use super::{Row, RowKind, Store};
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;
use std::sync::atomic::AtomicBool;

/// An open store.
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    pub(super) id: [u8; 16],
    pub(super) pin_key: Secret,
    pub(super) stretch: Stretch,
    pub(super) rows: Mac,
    pub(super) state_key: Secret,
    pub(super) changes: Counter,
    pub(super) tags: Mac,
    pub(super) cover_key: Secret,
    /// Whether the store has no roll, because an object was altered before it got one.
    pub(super) unlisted: AtomicBool,
    pub(super) latest: Latest,
}

impl Vault {
    /// Gives an empty store its identity and its keys, wrapped under the master key.
    pub fn initialise(store: &dyn Store, id: [u8; 16], master: &Secret, slot: &Row) -> Result<()> {
        let keys = [ROWS, TAGS, STATE_KEY, COVER, PIN].map(|_| primitive::random_secret(KEY));
        let [rows, tags, state_key, cover, pin] = keys;
        let (rows, state_key) = (rows?, state_key?);
        let row = Row { id: FIRST_SLOT, body: slot.body.clone() };
        let mut heads = Heads::default();
        heads.put(&Mac::new(&rows)?, RowKind::SealSlot, &row)?;
        let state = State { heads: heads.sum(), ..State::default() };
        let (sealed, list) = (state.seal(&state_key, &id)?, heads.seal(&state_key, &id)?);
        let roll_key = state_key.duplicate()?;
        let keys =
            [(ROWS, rows), (TAGS, tags?), (STATE_KEY, state_key), (COVER, cover?), (PIN, pin?)];
        store.write(&mut |tx| {
            tx.set_value(ID, &id)?;
            for (name, key) in &keys {
                let context = key_context(&id, name);
                tx.set_value(name, &primitive::seal(master, &context, key.expose())?)?;
            }
            tx.set_value(STATE, &sealed)?;
            tx.set_value(LIST, &list)?;
            let seals = Seals { key: &roll_key, store: &id };
            Roll::empty().write(seals, tx, state.revision, &state.objects)?;
            tx.next_id(RowKind::SealSlot)?;
            tx.put_row(RowKind::SealSlot, &row)
        })
    }

    /// The identity of a store and the rows of its seal slots: what is needed to find the master key.
    pub fn sealed_by(store: &dyn Store) -> Result<([u8; 16], Vec<Row>)> {
        let id = store.value(ID)?.ok_or(Error::TokenNotRecognized)?;
        let id = id.try_into().map_err(|_| Error::TokenNotRecognized)?;
        Ok((id, store.rows(RowKind::SealSlot)?))
    }

    /// Opens a store with its master key.
    pub fn open(
        store: Box<dyn Store>,
        master: &Secret,
        changes: Counter,
        stretch: Stretch,
    ) -> Result<Vault> {
        let (id, _) = Vault::sealed_by(store.as_ref())?;
        let key = |name: &str| {
            let wrap = store.value(name)?.ok_or(Error::TokenNotRecognized)?;
            primitive::open(master, &key_context(&id, name), &wrap).map_err(|_| {
                tracing::error!("the store's key '{name}' was altered: restore a backup");
                Error::TokenNotRecognized
            })
        };
        let (rows, tags) = (Mac::new(&key(ROWS)?)?, Mac::new(&key(TAGS)?)?);
        let (state_key, cover_key, pin_key) = (key(STATE_KEY)?, key(COVER)?, key(PIN)?);
        let unlisted = AtomicBool::new(false);
        Ok(Vault {
            store,
            id,
            pin_key,
            stretch,
            rows,
            tags,
            state_key,
            cover_key,
            changes,
            unlisted,
            latest: Latest::default(),
        })
    }

    /// The identity of the store.
    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// Before a `fork`: lets go of the database's connections.
    pub fn rest(&self) {
        self.store.rest();
    }

    /// In a forked child: lets go of what was made of the store's keys.
    pub fn leave(&self) {
        self.rows.forget();
        self.tags.forget();
    }

    /// A number that is the same as before where no process has changed the store meanwhile; none
    /// while a change is being made.
    pub fn changes(&self) -> Option<u64> {
        self.changes.now()
    }

    /// The record of a row, if it is the one that was written.
    pub(super) fn authentic<'a>(&self, kind: RowKind, row: &'a Row) -> Result<&'a [u8]> {
        let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(Error::DeviceError)?;
        if !primitive::equal(&self.row_mac(kind, row.id, record)?, mac) {
            tracing::error!("{kind:?} {} was altered: run 'strongroom check'", row.id);
            return Err(Error::Altered);
        }
        Ok(record)
    }

    pub(super) fn row_mac(&self, kind: RowKind, id: i64, record: &[u8]) -> Result<[u8; MAC]> {
        self.rows.tag(&[b"record of ", name(kind), &self.id, &id.to_be_bytes(), record])
    }
}

fn key_context(store: &[u8], name: &str) -> Vec<u8> {
    Writer::versioned(VERSION)
        .raw(b"strongroom store key")
        .raw(store)
        .bytes(name.as_bytes())
        .finish()
}

const KEY: usize = 32;
/// The number of a new store's seal slot.
const FIRST_SLOT: i64 = 1;
const ID: &str = "store id";
pub(super) const STATE: &str = "state";
const ROWS: &str = "key rows";
const TAGS: &str = "key tags";
const STATE_KEY: &str = "key state";
const COVER: &str = "key cover";
const PIN: &str = "key pin";
/// The named values that every store has, beside those of the set-hashes.
pub(super) const WRITTEN: &[&str] = &[ID, STATE, ROWS, TAGS, STATE_KEY, COVER, PIN];
