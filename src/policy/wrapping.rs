// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which keys may leave a token wrapped, and under what; which may come in. It may import `object`,
//! `mechanism` and layer 0.

use super::strength::strength;
use super::{Ground, fits};
use crate::error::{Error, Result};
use crate::mechanism::Row;
use crate::object::{Object, Template};
use crate::safety::Safeguard;
use cryptoki_sys::*;

/// Whether a key may be wrapped by this wrapping key (PKCS #11, section 5.18.3). `own_nonce` says that
/// the mechanism is one of authenticated encryption whose nonce the token makes.
pub fn may_wrap(
    wrapping: &Object,
    key: &Object,
    (row, own_nonce): (&Row, bool),
    ground: &Ground,
) -> Result<()> {
    let target = key.attributes();
    if !target.flag(CKA_EXTRACTABLE) {
        return Err(Error::KeyUnextractable);
    }
    let trusted = wrapping.attributes().flag(CKA_TRUSTED);
    if target.flag(CKA_WRAP_WITH_TRUSTED) && !trusted {
        return Err(Error::KeyNotWrappable);
    }
    match wrapping.attributes().get(CKA_WRAP_TEMPLATE) {
        Some(template) if !fits(key, template) => return Err(Error::KeyHandleInvalid),
        _ => {}
    }
    // What a key that is not sensitive is wrapped under protects nothing: it can be read.
    if !target.flag(CKA_SENSITIVE) {
        return Ok(());
    }
    let authenticated = UNDER_NO_NONCE.contains(&row.id) || own_nonce;
    ground.lifted.check(Safeguard::AuthenticatedWrapping, !authenticated)?;
    ground.lifted.check(Safeguard::WrappingKeys, !wraps_sensitive(wrapping))?;
    if ground.lifted.stands(Safeguard::WrappingStrength) && strength(wrapping)? < strength(key)? {
        return Err(Safeguard::WrappingStrength.refusal());
    }
    Ok(())
}

/// Whether sensitive keys may leave under this key: one that cannot leave itself, because it came back
/// under another name then, and that the security officer trusts or nobody outside can know. A public
/// key that was made here wraps none, trusted or not: its private half is here, and may decrypt.
fn wraps_sensitive(wrapping: &Object) -> bool {
    let attributes = wrapping.attributes();
    match wrapping.class() {
        CKO_SECRET_KEY if attributes.flag(CKA_EXTRACTABLE) => false,
        CKO_SECRET_KEY => attributes.flag(CKA_TRUSTED) || native(wrapping),
        _ => attributes.flag(CKA_TRUSTED) && !attributes.flag(CKA_LOCAL),
    }
}

/// A key that was made in the token and has never been able to leave it, wrapped or not.
fn native(key: &Object) -> bool {
    [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE]
        .iter()
        .all(|id| key.attributes().flag(*id))
}

/// Whether keys may be unwrapped by this mechanism into an object of this template.
pub fn may_unwrap(row: &Row, template: &Template, ground: &Ground) -> Result<()> {
    let session_key = !template.attributes().flag(CKA_TOKEN);
    let authenticated = authenticates(row) || (row.id == CKM_RSA_PKCS && session_key);
    ground.lifted.check(Safeguard::AuthenticatedWrapping, !authenticated)
}

/// Whether what a mechanism unwraps is known to be what was wrapped: the others open any ciphertext,
/// and tell by what they find inside what it was.
pub fn authenticates(row: &Row) -> bool {
    UNDER_NO_NONCE.contains(&row.id) || UNDER_A_NONCE.contains(&row.id)
}

/// Mechanisms that refuse what was not wrapped by somebody who has the key, or, those of public keys,
/// what is not whole. (RSA with PKCS #1 v1.5 is not among them: it is told apart above.)
const UNDER_NO_NONCE: &[CK_MECHANISM_TYPE] = &[
    CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_KWP,
    CKM_AES_KEY_WRAP_PAD,
    CKM_AES_KEY_WRAP_PKCS7,
    CKM_RSA_PKCS_OAEP,
    CKM_RSA_AES_KEY_WRAP,
    CKM_ECDH_AES_KEY_WRAP,
    CKM_ECDH_COF_AES_KEY_WRAP,
    CKM_ECDH_X_AES_KEY_WRAP,
];
/// The same, under an initialisation vector: two keys under one would tell their difference.
const UNDER_A_NONCE: &[CK_MECHANISM_TYPE] = &[CKM_AES_GCM, CKM_AES_CCM, CKM_CHACHA20_POLY1305];
