// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The mechanisms of the product as the tests know them: which functions each must serve, with
//! which keys, and a parameter that is right.

use crate::common::ec::{ED448, ED25519, P256, P384, P521, X25519};
use crate::common::group::Group;
use crate::common::mechanism::Hkdf;
use crate::common::*;
use crate::{derivation, symmetric};

/// The family of keys a mechanism takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    None,
    Rsa,
    Ec,
    Edwards,
    Montgomery,
    Dsa,
    Dh,
    X942,
    Aes,
    Generic,
    /// A premaster or master secret of TLS.
    Master,
    /// A public key alone: see `hss`.
    Hss,
    /// Secret keys of a type, of so many bytes.
    Secret(CK_KEY_TYPE, usize),
    /// Keys with a parameter set, of the type.
    Set(CK_KEY_TYPE),
}

/// A mechanism.
pub struct Row {
    pub kind: CK_MECHANISM_TYPE,
    /// The functions it must serve; it may serve more.
    pub flags: CK_FLAGS,
    pub family: Family,
    /// A right parameter.
    pub mech: fn(CK_MECHANISM_TYPE) -> Mech,
    /// A length of input that it takes.
    pub input: usize,
}

/// A hash and the mechanisms named after it.
#[derive(Clone, Copy, Debug)]
pub struct Hash {
    pub digest: CK_MECHANISM_TYPE,
    pub length: usize,
    pub mgf: CK_ULONG,
    pub hmac: CK_MECHANISM_TYPE,
    pub general: CK_MECHANISM_TYPE,
    pub pkcs: CK_MECHANISM_TYPE,
    pub pss: CK_MECHANISM_TYPE,
    pub ecdsa: CK_MECHANISM_TYPE,
    pub dsa: CK_MECHANISM_TYPE,
}

macro_rules! hash {
    ($digest:ident $length:literal $mgf:ident $hmac:ident $general:ident $pkcs:ident $pss:ident $ecdsa:ident $dsa:ident) => {
        Hash {
            digest: $digest,
            length: $length,
            mgf: $mgf,
            hmac: $hmac,
            general: $general,
            pkcs: $pkcs,
            pss: $pss,
            ecdsa: $ecdsa,
            dsa: $dsa,
        }
    };
}

/// The hashes that sign.
#[rustfmt::skip]
pub const HASHES: &[Hash] = &[
    hash!(CKM_SHA224 28 CKG_MGF1_SHA224 CKM_SHA224_HMAC CKM_SHA224_HMAC_GENERAL CKM_SHA224_RSA_PKCS CKM_SHA224_RSA_PKCS_PSS CKM_ECDSA_SHA224 CKM_DSA_SHA224),
    hash!(CKM_SHA256 32 CKG_MGF1_SHA256 CKM_SHA256_HMAC CKM_SHA256_HMAC_GENERAL CKM_SHA256_RSA_PKCS CKM_SHA256_RSA_PKCS_PSS CKM_ECDSA_SHA256 CKM_DSA_SHA256),
    hash!(CKM_SHA384 48 CKG_MGF1_SHA384 CKM_SHA384_HMAC CKM_SHA384_HMAC_GENERAL CKM_SHA384_RSA_PKCS CKM_SHA384_RSA_PKCS_PSS CKM_ECDSA_SHA384 CKM_DSA_SHA384),
    hash!(CKM_SHA512 64 CKG_MGF1_SHA512 CKM_SHA512_HMAC CKM_SHA512_HMAC_GENERAL CKM_SHA512_RSA_PKCS CKM_SHA512_RSA_PKCS_PSS CKM_ECDSA_SHA512 CKM_DSA_SHA512),
    hash!(CKM_SHA3_224 28 CKG_MGF1_SHA3_224 CKM_SHA3_224_HMAC CKM_SHA3_224_HMAC_GENERAL CKM_SHA3_224_RSA_PKCS CKM_SHA3_224_RSA_PKCS_PSS CKM_ECDSA_SHA3_224 CKM_DSA_SHA3_224),
    hash!(CKM_SHA3_256 32 CKG_MGF1_SHA3_256 CKM_SHA3_256_HMAC CKM_SHA3_256_HMAC_GENERAL CKM_SHA3_256_RSA_PKCS CKM_SHA3_256_RSA_PKCS_PSS CKM_ECDSA_SHA3_256 CKM_DSA_SHA3_256),
    hash!(CKM_SHA3_384 48 CKG_MGF1_SHA3_384 CKM_SHA3_384_HMAC CKM_SHA3_384_HMAC_GENERAL CKM_SHA3_384_RSA_PKCS CKM_SHA3_384_RSA_PKCS_PSS CKM_ECDSA_SHA3_384 CKM_DSA_SHA3_384),
    hash!(CKM_SHA3_512 64 CKG_MGF1_SHA3_512 CKM_SHA3_512_HMAC CKM_SHA3_512_HMAC_GENERAL CKM_SHA3_512_RSA_PKCS CKM_SHA3_512_RSA_PKCS_PSS CKM_ECDSA_SHA3_512 CKM_DSA_SHA3_512),
];

