// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encapsulation with keys that are not made for it alone: ECDH and RSA.

use crate::common::ec::{P256, P384, X448, X25519};
use crate::common::*;
use openssl::rsa::Padding;

#[test]
fn what_a_curve_encapsulates_is_what_it_derives() {
    let user = User::new();
    let s = user.session;
    for curve in [P256, P384, X25519, X448] {
        let (public, private) = keys::pair(s, &curve);
        for (kdf, shared) in [(CKD_NULL, &b""[..]), (CKD_SHA256_KDF, b"shared")] {
            let mech = Mech::ecdh(kdf, shared, b"");
            let template = template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG };
            let template = template.and(&keys::open());
            let (ciphertext, one) = s.encapsulate(&mech, public, &template).good_for(curve.name);
            let two = s.decapsulate(&mech, private, &ciphertext, &template).good_for(curve.name);
            let derive = Mech::ecdh(kdf, shared, &ciphertext);
            let three = s.derive(&derive, private, &template).good_for(curve.name);
            let value = s.get(one, CKA_VALUE).good();
            assert_eq!(s.get(two, CKA_VALUE).good(), value, "{}", curve.name);
            assert_eq!(s.get(three, CKA_VALUE).good(), value, "{}", curve.name);
        }
    }
}

#[test]
fn openssl_reads_what_rsa_encapsulates() {
    let user = User::compatible();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let own = reference::rsa();
    let template = template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG };
    let template = template.and(&keys::open());
    for (mech, padding) in [
        (Mech::plain(CKM_RSA_PKCS), Padding::PKCS1),
        (Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b""), Padding::PKCS1_OAEP),
    ] {
        let (ciphertext, one) = s.encapsulate(&mech, public, &template).good();
        let two = s.decapsulate(&mech, private, &ciphertext, &template).good();
        let mut plain = vec![0; 256];
        let count = own.private_decrypt(&ciphertext, &mut plain, padding).unwrap();
        assert_eq!(s.get(one, CKA_VALUE).good(), plain[..count]);
        assert_eq!(s.get(two, CKA_VALUE).good(), plain[..count]);
        let unwrap = template.clone().with(CKA_CLASS, CKO_SECRET_KEY).without(CKA_VALUE_LEN);
        let three = s.unwrap(&mech, private, &ciphertext, &unwrap).good();
        assert_eq!(s.get(three, CKA_VALUE).good(), plain[..count]);
    }
    let generic = template! { CKA_KEY_TYPE => CKK_GENERIC_SECRET }.and(&keys::open());
    let mech = Mech::plain(CKM_RSA_X_509);
    let (ciphertext, one) = s.encapsulate(&mech, public, &generic).good();
    let two = s.decapsulate(&mech, private, &ciphertext, &generic).good();
    let mut plain = vec![0; 256];
    own.private_decrypt(&ciphertext, &mut plain, Padding::NONE).unwrap();
    assert_eq!(s.get(one, CKA_VALUE).good(), plain);
    assert_eq!(s.get(two, CKA_VALUE).good(), plain);
}

#[test]
fn parameters_and_templates_that_do_not_fit_are_refused() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::pair(s, &P256);
    let plain = Mech::ecdh(CKD_NULL, b"", b"");
    let none = Template::default();
    let (ciphertext, _) = s.encapsulate(&plain, public, &none).good();
    let peer = Mech::ecdh(CKD_NULL, b"", &ciphertext);
    s.encapsulate(&peer, public, &none).gives(CKR_MECHANISM_PARAM_INVALID);
    s.decapsulate(&peer, private, &ciphertext, &none).gives(CKR_MECHANISM_PARAM_INVALID);
    let unknown = Mech::ecdh(HUGE, b"", b"");
    s.encapsulate(&unknown, public, &none).gives(CKR_MECHANISM_PARAM_INVALID);
    let long = template! { CKA_VALUE_LEN => 33 as CK_ULONG };
    s.encapsulate(&plain, public, &long).gives(CKR_TEMPLATE_INCONSISTENT);
    s.decapsulate(&plain, private, &ciphertext, &long).gives(CKR_TEMPLATE_INCONSISTENT);
    let mut wrong = ciphertext.clone();
    wrong[10] ^= 1;
    for wrong in [&wrong[..], &ciphertext[1..], &[0]] {
        s.decapsulate(&plain, private, wrong, &none).gives(CKR_WRAPPED_KEY_INVALID);
    }
    let (public, private) = keys::rsa(s);
    let pkcs = Mech::plain(CKM_RSA_PKCS);
    s.encapsulate(&pkcs, public, &none).gives(CKR_TEMPLATE_INCOMPLETE);
    for length in [0, 246, 257, HUGE] {
        let template = template! { CKA_VALUE_LEN => length };
        s.encapsulate(&pkcs, public, &template).gives(CKR_TEMPLATE_INCONSISTENT);
    }
    let aes = template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 17 as CK_ULONG };
    s.encapsulate(&pkcs, public, &aes).gives(CKR_TEMPLATE_INCONSISTENT);
    let generic = template! { CKA_VALUE_LEN => 32 as CK_ULONG };
    let (ciphertext, _) = s.encapsulate(&pkcs, public, &generic).good();
    s.decapsulate(&pkcs, private, &ciphertext[1..], &none).gives(CKR_WRAPPED_KEY_LEN_RANGE);
    let raw = Mech::plain(CKM_RSA_X_509);
    s.encapsulate(&raw, public, &generic).gives(CKR_TEMPLATE_INCONSISTENT);
    s.decapsulate(&raw, private, &[0xff; 256], &none).gives(CKR_WRAPPED_KEY_INVALID);
    s.decapsulate(&raw, private, &[1; 255], &none).gives(CKR_WRAPPED_KEY_LEN_RANGE);
}
