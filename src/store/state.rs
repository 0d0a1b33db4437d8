// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The set-hash over the rows of a store.

use super::{ObjectRow, Row, RowKind};
use crate::codec::{Reader, Writer};
use crate::error::Result;
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;

/// The store's revision and the set-hashes over its rows: sums of their MACs, kept sealed so that
/// sums of different times cannot be combined.
#[derive(Default)]
pub(super) struct State {
    pub(super) revision: u64,
    /// Over tokens and seal slots: few rows, compared whenever they are used.
    pub(super) heads: Sum,
    /// Over objects.
    pub(super) objects: Sum,
}

/// A sum of MACs by exclusive or: adding an element twice takes it out.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Sum([u8; MAC]);

impl Sum {
    /// Adds an element, or takes it out.
    pub(super) fn fold(&mut self, element: &[u8; MAC]) {
        self.0.iter_mut().zip(element).for_each(|(sum, byte)| *sum ^= byte);
    }

    pub(super) fn bytes(&self) -> &[u8; MAC] {
        &self.0
    }
}

impl State {
    pub(super) fn seal(&self, key: &Secret, store: &[u8]) -> Result<Vec<u8>> {
        let record = Writer::versioned(VERSION)
            .u64(self.revision)
            .raw(&self.heads.0)
            .raw(&self.objects.0)
            .finish();
        primitive::seal(key, store, &record)
    }

    pub(super) fn open(sealed: &[u8], key: &Secret, store: &[u8]) -> Result<State> {
        State::decode(primitive::open(key, store, sealed)?.expose())
    }

    pub(super) fn decode(record: &[u8]) -> Result<State> {
        let mut reader = Reader::versioned(record, VERSION)?;
        let revision = reader.u64()?;
        let (heads, objects) = (Sum(reader.array()?), Sum(reader.array()?));
        let state = State { revision, heads, objects };
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
        RowKind::Roll => b"roll",
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
