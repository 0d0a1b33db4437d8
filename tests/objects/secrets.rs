// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a sensitive or unextractable key never shows.

use crate::common::*;

#[test]
fn secret_parts_are_hidden_and_public_parts_are_not() {
    let user = User::new();
    let s = user.session;
    let rsa = [
        CKA_PRIVATE_EXPONENT,
        CKA_PRIME_1,
        CKA_PRIME_2,
        CKA_EXPONENT_1,
        CKA_EXPONENT_2,
        CKA_COEFFICIENT,
    ];
    for (sensitive, extractable) in [(true, true), (true, false), (false, false)] {
        let kept = template! { CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable };
        let private = s.create(&keys::rsa_private(&reference::rsa()).and(&kept)).good();
        for kind in rsa {
            s.get(private, kind).gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_SENSITIVE]);
        }
        assert_eq!(s.get(private, CKA_MODULUS).good(), reference::rsa().n().to_vec());
        assert_eq!(s.get(private, CKA_PUBLIC_EXPONENT).good(), [1, 0, 1]);
        for curve in [ec::P256, ec::ED25519, ec::X25519] {
            let (_, private) = keys::pair_with(s, &curve, &Template::default(), &kept);
            s.get(private, CKA_VALUE).gives_for(curve.name, &[CKR_ATTRIBUTE_SENSITIVE]);
            s.get(private, CKA_EC_PARAMS).good_for(curve.name);
        }
        let key = keys::try_secret(s, CKK_AES, &[7; 32], &kept).good();
        s.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), 32);
        let key = keys::try_secret(s, CKK_GENERIC_SECRET, &[7; 32], &kept).good();
        s.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    }
}

#[test]
fn open_keys_show_themselves() {
    let user = User::new();
    let s = user.session;
    let own = reference::rsa();
    let (_, private) = keys::rsa(s);
    assert_eq!(s.get(private, CKA_PRIVATE_EXPONENT).good(), own.d().to_vec());
    assert_eq!(s.get(private, CKA_PRIME_1).good(), own.p().unwrap().to_vec());
    assert_eq!(s.get(private, CKA_COEFFICIENT).good(), own.iqmp().unwrap().to_vec());
    let key = keys::secret(s, CKK_AES, &[7; 32]);
    assert_eq!(s.get(key, CKA_VALUE).good(), [7; 32]);
}

#[test]
fn numbers_are_kept_without_leading_zeros() {
    let user = User::new();
    let s = user.session;
    let own = reference::rsa();
    let long = |number: Vec<u8>| [vec![0, 0], number].concat();
    let template = keys::rsa_public(&own)
        .set(CKA_MODULUS, long(own.n().to_vec()))
        .set(CKA_PUBLIC_EXPONENT, long(own.e().to_vec()));
    let public = s.create(&template).good();
    assert_eq!(s.number(public, CKA_MODULUS_BITS).good(), 2048);
    let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
    assert_eq!(info, own.public_key_to_der().unwrap());
}

#[test]
fn rsa_keys_come_in_with_or_without_their_factors() {
    let user = User::new();
    let s = user.session;
    let whole = keys::rsa_private(&reference::rsa()).and(&keys::open());
    let bare = [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT]
        .into_iter()
        .fold(whole.clone(), Template::without);
    let factors = [CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT]
        .into_iter()
        .fold(whole.clone(), Template::without);
    let public = s.create(&keys::rsa_public(&reference::rsa())).good();
    let mech = Mech::plain(CKM_SHA256_RSA_PKCS);
    for (name, template) in [("whole", whole), ("bare", bare), ("with factors", factors)] {
        let private = match s.create(&template) {
            // Section 6.1.3 lets a token ask for more than the modulus and both exponents.
            Err(Rv(CKR_TEMPLATE_INCOMPLETE)) if name != "whole" => continue,
            made => made.good_for(name),
        };
        let signature = s.sign(&mech, private, b"message").good_for(name);
        s.verify(&mech, public, b"message", &signature).good_for(name);
        assert_eq!(s.get(private, CKA_PRIVATE_EXPONENT).good(), reference::rsa().d().to_vec());
    }
}
