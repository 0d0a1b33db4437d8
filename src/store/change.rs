// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Changes: one transaction each, every row folded into the store's set-hash, all processes told.

use super::token::Token;
use super::vault::{MAC, STATE, VERSION, Vault};
use super::{ObjectRow, Row, RowKind, Transaction};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;
use std::cell::RefCell;

impl Vault {
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

    pub(super) fn object_element(&self, row: &ObjectRow) -> Result<[u8; MAC]> {
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
    pub(super) tx: &'a dyn Transaction,
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

    pub(super) fn fold_row(&self, kind: RowKind, row: &Row) -> Result<()> {
        self.fold(&row_element(&self.vault.rows, kind, row)?);
        Ok(())
    }

    pub(super) fn put_object(&self, row: ObjectRow) -> Result<()> {
        self.fold(&self.vault.object_element(&row)?);
        self.tx.put_object(&row)
    }

    /// Reads an object that is about to be replaced or deleted, and takes it out of the set-hash.
    pub(super) fn take_object(&self, id: i64) -> Result<Option<ObjectRow>> {
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
            self.fold_row(RowKind::Token, row)?;
        }
        self.tx.put_row(RowKind::Token, &new)
    }

    /// The token must still be the one the caller saw: it may have been made anew meanwhile.
    pub(super) fn same_token(&self, token: &Token) -> Result<()> {
        match self.token(token.id)? {
            Some(now) if now.uuid == token.uuid => Ok(()),
            _ => Err(Error::DeviceRemoved),
        }
    }
}

/// The store's revision and the set-hash over its rows: the sum of their MACs, kept sealed so that
/// sums of different times cannot be combined.
#[derive(Default)]
pub(super) struct State {
    revision: u64,
    pub(super) sum: [u8; MAC],
}

impl State {
    /// Adds an element, or takes it out: the sum is an exclusive or.
    pub(super) fn fold(&mut self, element: &[u8; MAC]) {
        self.sum.iter_mut().zip(element).for_each(|(sum, byte)| *sum ^= byte);
    }

    pub(super) fn seal(&self, key: &Secret, store: &[u8]) -> Result<Vec<u8>> {
        let record = Writer::versioned(VERSION).u64(self.revision).raw(&self.sum).finish();
        primitive::seal(key, store, &record)
    }

    pub(super) fn open(sealed: &[u8], key: &Secret, store: &[u8]) -> Result<State> {
        let record = primitive::open(key, store, sealed)?;
        let mut reader = Reader::versioned(record.expose(), VERSION)?;
        let state = State { revision: reader.u64()?, sum: reader.array()? };
        reader.end()?;
        Ok(state)
    }
}

/// What a numbered row adds to the set-hash.
pub(super) fn row_element(rows: &Mac, kind: RowKind, row: &Row) -> Result<[u8; MAC]> {
    rows.tag(&[name(kind), &row.id.to_be_bytes(), &row.body])
}

pub(super) fn name(kind: RowKind) -> &'static [u8] {
    match kind {
        RowKind::SealSlot => b"seal slot",
        RowKind::Token => b"token",
    }
}
