// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Edwards and Montgomery curves: key pairs and EdDSA (PKCS #11, section "Elliptic Curve"; RFC
//! 8032, RFC 8410). Key agreement on Montgomery curves is `CKM_ECDH1_DERIVE` in `ec`.

use super::key::Key;
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::signature::{self, Feed, Scheme, Setup};
use super::{Does, ParamKind, Params, Row, Signer, Verifier, ec};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::CStr;
use std::sync::Arc;

/// The mechanisms of Edwards and Montgomery curves.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate_pair: Some(ec::generate), ..Does::NOTHING },
        ..Row::new(
            CKM_EC_EDWARDS_KEY_PAIR_GEN,
            "CKM_EC_EDWARDS_KEY_PAIR_GEN",
            &[CKK_EC_EDWARDS],
            SIZES,
        )
    },
    Row {
        params: ParamKind::Eddsa,
        does: Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING },
        ..Row::new(CKM_EDDSA, "CKM_EDDSA", &[CKK_EC_EDWARDS], SIZES)
    },
    Row {
        does: Does { generate_pair: Some(ec::generate), ..Does::NOTHING },
        ..Row::new(
            CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
            "CKM_EC_MONTGOMERY_KEY_PAIR_GEN",
            &[CKK_EC_MONTGOMERY],
            SIZES,
        )
    },
];

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    let (instance, context) = instance(key, params)?;
    let setup = setup(Operation::SignMessage(instance), instance, context);
    signature::signer(row, key, setup, Feed::Collect(Vec::new()), Eddsa::of(key)?)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let (instance, context) = instance(key, params)?;
    let setup = setup(Operation::VerifyMessage(instance), instance, context);
    signature::verifier(row, key, setup, Feed::Collect(Vec::new()), Eddsa::of(key)?)
}

/// OpenSSL's name of the scheme, and the context (RFC 8032, section 5; PKCS #11, table "Mapping to
/// RFC 8032 Signature Schemes"). Ed448 is taken without a parameter too: RFC 8410 keys have none.
fn instance<'a>(key: &Key, params: &'a Params) -> Result<(&'static CStr, &'a [u8])> {
    let short = key.curve()?.bits == 255;
    match params {
        Params::None if short => Ok((c"ED25519", &[])),
        Params::None => Ok((c"ED448", &[])),
        Params::Eddsa { context, .. } if context.len() > 255 => Err(Error::MechanismParamInvalid),
        // Clients fill the structure in for Ed25519 too. (Ed25519ctx with an empty context is what
        // RFC 8032 says should not be, and OpenSSL has it not.)
        Params::Eddsa { prehash: false, context } if short && context.is_empty() => {
            Ok((c"ED25519", &[]))
        }
        Params::Eddsa { prehash: false, context } if short => Ok((c"ED25519ctx", context)),
        Params::Eddsa { prehash: true, context } if short => Ok((c"ED25519ph", context)),
        Params::Eddsa { prehash: false, context } => Ok((c"ED448", context)),
        Params::Eddsa { prehash: true, context } => Ok((c"ED448ph", context)),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn setup<'a>(operation: Operation, instance: &CStr, context: &'a [u8]) -> Setup<'a> {
    let params = match context {
        [] => ParamList::new(),
        _ => ParamList::new().octets(c"context-string", context),
    };
    // Plain and prehashed schemes of one key are told apart by the length of their names.
    let variant = context.is_empty().then_some(instance.count_bytes() as u64);
    Setup { operation, params, variant }
}

struct Eddsa {
    len: usize,
}

impl Eddsa {
    fn of(key: &Key) -> Result<Eddsa> {
        Ok(Eddsa { len: 2 * key.curve()?.len })
    }
}

impl Scheme for Eddsa {
    fn len(&self) -> usize {
        self.len
    }

    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize> {
        context.sign(data, out)
    }

    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
        match signature.len() == self.len {
            true => context.verify(data, signature),
            false => Err(Error::SignatureLenRange),
        }
    }
}

/// Sizes of fields, bits.
const SIZES: (CK_ULONG, CK_ULONG) = (255, 448);
