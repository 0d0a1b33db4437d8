// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of signatures with a context.

use super::{Parameter, field};
use crate::error::{Error, Result};
use crate::mechanism::params::Hedge;
use crate::mechanism::{Hash, Params};
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn sign_context(&self) -> Result<Params> {
        let given: CK_SIGN_ADDITIONAL_CONTEXT = self.structure()?;
        let context = context(given.pContext, given.ulContextLen)?;
        Ok(Params::SignContext { hedge: hedge(given.hedgeVariant), context, hash: None })
    }

    pub(super) fn hash_sign_context(&self) -> Result<Params> {
        let given: CK_HASH_SIGN_ADDITIONAL_CONTEXT = self.structure()?;
        let context = context(given.pContext, given.ulContextLen)?;
        let hash = Hash::of_mechanism(given.hash).ok_or(Error::MechanismParamInvalid)?;
        Ok(Params::SignContext { hedge: hedge(given.hedgeVariant), context, hash: Some(hash) })
    }
}

/// A context has at most 255 bytes (FIPS 204, section 5.2; FIPS 205, section 10.2).
fn context(pointer: *mut CK_BYTE, len: CK_ULONG) -> Result<Vec<u8>> {
    if len > 255 {
        return Err(Error::MechanismParamInvalid);
    }
    Ok(field(pointer, len)?.to_vec())
}

fn hedge(given: CK_HEDGE_TYPE) -> Hedge {
    match given {
        CKH_HEDGE_PREFERRED => Hedge::Preferred,
        CKH_HEDGE_REQUIRED => Hedge::Required,
        CKH_DETERMINISTIC_REQUIRED => Hedge::Deterministic,
        _ => Hedge::Unknown,
    }
}
