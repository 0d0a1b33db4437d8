// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES: the table, key generation, the block and counter modes, CMAC (PKCS #11, sections "AES",
//! "AES with Counter", "AES CMAC"). Other modes and key wrap have files of their own.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{MacKind, Mode};
use super::parts::Parts;
use super::primitive::random_secret;
use super::stream::Stream;
use super::{
    Cipher, Direction, Does, Filling, ParamKind, Params, Row, Signer, Spec, Verifier, block, mac,
};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The AES mechanisms, key wrap aside.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate: Some(generate), ..Does::NOTHING },
        ..Row::new(CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN", AES, SIZES)
    },
    Row {
        filling: Filling::Behind(BLOCK),
        does: Does { cipher: Some(ecb), wrap: Some(ecb), ..Does::NOTHING },
        ..Row::new(CKM_AES_ECB, "CKM_AES_ECB", AES, SIZES)
    },
    Row {
        filling: Filling::Behind(BLOCK),
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc), wrap: Some(cbc), ..Does::NOTHING },
        ..Row::new(CKM_AES_CBC, "CKM_AES_CBC", AES, SIZES)
    },
    Row {
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc_pad), wrap: Some(cbc_pad), ..Does::NOTHING },
        ..Row::new(CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD", AES, SIZES)
    },
    Row {
        params: ParamKind::Counter,
        does: Does { cipher: Some(ctr), wrap: Some(ctr), ..Does::NOTHING },
        ..Row::new(CKM_AES_CTR, "CKM_AES_CTR", AES, SIZES)
    },
    Row { does: MACS, ..Row::new(CKM_AES_CMAC, "CKM_AES_CMAC", AES, SIZES) },
    Row {
        params: ParamKind::MacLength,
        does: MACS,
        ..Row::new(CKM_AES_CMAC_GENERAL, "CKM_AES_CMAC_GENERAL", AES, SIZES)
    },
];

const MACS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };

/// A new key of `CKA_VALUE_LEN` bytes.
fn generate(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    match spec.value_len.ok_or(Error::TemplateIncomplete)? {
        len @ (16 | 24 | 32) => Ok(Parts::Secret(CKK_AES, random_secret(len)?)),
        _ => Err(Error::AttributeValueInvalid),
    }
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    mac::signer(row, key, params, MacKind::Cmac)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    mac::verifier(row, key, params, MacKind::Cmac)
}

fn ecb(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Ecb, false))
}

fn cbc(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Cbc, false))
}

fn cbc_pad(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Cbc, true))
}

fn ctr(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    _: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Counter { bits, block } = params else { return Err(Error::MechanismParamInvalid) };
    let shift = match bits {
        1..=128 => 128 - *bits as u32,
        _ => return Err(Error::MechanismParamInvalid),
    };
    // How many blocks the counter has before it comes round: 2^bits less where it begins. (2^128
    // is one more than fits, and out of reach.)
    let largest = u128::MAX >> shift;
    let blocks = (largest - (u128::from_be_bytes(*block) & largest)).saturating_add(1);
    // Both directions are the same function, so they share their contexts.
    let context = Checkout::cipher(key, (row.id, 0), (Mode::Ctr, Direction::Encrypt), BLOCK)?;
    Ok(Box::new(Stream::begin(context, block, blocks.saturating_mul(BLOCK as u128))?))
}

pub(super) const AES: &[CK_KEY_TYPE] = &[CKK_AES];
/// Sizes of keys, bytes.
pub(super) const SIZES: (CK_ULONG, CK_ULONG) = (16, 32);
/// The block, bytes.
const BLOCK: usize = 16;
