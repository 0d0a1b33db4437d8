// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7; algorithms of RFC 3279, RFC 5480, RFC 8410, RFC
//! 9881, RFC 9909, RFC 9935).

use super::curve::{CURVES, Curve};
use super::parameter_set::{ParameterSet, SETS};
use super::parts::{EcPublic, Parts, RsaPublic, SetPublic};
use crate::codec::der;
use crate::error::{Error, Result};

/// The DER of a public key.
pub(super) fn encode(public: &Parts) -> Result<Vec<u8>> {
    let (algorithm, key) = match public {
        Parts::RsaPublic(rsa) => {
            let numbers = [unsigned(&rsa.modulus), unsigned(&rsa.exponent)].concat();
            (RSA_ALGORITHM.to_vec(), der::wrap(der::SEQUENCE, &numbers))
        }
        Parts::EcPublic(ec) => (algorithm(Curve::find(ec.key_type, &ec.params)?), ec.point.clone()),
        Parts::HssPublic(value) => (der::wrap(der::SEQUENCE, HSS), value.clone()),
        Parts::SetPublic(key) => (set_algorithm(key.set), key.value.clone()),
        _ => return Err(Error::KeyTypeInconsistent),
    };
    // A BIT STRING begins with the number of unused bits.
    let bits = der::wrap(BIT_STRING, &[&[0], key.as_slice()].concat());
    Ok(der::wrap(der::SEQUENCE, &[algorithm, bits].concat()))
}

/// The values of a public key from its DER, which may stand alone only. `AttributeValueInvalid`
/// where it is malformed; the values themselves are checked by [`super::Key::new`].
pub(super) fn decode(encoded: &[u8]) -> Result<Parts> {
    let (algorithm, key) = split(encoded).ok_or(Error::AttributeValueInvalid)?;
    match identify(algorithm)? {
        Algorithm::Rsa => {
            let numbers = der::only(der::SEQUENCE, key).ok_or(Error::AttributeValueInvalid)?;
            let (modulus, rest) = read_unsigned(numbers).ok_or(Error::AttributeValueInvalid)?;
            let (exponent, rest) = read_unsigned(rest).ok_or(Error::AttributeValueInvalid)?;
            if !rest.is_empty() {
                return Err(Error::AttributeValueInvalid);
            }
            Ok(Parts::RsaPublic(RsaPublic {
                modulus: modulus.to_vec(),
                exponent: exponent.to_vec(),
            }))
        }
        Algorithm::Curve(curve) => Ok(Parts::EcPublic(EcPublic {
            key_type: curve.key_type,
            params: curve.oid.to_vec(),
            point: key.to_vec(),
        })),
        Algorithm::Hss => Ok(Parts::HssPublic(key.to_vec())),
        Algorithm::Set(set) => Ok(Parts::SetPublic(SetPublic { set, value: key.to_vec() })),
    }
}

/// A key algorithm, as an AlgorithmIdentifier names it.
pub(super) enum Algorithm {
    /// rsaEncryption.
    Rsa,
    /// A curve.
    Curve(&'static Curve),
    /// A parameter set of ML-DSA, SLH-DSA or ML-KEM.
    Set(&'static ParameterSet),
    /// HSS.
    Hss,
}

/// The AlgorithmIdentifier of keys of a parameter set.
pub(super) fn set_algorithm(set: &ParameterSet) -> Vec<u8> {
    der::wrap(der::SEQUENCE, &set.oid)
}

/// The AlgorithmIdentifier of keys on a curve.
pub(super) fn algorithm(curve: &Curve) -> Vec<u8> {
    let content = match curve.is_weierstrass() {
        true => [EC_PUBLIC_KEY, curve.oid].concat(),
        false => curve.oid.to_vec(),
    };
    der::wrap(der::SEQUENCE, &content)
}

/// The key algorithm that the content of an AlgorithmIdentifier names. Explicit domain parameters
/// are `DomainParamsInvalid`, unknown algorithms `KeyTypeInconsistent`.
pub(super) fn identify(content: &[u8]) -> Result<Algorithm> {
    if let Some(params) = content.strip_prefix(EC_PUBLIC_KEY) {
        return Curve::find(cryptoki_sys::CKK_EC, params).map(Algorithm::Curve);
    }
    // RFC 3279 wants the NULL after rsaEncryption; some leave it out.
    if content.strip_prefix(RSA_ENCRYPTION).is_some_and(|rest| rest.is_empty() || rest == NULL) {
        return Ok(Algorithm::Rsa);
    }
    if content == HSS {
        return Ok(Algorithm::Hss);
    }
    if let Some(set) = SETS.iter().find(|set| set.oid == content) {
        return Ok(Algorithm::Set(set));
    }
    let named = |curve: &&Curve| !curve.is_weierstrass() && curve.oid == content;
    CURVES.iter().find(named).map(Algorithm::Curve).ok_or(Error::KeyTypeInconsistent)
}

/// A non-negative INTEGER: with a zero byte in front where the first bit is set.
pub(super) fn unsigned(number: &[u8]) -> Vec<u8> {
    let digits = super::rsa_key::minimal(number);
    match digits.first() {
        Some(first) if first & 0x80 == 0 => der::wrap(der::INTEGER, digits),
        _ => der::wrap(der::INTEGER, &[&[0], digits].concat()),
    }
}

/// The digits of a non-negative INTEGER and what follows it.
pub(super) fn read_unsigned(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (content, rest) = der::read(der::INTEGER, bytes)?;
    let negative = content.first()? & 0x80 != 0;
    (!negative).then(|| (super::rsa_key::minimal(content), rest))
}

fn split(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let info = der::only(der::SEQUENCE, encoded)?;
    let (algorithm, rest) = der::read(der::SEQUENCE, info)?;
    let (unused, key) = der::only(BIT_STRING, rest)?.split_first()?;
    (*unused == 0).then_some((algorithm, key))
}

pub(super) const BIT_STRING: u8 = 0x03;
const NULL: &[u8] = &[0x05, 0x00];
/// id-alg-hss-lms-hashsig, 1.2.840.113549.1.9.16.3.17 (RFC 9802: the key is not wrapped again).
const HSS: &[u8] = &[0x06, 0x0b, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x10, 0x03, 0x11];
/// id-ecPublicKey, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// rsaEncryption with its NULL, as a SEQUENCE.
pub(super) const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
