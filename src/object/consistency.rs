// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What must hold between the attributes of one object, however it came to be.

use super::shape::{CERTIFICATE, KEY_CERT, Shape, TRUST, WTLS};
use super::value::Attributes;
use crate::codec::der;
use crate::error::{Error, Result};
use cryptoki_sys::*;

/// Checks an object that was made or changed.
pub(super) fn check(attributes: &Attributes, shape: Shape) -> Result<()> {
    dates(attributes)?;
    // Section 4.9: re-authentication presumes a private object.
    if attributes.flag(CKA_ALWAYS_AUTHENTICATE) && !attributes.flag(CKA_PRIVATE) {
        return Err(Error::TemplateInconsistent);
    }
    if shape.is(KEY_CERT) {
        certificate(attributes, shape)?;
    }
    if shape.is(TRUST) {
        trust(attributes)?;
    }
    Ok(())
}

fn dates(attributes: &Attributes) -> Result<()> {
    let date = |id| attributes.bytes(id).filter(|date| !date.is_empty());
    match (date(CKA_START_DATE), date(CKA_END_DATE)) {
        (Some(start), Some(end)) if start > end => Err(Error::TemplateInconsistent),
        _ => Ok(()),
    }
}

/// The notes under the tables of X.509 and WTLS certificates: the certificate or the place to find
/// it, and with that place the hashes by which its keys are known.
fn certificate(attributes: &Attributes, shape: Shape) -> Result<()> {
    let empty = |id| attributes.bytes(id).is_none_or(<[u8]>::is_empty);
    let hashes = [CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY];
    let nowhere = empty(CKA_VALUE) && empty(CKA_URL);
    let unknown = !empty(CKA_URL) && hashes.into_iter().any(empty);
    let nobody = shape.is(WTLS) && empty(CKA_SUBJECT) && !empty(CKA_VALUE);
    if nowhere || unknown || nobody { Err(Error::TemplateIncomplete) } else { Ok(()) }
}

/// Note 2 under the table of trust objects: who trusts a certificate says which.
fn trust(attributes: &Attributes) -> Result<()> {
    let trusting = |id: &CK_ATTRIBUTE_TYPE| {
        let level = attributes.number(*id);
        ![Some(u64::from(CKT_TRUST_UNKNOWN)), Some(u64::from(CKT_NOT_TRUSTED))].contains(&level)
    };
    let unnamed = attributes.bytes(CKA_HASH_OF_CERTIFICATE).is_none_or(<[u8]>::is_empty);
    if unnamed && TRUSTS.iter().any(trusting) { Err(Error::TemplateIncomplete) } else { Ok(()) }
}

/// The SubjectPublicKeyInfo inside an X.509 certificate (RFC 5280, section 4.1); none where it is
/// not DER.
pub(super) fn public_key_info(attributes: &Attributes, shape: Shape) -> Option<Vec<u8>> {
    let value = attributes.bytes(CKA_VALUE).filter(|_| shape.is(CERTIFICATE))?;
    let certificate = der::only(der::SEQUENCE, value)?;
    let (mut rest, _) = der::read(der::SEQUENCE, certificate)?;
    rest = der::read(VERSION, rest).map_or(rest, |(_, rest)| rest);
    (_, rest) = der::read(der::INTEGER, rest)?;
    // Signature algorithm, issuer, validity, subject.
    for _ in 0..4 {
        (_, rest) = der::read(der::SEQUENCE, rest)?;
    }
    let (info, _) = der::read(der::SEQUENCE, rest)?;
    Some(der::wrap(der::SEQUENCE, info))
}

/// `[0] EXPLICIT`.
const VERSION: u8 = 0xa0;

const TRUSTS: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_CLIENT_AUTH,
    CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION,
    CKA_TRUST_IPSEC_IKE,
    CKA_TRUST_TIME_STAMPING,
    CKA_TRUST_OCSP_SIGNING,
];
