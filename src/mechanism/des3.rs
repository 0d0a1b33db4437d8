// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Triple DES (PKCS #11, sections "Double and Triple-length DES", "Double and Triple-length DES
//! CMAC"; SP 800-67), for what others left behind: it decrypts, verifies and unwraps, and does the
//! opposite where the configuration allows legacy algorithms.

use super::key::Key;
use super::ossl::{MacKind, Mode};
use super::parts::Parts;
use super::primitive::random_secret;
use super::{
    Cipher, Direction, Does, Filling, ParamKind, Params, Row, Signer, Spec, Verifier, block,
    cbc_mac, mac, secret_key,
};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms.
pub const ROWS: &[Row] = &[
    generation(CKM_DES2_KEY_GEN, "CKM_DES2_KEY_GEN", &[CKK_DES2]),
    generation(CKM_DES3_KEY_GEN, "CKM_DES3_KEY_GEN", &[CKK_DES3]),
    Row {
        filling: Filling::Behind(BLOCK),
        does: Does { cipher: Some(ecb), wrap: Some(ecb), ..Does::NOTHING },
        ..row(CKM_DES3_ECB, "CKM_DES3_ECB")
    },
    Row {
        filling: Filling::Behind(BLOCK),
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc), wrap: Some(cbc), ..Does::NOTHING },
        ..row(CKM_DES3_CBC, "CKM_DES3_CBC")
    },
    Row {
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc_pad), wrap: Some(cbc_pad), ..Does::NOTHING },
        ..row(CKM_DES3_CBC_PAD, "CKM_DES3_CBC_PAD")
    },
    Row { does: MACS, ..row(CKM_DES3_MAC, "CKM_DES3_MAC") },
    Row {
        params: ParamKind::MacLength,
        does: MACS,
        ..row(CKM_DES3_MAC_GENERAL, "CKM_DES3_MAC_GENERAL")
    },
    Row { does: CMACS, ..row(CKM_DES3_CMAC, "CKM_DES3_CMAC") },
    Row {
        params: ParamKind::MacLength,
        does: CMACS,
        ..row(CKM_DES3_CMAC_GENERAL, "CKM_DES3_CMAC_GENERAL")
    },
];

const MACS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };
const CMACS: Does = Does { sign: Some(sign_cmac), verify: Some(verify_cmac), ..Does::NOTHING };

/// A row of keys of both lengths, which says nothing about their sizes, as the standard has it.
const fn row(id: CK_MECHANISM_TYPE, name: &'static str) -> Row {
    Row { legacy: PROTECTS, ..Row::new(id, name, DES, (0, 0)) }
}

const fn generation(
    id: CK_MECHANISM_TYPE,
    name: &'static str,
    keys: &'static [CK_KEY_TYPE],
) -> Row {
    let does = Does { generate: Some(generate), ..Does::NOTHING };
    Row { legacy: PROTECTS, does, ..Row::new(id, name, keys, (0, 0)) }
}

/// A new key, of the one length that its type has, and of odd parity.
fn generate(row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    let len = secret_key::fixed_length(key_type).ok_or(Error::MechanismInvalid)?;
    if spec.value_len.is_some_and(|asked| asked != len) {
        return Err(Error::AttributeValueInvalid);
    }
    let mut value = random_secret(len)?;
    secret_key::settle(key_type, value.expose_mut());
    Ok(Parts::Secret(key_type, value))
}

fn ecb(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Des3Ecb, false))
}

fn cbc(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Des3Cbc, false))
}

fn cbc_pad(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    block::begin(row, key, params, direction, (Mode::Des3Cbc, true))
}

fn sign(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    Ok(Box::new(cbc_mac::plain(key, params, Mode::Des3Cbc)?))
}

fn verify(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(cbc_mac::plain(key, params, Mode::Des3Cbc)?))
}

fn sign_cmac(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    mac::signer(row, key, params, MacKind::Des3Cmac)
}

fn verify_cmac(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    mac::verifier(row, key, params, MacKind::Des3Cmac)
}

/// What protects data anew, as against what reads data protected before.
pub(super) const PROTECTS: CK_FLAGS =
    CKF_ENCRYPT | CKF_SIGN | CKF_MESSAGE_SIGN | CKF_WRAP | CKF_GENERATE | CKF_DERIVE;
pub(super) const DES: &[CK_KEY_TYPE] = &[CKK_DES3, CKK_DES2];
const BLOCK: usize = 8;
