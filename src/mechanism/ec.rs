// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key pairs of short Weierstrass curves, and ECDSA (PKCS #11, section "Elliptic Curve"; FIPS
//! 186-5).

use super::curve::Curve;
use super::key::Key;
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::parts::Parts;
use super::signature::{self, Feed, Scheme, Setup};
use super::{Does, Hash, Params, Row, Signer, Spec, Verifier, ec_key, halves};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

macro_rules! ecdsa {
    ($($hash:ident: $id:ident;)*) => {
        /// The mechanisms of short Weierstrass curves but for key agreement.
        pub const ROWS: &[Row] = &[
            Row {
                does: Does { generate_pair: Some(generate), ..Does::NOTHING },
                ..Row::new(CKM_EC_KEY_PAIR_GEN, "CKM_EC_KEY_PAIR_GEN", &[CKK_EC], SIZES)
            },
            Row {
                does: Does { generate_pair: Some(generate_with_extra_bits), ..Does::NOTHING },
                ..Row::new(
                    CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS,
                    "CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS",
                    &[CKK_EC],
                    SIZES,
                )
            },
            Row { does: SIGNS, ..Row::new(CKM_ECDSA, "CKM_ECDSA", &[CKK_EC], SIZES) },
            $(
                Row {
                    hash: Some(Hash::$hash),
                    does: SIGNS,
                    ..Row::new($id, stringify!($id), &[CKK_EC], SIZES)
                },
            )*
        ];
    };
}

ecdsa! {
    Sha1: CKM_ECDSA_SHA1;
    Sha224: CKM_ECDSA_SHA224;
    Sha256: CKM_ECDSA_SHA256;
    Sha384: CKM_ECDSA_SHA384;
    Sha512: CKM_ECDSA_SHA512;
    Sha3_224: CKM_ECDSA_SHA3_224;
    Sha3_256: CKM_ECDSA_SHA3_256;
    Sha3_384: CKM_ECDSA_SHA3_384;
    Sha3_512: CKM_ECDSA_SHA3_512;
}

const SIGNS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };

/// A new key pair on the curve that `CKA_EC_PARAMS` names, of the row's key type.
pub(super) fn generate(row: &'static Row, _params: &Params, spec: &Spec) -> Result<(Parts, Parts)> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    let params = spec.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?;
    let (public, private) = ec_key::generate(Curve::find(key_type, params)?, params)?;
    Ok((Parts::EcPublic(public), Parts::EcPrivate(private)))
}

fn generate_with_extra_bits(
    _row: &'static Row,
    _params: &Params,
    spec: &Spec,
) -> Result<(Parts, Parts)> {
    let params = spec.ec_params.as_deref().ok_or(Error::TemplateIncomplete)?;
    let curve = Curve::find(CKK_EC, params)?;
    let (public, private) = ec_key::generate_with_extra_bits(curve, params)?;
    Ok((Parts::EcPublic(public), Parts::EcPrivate(private)))
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    let scheme = Ecdsa::of(key, params)?;
    signature::signer(row, key, setup(Operation::Sign), feed(row), scheme)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let scheme = Ecdsa::of(key, params)?;
    signature::verifier(row, key, setup(Operation::Verify), feed(row), scheme)
}

/// OpenSSL is told no hash: it takes a digest of any length and cuts it to the order's (FIPS
/// 186-5, section 6.4.1).
fn setup(operation: Operation) -> Setup<'static> {
    Setup { operation, params: ParamList::new(), variant: Some(0) }
}

fn feed(row: &Row) -> Feed {
    row.hash.map_or(Feed::Whole, Feed::Digest)
}

/// Signatures are `r` and `s` one after the other, not DER.
struct Ecdsa {
    /// The length of `r` and of `s`, bytes.
    half: usize,
}

impl Ecdsa {
    fn of(key: &Key, params: &Params) -> Result<Ecdsa> {
        match params {
            Params::None => Ok(Ecdsa { half: key.curve()?.len }),
            _ => Err(Error::MechanismParamInvalid),
        }
    }
}

impl Scheme for Ecdsa {
    fn len(&self) -> usize {
        2 * self.half
    }

    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize> {
        halves::sign(context, data, self.half, out)
    }

    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
        // Shorter signatures of equal halves are legal (section "EC Signatures").
        if signature.is_empty() || signature.len() % 2 != 0 || signature.len() > 2 * self.half {
            return Err(Error::SignatureLenRange);
        }
        halves::verify(context, data, signature)
    }
}

/// Sizes of fields, bits.
pub(super) const SIZES: (CK_ULONG, CK_ULONG) = (224, 521);
