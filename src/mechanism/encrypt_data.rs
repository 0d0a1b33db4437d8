// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys derived by encrypting data (PKCS #11, section "Key derivation by data encryption - DES &
//! AES"): the ciphertext, cut to length, is the new key.

use super::aes::{AES, SIZES};
use super::des3::{DES, PROTECTS};
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::{Base, Derived, Direction, Does, ParamKind, Params, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The mechanisms.
pub const ROWS: &[Row] = &[
    Row {
        params: ParamKind::DerivationData,
        does: Does { derive: Some(aes), ..Does::NOTHING },
        ..Row::new(CKM_AES_ECB_ENCRYPT_DATA, "CKM_AES_ECB_ENCRYPT_DATA", AES, SIZES)
    },
    Row {
        params: ParamKind::IvData(16),
        does: Does { derive: Some(aes), ..Does::NOTHING },
        ..Row::new(CKM_AES_CBC_ENCRYPT_DATA, "CKM_AES_CBC_ENCRYPT_DATA", AES, SIZES)
    },
    Row {
        params: ParamKind::DerivationData,
        legacy: PROTECTS,
        does: Does { derive: Some(des), ..Does::NOTHING },
        ..Row::new(CKM_DES3_ECB_ENCRYPT_DATA, "CKM_DES3_ECB_ENCRYPT_DATA", DES, (0, 0))
    },
    Row {
        params: ParamKind::IvData(8),
        legacy: PROTECTS,
        does: Does { derive: Some(des), ..Does::NOTHING },
        ..Row::new(CKM_DES3_CBC_ENCRYPT_DATA, "CKM_DES3_CBC_ENCRYPT_DATA", DES, (0, 0))
    },
];

fn aes(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    derive(base.key, params, spec, (Mode::Ecb, Mode::Cbc))
}

fn des(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    derive(base.key, params, spec, (Mode::Des3Ecb, Mode::Des3Cbc))
}

fn derive(key: &Key, params: &Params, spec: &Spec, modes: (Mode, Mode)) -> Result<Derived> {
    let (mode, iv, data): (Mode, &[u8], &[u8]) = match params {
        Params::DerivationData(data) => (modes.0, &[], data),
        Params::IvData { iv, data } => (modes.1, iv, data),
        _ => return Err(Error::MechanismParamInvalid),
    };
    if data.len() % mode.block() != 0 {
        return Err(Error::MechanismParamInvalid);
    }
    let len = spec.length(Some(data.len())).map_err(|error| match error {
        // "If the data is too short to make the requested key".
        Error::KeySizeRange => Error::DataLenRange,
        other => other,
    })?;
    let mut context = CipherCtx::new(mode, key.value()?, Direction::Encrypt, iv.len())?;
    context.start(iv)?;
    let mut value = Secret::zeroed(data.len())?;
    context.update(data, value.expose_mut())?;
    value.truncate(len);
    Ok(Derived::from(value))
}
