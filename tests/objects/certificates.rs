// SPDX-License-Identifier: Apache-2.0 OR MIT
//! X.509 certificates.

use crate::common::*;
use openssl::asn1::Asn1Time;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::x509::{X509, X509NameBuilder};

/// A certificate and the attributes that describe it.
pub fn template() -> Template {
    let certificate = certificate();
    let name = certificate.subject_name().to_der().unwrap();
    template! {
        CKA_CLASS => CKO_CERTIFICATE,
        CKA_CERTIFICATE_TYPE => CKC_X_509,
        CKA_SUBJECT => &name,
        CKA_ISSUER => &name,
        CKA_SERIAL_NUMBER => &[2, 1, 5],
        CKA_ID => &[1, 2, 3],
        CKA_VALUE => certificate.to_der().unwrap(),
    }
}

#[test]
fn the_check_value_is_the_hash_of_the_certificate() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&template()).good();
    let value = s.get(object, CKA_VALUE).good();
    let check = reference::digest(CKM_SHA_1, &value)[..3].to_vec();
    assert_eq!(s.get(object, CKA_CHECK_VALUE).good(), check);
    for other in [&check[..], &[], &[1, 2, 3]] {
        s.set(object, &template! { CKA_CHECK_VALUE => other }).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn defaults_of_a_certificate() {
    let user = User::new();
    let s = user.session;
    let bare = template().without(CKA_ISSUER).without(CKA_SERIAL_NUMBER).without(CKA_ID);
    let object = s.create(&bare).good();
    for empty in
        [CKA_ID, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_START_DATE, CKA_END_DATE, CKA_LABEL, CKA_URL]
    {
        assert_eq!(s.get(object, empty).good_for(&format!("{empty:#x}")), b"", "{empty:#x}");
    }
    assert!(!s.flag(object, CKA_TRUSTED).good());
    assert!(!s.flag(object, CKA_PRIVATE).good(), "certificates are public by default");
    let category = s.number(object, CKA_CERTIFICATE_CATEGORY).good();
    assert_eq!(category, CK_CERTIFICATE_CATEGORY_UNSPECIFIED);
}

#[test]
fn only_the_so_trusts() {
    let user = User::new();
    let s = user.session;
    let token = template().with(CKA_TOKEN, true);
    let refused = [CKR_ATTRIBUTE_READ_ONLY, CKR_USER_NOT_LOGGED_IN, CKR_ATTRIBUTE_VALUE_INVALID];
    s.create(&token.clone().with(CKA_TRUSTED, true)).gives_one_of(&refused);
    s.create(&token.clone().with(CKA_TRUSTED, false)).good();
    let object = s.create(&token).good();
    s.set(object, &template! { CKA_TRUSTED => true }).gives_one_of(&refused);
    s.copy(object, &template! { CKA_TRUSTED => true }).gives_one_of(&refused);
    assert!(!s.flag(object, CKA_TRUSTED).good());
    s.logout().good();
    s.create(&template().with(CKA_TRUSTED, true)).gives_one_of(&refused);
    s.login(CKU_SO, SO_PIN).good();
    let trusted = s.create(&token.with(CKA_TRUSTED, true)).good_for("the SO trusts");
    assert!(s.flag(trusted, CKA_TRUSTED).good());
    s.set(object, &template! { CKA_TRUSTED => true }).good_for("the SO trusts later");
    assert!(s.flag(object, CKA_TRUSTED).good());
    s.logout().good();
    assert!(s.flag(trusted, CKA_TRUSTED).good(), "everybody sees it");
}

#[test]
fn only_some_attributes_can_change() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&template()).good();
    for (kind, value) in
        [(CKA_ID, &[9][..]), (CKA_ISSUER, &[0x30, 0]), (CKA_SERIAL_NUMBER, &[2, 1, 9])]
    {
        s.set(object, &template! { kind => value }).good_for(&format!("{kind:#x}"));
        assert_eq!(s.get(object, kind).good(), value);
    }
    s.set(object, &template! { CKA_LABEL => "label" }).good();
    for kind in [CKA_VALUE, CKA_SUBJECT] {
        let changed = s.set(object, &template! { kind => &[0x30, 0] });
        changed.gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
    }
    let kind = template! { CKA_CERTIFICATE_TYPE => CKC_X_509_ATTR_CERT };
    s.set(object, &kind).gives(CKR_ATTRIBUTE_READ_ONLY);
    let category = template! { CKA_CERTIFICATE_CATEGORY => CK_CERTIFICATE_CATEGORY_AUTHORITY };
    s.set(object, &category).gives(CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn certificates_are_found_by_what_describes_them() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&template().with(CKA_TOKEN, true)).good();
    s.logout().good();
    for kind in [CKA_SUBJECT, CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_ID, CKA_VALUE] {
        let value = template().value(kind).unwrap().to_vec();
        let found = s.find(&template! { CKA_CLASS => CKO_CERTIFICATE, kind => value }).good();
        assert_eq!(found, [object], "{kind:#x}");
    }
}

#[test]
fn an_unknown_kind_of_certificate_is_refused() {
    let user = User::new();
    for kind in [99, HUGE] {
        let made = user.session.create(&template().set(CKA_CERTIFICATE_TYPE, kind));
        made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
    }
}

fn certificate() -> X509 {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "Strongroom test").unwrap();
    let name = name.build();
    let mut builder = X509::builder().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::from_unix(1_700_000_000).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::from_unix(2_000_000_000).unwrap()).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    builder.build()
}
