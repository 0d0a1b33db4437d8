// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The list of tokens and seal slots, so that of these rows too it is known which are those that were
//! written. It is small, and bound to the set-hash over them.

use super::state::{MAC, Sum, row_element};
use super::{Row, RowKind, Snapshot};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;
use std::collections::BTreeMap;

/// What each row of a kind adds to the set-hash, and the last number given to a seal slot.
#[derive(Clone, Default)]
pub(super) struct Heads {
    lines: BTreeMap<(u8, i64), [u8; MAC]>,
    last_slot: i64,
}

impl Heads {
    /// The rows as they stand.
    pub(super) fn of(rows: &Mac, now: &(impl Snapshot + ?Sized)) -> Result<Heads> {
        let mut heads = Heads::default();
        for kind in KINDS {
            for id in now.ids(kind)? {
                match now.row(kind, id) {
                    Ok(Some(row)) => heads.put(rows, kind, &row)?,
                    Err(error) if error.is_of_surroundings() => return Err(error),
                    // What is no row is not what was written: its part of the sum is missing.
                    _ => {}
                }
            }
        }
        heads.last_slot = heads.last_slot.max(now.number("seal_slot")?.unwrap_or_default());
        Ok(heads)
    }

    /// The list that was written with this sum.
    pub(super) fn written(
        (key, store): (&Secret, &[u8]),
        now: &(impl Snapshot + ?Sized),
        sum: &Sum,
    ) -> Result<Heads> {
        let kept = now.value(LIST)?.unwrap_or_default();
        let record = primitive::open(key, &context(store, sum), &kept);
        Heads::decode(record.map_err(|_| Error::Altered)?.expose())
    }

    /// The same; or where there is none, or it was altered, the rows as they stand, if they are those of
    /// the sum.
    pub(super) fn find(
        keys: (&Secret, &[u8]),
        rows: &Mac,
        now: &(impl Snapshot + ?Sized),
        sum: &Sum,
    ) -> Result<Heads> {
        match Heads::written(keys, now, sum) {
            Err(error) if !error.is_of_surroundings() => {}
            written => return written,
        }
        let heads = Heads::of(rows, now)?;
        if heads.sum() == *sum { Ok(heads) } else { Err(Error::Altered) }
    }

    pub(super) fn seal(&self, key: &Secret, store: &[u8]) -> Result<Vec<u8>> {
        let mut record = Writer::versioned(VERSION);
        record.u64(self.last_slot as u64);
        for ((kind, id), element) in &self.lines {
            record.u8(*kind).u64(*id as u64).raw(element);
        }
        primitive::seal(key, &context(store, &self.sum()), &record.finish())
    }

    /// The set-hash over them.
    pub(super) fn sum(&self) -> Sum {
        let mut sum = Sum::default();
        self.lines.values().for_each(|element| sum.fold(element));
        sum
    }

    pub(super) fn put(&mut self, rows: &Mac, kind: RowKind, row: &Row) -> Result<()> {
        self.lines.insert((number(kind), row.id), row_element(rows, kind, row)?);
        if kind == RowKind::SealSlot {
            self.last_slot = self.last_slot.max(row.id);
        }
        Ok(())
    }

    pub(super) fn remove(&mut self, kind: RowKind, id: i64) {
        self.lines.remove(&(number(kind), id));
    }

    /// Whether a row is the one that was written.
    pub(super) fn has(&self, rows: &Mac, kind: RowKind, row: &Row) -> Result<bool> {
        let found = row_element(rows, kind, row)?;
        let kept = self.lines.get(&(number(kind), row.id));
        Ok(kept.is_some_and(|kept| primitive::equal(kept, &found)))
    }

    /// The numbers of the rows of a kind.
    pub(super) fn ids(&self, kind: RowKind) -> impl Iterator<Item = i64> + '_ {
        let wanted = number(kind);
        self.lines.keys().filter(move |(kind, _)| *kind == wanted).map(|(_, id)| *id)
    }

    /// The last number given to a seal slot.
    pub(super) fn last_slot(&self) -> i64 {
        self.last_slot
    }

    fn decode(record: &[u8]) -> Result<Heads> {
        let mut head = Reader::versioned(record, VERSION)?;
        let last_slot = head.u64()? as i64;
        let line = |line| {
            let mut reader = Reader::new(line);
            let key = (reader.u8()?, reader.u64()? as i64);
            let element = reader.array()?;
            reader.end().map(|()| (key, element))
        };
        let lines = head.rest().chunks(LINE).map(line).collect::<Result<_>>()?;
        Ok(Heads { lines, last_slot })
    }
}

fn number(kind: RowKind) -> u8 {
    if kind == RowKind::Token { 1 } else { 2 }
}

fn context(store: &[u8], sum: &Sum) -> Vec<u8> {
    Writer::versioned(VERSION).raw(b"strongroom heads").raw(store).raw(sum.bytes()).finish()
}

/// The kinds of rows that are listed.
pub(super) const KINDS: [RowKind; 2] = [RowKind::Token, RowKind::SealSlot];
/// The name of the list among the named values.
pub(super) const LIST: &str = "heads";
const VERSION: u8 = 1;
const LINE: usize = 1 + 8 + MAC;
