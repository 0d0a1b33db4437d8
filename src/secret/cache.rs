// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The allocator as its users see it: each thread keeps a few free blocks of each small size, so that
//! it seldom meets other threads. It imports this room's `slabs`.

use super::slabs::{self, Chain, Home, Pool, SMALL};
use std::cell::Cell;
use std::ptr::NonNull;

/// A zeroed block of at least `len` bytes; its address is a multiple of 16.
pub(super) fn allocate(pool: Pool, len: usize) -> Option<NonNull<u8>> {
    let Some(class) = slabs::class_of(len) else { return slabs::take_large(pool, len) };
    if class < SMALL {
        if let Ok(block) = CACHE.try_with(|cache| cache.take(pool, class)) {
            return block;
        }
    }
    slabs::take(pool, class, 1)?.pop()
}

/// Wipes a block and takes it back.
///
/// # Safety
/// The block came from `allocate`, was not given back, and is not used again.
pub(super) unsafe fn release(block: NonNull<u8>) {
    // SAFETY: by this function's contract.
    let Home::Slab(pool, class) = (unsafe { slabs::wipe(block) }) else { return };
    let kept = class < SMALL && CACHE.try_with(|cache| cache.put(pool, class, block)).is_ok();
    if !kept {
        let mut chain = Chain::EMPTY;
        // SAFETY: `wipe` left it zeroed, and it is nobody's.
        unsafe { chain.push(block) };
        slabs::give(chain);
    }
}

/// The free blocks of a thread.
struct Cache {
    /// The process they are of: a forked child does not use its parent's.
    epoch: Cell<u64>,
    bins: [[Cell<Chain>; SMALL]; Pool::COUNT],
}

thread_local! {
    static CACHE: Cache = const {
        Cache {
            epoch: Cell::new(0),
            bins: [const { [const { Cell::new(Chain::EMPTY) }; SMALL] }; Pool::COUNT],
        }
    };
}

impl Cache {
    fn take(&self, pool: Pool, class: usize) -> Option<NonNull<u8>> {
        let bin = self.bin(pool, class)?;
        let mut chain = bin.get();
        if chain.len == 0 {
            chain = slabs::take(pool, class, most(class) / 2)?;
        }
        let block = chain.pop();
        bin.set(chain);
        block
    }

    fn put(&self, pool: Pool, class: usize, block: NonNull<u8>) {
        let Some(bin) = self.bin(pool, class) else { return };
        let mut chain = bin.get();
        // SAFETY: the caller gives a zeroed block that is nobody's.
        unsafe { chain.push(block) };
        if chain.len > most(class) {
            let mut rest = Chain::EMPTY;
            while chain.len > most(class) / 2 {
                let Some(block) = chain.pop() else { break };
                // SAFETY: as above.
                unsafe { rest.push(block) };
            }
            slabs::give(rest);
        }
        bin.set(chain);
    }

    fn bin(&self, pool: Pool, class: usize) -> Option<&Cell<Chain>> {
        let epoch = slabs::epoch()?;
        if self.epoch.get() != epoch {
            self.epoch.set(epoch);
            self.bins.iter().flatten().for_each(|bin| bin.set(Chain::EMPTY));
        }
        self.bins.get(pool as usize)?.get(class)
    }
}

impl Drop for Cache {
    fn drop(&mut self) {
        if Some(self.epoch.get()) == slabs::epoch() {
            self.bins.iter().flatten().for_each(|bin| slabs::give(bin.replace(Chain::EMPTY)));
        }
    }
}

/// How many free blocks of a class a thread keeps: 4 KiB of them.
fn most(class: usize) -> u32 {
    (KEPT_BYTES / slabs::size_of_class(class)).clamp(4, 16) as u32
}

const KEPT_BYTES: usize = 4096;
