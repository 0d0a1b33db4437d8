// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Generational handles: a handle that was given back never names anything again.
//!
//! The table is split into shards with a lock each, so that threads that work with different
//! handles do not meet. A lock is held for the look-up alone.
//!
//! Token objects are in no table: their handles say where they are.

use crate::error::{Error, Result};
use parking_lot::RwLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A table of values by handle.
pub(super) struct Handles<T> {
    shards: [Shard<T>; SHARDS],
    next: AtomicUsize,
}

/// Apart by a cache line or two, so that one shard's lock does not slow its neighbour's.
#[repr(align(128))]
struct Shard<T>(RwLock<Places<T>>);

struct Places<T> {
    places: Vec<Place<T>>,
    free: Vec<usize>,
}

struct Place<T> {
    generation: u32,
    value: Option<T>,
}

impl<T: Clone> Handles<T> {
    /// An empty table.
    pub(super) fn new() -> Handles<T> {
        let shard = || Shard(RwLock::new(Places { places: Vec::new(), free: Vec::new() }));
        Handles { shards: std::array::from_fn(|_| shard()), next: AtomicUsize::new(0) }
    }

    /// Adds a value that `make` builds for its handle.
    pub(super) fn insert(&self, make: impl FnOnce(u64) -> T) -> Result<u64> {
        let shard = self.next.fetch_add(1, Ordering::Relaxed) % SHARDS;
        let mut places = self.shards.get(shard).ok_or(Error::GeneralError)?.0.write();
        let index = match places.free.pop() {
            Some(index) => index,
            None => {
                places.places.push(Place { generation: 0, value: None });
                places.places.len() - 1
            }
        };
        let place = places.places.get_mut(index).ok_or(Error::GeneralError)?;
        // Generation 0 is never given out, so 0 is never a handle.
        place.generation += 1;
        let low = u32::try_from(index * SHARDS + shard).map_err(|_| Error::HostMemory)?;
        let handle = (u64::from(place.generation) << 32) | u64::from(low);
        place.value = Some(make(handle));
        Ok(handle)
    }

    /// The value of a handle.
    pub(super) fn get(&self, handle: u64) -> Option<T> {
        let (shard, index, generation) = self.locate(handle)?;
        let places = shard.0.read();
        let place = places.places.get(index).filter(|place| place.generation == generation)?;
        place.value.clone()
    }

    /// Takes a handle back.
    pub(super) fn remove(&self, handle: u64) -> Option<T> {
        let (shard, index, generation) = self.locate(handle)?;
        let mut places = shard.0.write();
        let place = places.places.get_mut(index).filter(|place| place.generation == generation)?;
        let value = place.value.take()?;
        // A place whose generations are used up is not used again.
        if place.generation < GENERATIONS {
            places.free.push(index);
        }
        Some(value)
    }

    /// Every handle with its value, as they are now.
    pub(super) fn all(&self) -> Vec<(u64, T)> {
        let mut all = Vec::new();
        for (number, shard) in self.shards.iter().enumerate() {
            for (index, place) in shard.0.read().places.iter().enumerate() {
                if let Some(value) = &place.value {
                    let low = (index * SHARDS + number) as u64;
                    all.push(((u64::from(place.generation) << 32) | low, value.clone()));
                }
            }
        }
        all
    }

    fn locate(&self, handle: u64) -> Option<(&Shard<T>, usize, u32)> {
        let low = (handle & u64::from(u32::MAX)) as usize;
        Some((self.shards.get(low % SHARDS)?, low / SHARDS, (handle >> 32) as u32))
    }
}

/// Whether a handle is that of a token object.
pub(super) fn is_token(handle: u64) -> bool {
    handle & TOKEN != 0
}

/// The handle of a token object: of its row, and of the login it is given under, 0 for none.
pub(super) fn of_row(row: i64, login: u64) -> Result<u64> {
    let row = u64::try_from(row).ok().filter(|row| *row <= ROW).ok_or(Error::DeviceMemory)?;
    Ok(TOKEN | (login << ROW_BITS) | row)
}

/// The row and the login of a token object's handle; none where it is another's handle.
pub(super) fn row(handle: u64) -> Option<(i64, u64)> {
    let login = (handle & !TOKEN) >> ROW_BITS;
    is_token(handle).then_some(((handle & ROW) as i64, login))
}

/// Logins are counted up to here in handles, and begin again.
pub(super) const LOGINS: u64 = (1 << (63 - ROW_BITS)) - 1;
const TOKEN: u64 = 1 << 63;
const ROW_BITS: u32 = 40;
const ROW: u64 = (1 << ROW_BITS) - 1;
const SHARDS: usize = 16;
/// Handles of a table leave their highest bit to those of token objects.
const GENERATIONS: u32 = u32::MAX >> 1;
