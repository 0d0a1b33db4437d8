// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What ordinary clients do that tokens have been seen to trip over, where no other test has it.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

use common::ec::P256;
use common::operation::Kind;
use common::*;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509Name};

/// Clients ask for every usage at once, also for those that seem to contradict each other.
#[test]
fn every_usage_at_once_is_no_contradiction() {
    let user = User::new();
    let s = user.session;
    let secret = template! {
        CKA_VALUE_LEN => 32 as CK_ULONG, CKA_ENCRYPT => true, CKA_DECRYPT => true, CKA_WRAP => true,
        CKA_UNWRAP => true, CKA_SIGN => true, CKA_VERIFY => true, CKA_DERIVE => true,
    };
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &secret).good();
    let public = template! {
        CKA_MODULUS_BITS => 2048 as CK_ULONG, CKA_ENCRYPT => true, CKA_VERIFY => true,
        CKA_WRAP => true,
    };
    let private = template! { CKA_DECRYPT => true, CKA_SIGN => true, CKA_UNWRAP => true };
    s.generate_pair(&Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private).good();
    let public = template! { CKA_EC_PARAMS => P256.oid, CKA_VERIFY => true };
    let private = template! { CKA_SIGN => true, CKA_DERIVE => true };
    s.generate_pair(&Mech::plain(P256.generation), &public, &private).good();
}

/// A provider finds the key of a certificate by what is public of it, also of a key that is kept for
/// PSS.
#[test]
fn a_key_kept_for_pss_is_matched_with_its_certificate() {
    let user = User::new();
    let s = user.session;
    let only: &[CK_MECHANISM_TYPE] = &[CKM_RSA_PKCS_PSS, CKM_SHA256_RSA_PKCS_PSS];
    let private = keys::rsa_private(&reference::rsa()).with(CKA_ALLOWED_MECHANISMS, only);
    let private = s.create(&private).good();
    let public = s.create(&keys::rsa_public(&reference::rsa())).good();
    let certificate = certificate();
    let info = certificate.public_key().unwrap().public_key_to_der().unwrap();
    let certificate = s
        .create(&template! {
            CKA_CLASS => CKO_CERTIFICATE,
            CKA_CERTIFICATE_TYPE => CKC_X_509,
            CKA_SUBJECT => certificate.subject_name().to_der().unwrap(),
            CKA_VALUE => certificate.to_der().unwrap(),
        })
        .good();
    for object in [private, public] {
        assert_eq!(s.get(object, CKA_PUBLIC_KEY_INFO).good(), info);
        assert_eq!(s.get(object, CKA_MODULUS).good(), reference::rsa().n().to_vec());
        assert_eq!(s.get(object, CKA_PUBLIC_EXPONENT).good(), reference::rsa().e().to_vec());
    }
    assert!(!s.get(certificate, CKA_VALUE).good().is_empty());
    let pss = Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    let signature = s.sign(&pss, private, b"message").good();
    s.verify(&pss, public, b"message", &signature).good();
    s.sign(&Mech::plain(CKM_SHA256_RSA_PKCS), private, b"message").gives(CKR_MECHANISM_INVALID);
}

/// Without a tag, or without an initialisation vector that the token could make, GCM protects nothing.
#[test]
fn gcm_without_tag_or_vector_is_refused() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let missing = CK_GCM_PARAMS {
        pIv: std::ptr::null_mut(),
        ulIvLen: 12,
        ulIvBits: 96,
        pAAD: std::ptr::null_mut(),
        ulAADLen: 0,
        ulTagBits: 128,
    };
    for mech in [
        Mech::gcm(&[1; 12], b"", 0),
        Mech::gcm(b"", b"", 128),
        Mech::with(CKM_AES_GCM, missing, Vec::new()),
        Mech::plain(CKM_AES_GCM),
    ] {
        for kind in [Kind::Encrypt, Kind::Decrypt] {
            s.start(kind, &mech, Some(key)).gives(CKR_MECHANISM_PARAM_INVALID);
            // A failed beginning leaves nothing begun.
            s.once_or_finish(kind).gives(CKR_OPERATION_NOT_INITIALIZED);
        }
    }
}

/// What a wrapping cipher brings back is only as long as it is.
#[test]
fn an_unwrapped_value_must_have_a_length_of_its_type() {
    let user = User::new();
    let s = user.session;
    let by = keys::aes(s, 32);
    let mech = Mech::plain(CKM_AES_KEY_WRAP_KWP);
    for length in [5, 7, 10, 40] {
        let wrapped = s.wrap(&mech, by, keys::generic(s, length)).good();
        for kind in [CKK_AES, CKK_DES3, CKK_DES2, CKK_DES] {
            let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind };
            let refused = s.unwrap(&mech, by, &wrapped, &template);
            assert_ne!(refused.code(), CKR_OK, "{length} bytes as key type {kind:#x}");
            assert_ne!(refused.code(), CKR_GENERAL_ERROR, "{length} bytes as key type {kind:#x}");
        }
    }
}

/// A buffer that is one byte short of the last block is told so, and the call comes again.
#[test]
fn the_end_of_padded_decryption_may_be_asked_for_twice() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[7; 16]);
    let sealed = s.encrypt(&mech, key, &[9; 21]).good();
    s.start(Kind::Decrypt, &mech, Some(key)).good();
    let mut opened = s.update_out(Kind::Decrypt, &sealed, operation::Room::Bytes(64)).data;
    let rest = 21 - opened.len();
    let asked = s.finish(Kind::Decrypt, operation::Room::Null);
    asked.rv.good();
    assert!(asked.length as usize >= rest, "{} bytes suffice for {rest}", asked.length);
    s.finish(Kind::Decrypt, operation::Room::Bytes(rest - 1)).rv.gives(CKR_BUFFER_TOO_SMALL);
    let last = s.finish(Kind::Decrypt, operation::Room::Bytes(asked.length as usize));
    last.rv.good();
    opened.extend(last.data);
    assert_eq!(opened, [9; 21]);
}

fn certificate() -> X509 {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mut name = X509Name::builder().unwrap();
    name.append_entry_by_text("CN", "client").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(1).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build()
}
