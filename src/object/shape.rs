// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The shapes of objects: class and key type together decide which attributes an object has.

use crate::error::{Error, Result};
use crate::mechanism::parameter_set::ParameterSet;
use crate::mechanism::{self, Row, Start};
use crate::vendor::CKO_STRONGROOM_DESTROYED;
use cryptoki_sys::*;

/// What kind of object it is, as far as the attribute table asks. A bit each, so that a rule names
/// the set of shapes it applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shape(pub u32);

/// Data objects.
pub const DATA: u32 = 1;
/// X.509 public key certificates.
pub const CERTIFICATE: u32 = 1 << 1;
/// RSA public keys.
pub const RSA_PUBLIC: u32 = 1 << 2;
/// RSA private keys.
pub const RSA_PRIVATE: u32 = 1 << 3;
/// Public keys on a curve of any form.
pub const EC_PUBLIC: u32 = 1 << 4;
/// Private keys on a curve of any form.
pub const EC_PRIVATE: u32 = 1 << 5;
/// Secret keys of all types.
pub const SECRET: u32 = 1 << 6;
/// Domain parameters.
pub const DOMAIN: u32 = 1 << 7;
/// Public keys with a parameter set: ML-DSA, SLH-DSA, ML-KEM.
pub const SET_PUBLIC: u32 = 1 << 10;
/// Private keys with a parameter set.
pub const SET_PRIVATE: u32 = 1 << 11;
/// Public keys in a finite field: DSA, Diffie-Hellman.
pub const FIELD_PUBLIC: u32 = 1 << 8;
/// Private keys in a finite field.
pub const FIELD_PRIVATE: u32 = 1 << 9;
/// HSS public keys.
pub const HSS_PUBLIC: u32 = 1 << 12;
/// Trust objects.
pub const TRUST: u32 = 1 << 16;
/// X.509 attribute certificates.
pub const ATTR_CERT: u32 = 1 << 17;
/// WTLS public key certificates.
pub const WTLS: u32 = 1 << 18;
/// Profile objects: the token's own.
pub const PROFILE: u32 = 1 << 19;
/// Mechanism objects: the token's own.
pub const MECHANISM: u32 = 1 << 20;
/// The clock: the token's own.
pub const CLOCK: u32 = 1 << 21;
/// Validation objects, of which this token has none.
pub const VALIDATION: u32 = 1 << 22;
/// What is left of destroyed keys.
pub const TOMBSTONE: u32 = 1 << 23;
/// Certificates of public keys.
pub const KEY_CERT: u32 = CERTIFICATE | WTLS;
/// All certificates.
pub const ANY_CERT: u32 = KEY_CERT | ATTR_CERT;
/// What the token provides itself; no application makes or changes it.
pub const BUILT_IN: u32 = PROFILE | MECHANISM | CLOCK | VALIDATION;
/// All public keys.
pub const PUBLIC: u32 = RSA_PUBLIC | EC_PUBLIC | FIELD_PUBLIC | SET_PUBLIC | HSS_PUBLIC;
/// All private keys.
pub const PRIVATE: u32 = RSA_PRIVATE | EC_PRIVATE | FIELD_PRIVATE | SET_PRIVATE;
/// All keys.
pub const KEY: u32 = PUBLIC | PRIVATE | SECRET;
/// What applications make (section "Storage objects").
pub const STORED: u32 = DATA | ANY_CERT | TRUST | KEY | DOMAIN;
/// Everything.
pub const ANY: u32 = STORED | BUILT_IN | TOMBSTONE;

