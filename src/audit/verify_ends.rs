// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a check of the log starts and ends with: the keys that an auditor opens, the head, and what the
//! store is bound to.

use super::chain::{ChainKey, MAC};
use super::facts::Facts;
use super::head::{self, Head, Seals};
use super::lines;
use super::note;
use super::record;
use super::recovery::LONGEST_KEYS;
use super::segments::Place;
use super::verdict::{Asked, Fault, Kind, Verdict};
use crate::error::Result;
use crate::mechanism::kem;
use crate::mechanism::primitive::{self, Ratchet};
use crate::secret::Secret;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};

/// Where the log ends, as far as is known.
pub(super) struct End {
    head: Option<Head>,
    bound: u64,
}

impl End {
    /// Reads the head, where its key is given.
    pub(super) fn find(asked: &Asked<'_>, verdict: &mut Verdict) -> Result<End> {
        let bound = asked.bound.map_or(0, |bound| bound.seq);
        let Some(key) = asked.key else { return Ok(End { head: None, bound }) };
        let path = asked.place.head();
        let mut seals = Seals::new(key, asked.place.store)?;
        let (head, kind) = match lines::open(&path) {
            Ok(file) => {
                let page = head::read(&file).ok();
                let head = page.and_then(|page| Head::open(page.as_slice(), &mut seals).ok());
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

    /// The key of the record behind the head.
    pub(super) fn key(&self) -> Result<Option<ChainKey>> {
        let head = self.head.as_ref();
        head.map(|head| Secret::copy_of(head.key.expose()).map(ChainKey::of)).transpose()
    }
}

/// The first keys of the chains of a log.
#[derive(Default)]
pub(super) struct Keys {
    /// Those that the auditor can open.
    opened: BTreeMap<u64, Secret>,
    /// The files that a record vouches for.
    vouched: BTreeSet<u64>,
}

impl Keys {
    /// Opens what the auditor's key opens.
    pub(super) fn read(asked: &Asked<'_>, verdict: &mut Verdict) -> Result<Keys> {
        let mut keys = Keys::default();
        let place = asked.place;
        for first in place.chains().unwrap_or_default() {
            let path = place.chain(first);
            let text = lines::small(&path, LONGEST_KEYS).unwrap_or_default();
            let Some(seed) = asked.auditor else { continue };
            let kept = serde_json::from_slice::<Kept>(&text).ok();
            let kept = kept.filter(|kept| kept.v == 1 && kept.first == first);
            match kept.and_then(|kept| kept.open(place, seed)) {
                Some(key) => drop(keys.opened.insert(first, key)),
                None => verdict.unopened.push(first),
            }
        }
        Ok(keys)
    }

    /// The key of the chain that begins with this record.
    pub(super) fn at(&self, first: u64) -> Option<ChainKey> {
        let key = self.opened.get(&first)?;
        Secret::copy_of(key.expose()).ok().map(ChainKey::of)
    }

    /// Whether a record vouched for the chain that begins with this one.
    pub(super) fn vouched(&self, first: u64) -> bool {
        self.vouched.contains(&first)
    }

    /// Holds the file of a chain against the record that names it; returns which file is not the one.
    pub(super) fn vouch(&mut self, place: &Place, facts: &Facts) -> Result<Option<u64>> {
        let first = match facts.op.as_str() {
            "audit.begin" => 1,
            "audit.renew" => facts.seq + 1,
            _ => return Ok(None),
        };
        // Read when it is named: it may have been made while the lines were read.
        let kept = lines::small(&place.chain(first), LONGEST_KEYS).ok();
        let hash = kept.map(|kept| primitive::sha256(&kept)).transpose()?;
        if hash.is_none() || hash != facts.keys {
            return Ok(Some(first));
        }
        self.vouched.insert(first);
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
        for first in self.opened.range(..=facts.seq).rev().map(|(first, _)| *first) {
            let Some(key) = self.at(first) else { continue };
            let mut with = Ratchet::default();
            let mut key = key.skip(&mut with, facts.seq - first)?;
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

/// A file of keys.
#[derive(Deserialize)]
struct Kept {
    v: u8,
    first: u64,
    auditors: Vec<For>,
}

#[derive(Deserialize)]
struct For {
    kem: String,
    sealed: String,
}

impl Kept {
    fn open(&self, place: &Place, seed: &Secret) -> Option<Secret> {
        let context =
            [&b"strongroom audit chain"[..], &place.store, &self.first.to_be_bytes()].concat();
        let opener = kem::Decapsulator::new(seed).ok()?;
        self.auditors.iter().find_map(|auditor| {
            let ciphertext = note::from_base64(&auditor.kem)?;
            let shared = opener.decapsulate(&ciphertext).ok()?;
            let sealed = note::from_base64(&auditor.sealed)?;
            primitive::open(&shared, &context, &sealed).ok()
        })
    }
}

/// How many lost records are reckoned with before the first that is looked at.
const MOST_LOST: u64 = 1 << 16;
