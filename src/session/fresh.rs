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
}

/// What a digest is keyed by: what is added, and a factor for each word.
struct Factors([u128; WORDS + 1]);

impl Factors {
    fn random() -> Result<Box<Factors>> {
        let mut factors = Box::new(Factors([0; WORDS + 1]));
        let mut bytes = [0; 16 * (WORDS + 1)];
        primitive::random(&mut bytes)?;
        for (factor, bytes) in factors.0.iter_mut().zip(bytes.chunks_exact(16)) {
            *factor = bytes.first_chunk().copied().map_or(0, u128::from_le_bytes);
        }
        bytes.zeroize();
        Ok(factors)
    }

    /// The digest of so many words at most.
    fn digest(&self, words: &[u64; WORDS]) -> u64 {
        let [added, factors @ ..] = &self.0;
        let terms = words.iter().zip(factors);
        let sum = terms.fold(*added, |sum, (word, factor)| {
            sum.wrapping_add(factor.wrapping_mul(u128::from(*word)))
        });
        (sum >> 64) as u64
    }
}

impl Seen {
    /// A key, by its fingerprint, with an initialisation vector.
    pub(super) fn pair(&mut self, key: &Tag, vector: &[u8]) -> Result<Pair> {
        let factors = match &mut self.factors {
            Some(factors) => factors,
            none => none.insert(Factors::random()?),
        };
        // Zero is an empty place.
        Ok(Pair(factors.digest(&words(key, vector)?).max(1)))
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

/// The words of a pair: the key, the vector, and its length, which tells a short one from one with
/// zeros behind it. One that is longer than the words goes in by its SHA-256, and by its own length.
fn words(key: &Tag, vector: &[u8]) -> Result<[u64; WORDS]> {
    let mut bytes = [0; VECTOR];
    match bytes.get_mut(..vector.len()) {
        Some(place) => place.copy_from_slice(vector),
        None => bytes = primitive::sha256(vector)?,
    }
    let key = u128::from_le_bytes(*key);
    let mut words = [vector.len() as u64, key as u64, (key >> 64) as u64, 0, 0, 0, 0];
    let places = words.iter_mut().skip(WORDS - VECTOR / 8);
    for (word, bytes) in places.zip(bytes.chunks_exact(8)) {
        *word = bytes.first_chunk().copied().map_or(0, u64::from_le_bytes);
    }
    Ok(words)
}

/// The longest vector that goes in as it is, bytes.
const VECTOR: usize = 32;
/// A length, a key, a vector.
const WORDS: usize = 2 + 1 + VECTOR / 8;
/// Digests a line, which is two of the processor's cache.
const LINE: usize = 16;
/// Lines of a session's first encryption, and at most: a kibibyte, and two mebibytes. Of 32,768 pairs
/// none falls out, but once in a million sessions.
const FEWEST: usize = 8;
const MOST: usize = 1 << 14;
