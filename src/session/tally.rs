// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Uses of keys, counted: what an operation counts when it ends well, found again by a comparison when
//! the session begins another with the same key and mechanism.

use super::Session;
use super::journal::{Journal, Speaker};
use super::noting::names;
use crate::audit::{Counter, Entry, KeyName};
use crate::call::{self, Leaves};
use crate::error::Result;
use crate::mechanism::Row;
use crate::object::Object;
use crate::store::Glance;
use crate::types::Output;
use cryptoki_sys::CK_MECHANISM_TYPE;
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Uses of one kind by one session.
pub(super) struct Tally {
    kind: Kind,
    /// The name of the mechanism.
    mechanism: &'static str,
    id: Vec<u8>,
    label: Vec<u8>,
    by: By,
    /// Whether the use at hand is recorded already.
    settled: AtomicBool,
}

enum By {
    Count(Counter),
    Each(Arc<Journal>, Speaker),
    /// It could not be, and is let through.
    Nothing,
}

impl Tally {
    /// One use more. Where each is a record, it is refused if that cannot be written.
    pub(super) fn settle(&self) -> Result<()> {
        match &self.by {
            By::Count(counter) => counter.add(),
            By::Each(..) if self.settled.swap(false, Ordering::AcqRel) => {}
            By::Each(..) => return self.write(),
            By::Nothing => {}
        }
        Ok(())
    }

    /// The same before its output is the caller's.
    fn settle_ahead(&self) -> Result<()> {
        self.write()?;
        self.settled.store(true, Ordering::Release);
        Ok(())
    }

    fn write(&self) -> Result<()> {
        let By::Each(journal, speaker) = &self.by else { return Ok(()) };
        let key = KeyName { id: &self.id, label: &self.label };
        let entry = Entry {
            op: self.kind.2,
            key: Some(key),
            mechanism: self.mechanism,
            ..Entry::default()
        };
        journal.used(speaker, &entry)
    }

    /// Whether each use is a record.
    pub(super) fn is_each(&self) -> bool {
        matches!(self.by, By::Each(..))
    }

    /// What goes on with it failed: the log names the key.
    pub(super) fn failed(&self) {
        self.settled.store(false, Ordering::Release);
        call::about(&self.id, &self.label);
        call::by(self.mechanism);
    }
}

/// What counts the uses of keys that a session began last, under one login.
#[derive(Default)]
pub(super) struct Tallies {
    epoch: u64,
    last: Option<Arc<Tally>>,
    known: HashMap<Kind, Arc<Tally>, BuildHasherDefault<ByKind>>,
    /// In the order in which they came.
    order: VecDeque<Kind>,
}

/// A kind of use: the key's handle, the mechanism, the operation.
type Kind = (u64, CK_MECHANISM_TYPE, &'static str);

impl Tallies {
    /// What counts the uses that the call at hand begins; none where they go by uncounted.
    pub(super) fn of(
        &mut self,
        session: &Session,
        now: Glance,
        (handle, key): (u64, &Object),
        row: &'static Row,
    ) -> Result<Option<Arc<Tally>>> {
        let (op, leaves) = call::op_of();
        let op = if let Leaves::Begins(op) = leaves { op } else { op };
        if !session.journal.counts(&session.slot.vault, now)? {
            return Ok(None);
        }
        // Another user's uses are other ones.
        let epoch = session.slot.epoch.load(Ordering::Acquire);
        if self.epoch != epoch {
            (self.epoch, self.last) = (epoch, None);
            self.known.clear();
            self.order.clear();
        }
        let kind = (handle, row.id, op);
        if let Some(last) = self.last.as_ref().filter(|last| last.kind == kind) {
            return Ok(Some(last.clone()));
        }
        let tally = match self.known.get(&kind) {
            Some(known) => known.clone(),
            None => self.begin(session, kind, key, row)?,
        };
        self.last = Some(tally.clone());
        Ok(Some(tally))
    }

    fn begin(
        &mut self,
        session: &Session,
        kind: Kind,
        key: &Object,
        row: &'static Row,
    ) -> Result<Arc<Tally>> {
        self.make_room(&session.journal);
        let (id, label) = names(key);
        let by = match session.journal.each() {
            true => By::Each(session.journal.clone(), Speaker::of(session)),
            false => {
                let key = Some(KeyName { id, label });
                let entry = Entry { op: kind.2, key, mechanism: row.name, ..Entry::default() };
                session.journal.counter(session, &entry)?.map_or(By::Nothing, By::Count)
            }
        };
        let settled = AtomicBool::new(false);
        let (id, label) = (id.to_vec(), label.to_vec());
        let tally = Arc::new(Tally { kind, mechanism: row.name, id, label, by, settled });
        self.known.insert(kind, tally.clone());
        self.order.push_back(kind);
        Ok(tally)
    }

    /// Forgets the older half where there are many: of this session, or of a few where the process has
    /// many.
    fn make_room(&mut self, journal: &Journal) {
        let many = self.order.len();
        if many >= MOST || (many >= FEW && journal.is_crowded()) {
            self.order.drain(..many / 2).for_each(|kind| drop(self.known.remove(&kind)));
        }
    }

    /// The session ends: what it counted is recorded.
    pub(super) fn end(&mut self, journal: &Journal) {
        let counters = self.known.values().filter_map(|tally| match &tally.by {
            By::Count(counter) => Some(counter),
            By::Each(..) | By::Nothing => None,
        });
        let counters: Vec<_> = counters.collect();
        if !counters.is_empty() {
            journal.settle(&counters);
        }
        *self = Tallies::default();
    }
}

/// Handles are given by the library: nobody chooses them, so that a multiplication scatters them. Uses of
/// one key meet.
#[derive(Default)]
struct ByKind(u64);

impl Hasher for ByKind {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, _: &[u8]) {}

    fn write_u8(&mut self, _: u8) {}

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0.rotate_left(5) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// An output that is recorded before it is the caller's, where each use is a record.
pub(super) struct Settled<'a> {
    pub(super) out: &'a mut dyn Output,
    pub(super) tally: Option<Arc<Tally>>,
}

impl Output for Settled<'_> {
    fn capacity(&self) -> Option<usize> {
        self.out.capacity()
    }

    fn room(&mut self, len: usize) -> &mut [u8] {
        self.out.room(len)
    }

    fn set_len(&mut self, len: usize) {
        self.out.set_len(len);
    }

    fn settle(&mut self) -> Result<()> {
        self.tally.take().map_or(Ok(()), |tally| tally.settle_ahead())
    }
}

/// The kinds of uses that a session remembers, and that it does where the process counts many.
const MOST: usize = 1024;
const FEW: usize = 16;
