// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The kinds of keys and usages, by the names that the command gives them.

use super::failure::{Failure, Outcome};
use crate::mechanism::curve::{CURVES, Curve};
use crate::mechanism::parameter_set::{ParameterSet, SETS};
use crate::mechanism::{self, Row};
use cryptoki_sys::*;

/// A kind of key: what `--type` names, and what a list shows.
#[derive(Clone, Copy)]
pub enum KeyKind {
    /// RSA, with a modulus of so many bits.
    Rsa(usize),
    /// On a curve.
    Curve(&'static Curve),
    /// Of a parameter set.
    Set(&'static ParameterSet),
    /// A secret key of this type, of so many bytes; no length where none was said.
    Secret(CK_KEY_TYPE, Option<usize>),
}

/// A usage that a key can have.
pub struct Usage {
    /// Its name.
    pub name: &'static str,
    /// Its attribute.
    pub id: CK_ATTRIBUTE_TYPE,
    /// The usage that the other half of a key pair has for it.
    pub counterpart: Option<CK_ATTRIBUTE_TYPE>,
}

/// Every usage.
pub static USAGES: &[Usage] = &[
    Usage { name: "sign", id: CKA_SIGN, counterpart: Some(CKA_VERIFY) },
    Usage { name: "verify", id: CKA_VERIFY, counterpart: Some(CKA_SIGN) },
    Usage { name: "encrypt", id: CKA_ENCRYPT, counterpart: Some(CKA_DECRYPT) },
    Usage { name: "decrypt", id: CKA_DECRYPT, counterpart: Some(CKA_ENCRYPT) },
    Usage { name: "wrap", id: CKA_WRAP, counterpart: Some(CKA_UNWRAP) },
    Usage { name: "unwrap", id: CKA_UNWRAP, counterpart: Some(CKA_WRAP) },
    Usage { name: "derive", id: CKA_DERIVE, counterpart: None },
    Usage { name: "encapsulate", id: CKA_ENCAPSULATE, counterpart: Some(CKA_DECAPSULATE) },
    Usage { name: "decapsulate", id: CKA_DECAPSULATE, counterpart: Some(CKA_ENCAPSULATE) },
];

impl KeyKind {
    /// Reads `rsa:3072`, `ec:p256`, `ed25519`, `ml-dsa-65`, `aes:256`, `generic:32`, `hmac-sha256`.
    pub fn parse(text: &str) -> Outcome<KeyKind> {
        let (name, size) = match text.split_once(':') {
            Some((name, size)) => (name, Some(size)),
            None => (text, None),
        };
        let unknown = || {
            Failure::new(
                format!("'{text}' is no type of key"),
                format!(
                    "the types are rsa:BITS, aes:BITS, {}, and {}:BYTES",
                    CURVES
                        .iter()
                        .map(curve_name)
                        .chain(SETS.iter().map(set_name))
                        .collect::<Vec<_>>()
                        .join(", "),
                    SECRETS.iter().map(|(name, ..)| *name).collect::<Vec<_>>().join(":BYTES, ")
                ),
            )
        };
        let number = || size.map(|size| size.parse::<usize>().map_err(|_| unknown())).transpose();
        if let Some(curve) = CURVES.iter().find(|curve| curve_name(curve) == text) {
            return Ok(KeyKind::Curve(curve));
        }
        if let Some(set) = SETS.iter().find(|set| set_name(set) == text) {
            return Ok(KeyKind::Set(set));
        }
        if name == "rsa" {
            return Ok(KeyKind::Rsa(number()?.unwrap_or(3072)));
        }
        if name == "aes" {
            return match number()? {
                Some(bits) if bits % 8 == 0 => Ok(KeyKind::Secret(CKK_AES, Some(bits / 8))),
                Some(_) => Err(unknown()),
                None => Ok(KeyKind::Secret(CKK_AES, None)),
            };
        }
        let (_, key_type, _) =
            SECRETS.iter().find(|(known, ..)| *known == name).ok_or_else(unknown)?;
        Ok(KeyKind::Secret(*key_type, number()?))
    }

    /// Its `CKK_*` type.
    pub fn key_type(&self) -> CK_KEY_TYPE {
        match self {
            KeyKind::Rsa(_) => CKK_RSA,
            KeyKind::Curve(curve) => curve.key_type,
            KeyKind::Set(set) => set.key_type,
            KeyKind::Secret(key_type, _) => *key_type,
        }
    }

    /// The mechanism that makes such keys.
    pub(super) fn generator(&self) -> Option<&'static Row> {
        let makes = |row: &&Row| {
            let does = &row.does;
            row.keys.contains(&self.key_type())
                && (does.generate.is_some() || does.generate_pair.is_some())
        };
        mechanism::all().find(makes)
    }

    /// The length of a secret key that nobody named, bytes.
    pub(super) fn default_length(&self) -> usize {
        let known = SECRETS.iter().find(|(_, key_type, _)| *key_type == self.key_type());
        known.map_or(32, |(.., length)| *length)
    }
}

/// The name of a key's kind and size, as `--type` takes it.
pub(super) fn describe(key_type: Option<u64>, params: Option<&[u8]>, bits: Option<u64>) -> String {
    let sized = |name: &str, size: Option<u64>| match size {
        Some(size) => format!("{name}:{size}"),
        None => name.to_string(),
    };
    let Some(number) = key_type else { return String::new() };
    let key_type = CK_KEY_TYPE::try_from(number).unwrap_or(CK_KEY_TYPE::MAX);
    match key_type {
        CKK_RSA => sized("rsa", bits),
        CKK_AES => sized("aes", bits),
        CKK_HSS => "hss".to_string(),
        CKK_DSA => "dsa".to_string(),
        CKK_DH => "dh".to_string(),
        CKK_X9_42_DH => "x9.42-dh".to_string(),
        CKK_ML_DSA => "ml-dsa".to_string(),
        CKK_SLH_DSA => "slh-dsa".to_string(),
        CKK_ML_KEM => "ml-kem".to_string(),
        CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY => {
            let curve = params.and_then(|params| Curve::find(key_type, params).ok());
            curve.map_or_else(|| "ec".to_string(), curve_name)
        }
        _ => match SECRETS.iter().find(|(_, known, _)| *known == key_type) {
            Some((name, ..)) => sized(name, bits.map(|bits| bits / 8)),
            None => format!("{number:#x}"),
        },
    }
}

/// The name of a kind of key with a parameter set.
pub(super) fn describe_set(key_type: Option<u64>, set: u64) -> Option<String> {
    let key_type = CK_KEY_TYPE::try_from(key_type?).ok()?;
    ParameterSet::find(key_type, set).ok().map(set_name)
}

/// `ml-dsa-65`, `ml-kem-768`, `slh-dsa-sha2-128s`.
fn set_name(set: &'static ParameterSet) -> String {
    set.algorithm.to_string_lossy().to_lowercase()
}

/// `ec:p256`, `ec:secp256k1`, `ec:brainpoolp256r1`, `ed25519`, `x448`.
fn curve_name(curve: &'static Curve) -> String {
    let name = curve.names.last().map_or_else(String::new, |name| name.to_lowercase());
    match curve.is_weierstrass() {
        true => format!("ec:{}", name.replace("p-", "p")),
        false => name,
    }
}

/// Secret keys whose size is said in bytes: name, type, and the length where none is named (for
/// HMAC that of the digest, RFC 2104, section 3).
static SECRETS: &[(&str, CK_KEY_TYPE, usize)] = &[
    ("generic", CKK_GENERIC_SECRET, 32),
    ("hmac-sha1", CKK_SHA_1_HMAC, 20),
    ("hmac-sha224", CKK_SHA224_HMAC, 28),
    ("hmac-sha256", CKK_SHA256_HMAC, 32),
    ("hmac-sha384", CKK_SHA384_HMAC, 48),
    ("hmac-sha512", CKK_SHA512_HMAC, 64),
    ("hmac-sha3-224", CKK_SHA3_224_HMAC, 28),
    ("hmac-sha3-256", CKK_SHA3_256_HMAC, 32),
    ("hmac-sha3-384", CKK_SHA3_384_HMAC, 48),
    ("hmac-sha3-512", CKK_SHA3_512_HMAC, 64),
];
