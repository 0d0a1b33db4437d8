// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of ciphers.

use super::{Parameter, field};
use crate::error::{Error, Result};
use crate::mechanism::Params;
use crate::mechanism::params::Iv;
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn iv(&self, len: usize) -> Result<Params> {
        if self.len as usize != len {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Iv(Iv::from_slice(self.bytes.slice(self.len)?)))
    }

    pub(super) fn counter(&self) -> Result<Params> {
        let given: CK_AES_CTR_PARAMS = self.structure()?;
        match given.ulCounterBits {
            bits @ 1..=128 => Ok(Params::Counter { bits: bits as usize, block: given.cb }),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    pub(super) fn gcm(&self) -> Result<Params> {
        let given: CK_GCM_PARAMS = self.structure()?;
        if given.ulTagBits > 128 || given.ulIvLen > LONGEST_IV {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Gcm {
            iv: Iv::from_slice(field(given.pIv, given.ulIvLen)?),
            aad: match field(given.pAAD, given.ulAADLen)? {
                [] => Vec::new(),
                aad => aad.to_vec(),
            },
            tag_bits: given.ulTagBits as usize,
        })
    }
}

/// The longest initialisation vector, bytes.
const LONGEST_IV: CK_ULONG = 256;
