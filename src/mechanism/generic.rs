// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Generic secrets and HMAC (PKCS #11, sections "Generic secret key" and "Hash-Based Message
//! Authentication Codes").

use super::hmac::Hmac;
use super::key::Key;
use super::mac::{self, Mac};
use super::ossl::MacKind;
use super::parts::Parts;
use super::primitive::random_secret;
use super::{Does, Hash, ParamKind, Params, Row, Signer, Spec, Verifier};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

macro_rules! hmac {
    ($($hash:ident: $full:ident, $general:ident, $make:ident, $key:ident;)*) => {
        /// The mechanisms of generic secrets and HMAC.
        pub const ROWS: &[Row] = &[
            Row {
                does: Does { generate: Some(generate), ..Does::NOTHING },
                ..Row::new(
                    CKM_GENERIC_SECRET_KEY_GEN,
                    "CKM_GENERIC_SECRET_KEY_GEN",
                    &[CKK_GENERIC_SECRET],
                    // For this mechanism the unit is the bit.
                    (8, 8 * LONGEST as CK_ULONG),
                )
            },
            $(
                row($full, stringify!($full), &[CKK_GENERIC_SECRET, $key], ParamKind::None, Hash::$hash),
                row($general, stringify!($general), &[CKK_GENERIC_SECRET, $key], ParamKind::MacLength, Hash::$hash),
                Row {
                    does: Does { generate: Some(generate), ..Does::NOTHING },
                    ..Row::new($make, stringify!($make), &[$key], SIZES)
                },
            )*
            Row { legacy: ALL, ..row(CKM_MD5_HMAC, "CKM_MD5_HMAC", MD5, ParamKind::None, Hash::Md5) },
            Row {
                legacy: ALL,
                ..row(CKM_MD5_HMAC_GENERAL, "CKM_MD5_HMAC_GENERAL", MD5, ParamKind::MacLength, Hash::Md5)
            },
        ];
    };
}

hmac! {
    Sha1: CKM_SHA_1_HMAC, CKM_SHA_1_HMAC_GENERAL, CKM_SHA_1_KEY_GEN, CKK_SHA_1_HMAC;
    Sha224: CKM_SHA224_HMAC, CKM_SHA224_HMAC_GENERAL, CKM_SHA224_KEY_GEN, CKK_SHA224_HMAC;
    Sha256: CKM_SHA256_HMAC, CKM_SHA256_HMAC_GENERAL, CKM_SHA256_KEY_GEN, CKK_SHA256_HMAC;
    Sha384: CKM_SHA384_HMAC, CKM_SHA384_HMAC_GENERAL, CKM_SHA384_KEY_GEN, CKK_SHA384_HMAC;
    Sha512: CKM_SHA512_HMAC, CKM_SHA512_HMAC_GENERAL, CKM_SHA512_KEY_GEN, CKK_SHA512_HMAC;
    Sha512_224: CKM_SHA512_224_HMAC, CKM_SHA512_224_HMAC_GENERAL, CKM_SHA512_224_KEY_GEN, CKK_SHA512_224_HMAC;
    Sha512_256: CKM_SHA512_256_HMAC, CKM_SHA512_256_HMAC_GENERAL, CKM_SHA512_256_KEY_GEN, CKK_SHA512_256_HMAC;
    Sha3_224: CKM_SHA3_224_HMAC, CKM_SHA3_224_HMAC_GENERAL, CKM_SHA3_224_KEY_GEN, CKK_SHA3_224_HMAC;
    Sha3_256: CKM_SHA3_256_HMAC, CKM_SHA3_256_HMAC_GENERAL, CKM_SHA3_256_KEY_GEN, CKK_SHA3_256_HMAC;
    Sha3_384: CKM_SHA3_384_HMAC, CKM_SHA3_384_HMAC_GENERAL, CKM_SHA3_384_KEY_GEN, CKK_SHA3_384_HMAC;
    Sha3_512: CKM_SHA3_512_HMAC, CKM_SHA3_512_HMAC_GENERAL, CKM_SHA3_512_KEY_GEN, CKK_SHA3_512_HMAC;
    Blake2b160: CKM_BLAKE2B_160_HMAC, CKM_BLAKE2B_160_HMAC_GENERAL, CKM_BLAKE2B_160_KEY_GEN, CKK_BLAKE2B_160_HMAC;
    Blake2b256: CKM_BLAKE2B_256_HMAC, CKM_BLAKE2B_256_HMAC_GENERAL, CKM_BLAKE2B_256_KEY_GEN, CKK_BLAKE2B_256_HMAC;
    Blake2b384: CKM_BLAKE2B_384_HMAC, CKM_BLAKE2B_384_HMAC_GENERAL, CKM_BLAKE2B_384_KEY_GEN, CKK_BLAKE2B_384_HMAC;
    Blake2b512: CKM_BLAKE2B_512_HMAC, CKM_BLAKE2B_512_HMAC_GENERAL, CKM_BLAKE2B_512_KEY_GEN, CKK_BLAKE2B_512_HMAC;
}

const fn row(
    id: CK_MECHANISM_TYPE,
    name: &'static str,
    keys: &'static [CK_KEY_TYPE],
    params: ParamKind,
    hash: Hash,
) -> Row {
    let does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };
    Row { params, hash: Some(hash), does, ..Row::new(id, name, keys, SIZES) }
}

/// A new secret of `CKA_VALUE_LEN` bytes.
pub(super) fn generate(row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    match spec.value_len.ok_or(Error::TemplateIncomplete)? {
        len @ 1..=LONGEST => Ok(Parts::Secret(key_type, random_secret(len)?)),
        _ => Err(Error::AttributeValueInvalid),
    }
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    match row.hash.ok_or(Error::MechanismInvalid)? {
        hash if hash.has_name() => mac::signer(row, key, params, MacKind::Hmac(hash)),
        hash => Ok(Box::new(shorter(hash, key, params)?)),
    }
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    match row.hash.ok_or(Error::MechanismInvalid)? {
        hash if hash.has_name() => mac::verifier(row, key, params, MacKind::Hmac(hash)),
        hash => Ok(Box::new(shorter(hash, key, params)?)),
    }
}

fn shorter(hash: Hash, key: &Key, params: &Params) -> Result<Mac<Hmac>> {
    let len = mac::length(params, hash.len(), hash.len())?;
    Ok(Mac::new(Hmac::new(hash, key.value()?)?, len))
}

const MD5: &[CK_KEY_TYPE] = &[CKK_GENERIC_SECRET, CKK_MD5_HMAC];
/// Nothing of MD5 is left without the legacy algorithms.
const ALL: CK_FLAGS = CK_FLAGS::MAX;
/// The longest secret made here, bytes.
const LONGEST: usize = 8192;
const SIZES: (CK_ULONG, CK_ULONG) = (1, LONGEST as CK_ULONG);
