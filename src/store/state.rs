// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The set-hash over the rows of a store.

use super::bound::Audit;
use super::ring::{self, StoreKeys};
use super::{ObjectRow, Row, RowKind};
use crate::codec::{Filler, Reader, Writer};
use crate::error::{Error, Result};
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
    /// While the store's keys are made anew: objects up to this number are under the keys in force,
    /// those above it under the previous ones.
    pub(super) cursor: Option<i64>,
    /// What it says of the audit log; none before there is one.
    pub(super) audit: Option<Audit>,
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
    pub(super) fn seal(&self, keys: &StoreKeys, store: &[u8]) -> Result<Vec<u8>> {
        let audit = self.audit.as_ref();
        let mut cursor = Writer::default();
        match self.cursor {
            None => cursor.u8(0),
            Some(number) => cursor.u8(1).u64(number as u64),
        };
        let cursor = cursor.finish();
        let len = 1 + 8 + 2 * MAC + 4 + cursor.len() + Audit::length(audit);
        let record = Secret::with(len, |place| {
            let mut record = Filler::new(place);
            record.u8(RECORD)?.u64(self.revision)?.raw(&self.heads.0)?.raw(&self.objects.0)?;
            record.u32(keys.generation)?.raw(&cursor)?;
            Audit::encode(audit, &mut record)?;
            record.end()
        })?;
        primitive::seal(&keys.state, store, record.expose())
    }

    pub(super) fn open(sealed: &[u8], keys: &StoreKeys, store: &[u8]) -> Result<State> {
        let opened = primitive::open(&keys.state, store, sealed)?;
        let (state, generation) = State::decode(opened.expose())?;
        if generation == keys.generation { Ok(state) } else { Err(Error::Altered) }
    }

    /// The record, and the generation of the keys that it is of.
    pub(super) fn decode(record: &[u8]) -> Result<(State, u32)> {
        let (version, mut reader) = Reader::of_versions(record, FIRST_RECORD..=RECORD)?;
        let revision = reader.u64()?;
        let (heads, objects) = (Sum(reader.array()?), Sum(reader.array()?));
        let (mut generation, mut cursor) = (ring::FIRST, None);
        if version > FIRST_RECORD {
            generation = reader.u32()?;
            cursor = match reader.u8()? {
                0 => None,
                1 => Some(i64::try_from(reader.u64()?).map_err(|_| Error::DeviceError)?),
                _ => return Err(Error::DeviceError),
            };
        }
        let audit = if version > WITHOUT_LOG { Audit::decode(&mut reader)? } else { None };
        reader.end()?;
        Ok((State { revision, heads, objects, cursor, audit }, generation))
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

/// The version of what rows are bound to.
pub(super) const VERSION: u8 = 1;
/// The format of the state as it is written, and the oldest that is read.
const RECORD: u8 = 3;
const FIRST_RECORD: u8 = 1;
/// The last format that says nothing of an audit log.
const WITHOUT_LOG: u8 = 2;
/// The length of a MAC, bytes.
pub(super) const MAC: usize = 32;