/// SHA-1, whose signatures are checked but not made.
#[rustfmt::skip]
pub const SHA1: Hash =
    hash!(CKM_SHA_1 20 CKG_MGF1_SHA1 CKM_SHA_1_HMAC CKM_SHA_1_HMAC_GENERAL CKM_SHA1_RSA_PKCS CKM_SHA1_RSA_PKCS_PSS CKM_ECDSA_SHA1 CKM_DSA_SHA1);

/// All mechanisms that the product must have.
pub fn required() -> Vec<Row> {
    let mut rows = fixed();
    rows.extend(post_quantum());
    rows.extend(derivation::rows());
    rows.extend(symmetric::rows());
    for hash in HASHES {
        rows.push(row(hash.digest, CKF_DIGEST, Family::None, Mech::plain, 100));
        rows.push(row(hash.hmac, SIGNS, Family::Generic, Mech::plain, 100));
        rows.push(row(hash.pkcs, SIGNS, Family::Rsa, Mech::plain, 100));
        rows.push(row(hash.pss, SIGNS, Family::Rsa, pss_of, 100));
        rows.push(row(hash.ecdsa, SIGNS, Family::Ec, Mech::plain, 100));
        rows.push(row(hash.dsa, SIGNS, Family::Dsa, Mech::plain, 100));
    }
    rows.push(row(SHA1.digest, CKF_DIGEST, Family::None, Mech::plain, 100));
    rows.push(row(SHA1.pkcs, CKF_VERIFY, Family::Rsa, Mech::plain, 100));
    rows.push(row(SHA1.pss, CKF_VERIFY, Family::Rsa, pss_of, 100));
    rows.push(row(SHA1.ecdsa, CKF_VERIFY, Family::Ec, Mech::plain, 100));
    rows.push(row(SHA1.dsa, CKF_VERIFY, Family::Dsa, Mech::plain, 100));
    rows
}

/// Mechanisms that the product may have; where it has them they must work.
pub fn optional() -> Vec<Row> {
    let mut rows = vec![
        row(CKM_AES_CMAC_GENERAL, SIGNS, Family::Aes, |kind| Mech::mac(kind, 8), 33),
        row(CKM_SHA_1_HMAC, CKF_VERIFY, Family::Generic, Mech::plain, 100),
        row(CKM_SHA_1_HMAC_GENERAL, CKF_VERIFY, Family::Generic, |kind| Mech::mac(kind, 10), 100),
        row(CKM_HKDF_DATA, CKF_DERIVE, Family::Generic, hkdf, 0),
        row(CKM_HKDF_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_AES_KEY_WRAP_PAD, WRAPS, Family::Aes, Mech::plain, 24),
        row(CKM_AES_KEY_WRAP_PKCS7, WRAPS, Family::Aes, Mech::plain, 24),
    ];
    rows.extend(symmetric::legacy());
    for kind in KEY_GENERATION {
        rows.push(row(*kind, CKF_GENERATE, Family::None, Mech::plain, 0));
    }
    for hash in HASHES {
        rows.push(row(hash.general, SIGNS, Family::Generic, |kind| Mech::mac(kind, 10), 100));
    }
    rows
}

