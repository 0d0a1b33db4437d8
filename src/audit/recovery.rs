// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a writer does before it writes: it ends what a killed one began, and says what is gone.

use super::auditors::LONGEST_KEYS;
use super::chain::{ChainKey, MAC};
use super::lines;
use super::record::{self, Detail, Entry};
use super::segments;
use super::tree::{self, Frontier};
use super::writer::{LOST_HEAD, OWN, Turn, failed, now};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use std::cmp::Ordering;
use std::fs::File;
use std::sync::Arc;

impl Turn<'_> {
    /// Ends what a killed process began, and finds what a loss of power took.
    pub(super) fn recover(&mut self) -> Result<()> {
        let rebooted = self.head.boot != self.writer.boot;
        let renewing = self.head.pending.is_some().then_some(self.head.seq + 2);
        if self.head.seq > 0 {
            self.has_segment()?;
            let length = segments::length(&*self.segment()?)?;
            match length.cmp(&self.head.offset) {
                Ordering::Greater => {
                    let cut = self.take_over()?;
                    self.record_cut(cut)?;
                }
                Ordering::Less => self.look_back()?,
                Ordering::Equal => {}
            }
        }
        // A renewal that was not recorded did not happen.
        if self.head.pending.is_some() {
            let kept = renewing.map(|first| self.writer.place.chain(first));
            kept.iter().try_for_each(|kept| crate::files::remove_if_there(kept))?;
            (self.head.pending, self.changed) = (None, true);
        }
        if self.head.lost > 0 || self.head.tampered {
            self.record_loss(rebooted)?;
        }
        // A head that a loss of power kept from the disk may be segments behind.
        while self.head.turning || (rebooted && self.next_exists()) {
            self.turn_over()?;
        }
        if self.head.seq == 1 && self.head.lost == 0 {
            self.record_begin()?;
        }
        if self.head.durable.0 == 0 && self.head.seq > 0 {
            // From the first version on, which did not know.
            self.sync()?;
        }
        if rebooted {
            (self.head.boot, self.changed) = (self.writer.boot, true);
        }
        Ok(())
    }

    /// Lines that the head counts must be somewhere.
    fn has_segment(&self) -> Result<()> {
        match self.writer.place.segment(self.head.segment).try_exists() {
            Ok(false) => {
                let segment = self.head.segment;
                tracing::error!(
                    "the audit log's segment {segment} is gone: restore it, or {GO_ON}"
                );
                Err(Error::Altered)
            }
            _ => Ok(()),
        }
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
    pub(super) fn record_renewal(&mut self, names: &str) -> Result<()> {
        let keys = self.keys_of(self.head.seq + 2)?;
        let details = [Detail::Keys(&keys), Detail::Subject(names)];
        self.put(&Entry { op: RENEW, details: &details, ..OWN }, None)?;
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
        let length = segments::length(&file)?;
        let mut taken = 0;
        for line in segments::lines(&file, self.head.offset) {
            let line = line?;
            let Some((text, mac)) = record::split(&line) else { break };
            let (tag, next) = self.head.key.tag(&mut self.writer.ratchet, &self.head.mac, text)?;
            let follows = record::seq(text).is_ok_and(|seq| seq == self.head.seq + 1);
            let authentic = follows && primitive::equal(&tag, &mac);
            self.knows_chain(text, authentic)?;
            if !authentic {
                break;
            }
            self.head.tree.push(tree::leaf(&line)?)?;
            (self.head.key, self.head.mac, self.head.seq) = (next, mac, self.head.seq + 1);
            if record::op(text) == Some(RENEW.as_bytes()) {
                self.renewed();
            }
            taken += line.len() as u64 + 1;
            if record::op(text) == Some(LOST.as_bytes()) {
                (self.head.lost, self.head.tampered) = (0, false);
            }
        }
        self.head.offset += taken;
        self.changed |= taken > 0;
        let cut = length.saturating_sub(self.head.offset);
        if cut > 0 {
            file.set_len(self.head.offset).map_err(failed)?;
        }
        Ok(cut)
    }

    /// A head that knows nothing of a chain that begins here is a copy from before. What follows is
    /// authentic all the same, and is not cut off.
    fn knows_chain(&self, text: &[u8], authentic: bool) -> Result<()> {
        let op = record::op(text);
        let renewed = op == Some(RENEW.as_bytes()) && self.head.pending.is_none();
        // That of a break has the key of the chain which it begins.
        let broken = op == Some(BROKEN.as_bytes()) && !authentic;
        if (renewed && authentic) || broken {
            tracing::error!(
                "the head of the audit log is a copy from before another chain began: {LOST_HEAD}"
            );
            return Err(Error::Altered);
        }
        Ok(())
    }

    /// Goes back to the last line that there is: lines that the head counted are gone. Nobody has their
    /// keys any more: what is left is held against the trees that the head knows.
    fn look_back(&mut self) -> Result<()> {
        let file = self.segment()?;
        let (had, mut same) = (self.head.seq, true);
        let whole = Whole::of(&file, had, |tree| {
            same &= self.head.agrees(tree)?;
            Ok(())
        });
        let Whole { tree, mac, offset, .. } = whole?.ok_or_else(|| {
            let segment = self.head.segment;
            tracing::error!("the audit log's segment {segment} is gone: restore it, or {GO_ON}");
            Error::Altered
        })?;
        file.set_len(offset).map_err(failed)?;
        let head = &mut self.head;
        (head.seq, head.mac, head.offset) = (tree.size(), mac, offset);
        let lost = had.saturating_sub(head.seq);
        head.lost += lost;
        // A loss of power takes what was not durable, from the end.
        head.tampered |= !same || lost == 0 || head.seq < head.durable.0;
        head.tree = tree;
        self.changed = true;
        self.store()
    }

    fn record_loss(&mut self, rebooted: bool) -> Result<()> {
        // Without a loss of power somebody took them.
        let power = rebooted && !self.head.tampered;
        let outcome = if power { OWN.outcome } else { Error::DeviceError.name() };
        match self.head.lost {
            0 => tracing::error!("the audit log's last records were written anew"),
            lost => tracing::error!("{lost} records of the audit log are gone"),
        }
        let details = [Detail::Lost(self.head.lost)];
        self.put(&Entry { op: LOST, outcome, details: &details, ..OWN }, None)?;
        (self.head.lost, self.head.tampered) = (0, false);
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

/// What the whole lines of a segment come to. Their codes are not checked.
pub(super) struct Whole {
    pub(super) tree: Frontier,
    /// The code of the last.
    pub(super) mac: [u8; MAC],
    /// Where the last ends, bytes.
    pub(super) offset: u64,
    /// The last.
    pub(super) last: Vec<u8>,
}

impl Whole {
    /// Of lines up to this record, each tree that they come to shown to `reached`. None where the first
    /// is not one that a segment begins with.
    pub(super) fn of(
        file: &File,
        until: u64,
        mut reached: impl FnMut(&Frontier) -> Result<()>,
    ) -> Result<Option<Whole>> {
        let first = segments::lines(file, 0).next().transpose()?;
        let opening = first.and_then(|first| record::opening(&first));
        let Some((mut tree, mut mac)) = opening else { return Ok(None) };
        let (mut offset, mut last) = (0, Vec::new());
        reached(&tree)?;
        for line in segments::lines(file, 0) {
            let line = line?;
            let Some((text, code)) = record::split(&line) else { break };
            if tree.size() >= until || record::seq(text) != Ok(tree.size() + 1) {
                break;
            }
            tree.push(tree::leaf(&line)?)?;
            reached(&tree)?;
            (mac, offset) = (code, offset + line.len() as u64 + 1);
            last = line;
        }
        Ok(Some(Whole { tree, mac, offset, last }))
    }
}

/// For whom a chain is kept, in one text.
pub(super) fn names<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(" ") }
}

const GO_ON: &str = "go on with 'strongroom audit renew --lost'";
/// The log's own records.
pub(super) const BROKEN: &str = "audit.broken";
pub(super) const BEGIN: &str = "audit.begin";
pub(super) const RENEW: &str = "audit.renew";
const SEGMENT: &str = "audit.segment";
pub(super) const LOST: &str = "audit.lost";
const CUT: &str = "audit.cut";
