// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-KEM (PKCS #11, section "ML-KEM"; FIPS 203).

use super::key::{Key, KeyClass};
use super::{Does, Kem, Params, Row, Spec, ossl, pq_signature};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms of ML-KEM.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate_pair: Some(pq_signature::generate), ..Does::NOTHING },
        ..Row::new(CKM_ML_KEM_KEY_PAIR_GEN, "CKM_ML_KEM_KEY_PAIR_GEN", &[CKK_ML_KEM], SIZES)
    },
    Row {
        does: Does { kem: Some(Kem { len, encapsulate, decapsulate }), ..Does::NOTHING },
        ..Row::new(CKM_ML_KEM, "CKM_ML_KEM", &[CKK_ML_KEM], SIZES)
    },
];

fn len(_row: &'static Row, key: &Key, _params: &Params) -> Result<usize> {
    Ok(key.parameter_set()?.output)
}

fn encapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    _params: &Params,
    spec: &Spec,
) -> Result<(Vec<u8>, Secret)> {
    let len = wanted(spec)?;
    let ciphertext = key.parameter_set()?.output;
    let (ciphertext, mut secret) =
        ossl::encapsulate(key.pkey(KeyClass::Public)?, ciphertext, SHARED)?;
    secret.truncate(len);
    Ok((ciphertext, secret))
}

fn decapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    _params: &Params,
    ciphertext: &[u8],
    spec: &Spec,
) -> Result<Secret> {
    let len = wanted(spec)?;
    // A ciphertext of the right length always gives a value: one that nobody made, where it is not
    // the key's (FIPS 203, algorithm 18).
    if ciphertext.len() != key.parameter_set()?.output {
        return Err(Error::WrappedKeyLenRange);
    }
    let mut secret = ossl::decapsulate(key.pkey(KeyClass::Private)?, ciphertext, SHARED)?;
    secret.truncate(len);
    Ok(secret)
}

/// How much of the shared secret makes the key: all of it, or as with other agreements the leading
/// bytes that a shorter key takes.
fn wanted(spec: &Spec) -> Result<usize> {
    match spec.value_len {
        None => Ok(SHARED),
        Some(len @ 1..=SHARED) => Ok(len),
        Some(_) => Err(Error::TemplateInconsistent),
    }
}

/// The length of the shared secret, bytes.
const SHARED: usize = 32;
/// Sizes of public keys, bytes.
const SIZES: (CK_ULONG, CK_ULONG) = (800, 1568);
