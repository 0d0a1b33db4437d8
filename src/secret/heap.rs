// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory for OpenSSL, all of which may hold what it makes of keys: as C's `malloc`, `realloc` and
//! `free` have it, but wiped when it is freed. It imports this room's allocator.

use super::cache;
use super::slabs::{self, Pool};
use std::ptr::{self, NonNull};

/// As `malloc`: null for no bytes, or where there is no memory.
pub fn allocate(len: usize) -> *mut u8 {
    if len == 0 {
        return ptr::null_mut();
    }
    cache::allocate(Pool::OpenSsl, len).map_or(ptr::null_mut(), NonNull::as_ptr)
}

/// As `realloc`; where a block moves, the old one is wiped.
///
/// # Safety
/// `start` is null or a block from here, which is used no more unless the result is null and `len` is
/// not 0.
pub unsafe fn resize(start: *mut u8, len: usize) -> *mut u8 {
    let Some(block) = NonNull::new(start) else { return allocate(len) };
    if len == 0 {
        // SAFETY: by this function's contract.
        unsafe { release(start) };
        return ptr::null_mut();
    }
    // SAFETY: by this function's contract.
    let size = unsafe { slabs::size_of_block(block) };
    if (size / 2..=size).contains(&len) {
        return start;
    }
    let moved = allocate(len);
    if !moved.is_null() {
        // SAFETY: both blocks have as many bytes as are copied; the old one is given up.
        unsafe {
            ptr::copy_nonoverlapping(start, moved, len.min(size));
            release(start);
        }
    }
    moved
}

/// As `free`.
///
/// # Safety
/// `start` is null or a block from here, which is used no more.
pub unsafe fn release(start: *mut u8) {
    if let Some(block) = NonNull::new(start) {
        // SAFETY: by this function's contract.
        unsafe { cache::release(block) };
    }
}
