// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of RSA mechanisms.

use super::{LONGEST, Parameter, Pointer, aes_length, field};
use crate::error::{Error, Result};
use crate::mechanism::{Hash, Params};
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn pss(&self) -> Result<Params> {
        let given: CK_RSA_PKCS_PSS_PARAMS = self.structure()?;
        if given.sLen > LONGEST {
            return Err(Error::MechanismParamInvalid);
        }
        let (hash, mgf) = hashes(given.hashAlg, given.mgf)?;
        Ok(Params::Pss { hash, mgf, salt: given.sLen as usize })
    }

    pub(super) fn oaep(&self) -> Result<Params> {
        let (hash, mgf, label) = oaep(&self.structure()?)?;
        Ok(Params::Oaep { hash, mgf, label })
    }

    pub(super) fn rsa_aes_wrap(&self) -> Result<Params> {
        let given: CK_RSA_AES_KEY_WRAP_PARAMS = self.structure()?;
        let aes = aes_length(given.ulAESKeyBits)?;
        // SAFETY: a field of a parameter points at its structure, by the caller's promise.
        let inner = unsafe { Pointer::inner(given.pOAEPParams) };
        let (hash, mgf, label) = oaep(&inner.read()?)?;
        Ok(Params::RsaAesWrap { aes, hash, mgf, label })
    }
}

/// The hash of the label, the hash in the mask generation function, and the label.
fn oaep(given: &CK_RSA_PKCS_OAEP_PARAMS) -> Result<(Hash, Hash, Vec<u8>)> {
    let (hash, mgf) = hashes(given.hashAlg, given.mgf)?;
    let label = match given.source {
        // No source: then no label either.
        0 if given.ulSourceDataLen == 0 => Vec::new(),
        CKZ_DATA_SPECIFIED => field(given.pSourceData.cast(), given.ulSourceDataLen)?.to_vec(),
        _ => return Err(Error::MechanismParamInvalid),
    };
    Ok((hash, mgf, label))
}

fn hashes(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE) -> Result<(Hash, Hash)> {
    let hash = Hash::of_mechanism(hash).filter(|hash| hash.serves_rsa());
    hash.zip(Hash::of_mgf(mgf)).ok_or(Error::MechanismParamInvalid)
}
