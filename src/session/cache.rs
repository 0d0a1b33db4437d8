// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The objects of a token that are in memory: by row, as many as fit a bound in bytes. A handle of
//! such an object is its row and a login, so that objects cost memory while they are here, and not
//! for having been found once. It may import `entry` and layer 0.
//!
//! Locks: the queue, then a shard of the table. Looking something up takes the shard alone.

use super::entry::Entry;
use crate::error::{Error, Result};
use parking_lot::{Mutex, RwLock};
use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// The objects in memory.
pub(super) struct Cache {
    shards: [Shard; SHARDS],
    queue: Mutex<Queue>,
}

/// Apart by a cache line or two, so that one shard's lock does not slow its neighbour's.
#[repr(align(128))]
#[derive(Default)]
struct Shard(RwLock<HashMap<i64, Arc<Entry>, BuildHasherDefault<ByRow>>>);

/// What is in memory in the order in which it came: what nobody has used since goes first.
#[derive(Default)]
struct Queue {
    order: VecDeque<(i64, Arc<Entry>)>,
    bytes: usize,
    /// Entries that are in the queue alone.
    gone: usize,
}

impl Cache {
    pub(super) fn new() -> Cache {
        Cache { shards: std::array::from_fn(|_| Shard::default()), queue: Mutex::default() }
    }

    /// The object of a row, if it is here.
    pub(super) fn get(&self, row: i64) -> Option<Arc<Entry>> {
        let entry = self.shard(row)?.0.read().get(&row).cloned()?;
        if !entry.used.load(Ordering::Relaxed) {
            entry.used.store(true, Ordering::Relaxed);
        }
        Some(entry)
    }

    /// Adds the object of a row; the one that is here already, if there is one.
    pub(super) fn put(&self, row: i64, entry: Arc<Entry>) -> Result<Arc<Entry>> {
        {
            let mut shard = self.shard(row).ok_or(Error::GeneralError)?.0.write();
            if let Some(known) = shard.get(&row) {
                return Ok(known.clone());
            }
            shard.insert(row, entry.clone());
        }
        let mut queue = self.queue.lock();
        queue.bytes += entry.weight;
        queue.order.push_back((row, entry.clone()));
        self.shrink(&mut queue);
        Ok(entry)
    }

    /// Forgets an object that is no more.
    pub(super) fn remove(&self, row: i64, entry: &Arc<Entry>) {
        let Some(shard) = self.shard(row) else { return };
        {
            let mut shard = shard.0.write();
            if !shard.get(&row).is_some_and(|known| Arc::ptr_eq(known, entry)) {
                return;
            }
            shard.remove(&row);
        }
        let mut queue = self.queue.lock();
        queue.gone += 1;
        if queue.gone > FEW && queue.gone > queue.order.len() / 2 {
            self.sweep(&mut queue);
        }
    }

    /// Forgets private objects, and returns them.
    pub(super) fn take_private(&self) -> Vec<Arc<Entry>> {
        let mut taken = Vec::new();
        let mut queue = self.queue.lock();
        for shard in &self.shards {
            shard.0.write().retain(|_, entry| {
                if entry.private {
                    taken.push(entry.clone());
                }
                !entry.private
            });
        }
        self.sweep(&mut queue);
        taken
    }

    /// All objects that are here.
    pub(super) fn all(&self) -> Vec<Arc<Entry>> {
        let all = self.shards.iter().flat_map(|shard| {
            let entries: Vec<_> = shard.0.read().values().cloned().collect();
            entries
        });
        all.collect()
    }

    /// Lets go of what was used least lately, beyond the bound. What an operation holds stays: it is to
    /// learn of changes, so that there must be no second one of its row.
    fn shrink(&self, queue: &mut Queue) {
        let mut looks = 2 * queue.order.len();
        while queue.bytes > MOST && looks > 0 {
            looks -= 1;
            let Some((row, entry)) = queue.order.pop_front() else { break };
            if entry.used.swap(false, Ordering::Relaxed) || !self.let_go(row, &entry) {
                queue.order.push_back((row, entry));
                continue;
            }
            queue.bytes -= entry.weight;
        }
    }

    /// Whether an object is out of the table: nobody held it, or it was gone before.
    fn let_go(&self, row: i64, entry: &Arc<Entry>) -> bool {
        let Some(shard) = self.shard(row) else { return true };
        let mut shard = shard.0.write();
        if !shard.get(&row).is_some_and(|known| Arc::ptr_eq(known, entry)) {
            return true;
        }
        // With the shard locked nobody takes another: the table has one, the queue has one.
        if Arc::strong_count(entry) > 2 {
            return false;
        }
        shard.remove(&row);
        true
    }

    fn sweep(&self, queue: &mut Queue) {
        queue.order.retain(|(row, entry)| {
            let known = self.shard(*row).and_then(|shard| shard.0.read().get(row).cloned());
            known.is_some_and(|known| Arc::ptr_eq(&known, entry))
        });
        queue.bytes = queue.order.iter().map(|(_, entry)| entry.weight).sum();
        queue.gone = 0;
    }

    fn shard(&self, row: i64) -> Option<&Shard> {
        self.shards.get(row as usize % SHARDS)
    }
}

/// Rows are counted up by the store: nobody chooses them, so that a multiplication scatters them.
#[derive(Default)]
struct ByRow(u64);

impl Hasher for ByRow {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_i64(i64::from(*byte)));
    }

    fn write_i64(&mut self, row: i64) {
        self.0 = (self.0.rotate_left(5) ^ row as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

const SHARDS: usize = 16;
/// What objects may take, bytes as [`crate::object::Object::weight`] counts them.
const MOST: usize = 12 << 20;
/// So many that are gone are not worth a walk through the queue.
const FEW: usize = 256;
