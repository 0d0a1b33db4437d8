// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Memory that needs care: secrets and OpenSSL's heap; every mapping the library makes is made in this
//! module. And what a limit of the process does to a thread. It imports `error` alone.
//!
//! One allocator (`cache` over `slabs` over `pages`) serves [`Secret`] and, through [`heap`], OpenSSL.
//! A [`Secret`] has no Debug, Clone, Eq or Deref: it is made in place, read through
//! [`Secret::expose`], and wiped when it goes.

#![allow(unsafe_code, reason = "locked pages, signals of a thread; each block argues its safety")]

mod cache;
mod cells;
pub mod heap;
mod limits;
mod lock;
mod pages;
mod slabs;
mod stack;

pub use cells::SharedCells;
pub use limits::Unsignalled;
pub use stack::{on_clean_stack, on_own_stack, use_own_stacks, wipe as wipe_stacks};

use crate::error::{Error, Result};
use slabs::Pool;
use std::ptr::NonNull;
use zeroize::Zeroize;

/// Bytes that must not leave the process: in locked pages that no core dump holds and that a
/// forked child finds zeroed; overwritten before the memory is used again.
pub struct Secret {
    start: NonNull<u8>,
    len: usize,
}

// SAFETY: the memory belongs to this value alone; it is reached only through `&self` / `&mut self`.
unsafe impl Send for Secret {}
// SAFETY: as above; `&self` gives reads only.
unsafe impl Sync for Secret {}

impl Secret {
    /// `len` zero bytes, to be filled in place.
    pub fn zeroed(len: usize) -> Result<Secret> {
        let start = cache::allocate(Pool::Secrets, len).ok_or(Error::HostMemory)?;
        Ok(Secret { start, len })
    }

    /// `len` bytes, filled in place by `fill`.
    pub fn with(len: usize, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Secret> {
        let mut secret = Secret::zeroed(len)?;
        fill(secret.expose_mut())?;
        Ok(secret)
    }

    /// A copy of bytes that someone else holds (an application's buffer, a decoder's output).
    pub fn copy_of(bytes: &[u8]) -> Result<Secret> {
        let mut secret = Secret::zeroed(bytes.len())?;
        secret.expose_mut().copy_from_slice(bytes);
        Ok(secret)
    }

    /// Moves the bytes out of an ordinary vector, which is wiped.
    pub fn take(mut bytes: Vec<u8>) -> Result<Secret> {
        let secret = Secret::copy_of(&bytes);
        bytes.zeroize();
        secret
    }

    /// A second copy, made on purpose: for a new object with the same key.
    pub fn duplicate(&self) -> Result<Secret> {
        Secret::copy_of(self.expose())
    }

    /// The bytes themselves.
    pub fn expose(&self) -> &[u8] {
        // SAFETY: `start` points at `len` or more initialised bytes owned by `self`.
        unsafe { std::slice::from_raw_parts(self.start.as_ptr(), self.len) }
    }

    /// The bytes themselves, to write.
    pub fn expose_mut(&mut self) -> &mut [u8] {
        // SAFETY: as in `expose`, and `&mut self` makes the access exclusive.
        unsafe { std::slice::from_raw_parts_mut(self.start.as_ptr(), self.len) }
    }

    /// The number of bytes.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Keeps the first `len` bytes and wipes the rest; longer than it is changes nothing.
    pub fn truncate(&mut self, len: usize) {
        if let Some(rest) = self.expose_mut().get_mut(len..) {
            rest.zeroize();
            self.len = len;
        }
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        // SAFETY: the block is this value's own, from `allocate`.
        unsafe { cache::release(self.start) };
    }
}

/// In a forked child, before it uses any secret memory: it begins anew. (The kernel sees to it where
/// it can, so that a child that was made without fork handlers is served too.)
pub fn begin_again() {
    slabs::begin_again();
    stack::begin_again();
}
