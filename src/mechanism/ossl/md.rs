// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Digests.

use super::{ParamList, check, ffi, library, method, owned};
use crate::error::{Error, Result};
use crate::mechanism::Hash;
use std::ffi::c_int;
use std::ptr::{self, NonNull};

/// A digest in progress.
pub struct MdCtx {
    context: NonNull<ffi::EVP_MD_CTX>,
    hash: Hash,
}

// SAFETY: the context is reached only through `&mut self`, and OpenSSL ties it to no thread.
unsafe impl Send for MdCtx {}

impl MdCtx {
    /// Begins a digest.
    pub fn new(hash: Hash) -> Result<MdCtx> {
        let method = method(&library()?.digests, hash as usize)?;
        // SAFETY: no preconditions; null is refused.
        let context = MdCtx { context: owned(unsafe { ffi::EVP_MD_CTX_new() })?, hash };
        let len = hash.len() as u64;
        let params = match hash.family() {
            Some(_) => ParamList::new().number(c"size", &len),
            None => ParamList::new(),
        };
        // SAFETY: a new context, a fetched method and a terminated list.
        check(unsafe { EVP_DigestInit_ex2(context.context.as_ptr(), method, params.as_ptr()) })?;
        Ok(context)
    }

    /// Begins again with the same hash.
    pub fn restart(&mut self) -> Result<()> {
        // SAFETY: the context has a method already, which null keeps.
        check(unsafe {
            ffi::EVP_DigestInit_ex(self.context.as_ptr(), ptr::null(), ptr::null_mut())
        })
    }

    /// A second context that goes on from where this one is.
    pub fn duplicate(&self) -> Result<MdCtx> {
        // SAFETY: no preconditions; null is refused.
        let context = MdCtx { context: owned(unsafe { ffi::EVP_MD_CTX_new() })?, hash: self.hash };
        // SAFETY: a new context, and one that was begun.
        check(unsafe { ffi::EVP_MD_CTX_copy_ex(context.context.as_ptr(), self.context.as_ptr()) })?;
        Ok(context)
    }

    /// The hash.
    pub fn hash(&self) -> Hash {
        self.hash
    }

    /// Takes in data.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        // SAFETY: reads `data.len()` bytes of `data`.
        check(unsafe {
            ffi::EVP_DigestUpdate(self.context.as_ptr(), data.as_ptr().cast(), data.len())
        })
    }

    /// Writes the digest to the front of `out` and returns its length. After it only
    /// [`MdCtx::restart`] is of use.
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut len = 0;
        if out.len() < self.hash.len() {
            return Err(Error::BufferTooSmall);
        }
        if self.hash.is_extendable() {
            // SAFETY: writes exactly `hash.len()` bytes, which fit as was checked.
            check(unsafe {
                ffi::EVP_DigestFinalXOF(self.context.as_ptr(), out.as_mut_ptr(), self.hash.len())
            })?;
            return Ok(self.hash.len());
        }
        // SAFETY: writes `hash.len()` bytes, which fit as was checked.
        check(unsafe {
            ffi::EVP_DigestFinal_ex(self.context.as_ptr(), out.as_mut_ptr(), &mut len)
        })?;
        Ok(len as usize)
    }
}

impl Drop for MdCtx {
    fn drop(&mut self) {
        // SAFETY: the one reference this value owns.
        unsafe { ffi::EVP_MD_CTX_free(self.context.as_ptr()) };
    }
}

/// The digest of `data`, at the front of `out`; returns its length.
pub fn digest(hash: Hash, data: &[u8], out: &mut [u8]) -> Result<usize> {
    let mut context = MdCtx::new(hash)?;
    context.update(data)?;
    context.finish(out)
}

unsafe extern "C" {
    fn EVP_DigestInit_ex2(
        context: *mut ffi::EVP_MD_CTX,
        method: *const ffi::EVP_MD,
        params: *const ffi::OSSL_PARAM,
    ) -> c_int;
}
