// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of IKE.

use super::{Parameter, boolean, field};
use crate::error::Result;
use crate::mechanism::Params;
use crate::mechanism::params::{Ike1Extended, Ike1Prf, Ike2PrfPlus, IkePrf};
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn ike_prf(&self) -> Result<Params> {
        let given: CK_IKE_PRF_DERIVE_PARAMS = self.structure()?;
        let renew = boolean(given.bRekey)?;
        let initiator = field(given.pNi, given.ulNiLen)?;
        let responder = field(given.pNr, given.ulNrLen)?;
        Ok(Params::IkePrf(IkePrf {
            prf: given.prfMechanism,
            data_as_key: boolean(given.bDataAsKey)?,
            new_key: renew.then_some(given.hNewKey),
            nonces: [initiator, responder].concat(),
        }))
    }

    pub(super) fn ike1_prf(&self) -> Result<Params> {
        let given: CK_IKE1_PRF_DERIVE_PARAMS = self.structure()?;
        let initiator = field(given.pCKYi, given.ulCKYiLen)?;
        let responder = field(given.pCKYr, given.ulCKYrLen)?;
        Ok(Params::Ike1Prf(Ike1Prf {
            prf: given.prfMechanism,
            agreed: given.hKeygxy,
            previous: boolean(given.bHasPrevKey)?.then_some(given.hPrevKey),
            cookies: [initiator, responder].concat(),
            number: given.keyNumber,
        }))
    }

    pub(super) fn ike1_extended(&self) -> Result<Params> {
        let given: CK_IKE1_EXTENDED_DERIVE_PARAMS = self.structure()?;
        Ok(Params::Ike1Extended(Ike1Extended {
            prf: given.prfMechanism,
            agreed: boolean(given.bHasKeygxy)?.then_some(given.hKeygxy),
            extra: field(given.pExtraData, given.ulExtraDataLen)?.to_vec(),
        }))
    }

    pub(super) fn ike2_prf_plus(&self) -> Result<Params> {
        let given: CK_IKE2_PRF_PLUS_DERIVE_PARAMS = self.structure()?;
        Ok(Params::Ike2PrfPlus(Ike2PrfPlus {
            prf: given.prfMechanism,
            seed_key: boolean(given.bHasSeedKey)?.then_some(given.hSeedKey),
            seed: field(given.pSeedData, given.ulSeedDataLen)?.to_vec(),
        }))
    }
}