/// The row of a mechanism.
pub fn find(kind: CK_MECHANISM_TYPE) -> Option<Row> {
    required().into_iter().chain(optional()).find(|row| row.kind == kind)
}

/// Whether a token offers a mechanism.
pub fn offers(user: &User, kind: CK_MECHANISM_TYPE) -> bool {
    session::mechanisms(user.token.slot).good().contains(&kind)
}

/// The keys of a family: the one that encrypts, verifies and wraps; the one that decrypts,
/// signs, unwraps and derives.
pub fn keys_of(session: Session, family: Family) -> (Obj, Obj) {
    let same = |key| (key, key);
    match family {
        Family::None => (Obj(0), Obj(0)),
        Family::Rsa => keys::rsa(session),
        Family::Ec => keys::pair(session, &P256),
        Family::Edwards => keys::pair(session, &ED25519),
        Family::Montgomery => keys::pair(session, &X25519),
        Family::Dsa => {
            let record = group::dsa_record();
            let group = Group::of(CKK_DSA, &record);
            group.import(session, &record.hex("public"), &record.hex("private"))
        }
        Family::Dh => group::modp2048().pair(session),
        Family::X942 => {
            let record = group::x9_42_record();
            let group = Group::of(CKK_X9_42_DH, &record);
            group.import(session, &record.hex("public"), &record.hex("private"))
        }
        Family::Aes => same(keys::aes(session, 32)),
        Family::Generic => same(keys::generic(session, 32)),
        Family::Master => same(keys::generic(session, 48)),
        Family::Hss => same(crate::hss::public(session)),
        Family::Secret(kind, count) => {
            let value = crate::data(count);
            let des = [CKK_DES2, CKK_DES3].contains(&kind);
            let value = if des { crate::legacy::odd(value) } else { value };
            same(keys::secret(session, kind, &value))
        }
        Family::Set(key_type) => sets::quick(key_type).pair(session),
    }
}

/// The parameter of an RSA-PSS mechanism with hashing.
pub fn pss_of(kind: CK_MECHANISM_TYPE) -> Mech {
    let hash = HASHES.iter().chain([&SHA1]).find(|hash| hash.pss == kind).expect("a PSS mechanism");
    Mech::pss(kind, hash.digest, hash.mgf, hash.length)
}

