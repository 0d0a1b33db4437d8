// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The envelope: every row sealed or authenticated, every change bound into the store's set-hash,
//! every search by keyed tags. `docs/store-format.md` specifies what is written here.

use super::pin::Stretch;
use super::token::{Token, TokenKey};
use super::{ObjectRow, Row, RowKind, Store, Tag, Transaction};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::{Secret, SharedCounter};
use std::cell::RefCell;

/// An open store.
pub struct Vault {
    pub(super) store: Box<dyn Store>,
    pub(super) id: [u8; 16],
    pub(super) pin_key: Secret,
    pub(super) stretch: Stretch,
    rows: Mac,
    tags: Mac,
    state_key: Secret,
    cover_key: Secret,
    changes: SharedCounter,
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
        let state_key = primitive::random_secret(KEY)?;
        let mut keys = Vec::new();
        for name in [ROWS, TAGS, COVER, PIN] {
            keys.push((name, primitive::random_secret(KEY)?));
        }
        keys.push((STATE_KEY, state_key));
        store.write(&mut |tx| {
            tx.set_value(ID, &id)?;
            for (name, key) in &keys {
                tx.set_value(
                    name,
                    &primitive::seal(master, &key_context(&id, name), key.expose())?,
                )?;
            }
            let state = State::default();
            let key =
                keys.iter().find(|(name, _)| *name == STATE_KEY).ok_or(Error::GeneralError)?;
            tx.set_value(STATE, &state.seal(&key.1, &id)?)?;
            let number = tx.next_id(RowKind::SealSlot)?;
            tx.put_row(RowKind::SealSlot, &Row { id: number, body: slot.body.clone() })
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
            let body = make(id)?;
            change.tx.put_row(RowKind::SealSlot, &Row { id, body }).map(|()| id)
        })
    }

    /// Removes a seal slot; never the last.
    pub fn remove_seal_slot(&self, id: i64) -> Result<()> {
        self.change(|change| {
            let rows = change.tx.rows(RowKind::SealSlot)?;
            if rows.len() < 2 || !rows.iter().any(|row| row.id == id) {
                return Err(Error::ActionProhibited);
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
            state.fold(&self.rows.tag(&[b"token", &row.id.to_be_bytes(), &row.body])?);
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

    /// Runs changes as one transaction and tells all processes.
    pub(super) fn change<T>(&self, make: impl Fn(&Change<'_>) -> Result<T>) -> Result<T> {
        let mut made = None;
        let mut mark = None;
        let result = self.store.write(&mut |tx| {
            // An odd count says that a change is under way; what a killed process left odd stays so
            // until the next change is through, and readers ask the database meanwhile.
            let now = self.changes.load();
            let odd = if now % 2 == 0 { now + 1 } else { now + 2 };
            self.changes.store(odd);
            mark = Some(odd);
            let change = Change::begin(self, tx)?;
            let value = make(&change)?;
            change.end()?;
            made = Some(value);
            Ok(())
        });
        if let Some(odd) = mark {
            self.changes.advance(odd, odd + 1);
        }
        result.and_then(|()| made.ok_or(Error::GeneralError))
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

    fn row_mac(&self, kind: RowKind, id: i64, record: &[u8]) -> Result<[u8; MAC]> {
        let kind = match kind {
            RowKind::SealSlot => b"seal slot",
            RowKind::Token => b"the token",
        };
        self.rows.tag(&[kind, &self.id, &id.to_be_bytes(), record])
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

    fn object_element(&self, row: &ObjectRow) -> Result<[u8; MAC]> {
        let head = Writer::default()
            .u64(row.id as u64)
            .u64(row.token as u64)
            .u8(u8::from(row.private))
            .u64(row.revision)
            .u32(row.generation)
            .bytes(&row.wrap)
            .bytes(&row.body)
            .finish();
        self.rows.tag(&[b"object", &head, &row.tags.concat()])
    }
}

/// The changes of a transaction, each folded into the set-hash.
pub(super) struct Change<'a> {
    vault: &'a Vault,
    tx: &'a dyn Transaction,
    state: RefCell<State>,
}

impl<'a> Change<'a> {
    fn begin(vault: &'a Vault, tx: &'a dyn Transaction) -> Result<Change<'a>> {
        let sealed = tx.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        let state = State::open(&sealed, &vault.state_key, &vault.id).map_err(|_| {
            tracing::error!("the store's state record was altered: run 'strongroom check'");
            Error::DeviceError
        })?;
        Ok(Change { vault, tx, state: RefCell::new(state) })
    }

    fn end(&self) -> Result<()> {
        let mut state = self.state.borrow_mut();
        state.revision += 1;
        self.tx.set_value(STATE, &state.seal(&self.vault.state_key, &self.vault.id)?)
    }

    fn fold(&self, element: &[u8; MAC]) {
        self.state.borrow_mut().fold(element);
    }

    fn put_object(&self, row: ObjectRow) -> Result<()> {
        self.fold(&self.vault.object_element(&row)?);
        self.tx.put_object(&row)
    }

    /// Reads an object that is about to be replaced or deleted, and takes it out of the set-hash.
    fn take_object(&self, id: i64) -> Result<Option<ObjectRow>> {
        let row = self.tx.object(id)?;
        if let Some(row) = &row {
            self.fold(&self.vault.object_element(row)?);
        }
        Ok(row)
    }

    pub(super) fn delete_objects_of(&self, token: i64) -> Result<()> {
        for row in self.tx.objects_of(token)? {
            self.fold(&self.vault.object_element(&row)?);
            self.tx.delete_object(row.id)?;
        }
        Ok(())
    }

    pub(super) fn token(&self, id: i64) -> Result<Option<Token>> {
        let rows = self.tx.rows(RowKind::Token)?;
        let row = rows.iter().find(|row| row.id == id);
        row.map(|row| self.vault.read_token(row)).transpose()
    }

    pub(super) fn put_token(&self, id: i64, token: &Token) -> Result<()> {
        let old = self.tx.rows(RowKind::Token)?.into_iter().find(|row| row.id == id);
        let mut body = token.encode();
        let mac = self.vault.row_mac(RowKind::Token, id, &body)?;
        body.extend_from_slice(&mac);
        let new = Row { id, body };
        for row in old.iter().chain([&new]) {
            let id = row.id.to_be_bytes();
            self.fold(&self.vault.rows.tag(&[b"token", &id, &row.body])?);
        }
        self.tx.put_row(RowKind::Token, &new)
    }

    /// The token must still be the one the caller saw: it may have been made anew meanwhile.
    fn same_token(&self, token: &Token) -> Result<()> {
        match self.token(token.id)? {
            Some(now) if now.uuid == token.uuid => Ok(()),
            _ => Err(Error::DeviceRemoved),
        }
    }
}

/// The store's revision and the set-hash over its rows: the sum of their MACs, kept sealed so that
/// sums of different times cannot be combined.
#[derive(Default)]
struct State {
    revision: u64,
    sum: [u8; MAC],
}

impl State {
    /// Adds an element, or takes it out: the sum is an exclusive or.
    fn fold(&mut self, element: &[u8; MAC]) {
        self.sum.iter_mut().zip(element).for_each(|(sum, byte)| *sum ^= byte);
    }

    fn seal(&self, key: &Secret, store: &[u8]) -> Result<Vec<u8>> {
        let record = Writer::versioned(VERSION).u64(self.revision).raw(&self.sum).finish();
        primitive::seal(key, store, &record)
    }

    fn open(sealed: &[u8], key: &Secret, store: &[u8]) -> Result<State> {
        let record = primitive::open(key, store, sealed)?;
        let mut reader = Reader::versioned(record.expose(), VERSION)?;
        let state = State { revision: reader.u64()?, sum: reader.array()? };
        reader.end()?;
        Ok(state)
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

const VERSION: u8 = 1;
const KEY: usize = 32;
const MAC: usize = 32;
const ID: &str = "store id";
const STATE: &str = "state";
const ROWS: &str = "key rows";
const TAGS: &str = "key tags";
const STATE_KEY: &str = "key state";
const COVER: &str = "key cover";
const PIN: &str = "key pin";
