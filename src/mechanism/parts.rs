// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The values that keys are made of.

use super::parameter_set::ParameterSet;
use crate::secret::Secret;
use cryptoki_sys::CK_KEY_TYPE;

/// The values a key is made of, as they stand in PKCS #11 attributes: big integers big-endian,
/// curve points, curves by the DER of `CKA_EC_PARAMS`.
pub enum Parts {
    /// A secret key of the type given.
    Secret(CK_KEY_TYPE, Secret),
    /// An RSA public key.
    RsaPublic(RsaPublic),
    /// An RSA private key.
    RsaPrivate(RsaPrivate),
    /// A public key on a curve: `CKK_EC`, `CKK_EC_EDWARDS` or `CKK_EC_MONTGOMERY`.
    EcPublic(EcPublic),
    /// A private key on a curve.
    EcPrivate(EcPrivate),
    /// A public key in a finite field: `CKK_DSA`, `CKK_DH` or `CKK_X9_42_DH`.
    FieldPublic(FieldPublic),
    /// A private key in a finite field.
    FieldPrivate(FieldPrivate),
    /// Domain parameters of such keys, without a key.
    FieldDomain(FieldDomain),
    /// A public key of one of the types whose keys have a parameter set.
    SetPublic(SetPublic),
    /// A private key of one of these types.
    SetPrivate(SetPrivate),
    /// A public key of HSS, encoded as RFC 8554 has it.
    HssPublic(Vec<u8>),
}

/// An RSA public key (RFC 8017, section 3.1).
pub struct RsaPublic {
    /// The modulus.
    pub modulus: Vec<u8>,
    /// The public exponent.
    pub exponent: Vec<u8>,
}

/// An RSA private key (RFC 8017, section 3.2). The CRT values are all there or all empty.
pub struct RsaPrivate {
    /// The public half.
    pub public: RsaPublic,
    /// The private exponent.
    pub exponent: Secret,
    /// `p`, `q`, `d mod p-1`, `d mod q-1`, `q^-1 mod p`, in this order.
    pub crt: Option<[Secret; 5]>,
}

/// A public key on a curve.
pub struct EcPublic {
    /// `CKK_EC`, `CKK_EC_EDWARDS` or `CKK_EC_MONTGOMERY`.
    pub key_type: CK_KEY_TYPE,
    /// `CKA_EC_PARAMS`: DER of the curve's OID or of its name.
    pub params: Vec<u8>,
    /// The point: X9.62 for `CKK_EC`, RFC 8032 / RFC 7748 bytes for the others. Made here it is raw
    /// and uncompressed; from outside any form is taken, wrapped in ASN.1 or not.
    pub point: Vec<u8>,
}

/// A private key on a curve.
pub struct EcPrivate {
    /// `CKK_EC`, `CKK_EC_EDWARDS` or `CKK_EC_MONTGOMERY`.
    pub key_type: CK_KEY_TYPE,
    /// `CKA_EC_PARAMS`.
    pub params: Vec<u8>,
    /// The private value.
    pub value: Secret,
}

/// A public key of ML-DSA, SLH-DSA or ML-KEM.
pub struct SetPublic {
    /// The parameter set, which says the key type too.
    pub set: &'static ParameterSet,
    /// The public key as FIPS 204, 205 or 203 encodes it.
    pub value: Vec<u8>,
}

/// A private key of ML-DSA, SLH-DSA or ML-KEM: its seed, its expanded form, or both.
pub struct SetPrivate {
    /// The parameter set, which says the key type too.
    pub set: &'static ParameterSet,
    /// The seed: the `xi` of FIPS 204, or `d || z` of FIPS 203. SLH-DSA has none.
    pub seed: Option<Secret>,
    /// The private key as FIPS 204, 205 or 203 encodes it.
    pub value: Option<Secret>,
}

/// The domain parameters of keys in a finite field (FIPS 186-4, section 4.1; PKCS #3; RFC 2631).
#[derive(Clone)]
pub struct FieldDomain {
    /// `CKK_DSA`, `CKK_DH` or `CKK_X9_42_DH`.
    pub key_type: CK_KEY_TYPE,
    /// The prime `p`.
    pub prime: Vec<u8>,
    /// The order `q` of the base; `CKK_DH` has none.
    pub subprime: Option<Vec<u8>>,
    /// The base `g`.
    pub base: Vec<u8>,
}

/// A public key in a finite field.
pub struct FieldPublic {
    /// The domain parameters.
    pub domain: FieldDomain,
    /// The public value `y`.
    pub value: Vec<u8>,
}

/// A private key in a finite field.
pub struct FieldPrivate {
    /// The domain parameters.
    pub domain: FieldDomain,
    /// The private value `x`.
    pub value: Secret,
}
