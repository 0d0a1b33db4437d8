// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mappings for secrets: locked as far as the process may, left out of core dumps, between pages that
//! nobody can touch. It imports nothing.

use std::ptr::{self, NonNull};
use std::sync::Once;

/// What a forked child finds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Fork {
    /// Zeros.
    Wiped,
    /// What was there.
    Kept,
}

/// Maps `len` zero bytes, a multiple of [`ALIGNED`], at a multiple of it.
pub(super) fn map(len: usize, fork: Fork) -> Option<NonNull<u8>> {
    let kept = len.checked_add(2 * ALIGNED)?;
    let start = reserve(kept.checked_add(ALIGNED)?)?;
    let before = start.as_ptr().addr().wrapping_neg() % ALIGNED;
    // SAFETY: all of it lies in the mapping just made, `before` being less than `ALIGNED`; what is
    // given back is not used again.
    let secret = unsafe {
        let first = start.as_ptr().add(before);
        if before > 0 {
            libc::munmap(start.as_ptr().cast(), before);
        }
        libc::munmap(first.add(kept).cast(), ALIGNED - before);
        let secret = first.add(ALIGNED);
        if libc::mprotect(secret.cast(), len, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(first.cast(), kept);
            return None;
        }
        secret
    };
    // SAFETY: the range was mapped just now.
    let guarded = unsafe {
        let dump = libc::madvise(secret.cast(), len, libc::MADV_DONTDUMP) == 0;
        let child =
            fork == Fork::Kept || libc::madvise(secret.cast(), len, libc::MADV_WIPEONFORK) == 0;
        dump && child
    };
    if !(lock(secret, len) && guarded) {
        warn();
    }
    NonNull::new(secret)
}

/// Gives back what [`map`] gave.
///
/// # Safety
/// `start` came from `map` with this length, and nothing refers to it any more.
pub(super) unsafe fn unmap(start: NonNull<u8>, len: usize) {
    // SAFETY: by this function's contract, and the guards on both sides are part of the mapping.
    unsafe { libc::munmap(start.as_ptr().sub(ALIGNED).cast(), len + 2 * ALIGNED) };
}

/// Maps a page for what is no secret and must be zero in a forked child.
pub(super) fn map_state(len: usize) -> Option<NonNull<u8>> {
    let start = reserve(len)?;
    // SAFETY: the range was mapped just now. Where the kernel does not know the advice, the fork
    // handler clears the page.
    unsafe {
        if libc::mprotect(start.as_ptr().cast(), len, libc::PROT_READ | libc::PROT_WRITE) != 0 {
            libc::munmap(start.as_ptr().cast(), len);
            return None;
        }
        libc::madvise(start.as_ptr().cast(), len, libc::MADV_WIPEONFORK);
    }
    Some(start)
}

/// Makes a part of a reservation a stack for secrets: zeros, locked where they are touched.
///
/// # Safety
/// The range lies in what [`reserve`] gave, begins and ends with a page, and is the caller's.
pub(super) unsafe fn open(start: NonNull<u8>, len: usize) -> bool {
    let first = start.as_ptr().cast();
    // SAFETY: by this function's contract.
    let (opened, hidden) = unsafe {
        (
            libc::mprotect(first, len, libc::PROT_READ | libc::PROT_WRITE) == 0,
            libc::madvise(first, len, libc::MADV_DONTDUMP) == 0,
        )
    };
    if opened && !(lock_touched(start, len) && hidden) {
        warn();
    }
    opened
}

/// Gives back what [`map_state`] or [`reserve`] gave.
///
/// # Safety
/// As for [`unmap`].
pub(super) unsafe fn unmap_state(start: NonNull<u8>, len: usize) {
    // SAFETY: by this function's contract.
    unsafe { libc::munmap(start.as_ptr().cast(), len) };
}

/// Reserves addresses that nobody can touch.
pub(super) fn reserve(len: usize) -> Option<NonNull<u8>> {
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
    // SAFETY: an anonymous private mapping at an address of the kernel's choice touches nothing
    // that exists.
    let start = unsafe { libc::mmap(ptr::null_mut(), len, libc::PROT_NONE, flags, -1, 0) };
    if start == libc::MAP_FAILED { None } else { NonNull::new(start.cast()) }
}

/// Locks the range or, where the process may not lock as much, as many of its first pages as it may.
fn lock(start: *mut u8, len: usize) -> bool {
    // SAFETY: locking changes no memory.
    let locked = |offset, len| unsafe { libc::mlock(start.wrapping_add(offset).cast(), len) == 0 };
    if locked(0, len) {
        return true;
    }
    (0..len).step_by(SMALLEST_PAGE).all(|offset| locked(offset, SMALLEST_PAGE))
}

/// Locks the range, each page from when it is first touched; or, where the process may not lock as much,
/// as many of its last pages as it may.
pub(super) fn lock_touched(start: NonNull<u8>, len: usize) -> bool {
    // SAFETY: locking changes no memory.
    let touched = unsafe {
        libc::syscall(libc::SYS_mlock2, start.as_ptr(), len, libc::MLOCK_ONFAULT as libc::c_long)
    };
    let locked = |offset: usize, len: usize| {
        let from: *const libc::c_void = start.as_ptr().wrapping_add(offset).cast();
        // SAFETY: as above.
        let done = unsafe { libc::mlock(from, len) };
        done == 0
    };
    if touched == 0 || locked(0, len) {
        return true;
    }
    (0..len).step_by(SMALLEST_PAGE).rev().all(|offset| locked(offset, SMALLEST_PAGE))
}

fn warn() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        tracing::warn!(
            "not all secret memory could be locked, so some may reach swap space: raise \
             RLIMIT_MEMLOCK (ulimit -l, LimitMEMLOCK=)"
        );
    });
}

/// What mappings begin and end at, and how long their guards are: no machine has larger pages.
pub(super) const ALIGNED: usize = 64 << 10;
const SMALLEST_PAGE: usize = 4096;
