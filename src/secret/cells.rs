// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Words of 64 bits in a file that several processes map: what one adds in an instruction, another
//! takes.

use crate::error::{Error, Result};
use std::fs::File;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;

/// Words shared through a file.
pub struct SharedCells {
    start: NonNull<AtomicU64>,
    count: usize,
}

// SAFETY: the cells are atomics in a mapping that lives as long as the value.
unsafe impl Send for SharedCells {}
// SAFETY: as above.
unsafe impl Sync for SharedCells {}

impl SharedCells {
    /// Maps the first `count` words of a file, whose blocks must be there: a page that no disk has
    /// room for would end the process.
    pub fn map(file: &File, count: usize) -> Result<SharedCells> {
        let bytes = count.checked_mul(8).filter(|bytes| *bytes > 0).ok_or(Error::DeviceError)?;
        if file.metadata().map_err(|_| Error::DeviceError)?.len() < bytes as u64 {
            return Err(Error::DeviceError);
        }
        // SAFETY: a shared mapping of an open file at an address of the kernel's choice.
        let start = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if start == libc::MAP_FAILED {
            return Err(Error::DeviceError);
        }
        let start = NonNull::new(start.cast()).ok_or(Error::DeviceError)?;
        Ok(SharedCells { start, count })
    }

    /// The words.
    pub fn cells(&self) -> &[AtomicU64] {
        // SAFETY: the mapping is page-aligned, holds `count` words, lives until drop, and is only
        // ever accessed atomically. (Truncating the file under a running process would fault;
        // nothing of ours truncates it.)
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.count) }
    }
}

impl Drop for SharedCells {
    fn drop(&mut self) {
        // SAFETY: the mapping was made in `map` with this length and nothing refers to it any more.
        unsafe { libc::munmap(self.start.as_ptr().cast(), self.count * 8) };
    }
}
