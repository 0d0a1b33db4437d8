// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The curves: one row each, from which generation, import, export and the mechanisms take what
//! they need. Adding a curve is adding a row.

use crate::codec::der;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use openssl::nid::Nid;
use std::ffi::CStr;

/// A curve.
pub struct Curve {
    /// `CKK_EC`, `CKK_EC_EDWARDS` or `CKK_EC_MONTGOMERY`.
    pub key_type: CK_KEY_TYPE,
    /// `CKA_EC_PARAMS` by object identifier: the DER of it (RFC 5480, RFC 5639,
    /// RFC 8410).
    pub oid: &'static [u8],
    /// The names that `CKA_EC_PARAMS` may give it as a PrintableString (X9.62, SEC 2, RFC 5639,
    /// RFC 8032, RFC 7748).
    pub names: &'static [&'static str],
    /// OpenSSL's algorithm.
    pub algorithm: &'static CStr,
    /// OpenSSL's name of the group; empty where the algorithm says it all.
    pub group: &'static CStr,
    /// OpenSSL's number of the group.
    pub nid: Nid,
    /// The size of the field, bits.
    pub bits: usize,
    /// The length of a private value, and for `CKK_EC` of a coordinate and of half a signature;
    /// for the others also of a point. Bytes.
    pub len: usize,
}

/// Every curve.
pub static CURVES: &[Curve] = &[
    weierstrass(
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21],
        &["secp224r1", "P-224"],
        c"secp224r1",
        Nid::SECP224R1,
        224,
    ),
    weierstrass(
        &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
        &["prime256v1", "secp256r1", "P-256"],
        c"prime256v1",
        Nid::X9_62_PRIME256V1,
        256,
    ),
    weierstrass(
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
        &["secp384r1", "P-384"],
        c"secp384r1",
        Nid::SECP384R1,
        384,
    ),
    weierstrass(
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
        &["secp521r1", "P-521"],
        c"secp521r1",
        Nid::SECP521R1,
        521,
    ),
    weierstrass(
        &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
        &["secp256k1"],
        c"secp256k1",
        Nid::SECP256K1,
        256,
    ),
    weierstrass(
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x05],
        &["brainpoolP224r1"],
        c"brainpoolP224r1",
        Nid::BRAINPOOL_P224R1,
        224,
    ),
    weierstrass(
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
        &["brainpoolP256r1"],
        c"brainpoolP256r1",
        Nid::BRAINPOOL_P256R1,
        256,
    ),
    weierstrass(
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x09],
        &["brainpoolP320r1"],
        c"brainpoolP320r1",
        Nid::BRAINPOOL_P320R1,
        320,
    ),
    weierstrass(
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b],
        &["brainpoolP384r1"],
        c"brainpoolP384r1",
        Nid::BRAINPOOL_P384R1,
        384,
    ),
    weierstrass(
        &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d],
        &["brainpoolP512r1"],
        c"brainpoolP512r1",
        Nid::BRAINPOOL_P512R1,
        512,
    ),
    raw(
        CKK_EC_EDWARDS,
        &[0x06, 0x03, 0x2b, 0x65, 0x70],
        &["edwards25519", "Ed25519"],
        c"ED25519",
        255,
        32,
    ),
    raw(
        CKK_EC_EDWARDS,
        &[0x06, 0x03, 0x2b, 0x65, 0x71],
        &["edwards448", "Ed448"],
        c"ED448",
        448,
        57,
    ),
    raw(
        CKK_EC_MONTGOMERY,
        &[0x06, 0x03, 0x2b, 0x65, 0x6e],
        &["curve25519", "X25519"],
        c"X25519",
        255,
        32,
    ),
    raw(
        CKK_EC_MONTGOMERY,
        &[0x06, 0x03, 0x2b, 0x65, 0x6f],
        &["curve448", "X448"],
        c"X448",
        448,
        56,
    ),
];

impl Curve {
    /// The curve that `CKA_EC_PARAMS` names, for a key of this type.
    ///
    /// `DomainParamsInvalid` for what is no DER or no name (explicit parameters, `implicitlyCA`),
    /// `CurveNotSupported` for a curve that is not here or belongs to another key type (PKCS #11,
    /// section "Elliptic Curve").
    pub fn find(key_type: CK_KEY_TYPE, params: &[u8]) -> Result<&'static Curve> {
        let named = |curve: &&Curve| match der::only(der::PRINTABLE_STRING, params) {
            Some(name) => curve.names.iter().any(|known| known.as_bytes() == name),
            None => curve.oid == params,
        };
        if der::only(der::PRINTABLE_STRING, params).or(der::only(der::OID, params)).is_none() {
            return Err(Error::DomainParamsInvalid);
        }
        let of_type = |curve: &&Curve| curve.key_type == key_type;
        CURVES.iter().find(named).filter(of_type).ok_or(Error::CurveNotSupported)
    }

    /// Whether private values are numbers and points have two coordinates (`CKK_EC`).
    pub fn is_weierstrass(&self) -> bool {
        self.key_type == CKK_EC
    }
}

const fn weierstrass(
    oid: &'static [u8],
    names: &'static [&'static str],
    group: &'static CStr,
    nid: Nid,
    bits: usize,
) -> Curve {
    Curve {
        key_type: CKK_EC,
        oid,
        names,
        algorithm: c"EC",
        group,
        nid,
        bits,
        len: bits.div_ceil(8),
    }
}

const fn raw(
    key_type: CK_KEY_TYPE,
    oid: &'static [u8],
    names: &'static [&'static str],
    algorithm: &'static CStr,
    bits: usize,
    len: usize,
) -> Curve {
    Curve { key_type, oid, names, algorithm, group: c"", nid: Nid::UNDEF, bits, len }
}
