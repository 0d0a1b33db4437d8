// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One 64-bit counter in a page that all processes of a store map: the cheapest way to learn that
//! another process changed something (a load, no system call).

use crate::error::{Error, Result};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

/// A counter shared through a file of at least eight bytes.
pub struct SharedCounter {
    cell: NonNull<AtomicU64>,
    writable: bool,
}

// SAFETY: the cell is an atomic in a mapping that lives as long as the value.
unsafe impl Send for SharedCounter {}
// SAFETY: as above.
unsafe impl Sync for SharedCounter {}

impl SharedCounter {
    /// The length of the file, bytes.
    pub const LENGTH: usize = 4096;

    /// Maps the first page of `file`, for reading alone where the file system allows no more.
    pub fn map(file: &File, writable: bool) -> Result<SharedCounter> {
        if file.metadata().map_err(|_| Error::DeviceError)?.len() < LENGTH as u64 {
            return Err(Error::DeviceError);
        }
        let protection =
            if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        // SAFETY: a shared mapping of an open file at an address of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                LENGTH,
                protection,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Error::DeviceError);
        }
        let cell = NonNull::new(start.cast()).ok_or(Error::DeviceError)?;
        Ok(SharedCounter { cell, writable })
    }

    /// Whether this process can tell the others of a change.
    pub fn writable(&self) -> bool {
        self.writable
    }

    /// The counter now.
    pub fn load(&self) -> u64 {
        self.cell().load(Ordering::SeqCst)
    }

    /// Sets the counter; nothing where the mapping is for reading alone.
    pub fn store(&self, value: u64) {
        if self.writable {
            self.cell().store(value, Ordering::SeqCst);
        }
    }

    /// Sets the counter if it still has the value `from`.
    pub fn advance(&self, from: u64, to: u64) {
        if self.writable {
            // Losing the race is an answer too: another process has moved it on.
            let _ = self.cell().compare_exchange(from, to, Ordering::SeqCst, Ordering::SeqCst);
        }
    }

    fn cell(&self) -> &AtomicU64 {
        // SAFETY: the mapping is page-aligned, at least eight bytes long, lives until drop, and is
        // only ever accessed atomically. (Truncating the file under a running process would fault,
        // as it would for SQLite's own shared memory; nothing of ours truncates it.)
        unsafe { self.cell.as_ref() }
    }
}

impl Drop for SharedCounter {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` with this length and nothing refers to it any more.
        unsafe { libc::munmap(self.cell.as_ptr().cast(), LENGTH) };
    }
}

const LENGTH: usize = SharedCounter::LENGTH;
