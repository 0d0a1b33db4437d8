// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The checkpoints of a log, held against its tree as a check goes through the lines.

use super::lines;
use super::note::{self, Checkpoint};
use super::segments::Place;
use super::signer;
use super::tree::Node;
use super::verdict::{Asked, Fault, Kind, Verdict};
use crate::error::Result;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// The checkpoints that are signed as they should be.
#[derive(Default)]
pub(super) struct Notes {
    roots: BTreeMap<u64, Node>,
    announced: BTreeSet<u64>,
    /// The files that are there, good or bad.
    there: BTreeSet<u64>,
    latest: u64,
}

impl Notes {
    /// Reads all checkpoints; what is wrong with one is a fault.
    pub(super) fn read(asked: &Asked<'_>, verdict: &mut Verdict) -> Result<Notes> {
        let place = asked.place;
        let mut notes = Notes::default();
        let kept = lines::small(&place.verifier(), LONGEST).ok();
        let kept = kept.and_then(|bytes| String::from_utf8(bytes).ok());
        let name = note::origin(&place.store);
        let own = asked.keys().find_map(|key| signer::verifier(place, key).ok());
        if asked.key.is_some() && own.is_none() && place.directory.is_dir() {
            verdict.faults.push(fault(Kind::VerifierAltered, place.signer(), None));
        }
        let known = asked.verifier.map(str::to_owned).or(own);
        let same = known.is_none()
            || known.as_deref().map(str::trim_end) == kept.as_deref().map(str::trim_end);
        let trusted = known.or(kept).and_then(|line| note::read_verifier(&line).ok());
        let Some((_, public)) = trusted.filter(|(by, _)| *by == name) else {
            verdict.faults.push(fault(Kind::VerifierAltered, place.verifier(), None));
            return Ok(notes);
        };
        if !same {
            verdict.faults.push(fault(Kind::VerifierAltered, place.verifier(), None));
        }
        for size in place.all_checkpoints().unwrap_or_default() {
            notes.there.insert(size);
            let path = place.checkpoint(size);
            let text = lines::small(&path, LONGEST).ok().and_then(|b| String::from_utf8(b).ok());
            let read = text.and_then(|text| Checkpoint::open(&text, &name, &public).ok());
            match read.filter(|read| read.size == size) {
                Some(read) => {
                    notes.roots.insert(size, read.root);
                    notes.latest = size;
                }
                None => {
                    verdict.faults.push(fault(Kind::CheckpointAltered, path, Some(size)));
                }
            }
        }
        Ok(notes)
    }

    /// The size of the largest that is signed as it should be.
    pub(super) fn latest(&self) -> u64 {
        self.latest
    }

    /// A record says that one of this size was made.
    pub(super) fn announced(&mut self, size: u64) {
        self.announced.insert(size);
    }

    /// Whether there is one of this size, signed as it should be.
    pub(super) fn has(&self, size: u64) -> bool {
        self.roots.contains_key(&size)
    }

    /// The tree of this size has this root: whether the checkpoint says so. One that does not is none.
    pub(super) fn holds(&mut self, size: u64, root: &Node, verdict: &mut Verdict) -> bool {
        if self.roots.get(&size) == Some(root) {
            verdict.checkpoint = Some(size);
            verdict.checkpoints += 1;
            return true;
        }
        self.roots.remove(&size);
        self.latest = self.roots.keys().next_back().copied().unwrap_or(0);
        false
    }

    /// What was read up to `seq` is all that is to be compared.
    pub(super) fn conclude(&self, place: &Place, seq: u64, verdict: &mut Verdict) {
        for size in self.announced.difference(&self.there).filter(|size| **size <= seq) {
            let path = place.checkpoint(*size);
            if path.is_file() {
                // It was made while the lines were read.
                continue;
            }
            verdict.faults.push(fault(Kind::CheckpointMissing, path, Some(*size)));
        }
    }
}

fn fault(kind: Kind, file: PathBuf, seq: Option<u64>) -> Fault {
    Fault { kind, file, line: None, seq, until: None }
}

/// The longest note or verifier key that is read, bytes: many may sign.
const LONGEST: u64 = 64 * 1024;
