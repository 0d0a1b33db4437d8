// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encapsulation with RSA: a new secret, encrypted (PKCS #1 v1.5, OAEP), or the number itself
//! (RSASVE, SP 800-56B rev. 2, section 7.2.1). PKCS #11, section "RSA".

use super::key::{Key, KeyClass};
use super::primitive::random_secret;
use super::{Cipher, Direction, Kem, Params, Row, Spec, ossl};
use crate::config::RSA_BITS;
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::sync::Arc;

/// A secret of `CKA_VALUE_LEN` bytes, which the row's wrapping encrypts.
pub(super) const ENCRYPTED: Kem = Kem { len, encapsulate: encrypt, decapsulate: decrypt };

/// A secret as long as the modulus.
pub(super) const NUMBER: Kem = Kem { len, encapsulate: generate, decapsulate: recover };

fn len(_row: &'static Row, key: &Key, _params: &Params) -> Result<usize> {
    key.modulus().map(<[u8]>::len)
}

fn encrypt(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    spec: &Spec,
) -> Result<(Vec<u8>, Secret)> {
    let mut cipher = cipher(row, key, params, Direction::Encrypt)?;
    let wanted = spec.value_len.ok_or(Error::TemplateIncomplete)?;
    if wanted == 0 || wanted > key.modulus()?.len() {
        return Err(Error::TemplateInconsistent);
    }
    let secret = random_secret(wanted)?;
    let mut ciphertext = vec![0; cipher.whole_len(wanted)];
    let written = cipher.whole(secret.expose(), &mut ciphertext).map_err(|error| match error {
        Error::DataLenRange => Error::TemplateInconsistent,
        other => other,
    })?;
    ciphertext.truncate(written);
    Ok((ciphertext, secret))
}

/// As `C_UnwrapKey` does it.
fn decrypt(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    ciphertext: &[u8],
    spec: &Spec,
) -> Result<Secret> {
    let mut cipher = cipher(row, key, params, Direction::Decrypt)?;
    let mut secret = Secret::zeroed(cipher.whole_len(ciphertext.len()))?;
    let written = cipher.whole(ciphertext, secret.expose_mut()).map_err(|error| match error {
        Error::EncryptedDataInvalid => Error::WrappedKeyInvalid,
        Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
        other => other,
    })?;
    secret.truncate(written);
    match spec.value_len {
        Some(wanted) if wanted != written => Err(Error::WrappedKeyLenRange),
        _ => Ok(secret),
    }
}

fn cipher(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    row.does.wrap.ok_or(Error::MechanismInvalid)?(row, key, params, direction)
}

fn generate(
    _row: &'static Row,
    key: &Arc<Key>,
    _params: &Params,
    spec: &Spec,
) -> Result<(Vec<u8>, Secret)> {
    let public = key.pkey(KeyClass::Public)?;
    if key.bits() < RSA_BITS.0 {
        return Err(Error::KeySizeRange);
    }
    let len = as_long_as_modulus(key, spec)?;
    ossl::encapsulate(public, len, len)
}

fn recover(
    _row: &'static Row,
    key: &Arc<Key>,
    _params: &Params,
    ciphertext: &[u8],
    spec: &Spec,
) -> Result<Secret> {
    let private = key.pkey(KeyClass::Private)?;
    let len = as_long_as_modulus(key, spec)?;
    if ciphertext.len() != len {
        return Err(Error::WrappedKeyLenRange);
    }
    ossl::decapsulate(private, ciphertext, len).map_err(|_| Error::WrappedKeyInvalid)
}

fn as_long_as_modulus(key: &Key, spec: &Spec) -> Result<usize> {
    let len = key.modulus()?.len();
    match spec.value_len {
        Some(wanted) if wanted != len => Err(Error::TemplateInconsistent),
        _ => Ok(len),
    }
}
