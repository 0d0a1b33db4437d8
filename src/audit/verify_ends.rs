// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a check of the log starts and ends with: the keys that an auditor opens, the head, and what the
//! store is bound to.

use super::auditors::{Kept, LONGEST_KEYS};
use super::chain::{ChainKey, MAC};
use super::facts::Facts;
use super::head::{self, Head};
use super::lines;
use super::record;
use super::recovery::{BEGIN, BROKEN, RENEW};
use super::segments::Place;
use super::verdict::{Asked, Fault, Kind, Verdict};
use crate::error::Result;
use crate::mechanism::primitive::{self, Ratchet};
use crate::secret::Secret;
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

/// Where the log ends, as far as is known.
pub(super) struct End {
    head: Option<Head>,
    bound: u64,
}

impl End {
    /// Reads the head, where its key is given.
    pub(super) fn find(asked: &Asked<'_>, verdict: &mut Verdict) -> Result<End> {
        let bound = asked.bound.map_or(0, |bound| bound.seq);
        if asked.key.is_none() {
            return Ok(End { head: None, bound });
        }
        let path = asked.place.head();
        let (head, kind) = match lines::open(&path) {
            Ok(file) => {
                let page = head::read(&file).ok();
                let head = page.and_then(|page| {
                    let mut keys = asked.keys();
                    keys.find_map(|key| Head::find(page.as_slice(), key, asked.place.store).ok())
                });
                (head, Kind::HeadAltered)
            }
            Err(_) => (None, Kind::HeadMissing),
        };
        if head.is_none() && asked.place.directory.is_dir() {
            verdict.faults.push(Fault { kind, file: path, line: None, seq: None, until: None });
        }
        Ok(End { head, bound })
    }

    /// Whether the head says where the log ends.
    pub(super) fn is_known(&self) -> bool {
        self.head.is_some()
    }

    /// The last record that the head or the store knows of.
    pub(super) fn seq(&self) -> u64 {
        self.bound.max(self.head_seq().unwrap_or(0))
    }

    /// The last record that the head knows of.
    pub(super) fn head_seq(&self) -> Option<u64> {
        self.head.as_ref().map(|head| head.seq)
    }

    /// The segment that the head says is being written.
    pub(super) fn segment(&self) -> Option<u64> {
        self.head.as_ref().filter(|head| !head.turning).map(|head| head.segment)
    }

    /// Whether the head is where this record is the last.
    pub(super) fn follows(&self, seq: u64, mac: &[u8; MAC]) -> bool {
        self.head.as_ref().is_some_and(|head| head.seq == seq && head.mac == *mac)
    }

    /// Whether the head is a copy from before this record, with which another chain was announced.
    pub(super) fn is_before(&self, renewal: u64) -> bool {
        self.head.as_ref().is_some_and(|head| head.seq < renewal && head.pending.is_none())
    }

    /// The key of the record behind the head.
    pub(super) fn key(&self) -> Result<Option<ChainKey>> {
        let head = self.head.as_ref();
        head.map(|head| Secret::copy_of(head.key.expose()).map(ChainKey::of)).transpose()
    }
}

/// Where a chain begins: with which record, and whether behind a lost head.
type Start = (u64, bool);

/// The first keys of the chains of a log.
#[derive(Default)]
pub(super) struct Keys {
    /// Those that can be opened.
    opened: BTreeMap<Start, Secret>,
    /// The files that a record vouches for.
    vouched: BTreeSet<Start>,
}

impl Keys {
    /// Opens what the auditor's key opens, and what is kept for nobody but the store.
    pub(super) fn read(asked: &Asked<'_>, verdict: &mut Verdict) -> Result<Keys> {
        let mut keys = Keys::default();
        let place = asked.place;
        let chains = place.chains().unwrap_or_default().into_iter().map(|first| (first, false));
        let breaks = place.breaks().unwrap_or_default().into_iter().map(|first| (first, true));
        for start in chains.chain(breaks) {
            let kept = Kept::read(&path(place, start), start.0);
            let by_seed = |kept: &Kept| asked.auditor.and_then(|seed| kept.open(place, seed));
            let by_store = |kept: &Kept| {
                asked.keys().find_map(|key| kept.open_by_store(place, &path(place, start), key))
            };
            match kept.and_then(|kept| by_seed(&kept).or_else(|| by_store(&kept))) {
                Some(key) => drop(keys.opened.insert(start, key)),
                None if asked.auditor.is_some() => verdict.unopened.push(start.0),
                None => {}
            }
        }
        Ok(keys)
    }

    /// The key of the chain that begins with this record.
    pub(super) fn at(&self, first: u64) -> Option<ChainKey> {
        self.from((first, false))
    }

    /// The key of the chain that begins behind a lost head with this record.
    pub(super) fn behind_break(&self, first: u64) -> Option<ChainKey> {
        self.from((first, true))
    }

    fn from(&self, start: Start) -> Option<ChainKey> {
        let key = self.opened.get(&start)?;
        Secret::copy_of(key.expose()).ok().map(ChainKey::of)
    }

    /// Whether a record vouched for the chain that begins with this one.
    pub(super) fn vouched(&self, first: u64) -> bool {
        self.vouched.contains(&(first, false))
    }

    /// Holds the file of a chain against the record that names it; returns which file is not the one.
    pub(super) fn vouch(&mut self, place: &Place, facts: &Facts) -> Result<Option<PathBuf>> {
        let start = match facts.op.as_str() {
            BEGIN => (1, false),
            RENEW => (facts.seq + 1, false),
            BROKEN if facts.keys.is_some() => (facts.seq, true),
            _ => return Ok(None),
        };
        // Read when it is named: it may have been made while the lines were read.
        let kept = lines::small(&path(place, start), LONGEST_KEYS).ok();
        let hash = kept.map(|kept| primitive::sha256(&kept)).transpose()?;
        if hash.is_none() || hash != facts.keys {
            return Ok(Some(path(place, start)));
        }
        self.vouched.insert(start);
        Ok(None)
    }

    /// The key of a record in the middle of a chain: as many steps from its first as there are records
    /// between, and as many more as were lost.
    pub(super) fn find(
        &self,
        facts: &Facts,
        previous: &[u8; MAC],
        line: &[u8],
    ) -> Result<Option<ChainKey>> {
        let Some((text, mac)) = record::split(line) else { return Ok(None) };
        // One that an interrupted renewal left is no chain's.
        for start in self.opened.range(..=(facts.seq, true)).rev().map(|(start, _)| *start) {
            let Some(key) = self.from(start) else { continue };
            let mut with = Ratchet::default();
            let mut key = key.skip(&mut with, facts.seq - start.0)?;
            for _ in 0..MOST_LOST {
                let (tag, next) = key.tag(&mut with, previous, text)?;
                if primitive::equal(&tag, &mac) {
                    return Ok(Some(key));
                }
                key = next;
            }
        }
        Ok(None)
    }
}

fn path(place: &Place, (first, broken): Start) -> PathBuf {
    if broken { place.broken(first) } else { place.chain(first) }
}

/// How many lost records are reckoned with before the first that is looked at.
const MOST_LOST: u64 = 1 << 16;
