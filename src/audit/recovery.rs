// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a writer does before it writes: it ends what a killed one began, and says what is gone.

use super::chain::ChainKey;
use super::lines;
use super::record::{self, Detail, Entry};
use super::segments;
use super::tree;
use super::writer::{OWN, Turn, failed, now};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use std::sync::Arc;

impl Turn<'_> {
    /// Ends what a killed process began, and finds what a loss of power took.
    pub(super) fn recover(&mut self) -> Result<()> {
        let rebooted = self.head.boot != self.writer.boot;
        if self.head.seq > 0 {
            let length = segments::length(&*self.segment()?)?;
            if length > self.head.offset {
                let cut = self.take_over()?;
                self.record_cut(cut)?;
            }
            if length < self.head.offset {
                self.look_back()?;
            }
        }
        // A renewal that was not recorded did not happen.
        if self.head.pending.take().is_some() {
            self.changed = true;
        }
        if self.head.lost > 0 {
            self.record_loss(rebooted)?;
        }
        // A head that a loss of power kept from the disk may be segments behind.
        while self.head.turning || (rebooted && self.next_exists()) {
            self.turn_over()?;
        }
        if self.head.seq == 1 && self.head.lost == 0 {
            self.record_begin()?;
        }
        if rebooted {
            (self.head.boot, self.changed) = (self.writer.boot, true);
        }
        Ok(())
    }

    /// The first record but that of its segment, which says whose the chain is.
    fn record_begin(&mut self) -> Result<()> {
        let keys = self.keys_of(1)?;
        self.put(&Entry { op: BEGIN, details: &[Detail::Keys(&keys)], ..OWN }, None)?;
        self.sync()
    }

    /// What the file of a chain's keys hashes to.
    pub(super) fn keys_of(&self, first: u64) -> Result<[u8; 32]> {
        let path = self.writer.place.chain(first);
        let kept = lines::small(&path, LONGEST_KEYS).map_err(failed)?;
        primitive::sha256(&kept)
    }

    /// Keeps the first key of another chain, durably, before the record that says so: who finds that
    /// record has the key of the next.
    pub(super) fn keep_pending(&mut self, next: ChainKey) -> Result<()> {
        (self.head.pending, self.changed) = (Some(next), true);
        self.store()?;
        self.file.sync_data().map_err(failed)
    }

    /// Records that another chain begins with the next record, whose first key the head keeps already.
    pub(super) fn record_renewal(&mut self) -> Result<()> {
        let keys = self.keys_of(self.head.seq + 2)?;
        self.put(&Entry { op: RENEW, details: &[Detail::Keys(&keys)], ..OWN }, None)?;
        self.renewed();
        self.sync()
    }

    fn renewed(&mut self) {
        if let Some(next) = self.head.pending.take() {
            (self.head.key, self.changed) = (next, true);
        }
    }

    fn next_exists(&self) -> bool {
        let path = self.writer.place.segment(self.head.seq + 1);
        path.metadata().is_ok_and(|found| found.len() > 0)
    }

    /// Takes over the authentic lines behind the end that the head knows, and cuts off the rest;
    /// returns how much that was.
    fn take_over(&mut self) -> Result<u64> {
        let file = self.segment()?;
        let bytes = segments::from(&file, self.head.offset)?;
        let mut taken = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let Some((text, mac)) = record::split(line) else { break };
            let (tag, next) = self.head.key.tag(&mut self.writer.ratchet, &self.head.mac, text)?;
            let follows = record::seq(text).is_ok_and(|seq| seq == self.head.seq + 1);
            if !follows || !primitive::equal(&tag, &mac) {
                break;
            }
            self.head.tree.push(tree::leaf(line)?)?;
            (self.head.key, self.head.mac, self.head.seq) = (next, mac, self.head.seq + 1);
            if record::op(text) == Some(RENEW.as_bytes()) {
                self.renewed();
            }
            taken += line.len() as u64 + 1;
            if record::op(text) == Some(LOST.as_bytes()) {
                self.head.lost = 0;
            }
        }
        self.head.offset += taken;
        self.changed |= taken > 0;
        let cut = bytes.len() as u64 - taken;
        if cut > 0 {
            file.set_len(self.head.offset).map_err(failed)?;
        }
        Ok(cut)
    }

    /// Goes back to the last line that there is: lines that the head counted are gone.
    fn look_back(&mut self) -> Result<()> {
        let file = self.segment()?;
        let bytes = segments::from(&file, 0)?;
        let had = self.head.seq;
        let first = bytes.split(|byte| *byte == b'\n').next().unwrap_or_default();
        let (mut tree, mut mac) = record::opening(first).ok_or_else(|| {
            tracing::error!("the audit log's segment {} is gone: restore it", self.head.segment);
            Error::DeviceError
        })?;
        let mut offset = 0;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            let Some(line) = line.strip_suffix(b"\n") else { break };
            let Some((_, code)) = record::split(line) else { break };
            tree.push(tree::leaf(line)?)?;
            (mac, offset) = (code, offset + line.len() as u64 + 1);
        }
        file.set_len(offset).map_err(failed)?;
        let head = &mut self.head;
        (head.seq, head.mac, head.offset) = (tree.size(), mac, offset);
        head.lost += had.saturating_sub(head.seq);
        head.tree = tree;
        self.changed = true;
        self.store()
    }

    fn record_loss(&mut self, rebooted: bool) -> Result<()> {
        // Without a loss of power somebody took them.
        let outcome = if rebooted { OWN.outcome } else { Error::DeviceError.name() };
        tracing::error!("{} records of the audit log are gone", self.head.lost);
        let details = [Detail::Lost(self.head.lost)];
        self.put(&Entry { op: LOST, outcome, details: &details, ..OWN }, None)?;
        self.head.lost = 0;
        self.sync()
    }

    fn record_cut(&mut self, cut: u64) -> Result<()> {
        match cut {
            0 => Ok(()),
            cut => self.put(&Entry { op: CUT, details: &[Detail::Cut(cut)], ..OWN }, None),
        }
    }

    pub(super) fn turn_over(&mut self) -> Result<()> {
        let first = self.head.seq + 1;
        let file = Arc::new(self.writer.place.begin_segment(first)?);
        self.writer.segment = Some((first, file));
        (self.head.segment, self.head.offset, self.head.begun) = (first, 0, now());
        let cut = self.take_over()?;
        if self.head.offset == 0 {
            let roots = self.head.tree.roots().to_vec();
            let (mac, root, size) = (self.head.mac, self.head.tree.root()?, self.head.tree.size());
            let details = [
                Detail::Previous(&mac),
                Detail::Size(size),
                Detail::Root(&root),
                Detail::Tree(&roots),
            ];
            self.put(&Entry { op: SEGMENT, details: &details, ..OWN }, None)?;
            self.sync()?;
        }
        (self.head.turning, self.changed) = (false, true);
        self.record_cut(cut)
    }
}

/// The log's own records.
pub(super) const BEGIN: &str = "audit.begin";
pub(super) const RENEW: &str = "audit.renew";
const SEGMENT: &str = "audit.segment";
const LOST: &str = "audit.lost";
const CUT: &str = "audit.cut";
/// The longest file of keys, bytes.
pub(super) const LONGEST_KEYS: u64 = 1 << 20;
