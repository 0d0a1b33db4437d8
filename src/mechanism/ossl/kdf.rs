// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key derivation functions.

use super::{ParamList, check, ffi, library, method, owned};
use crate::error::Result;
use crate::secret::on_own_stack;
use std::ffi::CStr;

/// Which function.
#[derive(Clone, Copy)]
pub enum Kdf {
    /// RFC 5869.
    Hkdf,
    /// ANSI X9.63, section 5.6.3.
    X963,
    /// RFC 2246, RFC 5246: the pseudo-random function of TLS before 1.3.
    Tls1Prf,
    /// RFC 8018.
    Pbkdf2,
}

impl Kdf {
    /// Every function, in the order of the library's list.
    pub(super) const ALL: &'static [Kdf] = &[Kdf::Hkdf, Kdf::X963, Kdf::Tls1Prf, Kdf::Pbkdf2];

    pub(super) fn name(self) -> &'static CStr {
        match self {
            Kdf::Hkdf => c"HKDF",
            Kdf::X963 => c"X963KDF",
            Kdf::Tls1Prf => c"TLS1-PRF",
            Kdf::Pbkdf2 => c"PBKDF2",
        }
    }
}

/// Fills `out` with what the function derives under these parameters.
pub fn derive(kdf: Kdf, params: &ParamList<'_>, out: &mut [u8]) -> Result<()> {
    on_own_stack(|| {
        let method = method(&library()?.kdfs, kdf as usize)?;
        // SAFETY: a fetched method; null is refused.
        let context = owned(unsafe { ffi::EVP_KDF_CTX_new(method) })?;
        // SAFETY: writes exactly `out.len()` bytes to `out` and reads the terminated list.
        let code = unsafe {
            ffi::EVP_KDF_derive(context.as_ptr(), out.as_mut_ptr(), out.len(), params.as_ptr())
        };
        // SAFETY: the one reference made above; OpenSSL wipes the key material in it.
        unsafe { ffi::EVP_KDF_CTX_free(context.as_ptr()) };
        check(code)
    })
}
