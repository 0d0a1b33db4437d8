// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Token objects outlive the library, each attribute byte by byte; session objects do not.

use crate::common::*;
use crate::every_class;
use std::collections::BTreeMap;

#[test]
fn every_attribute_of_every_object_is_kept() {
    let mut user = User::new();
    let s = user.session;
    for private in [true, false] {
        for (name, template) in every_class() {
            let place = template! { CKA_TOKEN => true, CKA_PRIVATE => private, CKA_LABEL => name };
            s.create(&template.and(&place)).good_for(name);
        }
    }
    let token = template! { CKA_TOKEN => true };
    keys::aes_with(s, 32, &token);
    for curve in [ec::P256, ec::P521, ec::ED25519, ec::X25519] {
        keys::pair_with(s, &curve, &token, &token.clone().and(&keys::open()));
    }
    let before = everything(s);
    assert_eq!(before.len(), 2 * every_class().len() + 1 + 8);
    for _ in 0..2 {
        user.restart();
        assert_eq!(everything(user.session), before);
    }
}

#[test]
fn session_objects_are_gone() {
    let mut user = User::new();
    for (name, template) in every_class() {
        user.session.create(&template).good_for(name);
    }
    user.restart();
    assert_eq!(user.session.find(&Template::default()).good(), []);
}

#[test]
fn destroyed_objects_stay_destroyed() {
    let mut user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template.with(CKA_TOKEN, true)).good_for(name);
        s.destroy(object).good_for(name);
    }
    user.restart();
    assert_eq!(user.session.find(&Template::default()).good(), []);
}

#[test]
fn kept_keys_work() {
    let mut user = User::new();
    let s = user.session;
    let token = template! { CKA_TOKEN => true };
    let label = |name: &str| template! { CKA_TOKEN => true, CKA_LABEL => name };
    keys::pair_with(s, &ec::P256, &label("EC"), &label("EC"));
    keys::pair_with(s, &ec::ED25519, &label("Ed"), &label("Ed"));
    let rsa = reference::rsa();
    s.create(&keys::rsa_public(&rsa).and(&label("RSA"))).good();
    s.create(&keys::rsa_private(&rsa).and(&label("RSA"))).good();
    let secret = keys::aes_with(s, 32, &token.and(&template! { CKA_LABEL => "AES" }));
    let sealed = s.encrypt(&Mech::ctr(128, [1; 16]), secret, b"sealed before").good();
    user.restart();
    let s = user.session;
    let find = |name: &str, class: CK_OBJECT_CLASS| {
        s.find(&template! { CKA_LABEL => name, CKA_CLASS => class }).good()[0]
    };
    for (name, kind) in [("EC", CKM_ECDSA_SHA256), ("Ed", CKM_EDDSA), ("RSA", CKM_SHA256_RSA_PKCS)]
    {
        let (private, public) = (find(name, CKO_PRIVATE_KEY), find(name, CKO_PUBLIC_KEY));
        let signature = s.sign(&Mech::plain(kind), private, b"message").good_for(name);
        s.verify(&Mech::plain(kind), public, b"message", &signature).good_for(name);
    }
    let opened = s.decrypt(&Mech::ctr(128, [1; 16]), find("AES", CKO_SECRET_KEY), &sealed);
    assert_eq!(opened.good(), b"sealed before");
}

#[test]
fn a_session_object_copied_to_the_token_is_kept() {
    let mut user = User::new();
    let s = user.session;
    let all = every_class();
    for (name, template) in &all {
        let object = s.create(template).good_for(name);
        s.copy(object, &template! { CKA_TOKEN => true, CKA_LABEL => *name }).good_for(name);
    }
    user.restart();
    for (name, template) in all {
        let found = user.session.find(&template.with(CKA_LABEL, name)).good();
        assert_eq!(found.len(), 1, "{name}");
    }
}

/// All token objects by their unique ids, with every attribute that they answer.
fn everything(s: Session) -> BTreeMap<Vec<u8>, BTreeMap<CK_ATTRIBUTE_TYPE, Vec<u8>>> {
    let found = s.find(&template! { CKA_TOKEN => true }).good();
    let read = |object: Obj| {
        let pairs = ATTRIBUTES.iter().filter_map(|kind| Some((*kind, s.get(object, *kind).ok()?)));
        (s.get(object, CKA_UNIQUE_ID).good(), pairs.collect())
    };
    found.into_iter().map(read).collect()
}

#[rustfmt::skip]
const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS, CKA_TOKEN, CKA_PRIVATE, CKA_LABEL, CKA_UNIQUE_ID, CKA_APPLICATION, CKA_VALUE, CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_OWNER, CKA_ATTR_TYPES, CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY, CKA_JAVA_MIDP_SECURITY_DOMAIN, CKA_URL, CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY, CKA_NAME_HASH_ALGORITHM, CKA_CHECK_VALUE, CKA_KEY_TYPE, CKA_SUBJECT, CKA_ID,
    CKA_SENSITIVE, CKA_ENCRYPT, CKA_DECRYPT, CKA_WRAP, CKA_UNWRAP, CKA_SIGN, CKA_SIGN_RECOVER, CKA_VERIFY,
    CKA_VERIFY_RECOVER, CKA_DERIVE, CKA_START_DATE, CKA_END_DATE, CKA_MODULUS, CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT, CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2,
    CKA_COEFFICIENT, CKA_PUBLIC_KEY_INFO, CKA_PRIME, CKA_SUBPRIME, CKA_BASE, CKA_PRIME_BITS, CKA_VALUE_BITS,
    CKA_VALUE_LEN, CKA_EXTRACTABLE, CKA_LOCAL, CKA_NEVER_EXTRACTABLE, CKA_ALWAYS_SENSITIVE,
    CKA_KEY_GEN_MECHANISM, CKA_MODIFIABLE, CKA_COPYABLE, CKA_DESTROYABLE, CKA_EC_PARAMS, CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE, CKA_WRAP_WITH_TRUSTED, CKA_ALLOWED_MECHANISMS,
];
