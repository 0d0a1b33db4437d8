// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SubjectPublicKeyInfo (RFC 5280, section 4.1.2.7; algorithms of RFC 3279, RFC 5480, RFC 8410, RFC
//! 9881, RFC 9909, RFC 9935).

use super::curve::{CURVES, Curve};
use super::parameter_set::{ParameterSet, SETS};
use super::parts::{EcPublic, FieldDomain, FieldPublic, Parts, RsaPublic, SetPublic};
use crate::codec::der;
use crate::error::{Error, Result};
use cryptoki_sys::{CK_KEY_TYPE, CKK_DH, CKK_DSA, CKK_X9_42_DH};

/// The DER of a public key.
pub(super) fn encode(public: &Parts) -> Result<Vec<u8>> {
    let (algorithm, key) = match public {
        Parts::RsaPublic(rsa) => {
            let numbers = [unsigned(&rsa.modulus), unsigned(&rsa.exponent)].concat();
            (RSA_ALGORITHM.to_vec(), der::wrap(der::SEQUENCE, &numbers))
        }
        Parts::FieldPublic(field) => (domain_algorithm(&field.domain), unsigned(&field.value)),
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
        Algorithm::Field(domain) => match read_unsigned(key) {
            Some((value, [])) => {
                Ok(Parts::FieldPublic(FieldPublic { domain, value: value.to_vec() }))
            }
            _ => Err(Error::AttributeValueInvalid),
        },
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
    /// A group in a finite field.
    Field(FieldDomain),
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

/// The AlgorithmIdentifier of keys in a finite field (PKCS #11, section "Wrapping/unwrapping
/// private keys").
pub(super) fn domain_algorithm(domain: &FieldDomain) -> Vec<u8> {
    let order = domain.subprime.as_deref().map(unsigned).unwrap_or_default();
    let (prime, base) = (unsigned(&domain.prime), unsigned(&domain.base));
    let numbers = match domain.key_type {
        CKK_DSA => [prime, order, base].concat(),
        _ => [prime, base, order].concat(),
    };
    let named = FIELDS.iter().find(|(_, key_type)| *key_type == domain.key_type);
    let oid = named.map_or(&[][..], |(oid, _)| *oid);
    der::wrap(der::SEQUENCE, &[oid, &der::wrap(der::SEQUENCE, &numbers)].concat())
}

/// The domain parameters behind the object identifier. PKCS #3 may add the length of private
/// values, X9.42 a cofactor and how the parameters were made: nothing that the numbers need.
fn read_domain(key_type: CK_KEY_TYPE, params: &[u8]) -> Result<FieldDomain> {
    let numbers = || {
        let content = der::only(der::SEQUENCE, params)?;
        let (prime, rest) = read_unsigned(content)?;
        let (second, rest) = read_unsigned(rest)?;
        Some((prime, second, rest))
    };
    // DSA keys may leave their parameters to their certificate's issuer; here they must have them.
    let (prime, second, rest) = numbers().ok_or(Error::DomainParamsInvalid)?;
    if key_type == CKK_DH {
        return FieldDomain::new(key_type, prime, None, second);
    }
    let (third, _) = read_unsigned(rest).ok_or(Error::DomainParamsInvalid)?;
    let (order, base) = if key_type == CKK_DSA { (second, third) } else { (third, second) };
    FieldDomain::new(key_type, prime, Some(order), base)
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
    for (oid, key_type) in FIELDS {
        if let Some(params) = content.strip_prefix(*oid) {
            return read_domain(*key_type, params).map(Algorithm::Field);
        }
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
/// id-dsa (1.2.840.10040.4.1), dhKeyAgreement (1.2.840.113549.1.3.1), dhpublicnumber
/// (1.2.840.10046.2.1), and at last what DSA was called before (1.3.14.3.2.12), which is only read.
const FIELDS: &[(&[u8], CK_KEY_TYPE)] = &[
    (&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x38, 0x04, 0x01], CKK_DSA),
    (&[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x03, 0x01], CKK_DH),
    (&[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3e, 0x02, 0x01], CKK_X9_42_DH),
    (&[0x06, 0x05, 0x2b, 0x0e, 0x03, 0x02, 0x0c], CKK_DSA),
];
/// id-ecPublicKey, 1.2.840.10045.2.1.
const EC_PUBLIC_KEY: &[u8] = &[0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
/// rsaEncryption, 1.2.840.113549.1.1.1.
const RSA_ENCRYPTION: &[u8] = &[0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
/// rsaEncryption with its NULL, as a SEQUENCE.
pub(super) const RSA_ALGORITHM: &[u8] =
    &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
