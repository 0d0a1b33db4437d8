// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The envelope: every row sealed or authenticated, every change bound into the store's set-hash,
//! every search by keyed tags. `docs/store-format.md` specifies what is written here.

use super::change::{State, name, row_element};
use super::pin::Stretch;
use super::token::{Token, TokenKey};
use super::{ObjectRow, Row, RowKind, Store, Tag};
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::{Secret, SharedCounter};

/// An open store.
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    pub(super) id: [u8; 16],
    pub(super) pin_key: Secret,
    pub(super) stretch: Stretch,
    pub(super) rows: Mac,
    pub(super) state_key: Secret,
    pub(super) changes: SharedCounter,
    tags: Mac,
    cover_key: Secret,
}

/// An object to be stored.
pub struct Sealed<'a> {
    /// Whether only the user may see it: sealed under the token key.
    pub private: bool,
    /// Whether it holds key material: sealed under a store key even if not private.
    pub secret: bool,
    /// Its record.
    pub record: &'a Secret,
    /// What it can be searched by.
    pub tags: Vec<(u64, Vec<u8>)>,
}

/// An object read back.
pub struct Found {
    /// Its record.
    pub record: Secret,
    /// How often it has changed.
    pub revision: u64,
}

/// What `check` found.
pub struct Verdict {
    /// How many objects it read.
    pub objects: usize,
    /// How many tokens.
    pub tokens: usize,
    /// What is wrong, one line each; empty where nothing is.
    pub faults: Vec<String>,
}

