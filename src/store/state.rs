// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The set-hash over the rows of a store.

use super::{ObjectRow, Row, RowKind};
use crate::codec::{Reader, Writer};
use crate::error::Result;
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;

/// The store's revision and the set-hash over its rows: the sum of their MACs, kept sealed so that
/// sums of different times cannot be combined.
#[derive(Default)]
pub(super) struct State {
    pub(super) revision: u64,
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

/// What an object adds to the set-hash.
pub(super) fn object_element(rows: &Mac, row: &ObjectRow) -> Result<[u8; MAC]> {
    let head = Writer::default()
        .u64(row.id as u64)
        .u64(row.token as u64)
        .u8(u8::from(row.private))
        .u64(row.revision)
        .u32(row.generation)
        .bytes(&row.wrap)
        .bytes(&row.body)
        .finish();
    rows.tag(&[b"object", &head, &row.tags.concat()])
}

pub(super) const VERSION: u8 = 1;
/// The length of a MAC, bytes.
pub(super) const MAC: usize = 32;
