// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The values of attributes that no template names.

use crate::common::*;
use crate::every_class;

#[test]
fn storage_objects_have_their_defaults() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template).good_for(name);
        for (kind, want) in [
            (CKA_TOKEN, false),
            (CKA_MODIFIABLE, true),
            (CKA_COPYABLE, true),
            (CKA_DESTROYABLE, true),
        ] {
            assert_eq!(s.flag(object, kind).good_for(name), want, "{name}: {kind:#x}");
        }
        assert_eq!(s.get(object, CKA_LABEL).good_for(name), b"", "{name}");
    }
}

#[test]
fn keys_have_their_defaults() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        if template.value(CKA_KEY_TYPE).is_none() || name.contains("domain") {
            continue;
        }
        let object =
            s.create(&template.without(CKA_SENSITIVE).without(CKA_EXTRACTABLE)).good_for(name);
        for kind in [CKA_ID, CKA_START_DATE, CKA_END_DATE] {
            assert_eq!(s.get(object, kind).good_for(name), b"", "{name}: {kind:#x}");
        }
        if s.number(object, CKA_CLASS).good() == CKO_PUBLIC_KEY {
            assert!(!s.flag(object, CKA_PRIVATE).good(), "{name}: public keys are public");
            assert!(!s.flag(object, CKA_TRUSTED).good(), "{name}");
            continue;
        }
        for (kind, want) in [
            (CKA_PRIVATE, true),
            (CKA_SENSITIVE, true),
            (CKA_EXTRACTABLE, false),
            (CKA_WRAP_WITH_TRUSTED, false),
        ] {
            assert_eq!(s.flag(object, kind).good_for(name), want, "{name}: {kind:#x}");
        }
    }
}

#[test]
fn usages_left_out_are_what_the_key_serves() {
    let user = User::new();
    let s = user.session;
    let (rsa_public, rsa_private) = keys::rsa(s);
    let (ec_public, ec_private) = keys::pair(s, &ec::P256);
    let (ed_public, ed_private) = keys::pair(s, &ec::ED25519);
    let (_, x_private) = keys::pair(s, &ec::X25519);
    let (aes, generic) = (keys::aes(s, 32), keys::generic(s, 32));
    for (name, key, serves) in [
        ("RSA public", rsa_public, &[CKA_ENCRYPT, CKA_VERIFY, CKA_VERIFY_RECOVER, CKA_WRAP][..]),
        ("RSA private", rsa_private, &[CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_UNWRAP]),
        ("EC public", ec_public, &[CKA_VERIFY, CKA_WRAP]),
        ("EC private", ec_private, &[CKA_SIGN, CKA_DERIVE, CKA_UNWRAP]),
        ("Ed25519 public", ed_public, &[CKA_VERIFY]),
        ("Ed25519 private", ed_private, &[CKA_SIGN]),
        ("X25519 private", x_private, &[CKA_DERIVE, CKA_UNWRAP]),
        ("AES", aes, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP]),
        ("generic", generic, &[CKA_SIGN, CKA_VERIFY, CKA_DERIVE]),
    ] {
        for usage in serves {
            assert!(s.flag(key, *usage).good_for(name), "{name} serves {usage:#x}");
        }
    }
    for (name, key, never) in [
        ("EC private", ec_private, &[CKA_DECRYPT, CKA_SIGN_RECOVER][..]),
        ("EC public", ec_public, &[CKA_ENCRYPT, CKA_VERIFY_RECOVER]),
        ("Ed25519 private", ed_private, &[CKA_DECRYPT, CKA_DERIVE, CKA_UNWRAP]),
        ("X25519 private", x_private, &[CKA_SIGN, CKA_DECRYPT]),
        ("generic", generic, &[CKA_ENCRYPT, CKA_DECRYPT]),
    ] {
        for usage in never {
            assert!(!s.flag(key, *usage).good_for(name), "{name} does not serve {usage:#x}");
        }
    }
}

#[test]
fn data_objects_have_their_defaults() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&template! { CKA_CLASS => CKO_DATA }).good();
    for kind in [CKA_APPLICATION, CKA_OBJECT_ID, CKA_VALUE] {
        assert_eq!(s.get(object, kind).good(), b"", "{kind:#x}");
    }
}

#[test]
fn check_values_follow_their_algorithms() {
    let user = User::new();
    let s = user.session;
    for length in [16, 24, 32] {
        let value = vec![3; length];
        let key = keys::secret(s, CKK_AES, &value);
        let mode = openssl::symm::Mode::Encrypt;
        let block = reference::cipher(reference::aes_ecb(&value), mode, &value, None, &[0; 16]);
        assert_eq!(s.get(key, CKA_CHECK_VALUE).good(), block[..3]);
    }
    let key = keys::secret(s, CKK_GENERIC_SECRET, b"a generic secret");
    let want = &reference::digest(CKM_SHA_1, b"a generic secret")[..3];
    assert_eq!(s.get(key, CKA_CHECK_VALUE).good(), want);
    let hidden = keys::aes_with(s, 32, &template! { CKA_ENCRYPT => false });
    assert_eq!(s.get(hidden, CKA_CHECK_VALUE).good().len(), 3, "also where nothing else is shown");
}

#[test]
fn a_given_check_value_must_be_right() {
    let user = User::new();
    let s = user.session;
    let value = [3; 16];
    let key = keys::secret(s, CKK_AES, &value);
    let right = s.get(key, CKA_CHECK_VALUE).good();
    let mut wrong = right.clone();
    wrong[0] ^= 1;
    let with = |check: &[u8]| {
        let more = keys::open().with(CKA_CHECK_VALUE, check);
        keys::try_secret(s, CKK_AES, &value, &more)
    };
    with(&right).good();
    with(&wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    with(&right[..2]).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    let none = with(b"").good();
    let empty = s.get(none, CKA_CHECK_VALUE);
    assert!(empty == Ok(Vec::new()) || empty.code() == CKR_ATTRIBUTE_TYPE_INVALID, "prevented");
}

#[test]
fn public_key_info_is_computed_and_compared() {
    let user = User::new();
    let s = user.session;
    let rsa = reference::rsa().public_key_to_der().unwrap();
    let (public, private) = keys::rsa(s);
    assert_eq!(s.get(public, CKA_PUBLIC_KEY_INFO).good(), rsa);
    assert_eq!(s.get(private, CKA_PUBLIC_KEY_INFO).good(), rsa);
    let template = keys::rsa_private(&reference::rsa());
    s.create(&template.clone().with(CKA_PUBLIC_KEY_INFO, &rsa)).good_for("the right one");
    let mut wrong = rsa.clone();
    *wrong.last_mut().unwrap() ^= 2;
    let mismatch = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_ATTRIBUTE_TYPE_INVALID];
    s.create(&template.with(CKA_PUBLIC_KEY_INFO, &wrong)).gives_one_of(&mismatch);
}

#[test]
fn rsa_modulus_bits_are_counted() {
    let user = User::new();
    let s = user.session;
    let public = s.create(&keys::rsa_public(&reference::rsa())).good();
    assert_eq!(s.number(public, CKA_MODULUS_BITS).good(), 2048);
}
