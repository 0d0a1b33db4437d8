// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA signatures that give back what was signed: PKCS #1 v1.5 and raw (PKCS #11, section "RSA";
//! RFC 8017, section 9.2).

use super::checkout::Checkout;
use super::key::{Key, KeyClass};
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::ready::{Asymmetric, Purpose, Slot};
use super::{Params, Recoverer, Row};
use crate::error::{Error, Result};
use cryptoki_sys::CKM_RSA_PKCS;
use std::sync::Arc;

/// Begins to recover the data of signatures with a public key.
pub(super) fn verify(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
) -> Result<Box<dyn Recoverer>> {
    let Params::None = params else { return Err(Error::MechanismParamInvalid) };
    let slot = Slot { mechanism: row.id, purpose: Purpose::Verify, variant: 0 };
    // The public operation alone: what it gives is looked at here.
    let make = |key: &Key| {
        let params = ParamList::new().text(c"pad-mode", c"none");
        let pkey = PkeyCtx::new(key.pkey(KeyClass::Public)?, Operation::Encrypt, &params)?;
        Ok(Asymmetric { pkey, md: None })
    };
    let context = Checkout::new(key, Some(slot), |_| Ok(()), make)?;
    let len = key.modulus()?.len();
    Ok(Box::new(RsaRecovery { context, len, padded: row.id == CKM_RSA_PKCS }))
}

struct RsaRecovery {
    context: Checkout<Asymmetric>,
    /// The length of the modulus, bytes.
    len: usize,
    /// Whether the data stands in a block of type 01.
    padded: bool,
}

impl Recoverer for RsaRecovery {
    fn recover(&mut self, signature: &[u8]) -> Result<Vec<u8>> {
        if signature.len() != self.len {
            return Err(Error::SignatureLenRange);
        }
        let mut block = vec![0; self.len];
        // A signature not below the modulus is refused by OpenSSL.
        let len = self
            .context
            .last(|context| context.pkey.encrypt(signature, &mut block))
            .map_err(|_| Error::SignatureInvalid)?;
        block.truncate(len);
        if !self.padded {
            return Ok(block);
        }
        unpadded(&block).map(<[u8]>::to_vec).ok_or(Error::SignatureInvalid)
    }
}

/// What stands behind `00 01`, at least eight bytes `ff`, and `00`.
fn unpadded(block: &[u8]) -> Option<&[u8]> {
    let filled = block.strip_prefix(&[0, 1])?;
    let count = filled.iter().take_while(|byte| **byte == 0xff).count();
    let rest = filled.get(count..)?.strip_prefix(&[0])?;
    (count >= 8).then_some(rest)
}
