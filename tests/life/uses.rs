// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every way to use a key, each with a fresh key that serves it.

use crate::common::message::Many;
use crate::common::operation::Kind;
use crate::common::*;
use openssl::symm::Mode;

/// A way to use a key.
pub struct Way {
    pub name: &'static str,
    /// A fresh key with these attributes.
    pub key: fn(Session, &Template) -> Obj,
    /// The use: its first call, or the whole of it where there is one call alone.
    pub begin: fn(Session, Obj) -> R<()>,
}

/// All of them, those that protect first.
pub const WAYS: &[Way] = &[
    Way { name: "encrypt", key: aes, begin: |s, key| start(s, Kind::Encrypt, CKM_AES_ECB, key) },
    Way { name: "sign", key: aes, begin: |s, key| start(s, Kind::Sign, CKM_AES_CMAC, key) },
    Way { name: "sign-recover", key: rsa_private, begin: sign_recover },
    Way { name: "wrap", key: aes, begin: |s, key| s.wrap(&kwp(), key, keys::aes(s, 16)).map(drop) },
    Way { name: "derive", key: aes, begin: derive },
    Way { name: "encapsulate", key: kem_public, begin: encapsulate },
    Way {
        name: "message encrypt",
        key: aes,
        begin: |s, key| many(s, Many::Encrypt, CKM_AES_GCM, key),
    },
    Way {
        name: "message sign",
        key: ec_private,
        begin: |s, key| many(s, Many::Sign, CKM_ECDSA_SHA256, key),
    },
    Way { name: "decrypt", key: aes, begin: |s, key| start(s, Kind::Decrypt, CKM_AES_ECB, key) },
    Way { name: "unwrap", key: known, begin: unwrap },
    Way { name: "decapsulate", key: kem_private, begin: decapsulate },
    Way {
        name: "message decrypt",
        key: aes,
        begin: |s, key| many(s, Many::Decrypt, CKM_AES_GCM, key),
    },
    Way { name: "verify", key: aes, begin: |s, key| start(s, Kind::Verify, CKM_AES_CMAC, key) },
    Way { name: "verify signature", key: ec_public, begin: verify_signature },
    Way { name: "verify-recover", key: rsa_public, begin: verify_recover },
    Way {
        name: "message verify",
        key: ec_public,
        begin: |s, key| many(s, Many::Verify, CKM_ECDSA_SHA256, key),
    },
];

/// The ways that protect; those behind them process, and of those the last only verify.
pub const PROTECT: usize = 8;
/// The ways that do not verify.
pub const GIVE_OUT: usize = 12;

fn start(s: Session, kind: Kind, mech: CK_MECHANISM_TYPE, key: Obj) -> R<()> {
    s.start(kind, &Mech::plain(mech), Some(key))?;
    s.cancel(CKF_ENCRYPT | CKF_DECRYPT | CKF_SIGN | CKF_VERIFY)
}

fn many(s: Session, kind: Many, mech: CK_MECHANISM_TYPE, key: Obj) -> R<()> {
    s.many(kind, Some(&Mech::plain(mech)), Some(key))?;
    s.many_final(kind)
}

fn sign_recover(s: Session, key: Obj) -> R<()> {
    s.sign_recover(&Mech::plain(CKM_RSA_PKCS), key, b"data").map(drop)
}

fn verify_recover(s: Session, key: Obj) -> R<()> {
    let mut mech = Mech::plain(CKM_RSA_PKCS).raw();
    outcome(p11!(C_VerifyRecoverInit(s.0, &mut mech, key.0)))?;
    s.cancel(CKF_VERIFY_RECOVER)
}

fn verify_signature(s: Session, key: Obj) -> R<()> {
    s.verify_signature_init(&Mech::plain(CKM_ECDSA_SHA256), key, &[1; 64])?;
    s.cancel(CKF_VERIFY)
}

fn derive(s: Session, key: Obj) -> R<()> {
    let mut data = vec![7_u8; 32];
    let parameter = CK_KEY_DERIVATION_STRING_DATA { pData: data.as_mut_ptr(), ulLen: 32 };
    let mech = Mech::with(CKM_AES_ECB_ENCRYPT_DATA, parameter, vec![data]);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    s.derive(&mech, key, &template.with(CKA_VALUE_LEN, 32 as CK_ULONG)).map(drop)
}

fn unwrap(s: Session, key: Obj) -> R<()> {
    let wrapped = reference::kwp(KNOWN, Mode::Encrypt, &[9; 16]).unwrap();
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    s.unwrap(&kwp(), key, &wrapped, &template).map(drop)
}

fn encapsulate(s: Session, key: Obj) -> R<()> {
    s.encapsulate(&Mech::plain(CKM_ML_KEM), key, &secret()).map(drop)
}

fn decapsulate(s: Session, key: Obj) -> R<()> {
    // Any bytes of the right length are a ciphertext (FIPS 203, section 6.3).
    s.decapsulate(&Mech::plain(CKM_ML_KEM), key, &[5; 768], &secret()).map(drop)
}

fn secret() -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET }
}

fn kwp() -> Mech {
    Mech::plain(CKM_AES_KEY_WRAP_KWP)
}

fn aes(s: Session, more: &Template) -> Obj {
    keys::aes_with(s, 32, more)
}

fn known(s: Session, more: &Template) -> Obj {
    keys::try_secret(s, CKK_AES, KNOWN, more).good()
}

fn rsa_private(s: Session, more: &Template) -> Obj {
    s.create(&keys::rsa_private(&reference::rsa()).and(more)).good()
}

fn rsa_public(s: Session, more: &Template) -> Obj {
    s.create(&keys::rsa_public(&reference::rsa()).and(more)).good()
}

fn ec_private(s: Session, more: &Template) -> Obj {
    keys::pair_with(s, &ec::P256, &Template::default(), more).1
}

fn ec_public(s: Session, more: &Template) -> Obj {
    keys::pair_with(s, &ec::P256, more, &Template::default()).0
}

fn kem_pair(s: Session, public: &Template, private: &Template) -> (Obj, Obj) {
    let public = template! { CKA_PARAMETER_SET => CKP_ML_KEM_512 as CK_ULONG }.and(public);
    s.generate_pair(&Mech::plain(CKM_ML_KEM_KEY_PAIR_GEN), &public, private).good()
}

fn kem_public(s: Session, more: &Template) -> Obj {
    kem_pair(s, more, &Template::default()).0
}

fn kem_private(s: Session, more: &Template) -> Obj {
    kem_pair(s, &Template::default(), more).1
}

const KNOWN: &[u8] = &[3; 32];
