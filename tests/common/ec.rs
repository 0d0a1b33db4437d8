// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The curves: their encodings and what they are for.

use cryptoki_sys::*;
use openssl::nid::Nid;
use openssl::pkey::Id;

/// A curve of any family.
#[derive(Clone, Copy, Debug)]
pub struct Curve {
    pub name: &'static str,
    pub key_type: CK_KEY_TYPE,
    pub generation: CK_MECHANISM_TYPE,
    /// `CKA_EC_PARAMS` as an object identifier, DER.
    pub oid: &'static [u8],
    /// The name of the curve in `CKA_EC_PARAMS` as a PrintableString.
    pub printable: Option<&'static str>,
    /// The length of a field element, and of an Edwards or Montgomery public key.
    pub size: usize,
    pub family: Family,
}

/// How OpenSSL names the curve.
#[derive(Clone, Copy, Debug)]
pub enum Family {
    Weierstrass(Nid),
    Edwards(Id),
    Montgomery(Id),
}

impl Curve {
    /// The curve's name as a DER PrintableString.
    pub fn name_der(&self) -> Option<Vec<u8>> {
        let name = self.printable?.as_bytes();
        let mut der = vec![0x13, u8::try_from(name.len()).expect("short name")];
        der.extend_from_slice(name);
        Some(der)
    }
}

/// Wraps bytes as a DER OCTET STRING.
pub fn octet_string(content: &[u8]) -> Vec<u8> {
    let mut der = match content.len() {
        short @ 0..0x80 => vec![0x04, short as u8],
        long @ 0x80..0x100 => vec![0x04, 0x81, long as u8],
        long => vec![0x04, 0x82, (long >> 8) as u8, long as u8],
    };
    der.extend_from_slice(content);
    der
}

/// The content of a DER OCTET STRING that fills the whole input.
pub fn octets(der: &[u8]) -> Vec<u8> {
    let start = match der {
        [0x04, short, ..] if *short < 0x80 => 2,
        [0x04, 0x81, ..] => 3,
        [0x04, 0x82, ..] => 4,
        _ => panic!("not an OCTET STRING: {der:02x?}"),
    };
    assert_eq!(octet_string(&der[start..]), der, "an OCTET STRING and nothing else");
    der[start..].to_vec()
}

pub const P224: Curve = Curve {
    name: "P-224",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21],
    printable: Some("secp224r1"),
    size: 28,
    family: Family::Weierstrass(Nid::SECP224R1),
};
pub const P256: Curve = Curve {
    name: "P-256",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07],
    printable: Some("secp256r1"),
    size: 32,
    family: Family::Weierstrass(Nid::X9_62_PRIME256V1),
};
pub const P384: Curve = Curve {
    name: "P-384",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    printable: Some("secp384r1"),
    size: 48,
    family: Family::Weierstrass(Nid::SECP384R1),
};
pub const P521: Curve = Curve {
    name: "P-521",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    printable: Some("secp521r1"),
    size: 66,
    family: Family::Weierstrass(Nid::SECP521R1),
};
pub const K256: Curve = Curve {
    name: "secp256k1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
    printable: Some("secp256k1"),
    size: 32,
    family: Family::Weierstrass(Nid::SECP256K1),
};
pub const BRAINPOOL224: Curve = Curve {
    name: "brainpoolP224r1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x05],
    printable: Some("brainpoolP224r1"),
    size: 28,
    family: Family::Weierstrass(Nid::BRAINPOOL_P224R1),
};
pub const BRAINPOOL256: Curve = Curve {
    name: "brainpoolP256r1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
    printable: Some("brainpoolP256r1"),
    size: 32,
    family: Family::Weierstrass(Nid::BRAINPOOL_P256R1),
};
pub const BRAINPOOL320: Curve = Curve {
    name: "brainpoolP320r1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x09],
    printable: Some("brainpoolP320r1"),
    size: 40,
    family: Family::Weierstrass(Nid::BRAINPOOL_P320R1),
};
pub const BRAINPOOL384: Curve = Curve {
    name: "brainpoolP384r1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0b],
    printable: Some("brainpoolP384r1"),
    size: 48,
    family: Family::Weierstrass(Nid::BRAINPOOL_P384R1),
};
pub const BRAINPOOL512: Curve = Curve {
    name: "brainpoolP512r1",
    key_type: CKK_EC,
    generation: CKM_EC_KEY_PAIR_GEN,
    oid: &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x0d],
    printable: Some("brainpoolP512r1"),
    size: 64,
    family: Family::Weierstrass(Nid::BRAINPOOL_P512R1),
};
pub const ED25519: Curve = Curve {
    name: "Ed25519",
    key_type: CKK_EC_EDWARDS,
    generation: CKM_EC_EDWARDS_KEY_PAIR_GEN,
    oid: &[0x06, 0x03, 0x2b, 0x65, 0x70],
    printable: Some("edwards25519"),
    size: 32,
    family: Family::Edwards(Id::ED25519),
};
pub const ED448: Curve = Curve {
    name: "Ed448",
    key_type: CKK_EC_EDWARDS,
    generation: CKM_EC_EDWARDS_KEY_PAIR_GEN,
    oid: &[0x06, 0x03, 0x2b, 0x65, 0x71],
    printable: Some("edwards448"),
    size: 57,
    family: Family::Edwards(Id::ED448),
};
pub const X25519: Curve = Curve {
    name: "X25519",
    key_type: CKK_EC_MONTGOMERY,
    generation: CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    oid: &[0x06, 0x03, 0x2b, 0x65, 0x6e],
    printable: Some("curve25519"),
    size: 32,
    family: Family::Montgomery(Id::X25519),
};
pub const X448: Curve = Curve {
    name: "X448",
    key_type: CKK_EC_MONTGOMERY,
    generation: CKM_EC_MONTGOMERY_KEY_PAIR_GEN,
    oid: &[0x06, 0x03, 0x2b, 0x65, 0x6f],
    printable: Some("curve448"),
    size: 56,
    family: Family::Montgomery(Id::X448),
};

/// The curves of ECDSA.
pub const WEIERSTRASS: &[Curve] = &[
    P224,
    P256,
    P384,
    P521,
    K256,
    BRAINPOOL224,
    BRAINPOOL256,
    BRAINPOOL320,
    BRAINPOOL384,
    BRAINPOOL512,
];
/// The curves of EdDSA.
pub const EDWARDS: &[Curve] = &[ED25519, ED448];
/// The curves of X25519 and X448.
pub const MONTGOMERY: &[Curve] = &[X25519, X448];
