// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of RSA mechanisms.

use super::{LONGEST, Parameter, field};
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
        let given: CK_RSA_PKCS_OAEP_PARAMS = self.structure()?;
        let (hash, mgf) = hashes(given.hashAlg, given.mgf)?;
        let label = match given.source {
            // No source: then no label either.
            0 if given.ulSourceDataLen == 0 => Vec::new(),
            CKZ_DATA_SPECIFIED => field(given.pSourceData.cast(), given.ulSourceDataLen)?.to_vec(),
            _ => return Err(Error::MechanismParamInvalid),
        };
        Ok(Params::Oaep { hash, mgf, label })
    }
}

fn hashes(hash: CK_MECHANISM_TYPE, mgf: CK_RSA_PKCS_MGF_TYPE) -> Result<(Hash, Hash)> {
    let hash = Hash::of_mechanism(hash).filter(|hash| hash.serves_rsa());
    hash.zip(Hash::of_mgf(mgf)).ok_or(Error::MechanismParamInvalid)
}
