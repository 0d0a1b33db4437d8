// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of mechanisms on curves.

use super::{Parameter, aes_length, boolean, field};
use crate::error::{Error, Result};
use crate::mechanism::Params;
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn eddsa(&self) -> Result<Params> {
        let given: CK_EDDSA_PARAMS = self.structure()?;
        let context = field(given.pContextData, given.ulContextDataLen)?;
        if context.len() > 255 {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Eddsa { prehash: boolean(given.phFlag)?, context: context.to_vec() })
    }

    pub(super) fn ecdh_aes_wrap(&self) -> Result<Params> {
        let given: CK_ECDH_AES_KEY_WRAP_PARAMS = self.structure()?;
        Ok(Params::EcdhAesWrap {
            aes: aes_length(given.ulAESKeyBits)?,
            kdf: given.kdf,
            shared: field(given.pSharedData, given.ulSharedDataLen)?.to_vec(),
        })
    }

    pub(super) fn ecdh(&self) -> Result<Params> {
        let given: CK_ECDH1_DERIVE_PARAMS = self.structure()?;
        Ok(Params::Ecdh {
            kdf: given.kdf,
            shared: field(given.pSharedData, given.ulSharedDataLen)?.to_vec(),
            public: field(given.pPublicData, given.ulPublicDataLen)?.to_vec(),
        })
    }
}