fn fixed() -> Vec<Row> {
    vec![
        row(CKM_RSA_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_RSA_PKCS, RSA_ALL, Family::Rsa, Mech::plain, 32),
        row(CKM_RSA_X_509, RSA_ALL, Family::Rsa, Mech::plain, 255),
        row(CKM_RSA_AES_KEY_WRAP, WRAPS, Family::Rsa, rsa_aes, 0),
        row(CKM_RSA_PKCS_PSS, SIGNS, Family::Rsa, pss_raw, 32),
        row(CKM_RSA_PKCS_OAEP, CIPHERS | WRAPS | KEM, Family::Rsa, oaep, 32),
        row(CKM_EC_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_EC_KEY_PAIR_GEN_W_EXTRA_BITS, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_EC_EDWARDS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_ECDSA, SIGNS, Family::Ec, Mech::plain, 32),
        row(CKM_EDDSA, SIGNS, Family::Edwards, Mech::plain, 100),
        row(CKM_ECDH1_DERIVE, CKF_DERIVE | KEM, Family::Ec, ecdh_p256, 0),
        row(CKM_ECDH1_COFACTOR_DERIVE, CKF_DERIVE | KEM, Family::Ec, ecdh_p256, 0),
        row(CKM_ECDH_AES_KEY_WRAP, WRAPS, Family::Ec, ecdh_aes, 0),
        row(CKM_ECDH_COF_AES_KEY_WRAP, WRAPS, Family::Ec, ecdh_aes, 0),
        row(CKM_ECDH_X_AES_KEY_WRAP, WRAPS, Family::Montgomery, ecdh_aes, 0),
        row(CKM_DSA_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_DSA_PARAMETER_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_DSA, SIGNS, Family::Dsa, Mech::plain, 32),
        row(CKM_DH_PKCS_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_DH_PKCS_PARAMETER_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_DH_PKCS_DERIVE, CKF_DERIVE | KEM, Family::Dh, dh, 0),
        row(CKM_X9_42_DH_KEY_PAIR_GEN, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0),
        row(CKM_X9_42_DH_PARAMETER_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_X9_42_DH_DERIVE, CKF_DERIVE | KEM, Family::X942, x9_42, 0),
        row(CKM_AES_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_AES_ECB, CIPHERS, Family::Aes, Mech::plain, 32),
        row(CKM_AES_CBC, CIPHERS, Family::Aes, |kind| Mech::iv(kind, &[7; 16]), 32),
        row(CKM_AES_CBC_PAD, CIPHERS | WRAPS, Family::Aes, |kind| Mech::iv(kind, &[7; 16]), 33),
        row(CKM_AES_CTR, CIPHERS, Family::Aes, |_| Mech::ctr(128, [7; 16]), 33),
        row(CKM_AES_GCM, CIPHERS, Family::Aes, |_| Mech::gcm(&[7; 12], b"aad", 128), 33),
        row(CKM_AES_CMAC, SIGNS, Family::Aes, Mech::plain, 33),
        row(CKM_AES_KEY_WRAP, WRAPS, Family::Aes, Mech::plain, 24),
        row(CKM_AES_KEY_WRAP_KWP, WRAPS, Family::Aes, Mech::plain, 24),
        row(CKM_GENERIC_SECRET_KEY_GEN, CKF_GENERATE, Family::None, Mech::plain, 0),
        row(CKM_HKDF_DERIVE, CKF_DERIVE, Family::Generic, hkdf, 0),
    ]
}

fn post_quantum() -> Vec<Row> {
    let kem = row(CKM_ML_KEM, KEM, Family::Set(CKK_ML_KEM), Mech::plain, 0);
    let hss = row(CKM_HSS, CKF_VERIFY, Family::Hss, Mech::plain, 100);
    let mut rows = vec![kem, hss];
    for generation in [CKM_ML_DSA_KEY_PAIR_GEN, CKM_SLH_DSA_KEY_PAIR_GEN, CKM_ML_KEM_KEY_PAIR_GEN] {
        rows.push(row(generation, CKF_GENERATE_KEY_PAIR, Family::None, Mech::plain, 0));
    }
    for (key_type, pure, hashed) in
        [(CKK_ML_DSA, CKM_ML_DSA, CKM_HASH_ML_DSA), (CKK_SLH_DSA, CKM_SLH_DSA, CKM_HASH_SLH_DSA)]
    {
        rows.push(row(pure, SIGNS, Family::Set(key_type), Mech::plain, 100));
        rows.push(row(hashed, SIGNS, Family::Set(key_type), hash_context, 32));
    }
    for (ml_dsa, slh_dsa) in HASHED {
        rows.push(row(*ml_dsa, SIGNS, Family::Set(CKK_ML_DSA), Mech::plain, 100));
        rows.push(row(*slh_dsa, SIGNS, Family::Set(CKK_SLH_DSA), Mech::plain, 100));
    }
    rows
}

fn hash_context(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::hash_context(kind, CKH_HEDGE_PREFERRED, b"context", CKM_SHA256)
}

pub fn row(
    kind: CK_MECHANISM_TYPE,
    flags: CK_FLAGS,
    family: Family,
    mech: fn(CK_MECHANISM_TYPE) -> Mech,
    input: usize,
) -> Row {
    Row { kind, flags, family, mech, input }
}

fn pss_raw(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::pss(kind, CKM_SHA256, CKG_MGF1_SHA256, 32)
}

fn oaep(_: CK_MECHANISM_TYPE) -> Mech {
    Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"")
}

fn rsa_aes(_: CK_MECHANISM_TYPE) -> Mech {
    Mech::rsa_aes(256, CKM_SHA256, CKG_MGF1_SHA256, b"")
}

