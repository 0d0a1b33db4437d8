// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Changes: one transaction each, every row folded into the store's set-hash, all processes told.

use super::state::{State, heads, object_element, row_element};
use super::token::Token;
use super::vault::{STATE, Vault};
use super::{ObjectRow, Row, RowKind, Snapshot, Transaction};
use crate::error::{Error, Result};
use std::cell::RefCell;

impl Vault {
    /// The state record, if it is the one that was written and tokens and seal slots are those it
    /// was written for: an older record of a token put back would bring back its PIN attempts.
    pub(super) fn state(&self, now: &(impl Snapshot + ?Sized)) -> Result<State> {
        let sealed = now.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        let state = State::open(&sealed, &self.state_key, &self.id);
        match state {
            Ok(state) if state.heads == heads(&self.rows, now)? => Ok(state),
            _ => {
                tracing::error!("tokens or seal slots were altered: run 'strongroom check'");
                Err(Error::DeviceError)
            }
        }
    }

    /// The token of a row, if it is the one that was written.
    pub(super) fn read_token(&self, row: &Row) -> Result<Token> {
        Token::decode(row.id, self.authentic(RowKind::Token, row)?)
    }

    /// Runs changes as one transaction and tells all processes.
    pub(super) fn change<T>(&self, make: impl Fn(&Change<'_>) -> Result<T>) -> Result<T> {
        if !self.changes.writable() {
            tracing::error!(
                "the store's file 'changes' cannot be written: give this user the right to"
            );
            return Err(Error::TokenWriteProtected);
        }
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
}

/// The changes of a transaction, each folded into the set-hash.
pub(super) struct Change<'a> {
    vault: &'a Vault,
    pub(super) tx: &'a dyn Transaction,
    state: RefCell<State>,
}

impl<'a> Change<'a> {
    fn begin(vault: &'a Vault, tx: &'a dyn Transaction) -> Result<Change<'a>> {
        let state = vault.state(tx)?;
        Ok(Change { vault, tx, state: RefCell::new(state) })
    }

    fn end(&self) -> Result<()> {
        let mut state = self.state.borrow_mut();
        state.revision += 1;
        self.tx.set_value(STATE, &state.seal(&self.vault.state_key, &self.vault.id)?)
    }

    fn fold_object(&self, row: &ObjectRow) -> Result<()> {
        self.state.borrow_mut().objects.fold(&object_element(&self.vault.rows, row)?);
        Ok(())
    }

    pub(super) fn fold_row(&self, kind: RowKind, row: &Row) -> Result<()> {
        self.state.borrow_mut().heads.fold(&row_element(&self.vault.rows, kind, row)?);
        Ok(())
    }

    pub(super) fn put_object(&self, row: ObjectRow) -> Result<()> {
        self.fold_object(&row)?;
        self.tx.put_object(&row)
    }

    /// Reads an object that is about to be replaced or deleted, and takes it out of the set-hash.
    pub(super) fn take_object(&self, id: i64) -> Result<Option<ObjectRow>> {
        let row = self.tx.object(id)?;
        if let Some(row) = &row {
            self.fold_object(row)?;
        }
        Ok(row)
    }

    pub(super) fn delete_objects_of(&self, token: i64) -> Result<()> {
        for row in self.tx.objects_of(token)? {
            self.fold_object(&row)?;
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
