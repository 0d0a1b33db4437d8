// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The token objects whose values are in memory, and how much memory that is. It imports this room's
//! `entry`.

use super::entry::Entry;
use std::collections::VecDeque;
use std::sync::Arc;

/// Loaded objects, the one loaded longest ago first, with the memory each was reckoned to take.
#[derive(Default)]
pub(super) struct Loaded {
    queue: VecDeque<(Arc<Entry>, usize)>,
    bytes: usize,
}

impl Loaded {
    /// Notes an object that was loaded. Beyond the limit those loaded longest ago are let go: the values
    /// and what OpenSSL made of them are wiped, their handles stay good, and whoever is using one goes
    /// on. The one just loaded stays, whatever it takes.
    pub(super) fn keep(&mut self, entry: &Arc<Entry>, bytes: usize) {
        self.queue.push_back((entry.clone(), bytes));
        self.bytes = self.bytes.saturating_add(bytes);
        while self.bytes > LIMIT && self.queue.len() > 1 {
            if let Some((oldest, bytes)) = self.queue.pop_front() {
                self.bytes = self.bytes.saturating_sub(bytes);
                if !Arc::ptr_eq(&oldest, entry) {
                    oldest.state.write().object = None;
                }
            }
        }
    }

    /// Forgets private objects, which a logout has let go.
    pub(super) fn forget_private(&mut self) {
        self.queue.retain(|(entry, _)| !entry.private);
        self.bytes = self.queue.iter().map(|(_, bytes)| bytes).sum();
    }
}

/// Bytes of memory, most of it secret, for the objects of a token: some 18,000 keys on P-256, or half as
/// many of RSA with 2048 bits.
const LIMIT: usize = 96 << 20;