fn ecdh_aes(kind: CK_MECHANISM_TYPE) -> Mech {
    Mech::ecdh_aes(kind, 256, CKD_SHA256_KDF, b"shared")
}

fn dh(_: CK_MECHANISM_TYPE) -> Mech {
    // Its logarithm is 3.
    Mech::dh(&[8])
}

fn x9_42(_: CK_MECHANISM_TYPE) -> Mech {
    Mech::x9_42(CKD_NULL, b"", &group::x9_42_record().hex("peer_public"))
}

fn hkdf(kind: CK_MECHANISM_TYPE) -> Mech {
    let how = Hkdf { extract: true, expand: true, info: b"info", ..Hkdf::default() };
    Mech::hkdf(kind, CKM_SHA256, &how)
}

fn ecdh_p256(kind: CK_MECHANISM_TYPE) -> Mech {
    let peer = reference::point(&P256, &reference::generate(&P256));
    let parameter = Mech::ecdh(CKD_NULL, b"", &peer);
    assert_eq!(parameter.kind(), CKM_ECDH1_DERIVE);
    parameter.named(kind)
}

/// ML-DSA and SLH-DSA with a hash first.
pub const HASHED: &[(CK_MECHANISM_TYPE, CK_MECHANISM_TYPE)] = &[
    (CKM_HASH_ML_DSA_SHA224, CKM_HASH_SLH_DSA_SHA224),
    (CKM_HASH_ML_DSA_SHA256, CKM_HASH_SLH_DSA_SHA256),
    (CKM_HASH_ML_DSA_SHA384, CKM_HASH_SLH_DSA_SHA384),
    (CKM_HASH_ML_DSA_SHA512, CKM_HASH_SLH_DSA_SHA512),
    (CKM_HASH_ML_DSA_SHA3_224, CKM_HASH_SLH_DSA_SHA3_224),
    (CKM_HASH_ML_DSA_SHA3_256, CKM_HASH_SLH_DSA_SHA3_256),
    (CKM_HASH_ML_DSA_SHA3_384, CKM_HASH_SLH_DSA_SHA3_384),
    (CKM_HASH_ML_DSA_SHA3_512, CKM_HASH_SLH_DSA_SHA3_512),
    (CKM_HASH_ML_DSA_SHAKE128, CKM_HASH_SLH_DSA_SHAKE128),
    (CKM_HASH_ML_DSA_SHAKE256, CKM_HASH_SLH_DSA_SHAKE256),
];

/// Every curve.
#[rustfmt::skip]
pub const ALL_CURVES: &[ec::Curve] = &[
    ec::P224, P256, P384, P521, ec::K256,
    ec::BRAINPOOL224, ec::BRAINPOOL256, ec::BRAINPOOL320, ec::BRAINPOOL384, ec::BRAINPOOL512,
    ED25519, ED448, X25519, ec::X448,
];

/// Generation of keys for HMAC with one hash.
const KEY_GENERATION: &[CK_MECHANISM_TYPE] = &[
    CKM_SHA_1_KEY_GEN,
    CKM_SHA224_KEY_GEN,
    CKM_SHA256_KEY_GEN,
    CKM_SHA384_KEY_GEN,
    CKM_SHA512_KEY_GEN,
    CKM_SHA3_224_KEY_GEN,
    CKM_SHA3_256_KEY_GEN,
    CKM_SHA3_384_KEY_GEN,
    CKM_SHA3_512_KEY_GEN,
];
pub const SIGNS: CK_FLAGS = CKF_SIGN | CKF_VERIFY;
pub const CIPHERS: CK_FLAGS = CKF_ENCRYPT | CKF_DECRYPT;
pub const WRAPS: CK_FLAGS = CKF_WRAP | CKF_UNWRAP;
const RSA_ALL: CK_FLAGS = SIGNS | RECOVERS | CIPHERS | WRAPS | KEM;
const RECOVERS: CK_FLAGS = CKF_SIGN_RECOVER | CKF_VERIFY_RECOVER;
const KEM: CK_FLAGS = CKF_ENCAPSULATE | CKF_DECAPSULATE;
