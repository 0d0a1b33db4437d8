// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The initialisation vectors that a session has encrypted with, so that none is used twice with one
//! key.

use crate::mechanism::params::Iv;
use crate::store::Tag;
use std::collections::HashSet;

/// A key, by its fingerprint, and an initialisation vector.
pub(super) type Pair = (Tag, Iv);

/// What a session has encrypted with: at least the last [`REMEMBERED`] pairs.
#[derive(Default)]
pub(super) struct Seen {
    recent: HashSet<Pair>,
    older: HashSet<Pair>,
}

impl Seen {
    pub(super) fn contains(&self, pair: &Pair) -> bool {
        self.recent.contains(pair) || self.older.contains(pair)
    }

    pub(super) fn insert(&mut self, pair: Pair) {
        if self.recent.len() >= REMEMBERED {
            self.older = std::mem::take(&mut self.recent);
        }
        self.recent.insert(pair);
    }
}

/// Pairs that are remembered before the oldest are forgotten: some megabytes of a session that has
/// encrypted so much.
const REMEMBERED: usize = 1 << 16;