impl Shape {
    /// The shape of an object of this class and, where the class has one, of this type
    /// (`CKA_KEY_TYPE` or `CKA_CERTIFICATE_TYPE`).
    pub fn of(class: CK_OBJECT_CLASS, kind: Option<u64>) -> Result<Shape> {
        let elliptic = matches!(kind, Some(CKK_EC | CKK_EC_EDWARDS | CKK_EC_MONTGOMERY));
        let field = matches!(kind, Some(CKK_DSA | CKK_DH | CKK_X9_42_DH));
        let rsa = kind == Some(CKK_RSA);
        let shape = match class {
            CKO_DATA => DATA,
            CKO_TRUST => TRUST,
            CKO_STRONGROOM_DESTROYED => TOMBSTONE,
            CKO_CERTIFICATE
            | CKO_PUBLIC_KEY
            | CKO_PRIVATE_KEY
            | CKO_SECRET_KEY
            | CKO_DOMAIN_PARAMETERS
                if kind.is_none() =>
            {
                return Err(Error::TemplateIncomplete);
            }
            CKO_CERTIFICATE if kind == Some(CKC_X_509) => CERTIFICATE,
            CKO_CERTIFICATE if kind == Some(CKC_X_509_ATTR_CERT) => ATTR_CERT,
            CKO_CERTIFICATE if kind == Some(CKC_WTLS) => WTLS,
            CKO_PUBLIC_KEY if rsa => RSA_PUBLIC,
            CKO_PRIVATE_KEY if rsa => RSA_PRIVATE,
            CKO_PUBLIC_KEY if elliptic => EC_PUBLIC,
            CKO_PRIVATE_KEY if elliptic => EC_PRIVATE,
            CKO_PUBLIC_KEY if kind == Some(CKK_HSS) => HSS_PUBLIC,
            CKO_PUBLIC_KEY if kind.is_some_and(has_sets) => SET_PUBLIC,
            CKO_PRIVATE_KEY if kind.is_some_and(has_sets) => SET_PRIVATE,
            CKO_PUBLIC_KEY if field => FIELD_PUBLIC,
            CKO_PRIVATE_KEY if field => FIELD_PRIVATE,
            CKO_SECRET_KEY if kind.is_some_and(is_secret_type) => SECRET,
            CKO_DOMAIN_PARAMETERS if field => DOMAIN,
            _ => return Err(Error::AttributeValueInvalid),
        };
        Ok(Shape(shape))
    }

    /// Whether it is one of a set.
    pub fn is(self, set: u32) -> bool {
        self.0 & set != 0
    }
}

/// Whether keys of this type have a parameter set.
fn has_sets(key_type: u64) -> bool {
    CK_KEY_TYPE::try_from(key_type).is_ok_and(ParameterSet::has_some)
}

/// Whether some mechanism makes or uses secret keys of this type.
fn is_secret_type(key_type: u64) -> bool {
    let known = [
        CKK_RSA,
        CKK_EC,
        CKK_EC_EDWARDS,
        CKK_EC_MONTGOMERY,
        CKK_HSS,
        CKK_DSA,
        CKK_DH,
        CKK_X9_42_DH,
    ];
    let asymmetric = known.contains(&key_type) || has_sets(key_type);
    !asymmetric && mechanism::all().any(|row| row.keys.contains(&key_type))
}

/// Whether keys of this type serve what the usage attribute permits: the token's choice for usages
/// that a template leaves out, derived from the mechanisms that take such keys.
pub fn serves(shape: Shape, key_type: u64, usage: CK_ATTRIBUTE_TYPE) -> bool {
    let able = |test: fn(&Row) -> bool| {
        mechanism::all().any(|row| row.keys.contains(&key_type) && test(row))
    };
    match usage {
        CKA_ENCRYPT | CKA_DECRYPT => able(|row| row.does.cipher.is_some()),
        CKA_SIGN => able(|row| row.does.sign.is_some()),
        CKA_VERIFY => able(|row| row.does.verify.is_some()),
        CKA_SIGN_RECOVER | CKA_VERIFY_RECOVER => able(|row| row.does.sign_recover.is_some()),
        CKA_WRAP | CKA_UNWRAP => able(|row| row.does.wrap.is_some()),
        CKA_ENCAPSULATE | CKA_DECAPSULATE => able(|row| row.does.kem.is_some()),
        CKA_DERIVE => {
            let derives = |row: &Row| row.does.derive.is_some() && row.start != Start::PrivateKey;
            !shape.is(PUBLIC) && able(derives)
        }
        _ => false,
    }
}
