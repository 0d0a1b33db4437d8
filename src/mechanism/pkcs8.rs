// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Private keys as files and wrapped keys have them: PrivateKeyInfo (RFC 5208, RFC 5958) with the
//! contents of RFC 8017, RFC 5915, RFC 8410, RFC 9881, RFC 9909 and RFC 9935, and for finite
//! fields an INTEGER (PKCS #11, section "Wrapping/unwrapping private keys"). What is secret is put together in [`Secret`]s only.

use super::curve::{CURVES, Curve};
use super::key::Key;
use super::ossl::Pkey;
use super::parameter_set::{ParameterSet, SETS};
use super::parts::{EcPrivate, FieldPrivate, Parts, RsaPrivate, RsaPublic, SetPrivate};
use super::spki::{self, Algorithm, read_unsigned};
use super::{ec_key, field_key, rsa_key, set_key};
use crate::codec::der;
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::{CKK_DH, CKK_DSA, CKK_EC, CKK_X9_42_DH};
use smallvec::SmallVec;

/// The DER of a private key's PrivateKeyInfo. `KeyTypeInconsistent` for other keys.
pub fn encode(key: &Key) -> Result<Secret> {
    let (algorithm, inner) = match key.private_parts()? {
        Parts::RsaPrivate(private) => (spki::RSA_ALGORITHM.to_vec(), encode_rsa(&private)?),
        Parts::EcPrivate(private) => {
            let curve = Curve::find(private.key_type, &private.params)?;
            let value = wrap(der::OCTET_STRING, &[private.value.expose()])?;
            let inner = match curve.is_weierstrass() {
                true => wrap(der::SEQUENCE, &[VERSION_1, value.expose()])?,
                false => value,
            };
            (spki::algorithm(curve), inner)
        }
        Parts::SetPrivate(private) => (spki::set_algorithm(private.set), encode_set(&private)?),
        Parts::FieldPrivate(private) => {
            (spki::domain_algorithm(&private.domain), integer(private.value.expose())?)
        }
        _ => return Err(Error::KeyTypeInconsistent),
    };
    let inner = wrap(der::OCTET_STRING, &[inner.expose()])?;
    wrap(der::SEQUENCE, &[VERSION_0, &algorithm, inner.expose()])
}

/// The values of a private key from its PrivateKeyInfo. Zeros after it are ignored, as a key wrap
/// without padding leaves them. `WrappedKeyInvalid` where it is malformed, `KeyTypeInconsistent`
/// for a kind of key that is not known here; the values themselves are checked by [`Key::new`].
pub fn decode(encoded: &[u8]) -> Result<Parts> {
    let (algorithm, key) = split(encoded).ok_or(Error::WrappedKeyInvalid)?;
    match spki::identify(algorithm)? {
        Algorithm::Field(domain) => match read_unsigned(key) {
            Some((value, [])) => {
                let value = Secret::copy_of(value)?;
                Ok(Parts::FieldPrivate(FieldPrivate { domain, value }))
            }
            _ => Err(Error::WrappedKeyInvalid),
        },
        Algorithm::Rsa => decode_rsa(key).ok_or(Error::WrappedKeyInvalid)?.map(Parts::RsaPrivate),
        Algorithm::Curve(curve) => {
            let value = match curve.is_weierstrass() {
                true => sec1_value(key, curve),
                false => der::only(der::OCTET_STRING, key),
            };
            let value = Secret::copy_of(value.ok_or(Error::WrappedKeyInvalid)?)?;
            let params = curve.oid.to_vec();
            Ok(Parts::EcPrivate(EcPrivate { key_type: curve.key_type, params, value }))
        }
        Algorithm::Hss => Err(Error::KeyTypeInconsistent),
        Algorithm::Set(set) => decode_set(set, key).map(Parts::SetPrivate),
    }
}

/// The values of a public key from its SubjectPublicKeyInfo. `AttributeValueInvalid` where it is
/// malformed.
pub fn decode_public(encoded: &[u8]) -> Result<Parts> {
    spki::decode(encoded)
}

