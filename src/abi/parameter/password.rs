// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of keys from passwords.

use super::{Parameter, field};
use crate::error::{Error, Result};
use crate::mechanism::params::Pbkdf2;
use crate::mechanism::{Hash, Params};
use crate::secret::Secret;
use cryptoki_sys::*;

impl Parameter<'_> {
    /// Only `CK_PKCS5_PBKD2_PARAMS2`: the older structure, in which the length of the password stands
    /// elsewhere, has the same size, and cannot be told apart.
    pub(super) fn pbkdf2(&self) -> Result<Params> {
        let given: CK_PKCS5_PBKD2_PARAMS2 = self.structure()?;
        let no_data = given.ulPrfDataLen == 0 && given.pPrfData.is_null();
        let counted = (1..=MOST_ITERATIONS).contains(&given.iterations);
        if given.saltSource != CKZ_SALT_SPECIFIED || !no_data || !counted {
            return Err(Error::MechanismParamInvalid);
        }
        let password = field(given.pPassword, given.ulPasswordLen)?;
        if password.len() > LONGEST_PASSWORD {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Pbkdf2(Pbkdf2 {
            hash: function(given.prf).ok_or(Error::MechanismParamInvalid)?,
            password: Secret::copy_of(password)?,
            salt: field(given.pSaltSourceData.cast(), given.ulSaltSourceDataLen)?.to_vec(),
            iterations: given.iterations as u64,
        }))
    }
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
const LONGEST_PASSWORD: usize = 1 << 16;
