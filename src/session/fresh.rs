// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The initialisation vectors that a session has encrypted with, so that none is used twice with one
//! key. A pair of both is remembered by a keyed digest of 64 bits, a line of few at a time; a pair that
//! is new is taken for an old one once in 2^46 or less.

use crate::store::Tag;
use std::hash::{BuildHasher, Hasher, RandomState};

/// The digest of a key and an initialisation vector.
#[derive(Clone, Copy)]
pub(super) struct Pair(u64);

/// What a session has encrypted with: all of it while there are fewer than [`MOST`] lines, and then the
/// last that fell on each.
#[derive(Default)]
pub(super) struct Seen {
    lines: Vec<[u64; LINE]>,
    keyed: RandomState,
}

impl Seen {
    /// A key, by its fingerprint, with an initialisation vector.
    pub(super) fn pair(&self, key: &Tag, vector: &[u8]) -> Pair {
        let mut hasher = self.keyed.build_hasher();
        hasher.write(key);
        hasher.write(vector);
        // Zero is an empty place.
        Pair(hasher.finish().max(1))
    }

    pub(super) fn contains(&self, pair: Pair) -> bool {
        self.line(pair).and_then(|at| self.lines.get(at)).is_some_and(|line| line.contains(&pair.0))
    }

    pub(super) fn insert(&mut self, pair: Pair) {
        // A line that is full is halved by having twice as many, so that none falls out until then.
        while self.lines.len() < MOST && self.is_full(pair) {
            self.grow();
        }
        self.put(pair);
    }

    fn is_full(&self, pair: Pair) -> bool {
        let line = self.line(pair).and_then(|at| self.lines.get(at));
        line.is_none_or(|line| line.last() != Some(&0))
    }

    fn put(&mut self, pair: Pair) {
        let at = self.line(pair);
        if let Some(line) = at.and_then(|at| self.lines.get_mut(at)) {
            // The newest comes first, the oldest falls out.
            line.rotate_right(1);
            if let Some(first) = line.first_mut() {
                *first = pair.0;
            }
        }
    }

    fn grow(&mut self) {
        let twice = (2 * self.lines.len()).max(FEWEST);
        let old = std::mem::replace(&mut self.lines, vec![[0; LINE]; twice]);
        for digest in old.iter().flat_map(|line| line.iter().rev()).filter(|digest| **digest != 0) {
            self.put(Pair(*digest));
        }
    }

    fn line(&self, pair: Pair) -> Option<usize> {
        usize::try_from(pair.0 >> 20).ok()?.checked_rem(self.lines.len())
    }
}

/// Digests a line, which is two of the processor's cache.
const LINE: usize = 16;
/// Lines of a session's first encryption, and at most: a kibibyte, and two mebibytes. Of 32,768 pairs
/// none falls out, but once in a million sessions.
const FEWEST: usize = 8;
const MOST: usize = 1 << 14;
