// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of Diffie-Hellman in finite fields.

use super::{LONGEST, Parameter, field};
use crate::error::{Error, Result};
use crate::mechanism::Params;
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn public_value(&self) -> Result<Params> {
        // An encapsulation names none: there is one already.
        if self.len == 0 {
            return Ok(Params::None);
        }
        if self.len > LONGEST {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::PublicValue(self.bytes.slice(self.len)?.to_vec()))
    }

    pub(super) fn x9_42(&self) -> Result<Params> {
        let given: CK_X9_42_DH1_DERIVE_PARAMS = self.structure()?;
        Ok(Params::X942 {
            kdf: given.kdf,
            info: field(given.pOtherInfo, given.ulOtherInfoLen)?.to_vec(),
            public: field(given.pPublicData, given.ulPublicDataLen)?.to_vec(),
        })
    }
}
