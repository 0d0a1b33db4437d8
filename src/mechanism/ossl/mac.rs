// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Message authentication codes.

use super::{Mode, ParamList, check, ffi, library, method, owned};
use crate::error::{Error, Result};
use crate::mechanism::Hash;
use crate::secret::on_own_stack;
use std::ffi::CStr;
use std::ptr::{self, NonNull};

/// Which code.
#[derive(Clone, Copy)]
pub enum MacKind {
    /// HMAC (FIPS 198-1).
    Hmac(Hash),
    /// CMAC with AES (SP 800-38B).
    Cmac,
    /// CMAC with triple DES (SP 800-38B).
    Des3Cmac,
    /// Poly1305 (RFC 8439).
    Poly1305,
}

impl MacKind {
    /// One of each algorithm OpenSSL knows, in the order of the library's list.
    pub(super) const ALL: &'static [MacKind] =
        &[MacKind::Hmac(Hash::Sha256), MacKind::Cmac, MacKind::Poly1305];

    pub(super) fn name(self) -> &'static CStr {
        match self {
            MacKind::Hmac(_) => c"HMAC",
            MacKind::Cmac | MacKind::Des3Cmac => c"CMAC",
            MacKind::Poly1305 => c"POLY1305",
        }
    }

    fn index(self) -> usize {
        match self {
            MacKind::Hmac(_) => 0,
            MacKind::Cmac | MacKind::Des3Cmac => 1,
            MacKind::Poly1305 => 2,
        }
    }

    /// The length of the whole code, bytes.
    pub fn len(self) -> usize {
        match self {
            MacKind::Hmac(hash) => hash.len(),
            MacKind::Cmac | MacKind::Poly1305 => 16,
            MacKind::Des3Cmac => 8,
        }
    }
}

/// A code in progress, with its key.
pub struct MacCtx {
    context: NonNull<ffi::EVP_MAC_CTX>,
    len: usize,
}

// SAFETY: the context is reached only through `&mut self`, and OpenSSL ties it to no thread.
unsafe impl Send for MacCtx {}

impl MacCtx {
    /// Begins a code with this key.
    pub fn new(kind: MacKind, key: &[u8]) -> Result<MacCtx> {
        on_own_stack(|| {
            let params = match kind {
                MacKind::Hmac(hash) if !hash.has_name() => return Err(Error::MechanismInvalid),
                MacKind::Hmac(hash) => ParamList::new().text(c"digest", hash.name()),
                MacKind::Cmac => ParamList::new().text(c"cipher", Mode::Cbc.name(key.len())?),
                MacKind::Des3Cmac => {
                    ParamList::new().text(c"cipher", Mode::Des3Cbc.name(key.len())?)
                }
                MacKind::Poly1305 => ParamList::new(),
            };
            let method = method(&library()?.macs, kind.index())?;
            // SAFETY: a fetched method; null is refused.
            let context = owned(unsafe { ffi::EVP_MAC_CTX_new(method) })?;
            let context = MacCtx { context, len: kind.len() };
            // SAFETY: reads `key.len()` bytes of `key` and the terminated list.
            check(unsafe {
                ffi::EVP_MAC_init(
                    context.context.as_ptr(),
                    key.as_ptr(),
                    key.len(),
                    params.as_ptr(),
                )
            })?;
            Ok(context)
        })
    }

    /// Begins again with the same key.
    pub fn restart(&mut self) -> Result<()> {
        // SAFETY: the context holds a key already; null keeps it.
        check(unsafe { ffi::EVP_MAC_init(self.context.as_ptr(), ptr::null(), 0, ptr::null()) })
    }

    /// Begins a code of the same kind with another key.
    pub fn rekey(&mut self, key: &[u8]) -> Result<()> {
        on_own_stack(|| {
            // SAFETY: reads `key.len()` bytes of `key`; null parameters keep the digest.
            check(unsafe {
                ffi::EVP_MAC_init(self.context.as_ptr(), key.as_ptr(), key.len(), ptr::null())
            })
        })
    }

    /// Takes in data.
    pub fn update(&mut self, data: &[u8]) -> Result<()> {
        // SAFETY: reads `data.len()` bytes of `data`.
        check(unsafe { ffi::EVP_MAC_update(self.context.as_ptr(), data.as_ptr(), data.len()) })
    }

    /// Writes the whole code to the front of `out` and returns its length. After it only
    /// [`MacCtx::restart`] is of use.
    pub fn finish(&mut self, out: &mut [u8]) -> Result<usize> {
        let mut len = 0;
        if out.len() < self.len {
            return Err(Error::BufferTooSmall);
        }
        // SAFETY: writes at most `out.len()` bytes to `out`.
        check(unsafe {
            ffi::EVP_MAC_final(self.context.as_ptr(), out.as_mut_ptr(), &mut len, out.len())
        })?;
        Ok(len)
    }
}

impl Drop for MacCtx {
    fn drop(&mut self) {
        // SAFETY: the one reference this value owns; OpenSSL wipes the key in it.
        unsafe { ffi::EVP_MAC_CTX_free(self.context.as_ptr()) };
    }
}
