// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The token's objects: their handles, and their ways between the store and memory.
//!
//! The handle of a token object is made of its row, which never names another object, and, where it is
//! private, of the login it was given under. So a handle costs nothing to keep, whoever asks again gets
//! the same, and with a logout all handles of private objects have lost their meaning at once.

use super::entry::{Entry, Place};
use super::handles;
use super::searching::{Wanted, wanted};
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::object::{Object, Template};
use crate::vendor::CKO_STRONGROOM_DESTROYED;
use cryptoki_sys::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use zeroize::Zeroize;

/// The rows that a search finds, a page at a time.
pub(super) struct Rows {
    wanted: Wanted,
    page: std::vec::IntoIter<i64>,
    /// The last row of the page, and the last that was there when the search began; none where there
    /// is no other page.
    next: Option<(i64, i64)>,
}

/// What a private object is searched by is as private as the object.
impl Drop for Rows {
    fn drop(&mut self) {
        self.wanted.iter_mut().for_each(|(_, value)| value.zeroize());
    }
}

impl Rows {
    /// No rows.
    pub(super) fn none() -> Rows {
        Rows { wanted: Vec::new(), page: Vec::new().into_iter(), next: None }
    }
}

impl Slot {
    /// The handle of a row under the login `epoch`.
    fn handle(&self, row: i64, private: bool, epoch: u64) -> Result<u64> {
        handles::of_row(row, if private { login(epoch) } else { 0 })
    }

    /// The object of a token object's handle, in memory.
    pub(super) fn token_entry(&self, handle: u64) -> Result<Arc<Entry>> {
        let (row, given) = handles::row(handle).ok_or(Error::ObjectHandleInvalid)?;
        let epoch = self.epoch.load(Ordering::Acquire);
        let private = given != 0;
        if private && (given != login(epoch) || !self.user.load(Ordering::Acquire)) {
            return Err(Error::ObjectHandleInvalid);
        }
        let entry = match self.cache.get(row) {
            Some(entry) => entry,
            None => {
                let now = self.vault.changes();
                let (object, revision) = self.fetch(row)?.ok_or(Error::ObjectHandleInvalid)?;
                self.adopt((row, revision), now, object, epoch)?
            }
        };
        if entry.private == private { Ok(entry) } else { Err(Error::ObjectHandleInvalid) }
    }

    /// An object as the store has it, and how often it has changed.
    fn fetch(&self, row: i64) -> Result<Option<(Object, u64)>> {
        match self.read(row) {
            // A logout hides it.
            Err(Error::UserNotLoggedIn) => Ok(None),
            found => found,
        }
    }

    /// Keeps an object in memory that was read under the login `epoch`.
    fn adopt(
        &self,
        (row, revision): (i64, u64),
        now: Option<u64>,
        object: Object,
        epoch: u64,
    ) -> Result<Arc<Entry>> {
        let (place, checked) = (Place::Token(row), now.unwrap_or(u64::MAX));
        let new = Arc::new(Entry::new(place, object, revision, checked, self.epoch.clone()));
        let entry = self.cache.put(row, new.clone())?;
        let over = self.epoch.load(Ordering::Acquire) != epoch;
        if !entry.private || !over && self.user.load(Ordering::Acquire) {
            return Ok(entry);
        }
        // A logout that ran meanwhile did not see it: another login would find what this one opened.
        if Arc::ptr_eq(&new, &entry) {
            self.end(&new);
            self.cache.remove(row, &new);
        }
        Err(Error::ObjectHandleInvalid)
    }

    /// Gives a new object of the token its handle.
    pub(super) fn adopted(&self, row: i64, now: Option<u64>, object: Object) -> Result<u64> {
        let epoch = self.epoch.load(Ordering::Acquire);
        let entry = self.adopt((row, 1), now, object, epoch)?;
        self.handle(row, entry.private, epoch)
    }

    /// Searches the token: the rows that may match, to be read one by one.
    pub(super) fn search(&self, template: &Template) -> Result<Rows> {
        let mut rows = Rows::none();
        rows.wanted = wanted(template);
        let page = self.page(&rows, 0, i64::MAX)?;
        if let Some(last) = page.last().filter(|_| page.len() == PAGE) {
            // What comes later was not there when the search began.
            rows.next = Some((*last, self.vault.last_object()?));
        }
        rows.page = page.into_iter();
        Ok(rows)
    }

    /// The next row of a search.
    pub(super) fn next_row(&self, rows: &mut Rows) -> Result<Option<i64>> {
        if let Some(row) = rows.page.next() {
            return Ok(Some(row));
        }
        let Some((after, upto)) = rows.next.take() else { return Ok(None) };
        let page = self.page(rows, after, upto)?;
        let full = page.last().filter(|_| page.len() == PAGE);
        rows.next = full.map(|last| (*last, upto));
        rows.page = page.into_iter();
        Ok(rows.page.next())
    }

    fn page(&self, rows: &Rows, after: i64, upto: i64) -> Result<Vec<i64>> {
        let private = self.user_keys().is_some();
        // Who asks for everything means what there is: what was is not read for it.
        let destroyed = (CKO_STRONGROOM_DESTROYED as u64).to_be_bytes();
        let without = rows.wanted.is_empty().then_some((CKA_CLASS as u64, &destroyed[..]));
        self.vault.page((&self.token, private), &rows.wanted, without, (after, upto, PAGE))
    }

    /// The handle of a row that matches, if it does and is still there.
    pub(super) fn row_if_matches(&self, row: i64, template: &Template) -> Result<Option<u64>> {
        let epoch = self.epoch.load(Ordering::Acquire);
        if let Some(entry) = self.cache.get(row) {
            let handle = self.handle(row, entry.private, epoch)?;
            return match self
                .look(handle, &entry, self.vault.changes(), |object| Ok(object.matches(template)))
            {
                Ok(matches) => Ok(matches.then_some(handle)),
                // An altered object is left out, with a diagnostic line: the others are found.
                Err(Error::ObjectHandleInvalid | Error::UserNotLoggedIn | Error::Altered) => {
                    Ok(None)
                }
                Err(error) => Err(error),
            };
        }
        let now = self.vault.changes();
        let (object, revision) = match self.fetch(row) {
            Ok(Some(found)) => found,
            Ok(None) | Err(Error::Altered) => return Ok(None),
            Err(error) => return Err(error),
        };
        if !object.matches(template) {
            return Ok(None);
        }
        match self.adopt((row, revision), now, object, epoch) {
            Ok(entry) => self.handle(row, entry.private, epoch).map(Some),
            Err(Error::ObjectHandleInvalid) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A login, as handles have it: never 0, which stands in those of public objects.
fn login(epoch: u64) -> u64 {
    epoch % handles::LOGINS + 1
}

/// Rows that a search asks the store for at once.
const PAGE: usize = 256;
