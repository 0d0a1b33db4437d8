// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key encapsulation.

use super::pkey::KeyContext;
use super::{Pkey, check, ffi};
use crate::error::{Error, Result};
use crate::secret::{Secret, on_own_stack};
use std::ptr;

/// A ciphertext for the holder of a key, and the secret shared with it; of these lengths, bytes.
pub fn encapsulate(key: &Pkey, ciphertext: usize, secret: usize) -> Result<(Vec<u8>, Secret)> {
    on_own_stack(|| {
        let context = KeyContext::of(key)?;
        let mut wrapped = vec![0; ciphertext];
        let mut shared = Secret::zeroed(secret)?;
        let (mut wrapped_len, mut shared_len) = (wrapped.len(), shared.len());
        // SAFETY: a live key; OpenSSL is told the room in both buffers and refuses less than it needs.
        unsafe {
            check(ffi::EVP_PKEY_encapsulate_init(context.as_ptr(), ptr::null()))?;
            check(ffi::EVP_PKEY_encapsulate(
                context.as_ptr(),
                wrapped.as_mut_ptr(),
                &mut wrapped_len,
                shared.expose_mut().as_mut_ptr(),
                &mut shared_len,
            ))?;
        }
        if (wrapped_len, shared_len) != (ciphertext, secret) {
            return Err(Error::DeviceError);
        }
        Ok((wrapped, shared))
    })
}

/// The secret of `len` bytes that was shared by a ciphertext.
pub fn decapsulate(key: &Pkey, ciphertext: &[u8], len: usize) -> Result<Secret> {
    on_own_stack(|| {
        let context = KeyContext::of(key)?;
        let mut shared = Secret::zeroed(len)?;
        let mut written = len;
        // SAFETY: a live key; OpenSSL reads the ciphertext, is told the room in `shared` and refuses
        // less than it needs.
        unsafe {
            check(ffi::EVP_PKEY_decapsulate_init(context.as_ptr(), ptr::null()))?;
            check(ffi::EVP_PKEY_decapsulate(
                context.as_ptr(),
                shared.expose_mut().as_mut_ptr(),
                &mut written,
                ciphertext.as_ptr(),
                ciphertext.len(),
            ))?;
        }
        if written == len { Ok(shared) } else { Err(Error::DeviceError) }
    })
}