impl Vault {
    /// Gives an empty store its identity and its keys, wrapped under the master key.
    pub fn initialise(store: &dyn Store, id: [u8; 16], master: &Secret, slot: &Row) -> Result<()> {
        let keys = [ROWS, TAGS, STATE_KEY, COVER, PIN].map(|_| primitive::random_secret(KEY));
        let [rows, tags, state_key, cover, pin] = keys;
        let (rows, state_key) = (rows?, state_key?);
        let row = Row { id: FIRST_SLOT, body: slot.body.clone() };
        let mut state = State::default();
        state.fold(&row_element(&Mac::new(&rows)?, RowKind::SealSlot, &row)?);
        let state = state.seal(&state_key, &id)?;
        let keys =
            [(ROWS, rows), (TAGS, tags?), (STATE_KEY, state_key), (COVER, cover?), (PIN, pin?)];
        store.write(&mut |tx| {
            tx.set_value(ID, &id)?;
            for (name, key) in &keys {
                let context = key_context(&id, name);
                tx.set_value(name, &primitive::seal(master, &context, key.expose())?)?;
            }
            tx.set_value(STATE, &state)?;
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
        changes: SharedCounter,
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
        Ok(Vault { store, id, pin_key, stretch, rows, tags, state_key, cover_key, changes })
    }

    /// The identity of the store.
    pub fn id(&self) -> &[u8; 16] {
        &self.id
    }

    /// Counts the changes of the store, by all processes; none while one is being made.
    pub fn changes(&self) -> Option<u64> {
        let now = self.changes.load();
        (now % 2 == 0).then_some(now)
    }

    /// How often an object has changed; none when it is gone.
    pub fn revision(&self, id: i64) -> Result<Option<u64>> {
        self.store.revision(id)
    }

    /// The objects of a token that have all these attribute values, by number.
    pub fn find(
        &self,
        token: &Token,
        private: bool,
        wanted: &[(u64, Vec<u8>)],
    ) -> Result<Vec<i64>> {
        let tags = wanted.iter().map(|(id, value)| self.tag(token, *id, value));
        let tags: smallvec::SmallVec<[Tag; 4]> = tags.collect::<Result<_>>()?;
        self.store.find(token.id, private, &tags)
    }

    /// Reads an object; none when it is gone. A private one needs the token key.
    pub fn load(&self, token: &Token, id: i64, key: Option<&TokenKey>) -> Result<Option<Found>> {
        let Some(row) = self.store.object(id)?.filter(|row| row.token == token.id) else {
            return Ok(None);
        };
        let record = self.unseal(&token.uuid, &row, key)?;
        Ok(Some(Found { record, revision: row.revision }))
    }

    /// Stores new objects, all or none, and returns their numbers.
    pub fn insert(
        &self,
        token: &Token,
        key: Option<&TokenKey>,
        objects: &[Sealed<'_>],
    ) -> Result<Vec<i64>> {
        self.change(|change| {
            change.same_token(token)?;
            let ids = objects.iter().map(|object| {
                let id = change.tx.next_object_id()?;
                change.put_object(self.seal(token, id, 1, key, object)?)?;
                Ok(id)
            });
            ids.collect()
        })
    }

    /// Stores a new state of an object that has changed `revision` times so far; `ObjectHandleInvalid`
    /// where it is gone or another process was faster.
    pub fn replace(
        &self,
        token: &Token,
        key: Option<&TokenKey>,
        (id, revision): (i64, u64),
        object: &Sealed<'_>,
    ) -> Result<u64> {
        self.change(|change| {
            let now = change.take_object(id)?.ok_or(Error::ObjectHandleInvalid)?;
            if now.revision != revision || now.token != token.id {
                return Err(Error::ObjectHandleInvalid);
            }
            change.put_object(self.seal(token, id, revision + 1, key, object)?)?;
            Ok(revision + 1)
        })
    }

    /// Deletes an object; `ObjectHandleInvalid` where it is gone.
    pub fn delete(&self, token: &Token, id: i64) -> Result<()> {
        self.change(|change| match change.take_object(id)? {
            Some(row) if row.token == token.id => change.tx.delete_object(id),
            _ => Err(Error::ObjectHandleInvalid),
        })
    }

    /// The rows of the seal slots.
    pub fn seal_slots(&self) -> Result<Vec<Row>> {
        self.store.rows(RowKind::SealSlot)
    }

    /// Adds a seal slot whose record `make` builds for its number.
    pub fn add_seal_slot(&self, make: impl Fn(i64) -> Result<Vec<u8>>) -> Result<i64> {
        self.change(|change| {
            let id = change.tx.next_id(RowKind::SealSlot)?;
            let row = Row { id, body: make(id)? };
            change.fold_row(RowKind::SealSlot, &row)?;
            change.tx.put_row(RowKind::SealSlot, &row).map(|()| id)
        })
    }

    /// Removes a seal slot; never the last.
    pub fn remove_seal_slot(&self, id: i64) -> Result<()> {
        self.change(|change| {
            let rows = change.tx.rows(RowKind::SealSlot)?;
            match rows.iter().find(|row| row.id == id) {
                Some(row) if rows.len() > 1 => change.fold_row(RowKind::SealSlot, row)?,
                _ => return Err(Error::ActionProhibited),
            }
            change.tx.delete_row(RowKind::SealSlot, id)
        })
    }

    /// Reads and authenticates everything that needs no PIN, and recomputes the set-hash.
    pub fn check(&self) -> Result<Verdict> {
        let mut verdict = Verdict { objects: 0, tokens: 0, faults: Vec::new() };
        let mut state = State::default();
        let mut uuids = Vec::new();
        for row in self.store.rows(RowKind::Token)? {
            verdict.tokens += 1;
            match self.read_token(&row) {
                Ok(token) => uuids.push((row.id, token.uuid)),
                Err(_) => verdict.faults.push(format!("token {}: its record was altered", row.id)),
            }
            state.fold(&row_element(&self.rows, RowKind::Token, &row)?);
        }
        for row in self.store.rows(RowKind::SealSlot)? {
            state.fold(&row_element(&self.rows, RowKind::SealSlot, &row)?);
        }
        self.store.each_object(&mut |row| {
            verdict.objects += 1;
            state.fold(&self.object_element(&row)?);
            match uuids.iter().find(|(id, _)| *id == row.token) {
                None => verdict.faults.push(format!("object {}: its token is not there", row.id)),
                Some((_, uuid)) if !row.private && self.unseal(uuid, &row, None).is_err() => {
                    verdict.faults.push(format!("object {}: its record was altered", row.id));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        let sealed = self.store.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        match State::open(&sealed, &self.state_key, &self.id) {
            Ok(kept) if kept.sum == state.sum => {}
            Ok(_) => verdict.faults.push(
                "the rows are not those that were written: one was altered, removed, added or put \
                 back from an older copy"
                    .to_string(),
            ),
            Err(_) => verdict.faults.push("the store's state record was altered".to_string()),
        }
        Ok(verdict)
    }

    /// The record of a row, if it is the one that was written.
    pub(super) fn authentic<'a>(&self, kind: RowKind, row: &'a Row) -> Result<&'a [u8]> {
        let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(Error::DeviceError)?;
        if !primitive::equal(&self.row_mac(kind, row.id, record)?, mac) {
            tracing::error!("{kind:?} {} was altered: run 'strongroom check'", row.id);
            return Err(Error::DeviceError);
        }
        Ok(record)
    }

    pub(super) fn row_mac(&self, kind: RowKind, id: i64, record: &[u8]) -> Result<[u8; MAC]> {
        self.rows.tag(&[b"record of ", name(kind), &self.id, &id.to_be_bytes(), record])
    }

    fn tag(&self, token: &Token, id: u64, value: &[u8]) -> Result<Tag> {
        let tag = self.tags.tag(&[&token.uuid, &id.to_be_bytes(), value])?;
        tag.first_chunk().copied().ok_or(Error::GeneralError)
    }

    fn seal(
        &self,
        token: &Token,
        id: i64,
        revision: u64,
        key: Option<&TokenKey>,
        object: &Sealed<'_>,
    ) -> Result<ObjectRow> {
        let tags = object.tags.iter().map(|(id, value)| self.tag(token, *id, value));
        let mut row = ObjectRow {
            id,
            token: token.id,
            private: object.private,
            revision,
            generation: 0,
            wrap: Vec::new(),
            body: Vec::new(),
            tags: tags.collect::<Result<_>>()?,
        };
        row.tags.sort_unstable();
        let context = body_context(&self.id, &token.uuid, &row);
        if !object.private && !object.secret {
            row.body = object.record.expose().to_vec();
            let mac = self.rows.tag(&[&context, &row.body])?;
            row.body.extend_from_slice(&mac);
            return Ok(row);
        }
        let (wrapping, generation) = self.wrapping_key(object.private, key)?;
        row.generation = generation;
        let own = primitive::random_secret(KEY)?;
        row.wrap = primitive::seal(wrapping, &wrap_context(&context, generation), own.expose())?;
        row.body = primitive::seal(&own, &context, object.record.expose())?;
        Ok(row)
    }

    fn unseal(&self, uuid: &[u8; 16], row: &ObjectRow, key: Option<&TokenKey>) -> Result<Secret> {
        let altered = |_| {
            tracing::error!("object {} was altered: run 'strongroom check'", row.id);
            Error::DeviceError
        };
        let context = body_context(&self.id, uuid, row);
        if row.wrap.is_empty() && !row.private {
            let (record, mac) = row.body.split_last_chunk::<MAC>().ok_or(Error::DeviceError)?;
            if !primitive::equal(&self.rows.tag(&[&context, record])?, mac) {
                return Err(altered(Error::DeviceError));
            }
            return Secret::copy_of(record);
        }
        let (wrapping, generation) = self.wrapping_key(row.private, key)?;
        if generation != row.generation {
            return Err(altered(Error::DeviceError));
        }
        let wrap_context = wrap_context(&context, generation);
        let own = primitive::open(wrapping, &wrap_context, &row.wrap).map_err(altered)?;
        primitive::open(&own, &context, &row.body).map_err(altered)
    }

    fn wrapping_key<'a>(
        &'a self,
        private: bool,
        key: Option<&'a TokenKey>,
    ) -> Result<(&'a Secret, u32)> {
        match key {
            _ if !private => Ok((&self.cover_key, 1)),
            Some(key) => Ok((&key.key, key.generation)),
            None => Err(Error::UserNotLoggedIn),
        }
    }
}

fn key_context(store: &[u8], name: &str) -> Vec<u8> {
    Writer::versioned(VERSION)
        .raw(b"strongroom store key")
        .raw(store)
        .bytes(name.as_bytes())
        .finish()
}

/// What an object's record is bound to: a body moved to another row does not open.
fn body_context(store: &[u8], token: &[u8], row: &ObjectRow) -> Vec<u8> {
    Writer::versioned(VERSION)
        .raw(b"strongroom object")
        .raw(store)
        .raw(token)
        .u64(row.id as u64)
        .u8(u8::from(row.private))
        .u64(row.revision)
        .finish()
}

/// The wrap is bound to the generation of the wrapping key as well: re-wrapping leaves the body be.
fn wrap_context(body: &[u8], generation: u32) -> Vec<u8> {
    Writer::default().raw(b"key of ").raw(body).u32(generation).finish()
}

pub(super) const VERSION: u8 = 1;
const KEY: usize = 32;
/// The length of a MAC, bytes.
pub(super) const MAC: usize = 32;
/// The number of a new store's seal slot.
const FIRST_SLOT: i64 = 1;
const ID: &str = "store id";
pub(super) const STATE: &str = "state";
const ROWS: &str = "key rows";
const TAGS: &str = "key tags";
const STATE_KEY: &str = "key state";
const COVER: &str = "key cover";
const PIN: &str = "key pin";