/// The values of a private key from a file: PEM or DER; PKCS #8, encrypted or not, PKCS #1, SEC 1.
/// `PinIncorrect` where a passphrase is missing or wrong, `DataInvalid` for what is no key,
/// `KeyTypeInconsistent` and `CurveNotSupported` for keys that are not known here.
pub fn decode_any_private(encoded: &[u8], passphrase: Option<&Secret>) -> Result<Parts> {
    super::ossl::initialise()?;
    let secret = passphrase.map_or(&[][..], Secret::expose);
    let key = Pkey::decode_private(encoded, secret).map_err(|_| {
        let marked = encoded.windows(ENCRYPTED.len()).any(|window| window == ENCRYPTED);
        if marked || passphrase.is_some() { Error::PinIncorrect } else { Error::DataInvalid }
    })?;
    if key.is_a(c"RSA") {
        let private = rsa_key::private_parts(&key).map_err(|_| Error::DataInvalid)?;
        return Ok(Parts::RsaPrivate(private));
    }
    if let Some(set) = SETS.iter().find(|set| key.is_a(set.algorithm)) {
        let private = set_key::private_parts(set, &key).map_err(|_| Error::DataInvalid)?;
        return Ok(Parts::SetPrivate(private));
    }
    for (algorithm, key_type) in [(c"DSA", CKK_DSA), (c"DHX", CKK_X9_42_DH), (c"DH", CKK_DH)] {
        if key.is_a(algorithm) {
            let private = field_key::of_pkey_private(key_type, &key);
            return private.map(Parts::FieldPrivate).map_err(|_| Error::DataInvalid);
        }
    }
    let group = key.group();
    let curve = CURVES
        .iter()
        .find(|curve| match curve.is_weierstrass() {
            true => group.as_deref().is_some_and(|name| curve.group.to_bytes() == name.as_bytes()),
            false => key.is_a(curve.algorithm),
        })
        .ok_or(if key.is_a(c"EC") {
            Error::CurveNotSupported
        } else {
            Error::KeyTypeInconsistent
        })?;
    let value = ec_key::private_value(curve, &key).map_err(|_| Error::DataInvalid)?;
    Ok(Parts::EcPrivate(EcPrivate { key_type: curve.key_type, params: curve.oid.to_vec(), value }))
}

/// RSAPrivateKey (RFC 8017, appendix A.1.2).
fn encode_rsa(private: &RsaPrivate) -> Result<Secret> {
    let crt = private.crt.as_ref().ok_or(Error::KeyNotWrappable)?;
    let [p, q, dp, dq, qinv] = crt;
    let mut numbers = Vec::with_capacity(8);
    for number in [&private.public.modulus, &private.public.exponent] {
        numbers.push(integer(number)?);
    }
    for number in [&private.exponent, p, q, dp, dq, qinv] {
        numbers.push(integer(number.expose())?);
    }
    let content = std::iter::once(VERSION_0).chain(numbers.iter().map(Secret::expose));
    wrap(der::SEQUENCE, &content.collect::<Vec<_>>())
}

fn decode_rsa(encoded: &[u8]) -> Option<Result<RsaPrivate>> {
    // Version 1 would mean more than two primes.
    let mut rest = der::only(der::SEQUENCE, encoded)?.strip_prefix(VERSION_0)?;
    let mut numbers = [&[][..]; 8];
    for number in &mut numbers {
        (*number, rest) = read_unsigned(rest)?;
    }
    let [n, e, d, crt @ ..] = numbers;
    let private = || {
        let [p, q, dp, dq, qinv] = crt;
        let known = crt.iter().all(|number| !number.is_empty());
        let crt = [
            Secret::copy_of(p)?,
            Secret::copy_of(q)?,
            Secret::copy_of(dp)?,
            Secret::copy_of(dq)?,
            Secret::copy_of(qinv)?,
        ];
        let public = RsaPublic { modulus: n.to_vec(), exponent: e.to_vec() };
        Ok(RsaPrivate { public, exponent: Secret::copy_of(d)?, crt: known.then_some(crt) })
    };
    rest.is_empty().then(private)
}

/// The private value of an ECPrivateKey (RFC 5915). The optional parameters must name the same
/// curve; the optional public key is not looked at, it follows from the value.
fn sec1_value<'a>(encoded: &'a [u8], curve: &Curve) -> Option<&'a [u8]> {
    let content = der::only(der::SEQUENCE, encoded)?.strip_prefix(VERSION_1)?;
    let (value, rest) = der::read(der::OCTET_STRING, content)?;
    if let Some((params, _)) = der::read(TAGGED_0, rest) {
        let same = Curve::find(CKK_EC, params).ok()?;
        return (same.oid == curve.oid).then_some(value);
    }
    Some(value)
}

