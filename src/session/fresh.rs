// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The initialisation vectors that a session has encrypted with, so that none is used twice with one
//! key. A pair of both is remembered by a keyed digest of 64 bits, a line of few at a time; a pair that
//! is new is taken for an old one once in 2^46 or less. It may import `mechanism` and `store`.
//!
//! The digest is a multilinear hash (Thorup, "High speed hashing for integers and strings"): the
//! upper half of a sum, modulo 2^128, of the words, each times a random factor of its own. It
//! is strongly universal: whatever two different pairs are, they have one digest once in 2^64, over the
//! choice of the factors. So of 2^18 pairs remembered, all that there may be, a new one meets any once
//! in 2^46. That is proved, not assumed; it holds because nobody sees digests: what a caller learns is
//! that nothing was refused. A pair seen before always has the same digest.

use crate::error::Result;
use crate::mechanism::primitive;
use crate::store::Tag;
use zeroize::Zeroize;

/// The digest of a key and an initialisation vector.
#[derive(Clone, Copy)]
pub(super) struct Pair(u64);

/// What a session has encrypted with: all of it while there are fewer than [`MOST`] lines, and then the
/// last that fell on each.
#[derive(Default)]
pub(super) struct Seen {
    lines: Vec<[u64; LINE]>,
    /// Made for the first pair: most sessions never see one.
    factors: Option<Box<Factors>>,
    /// The key of the last pair, and what it adds.
    last: Option<(Tag, u128)>,
}

/// What a digest is keyed by: what is added, and a factor for each word.
struct Factors([u128; FACTORS]);

impl Factors {
    fn random() -> Result<Box<Factors>> {
        let mut factors = Box::new(Factors([0; FACTORS]));
        let mut bytes = [0; 16 * FACTORS];
        primitive::random(&mut bytes)?;
        for (factor, bytes) in factors.0.iter_mut().zip(bytes.chunks_exact(16)) {
            *factor = bytes.first_chunk().copied().map_or(0, u128::from_le_bytes);
        }
        bytes.zeroize();
        Ok(factors)
    }

    /// What a key adds to the sum.
    fn key(&self, key: &Tag) -> u128 {
        let [added, a, b, ..] = self.0;
        let key = u128::from_le_bytes(*key);
        added.wrapping_add(times(a, key as u64)).wrapping_add(times(b, (key >> 64) as u64))
    }

    /// The sum with a vector. One of up to 15 bytes is two words with its length behind it; a longer one
    /// goes in by its SHA-256, in which a length stands that is none.
    fn vector(&self, sum: u128, vector: &[u8]) -> Result<u128> {
        let [_, _, _, c, d, e, f] = self.0;
        let mut short = [0; 16];
        if let Some(place) = short.get_mut(..vector.len()).filter(|_| vector.len() < 16) {
            place.copy_from_slice(vector);
            let [.., length] = &mut short;
            *length = vector.len() as u8;
            return Ok(both(sum, (c, d), short));
        }
        let digest = primitive::sha256(vector)?;
        let (mut head, mut tail) = ([0; 16], [0; 16]);
        head.iter_mut().chain(&mut tail).zip(digest).for_each(|(place, byte)| *place = byte);
        let [.., length] = &mut head;
        *length = u8::MAX;
        Ok(both(both(sum, (c, d), head), (e, f), tail))
    }
}

impl Seen {
    /// A key, by its fingerprint, with an initialisation vector.
    pub(super) fn pair(&mut self, key: &Tag, vector: &[u8]) -> Result<Pair> {
        let factors = match &mut self.factors {
            Some(factors) => factors,
            none => none.insert(Factors::random()?),
        };
        // What one key adds is the same as often as it is used.
        if self.last.is_none_or(|(last, _)| last != *key) {
            self.last = Some((*key, factors.key(key)));
        }
        let sum = self.last.map_or(0, |(_, sum)| sum);
        // Zero is an empty place.
        Ok(Pair(((factors.vector(sum, vector)? >> 64) as u64).max(1)))
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

fn times(factor: u128, word: u64) -> u128 {
    factor.wrapping_mul(u128::from(word))
}

fn both(sum: u128, (a, b): (u128, u128), words: [u8; 16]) -> u128 {
    let words = u128::from_le_bytes(words);
    sum.wrapping_add(times(a, words as u64)).wrapping_add(times(b, (words >> 64) as u64))
}

/// What is added, and factors for a key and a vector.
const FACTORS: usize = 1 + 2 + 4;
/// Digests a line, which is two of the processor's cache.
const LINE: usize = 16;
/// Lines of a session's first encryption, and at most: a kibibyte, and two mebibytes. Of 32,768 pairs
/// none falls out, but once in a million sessions.
const FEWEST: usize = 8;
const MOST: usize = 1 << 14;
