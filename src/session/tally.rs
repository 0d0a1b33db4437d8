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
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Uses of one kind by one session.
pub(super) struct Tally {
    op: &'static str,
    handle: u64,
    mechanism: (CK_MECHANISM_TYPE, &'static str),
    /// The slot's count of logins: another user's uses are other ones.
    epoch: u64,
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
        let entry =
            Entry { op: self.op, key: Some(key), mechanism: self.mechanism.1, ..Entry::default() };
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
        call::by(self.mechanism.1);
    }

    fn is_of(&self, op: &'static str, handle: u64, row: &Row, epoch: u64) -> bool {
        (self.handle, self.mechanism.0, self.epoch) == (handle, row.id, epoch) && self.op == op
    }
}

/// What counts the uses of keys that a session began last.
#[derive(Default)]
pub(super) struct Tallies(Vec<Arc<Tally>>);

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
        let epoch = session.slot.epoch.load(Ordering::Acquire);
        if let Some(known) = self.0.iter().find(|tally| tally.is_of(op, handle, row, epoch)) {
            return Ok(Some(known.clone()));
        }
        let (id, label) = names(key);
        let by = match session.journal.each() {
            true => By::Each(session.journal.clone(), Speaker::of(session)),
            false => {
                let key = Some(KeyName { id, label });
                let entry = Entry { op, key, mechanism: row.name, ..Entry::default() };
                session.journal.counter(session, &entry)?.map_or(By::Nothing, By::Count)
            }
        };
        let tally = Arc::new(Tally {
            op,
            handle,
            mechanism: (row.id, row.name),
            epoch,
            id: id.to_vec(),
            label: label.to_vec(),
            by,
            settled: AtomicBool::new(false),
        });
        if self.0.len() >= REMEMBERED {
            self.0.remove(0);
        }
        self.0.push(tally.clone());
        Ok(Some(tally))
    }

    /// The session ends: what it counted is recorded.
    pub(super) fn end(&mut self, journal: &Journal) {
        let counters = self.0.iter().filter_map(|tally| match &tally.by {
            By::Count(counter) => Some(counter),
            By::Each(..) | By::Nothing => None,
        });
        let counters: Vec<_> = counters.collect();
        if !counters.is_empty() {
            journal.settle(&counters);
        }
        self.0.clear();
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

/// The kinds of uses that a session remembers.
const REMEMBERED: usize = 16;
