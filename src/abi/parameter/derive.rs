// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of key derivation.

use super::{Parameter, boolean, field};
use crate::error::{Error, Result};
use crate::mechanism::params::{Hkdf, Iv, Salt};
use crate::mechanism::{Hash, Params};
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn iv_data(&self, iv: usize) -> Result<Params> {
        let (iv, data, len) = match iv {
            8 => {
                let given: CK_DES_CBC_ENCRYPT_DATA_PARAMS = self.structure()?;
                (Iv::from_slice(&given.iv), given.pData, given.length)
            }
            _ => {
                let given: CK_AES_CBC_ENCRYPT_DATA_PARAMS = self.structure()?;
                (Iv::from_slice(&given.iv), given.pData, given.length)
            }
        };
        Ok(Params::IvData { iv, data: field(data, len)?.to_vec() })
    }

    pub(super) fn hkdf(&self) -> Result<Params> {
        let given: CK_HKDF_PARAMS = self.structure()?;
        let hash = Hash::of_mechanism(given.prfHashMechanism);
        let (extract, expand) = (boolean(given.bExtract)?, boolean(given.bExpand)?);
        // Without its step, salt or info is ignored, whatever it is.
        let salt = match given.ulSaltType {
            _ if !extract => Salt::None,
            CKF_HKDF_SALT_NULL => Salt::None,
            CKF_HKDF_SALT_DATA => Salt::Data(field(given.pSalt, given.ulSaltLen)?.to_vec()),
            CKF_HKDF_SALT_KEY => Salt::Key(given.hSaltKey),
            _ => return Err(Error::MechanismParamInvalid),
        };
        let info = if expand { field(given.pInfo, given.ulInfoLen)? } else { &[] };
        Ok(Params::Hkdf(Hkdf {
            extract,
            expand,
            hash: hash.ok_or(Error::MechanismParamInvalid)?,
            salt,
            info: info.to_vec(),
        }))
    }

    pub(super) fn derivation_data(&self) -> Result<Params> {
        let given: CK_KEY_DERIVATION_STRING_DATA = self.structure()?;
        Ok(Params::DerivationData(field(given.pData, given.ulLen)?.to_vec()))
    }

    pub(super) fn first_bit(&self) -> Result<Params> {
        let given: CK_EXTRACT_PARAMS = self.structure()?;
        Ok(Params::FirstBit(given as usize))
    }
}
