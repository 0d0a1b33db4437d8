// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The allocator of secret memory: locked pages, left out of core dumps, zeroed in a forked child.
//!
//! Blocks come in powers of two from slabs of one size each; what is larger than a slab gets a
//! mapping of its own. The book-keeping lies in ordinary memory, so that a child whose secret
//! pages were zeroed can still allocate.

use crate::error::{Error, Result};
use parking_lot::Mutex;
use std::ptr::NonNull;
use std::sync::Once;

/// Returns a zeroed block of at least `len` bytes, and its true size, which `release` needs back.
pub(super) fn allocate(len: usize) -> Result<(NonNull<u8>, usize)> {
    let Some(class) = class_of(len) else {
        let size = len.checked_next_multiple_of(PAGE).ok_or(Error::HostMemory)?;
        return Ok((map(size)?, size));
    };
    let size = SMALLEST << class;
    let mut arena = ARENA.lock();
    arena.settle();
    let free = arena.free.get_mut(class).ok_or(Error::HostMemory)?;
    if free.0.is_empty() {
        let slab = map(SLAB)?;
        for offset in (0..SLAB).step_by(size) {
            // SAFETY: `offset < SLAB`, the length of the mapping that `slab` starts.
            free.0.push(unsafe { slab.add(offset) });
        }
    }
    free.0.pop().map(|block| (block, size)).ok_or(Error::HostMemory)
}

/// Takes back a block that its owner has wiped.
pub(super) fn release(start: NonNull<u8>, size: usize) {
    match class_of(size) {
        Some(class) => {
            let mut arena = ARENA.lock();
            arena.settle();
            if let Some(free) = arena.free.get_mut(class) {
                free.0.push(start);
            }
        }
        None => {
            // SAFETY: a block above the largest class is a whole mapping of `size` bytes, and its
            // owner gives it up here.
            unsafe { libc::munmap(start.as_ptr().cast(), size) };
        }
    }
}

fn class_of(len: usize) -> Option<usize> {
    (0..CLASSES).find(|class| len <= SMALLEST << class)
}

fn map(size: usize) -> Result<NonNull<u8>> {
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing
    // that exists.
    let start = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            size,
            libc::PROT_READ | libc::PROT_WRITE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    if start == libc::MAP_FAILED {
        return Err(Error::HostMemory);
    }
    // SAFETY: the range is the mapping just made.
    let guarded = unsafe {
        libc::madvise(start, size, libc::MADV_DONTDUMP) == 0
            && libc::madvise(start, size, libc::MADV_WIPEONFORK) == 0
            && libc::mlock(start, size) == 0
    };
    if !guarded {
        WARNED.call_once(|| {
            tracing::warn!(
                "secret memory could not be locked, so it may reach swap space: raise \
                 RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"
            );
        });
    }
    NonNull::new(start.cast()).ok_or(Error::HostMemory)
}

struct Blocks(Vec<NonNull<u8>>);

// SAFETY: free blocks belong to nobody; the mutex around the arena gives each to one thread.
unsafe impl Send for Blocks {}

struct Arena {
    /// The process whose pages these are.
    owner: u32,
    free: [Blocks; CLASSES],
}

impl Arena {
    /// Locks on pages are not inherited: a forked child leaves its parent's slabs and takes its own.
    fn settle(&mut self) {
        let process = std::process::id();
        if self.owner != process {
            self.owner = process;
            self.free.iter_mut().for_each(|free| free.0.clear());
        }
    }
}

/// The allocator is process-wide, as the heap is: it holds no state of a token.
static ARENA: Mutex<Arena> =
    Mutex::new(Arena { owner: 0, free: [const { Blocks(Vec::new()) }; CLASSES] });
static WARNED: Once = Once::new();

const PAGE: usize = 4096;
const SLAB: usize = 16 * PAGE;
const SMALLEST: usize = 32;
/// 32 bytes to 16 KiB: an RSA-16384 private key fits the largest.
const CLASSES: usize = 10;
