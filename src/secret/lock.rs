// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A lock that is free where its memory is zero, so that memory which the kernel zeroes in a forked
//! child never holds a lock of a thread that the child does not have. It imports nothing.

use rustix::thread::futex;
use std::sync::atomic::{AtomicU32, Ordering};

/// A lock of one word.
#[repr(transparent)]
pub(super) struct Lock(AtomicU32);

/// The lock, held until this goes.
pub(super) struct Held<'a>(&'a AtomicU32);

impl Lock {
    /// Waits for the lock.
    pub(super) fn hold(&self) -> Held<'_> {
        let free = |to| self.0.compare_exchange(FREE, to, Ordering::Acquire, Ordering::Relaxed);
        for _ in 0..SPINS {
            if free(HELD).is_ok() {
                return Held(&self.0);
            }
            std::hint::spin_loop();
        }
        while self.0.swap(AWAITED, Ordering::Acquire) != FREE {
            // A spurious end or a signal is one more try.
            let _ = futex::wait(&self.0, futex::Flags::PRIVATE, AWAITED, None);
        }
        Held(&self.0)
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        if self.0.swap(FREE, Ordering::Release) == AWAITED {
            let _ = futex::wake(self.0, futex::Flags::PRIVATE, 1);
        }
    }
}

const FREE: u32 = 0;
const HELD: u32 = 1;
const AWAITED: u32 = 2;
const SPINS: usize = 64;
