// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The security strength of keys, bits: NIST SP 800-57 part 1 revision 5, tables 2 and 4, and the
//! categories of FIPS 203, 204 and 205. It may import `object`, `mechanism` and layer 0.

use crate::error::Result;
use crate::object::{Object, Value};
use cryptoki_sys::*;

/// The strength of a key, bits; 0 where nothing can be said of it.
pub fn strength(key: &Object) -> Result<usize> {
    let Some(key_type) = key.key_type().and_then(|kind| CK_KEY_TYPE::try_from(kind).ok()) else {
        return Ok(0);
    };
    let size = || key.key().map(|key| key.bits());
    Ok(match key_type {
        CKK_RSA | CKK_DSA | CKK_DH | CKK_X9_42_DH => at_most(FIELDS, size()?),
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => at_most(CURVES, size()?),
        CKK_DES3 => TRIPLE_DES,
        CKK_ML_KEM => of_set(key, &[CATEGORY_1, CATEGORY_3, CATEGORY_5]),
        // ML-DSA-44 is of category 2, whose strength is that of SHA-256 collisions.
        CKK_ML_DSA => of_set(key, &[CATEGORY_1, CATEGORY_3, CATEGORY_5]),
        CKK_SLH_DSA => slh_dsa(key),
        CKK_AES_XTS => secret_bits(key) / 2,
        _ => secret_bits(key).min(CATEGORY_5),
    })
}

fn secret_bits(key: &Object) -> usize {
    let len = key.attributes().number(CKA_VALUE_LEN).unwrap_or(0);
    usize::try_from(len).unwrap_or(0).saturating_mul(8)
}

/// The strength of the longest size that the key reaches.
fn at_most(table: &[(usize, usize)], size: usize) -> usize {
    table.iter().filter(|(least, _)| size >= *least).map(|(_, bits)| *bits).max().unwrap_or(0)
}

/// Parameter sets are numbered from 1.
fn of_set(key: &Object, strengths: &[usize]) -> usize {
    let number = set(key).and_then(|set| set.checked_sub(1));
    number.and_then(|index| strengths.get(index)).copied().unwrap_or(0)
}

/// Four sets of each category follow each other: SHA-2 and SHAKE, small and fast.
fn slh_dsa(key: &Object) -> usize {
    match set(key) {
        Some(1..=4) => CATEGORY_1,
        Some(5..=8) => CATEGORY_3,
        Some(9..=12) => CATEGORY_5,
        _ => 0,
    }
}

fn set(key: &Object) -> Option<usize> {
    match key.attributes().get(CKA_PARAMETER_SET) {
        Some(Value::Number(set)) => usize::try_from(*set).ok(),
        _ => None,
    }
}

const TRIPLE_DES: usize = 112;
const CATEGORY_1: usize = 128;
const CATEGORY_3: usize = 192;
const CATEGORY_5: usize = 256;
/// Moduli, bits, with the strength from there on.
const FIELDS: &[(usize, usize)] =
    &[(1024, 80), (2048, 112), (3072, 128), (7680, 192), (15360, 256)];
/// Orders of curves, bits, with the strength from there on. (Curve25519 has 255.)
const CURVES: &[(usize, usize)] =
    &[(160, 80), (224, 112), (255, 128), (384, 192), (512, 256), (448, 224)];