/// ML-DSA-PrivateKey and ML-KEM-PrivateKey (RFC 9881, section 6; RFC 9935, section 6): both forms
/// where the seed is known, the expanded one alone where not. SLH-DSA has one form, bare (RFC 9909).
fn encode_set(private: &SetPrivate) -> Result<Secret> {
    let value = private.value.as_ref().ok_or(Error::KeyNotWrappable)?;
    if private.set.seed == 0 {
        return value.duplicate();
    }
    let expanded = wrap(der::OCTET_STRING, &[value.expose()])?;
    match &private.seed {
        Some(seed) => {
            let seed = wrap(der::OCTET_STRING, &[seed.expose()])?;
            wrap(der::SEQUENCE, &[seed.expose(), expanded.expose()])
        }
        None => Ok(expanded),
    }
}

fn decode_set(set: &'static ParameterSet, encoded: &[u8]) -> Result<SetPrivate> {
    let both = || {
        let (seed, rest) = der::read(der::OCTET_STRING, der::only(der::SEQUENCE, encoded)?)?;
        Some((seed, der::only(der::OCTET_STRING, rest)?))
    };
    let (seed, value) = if set.seed == 0 {
        (None, Some(encoded))
    } else if let Some(seed) = der::only(SEED, encoded) {
        (Some(seed), None)
    } else if let Some(expanded) = der::only(der::OCTET_STRING, encoded) {
        (None, Some(expanded))
    } else {
        let (seed, expanded) = both().ok_or(Error::WrappedKeyInvalid)?;
        (Some(seed), Some(expanded))
    };
    let [seed, value] = [seed, value].map(|part| part.map(Secret::copy_of).transpose());
    Ok(SetPrivate { set, seed: seed?, value: value? })
}

/// The algorithm and the key inside a PrivateKeyInfo; attributes and a public key may follow.
fn split(encoded: &[u8]) -> Option<(&[u8], &[u8])> {
    let (info, padding) = der::read(der::SEQUENCE, encoded)?;
    let content = info.strip_prefix(VERSION_0).or(info.strip_prefix(VERSION_1))?;
    let (algorithm, rest) = der::read(der::SEQUENCE, content)?;
    let (key, _) = der::read(der::OCTET_STRING, rest)?;
    padding.iter().all(|byte| *byte == 0).then_some((algorithm, key))
}

fn integer(number: &[u8]) -> Result<Secret> {
    let digits = rsa_key::minimal(number);
    match digits.first() {
        Some(first) if first & 0x80 == 0 => wrap(der::INTEGER, &[digits]),
        _ => wrap(der::INTEGER, &[&[0], digits]),
    }
}

/// The parts, behind a tag and their common length.
fn wrap(tag: u8, parts: &[&[u8]]) -> Result<Secret> {
    let len: usize = parts.iter().map(|part| part.len()).sum();
    let mut head = SmallVec::<[u8; 8]>::new();
    head.push(tag);
    let bytes = len.to_be_bytes();
    let digits = rsa_key::minimal(&bytes);
    if len > 0x7f {
        head.push(0x80 | digits.len() as u8);
    }
    head.extend_from_slice(if len == 0 { &[0] } else { digits });
    Secret::with(head.len() + len, |out| {
        let mut at = 0;
        for part in std::iter::once(head.as_slice()).chain(parts.iter().copied()) {
            let end = at + part.len();
            out.get_mut(at..end).ok_or(Error::DeviceError)?.copy_from_slice(part);
            at = end;
        }
        Ok(())
    })
}

const VERSION_0: &[u8] = &[der::INTEGER, 1, 0];
const VERSION_1: &[u8] = &[der::INTEGER, 1, 1];
/// Tag of `[0]`, constructed.
const TAGGED_0: u8 = 0xa0;
/// Tag of `[0]`, primitive.
const SEED: u8 = 0x80;
/// Stands in every PEM file that needs a passphrase.
const ENCRYPTED: &[u8] = b"ENCRYPTED";
