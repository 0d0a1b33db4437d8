// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of keys from passwords.

use super::{Parameter, field};
use crate::error::{Error, Result};
use crate::mechanism::params::Pbkdf2;
use crate::mechanism::{Hash, Params};
use crate::secret::Secret;
use cryptoki_sys::*;

impl Parameter<'_> {
    /// `CK_PKCS5_PBKD2_PARAMS2`, or the structure before it, which some clients still use: of the same
    /// size and order, but in the place of the password's length is the address of that length. No
    /// address is as small as the longest password, so the number tells which it is.
    pub(super) fn pbkdf2(&self) -> Result<Params> {
        let given: CK_PKCS5_PBKD2_PARAMS2 = self.structure()?;
        let no_data = given.ulPrfDataLen == 0 && given.pPrfData.is_null();
        let counted = (1..=MOST_ITERATIONS).contains(&given.iterations);
        if given.saltSource != CKZ_SALT_SPECIFIED || !no_data || !counted {
            return Err(Error::MechanismParamInvalid);
        }
        let len = match given.ulPasswordLen {
            len if len <= LONGEST_PASSWORD => len,
            _ if given.pPassword.is_null() => return Err(Error::MechanismParamInvalid),
            address => number_at(address).ok_or(Error::MechanismParamInvalid)?,
        };
        if len > LONGEST_PASSWORD {
            return Err(Error::MechanismParamInvalid);
        }
        let password = field(given.pPassword, len)?;
        Ok(Params::Pbkdf2(Pbkdf2 {
            hash: function(given.prf).ok_or(Error::MechanismParamInvalid)?,
            password: Secret::copy_of(password)?,
            salt: field(given.pSaltSourceData.cast(), given.ulSaltSourceDataLen)?.to_vec(),
            iterations: given.iterations as u64,
        }))
    }
}

/// The number at an address that may be none: the kernel reads it, and says so where it cannot.
fn number_at(address: CK_ULONG) -> Option<CK_ULONG> {
    let mut number: CK_ULONG = 0;
    let size = size_of::<CK_ULONG>();
    let here = libc::iovec { iov_base: (&raw mut number).cast(), iov_len: size };
    let there = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: size };
    // SAFETY: the first place is a local variable of that size; the kernel checks the second.
    let read = unsafe { libc::process_vm_readv(libc::getpid(), &here, 1, &there, 1, 0) };
    (usize::try_from(read) == Ok(size)).then_some(number)
}

/// The hash in a pseudo-random function of PBKDF2.
fn function(prf: CK_PKCS5_PBKD2_PSEUDO_RANDOM_FUNCTION_TYPE) -> Option<Hash> {
    Some(match prf {
        CKP_PKCS5_PBKD2_HMAC_SHA1 => Hash::Sha1,
        CKP_PKCS5_PBKD2_HMAC_SHA224 => Hash::Sha224,
        CKP_PKCS5_PBKD2_HMAC_SHA256 => Hash::Sha256,
        CKP_PKCS5_PBKD2_HMAC_SHA384 => Hash::Sha384,
        CKP_PKCS5_PBKD2_HMAC_SHA512 => Hash::Sha512,
        CKP_PKCS5_PBKD2_HMAC_SHA512_224 => Hash::Sha512_224,
        CKP_PKCS5_PBKD2_HMAC_SHA512_256 => Hash::Sha512_256,
        _ => return None,
    })
}

/// No call goes on for longer than some seconds: a count beyond this is a mistake.
const MOST_ITERATIONS: CK_ULONG = 20_000_000;
/// The longest password, bytes.
const LONGEST_PASSWORD: CK_ULONG = 1 << 16;
