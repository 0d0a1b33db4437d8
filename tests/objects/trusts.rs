// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Trust objects, and certificates of the other kinds.

use crate::certificates;
use crate::common::*;

const TRUSTS: [CK_ATTRIBUTE_TYPE; 7] = [
    CKA_TRUST_SERVER_AUTH,
    CKA_TRUST_CLIENT_AUTH,
    CKA_TRUST_CODE_SIGNING,
    CKA_TRUST_EMAIL_PROTECTION,
    CKA_TRUST_IPSEC_IKE,
    CKA_TRUST_TIME_STAMPING,
    CKA_TRUST_OCSP_SIGNING,
];
const ANCHOR: CK_TRUST = CKT_TRUST_ANCHOR as CK_TRUST;

/// Trust in a certificate, for servers.
pub fn trust() -> Template {
    template! {
        CKA_CLASS => CKO_TRUST,
        CKA_ISSUER => &[0x30, 0],
        CKA_SERIAL_NUMBER => &[2, 1, 5],
        CKA_HASH_OF_CERTIFICATE => &[7; 32],
        CKA_NAME_HASH_ALGORITHM => CKM_SHA256,
        CKA_TRUST_SERVER_AUTH => ANCHOR,
    }
}

/// An attribute certificate.
pub fn attribute_certificate() -> Template {
    template! {
        CKA_CLASS => CKO_CERTIFICATE,
        CKA_CERTIFICATE_TYPE => CKC_X_509_ATTR_CERT,
        CKA_OWNER => &[0x30, 0],
        CKA_AC_ISSUER => &[0xa0, 0],
        CKA_ATTR_TYPES => &[0x30, 0],
        CKA_VALUE => &[0x30, 0x03, 0x02, 0x01, 0x01],
    }
}

/// A WTLS certificate.
pub fn wtls_certificate() -> Template {
    template! {
        CKA_CLASS => CKO_CERTIFICATE,
        CKA_CERTIFICATE_TYPE => CKC_WTLS,
        CKA_SUBJECT => &[1, 2],
        CKA_VALUE => &[1, 0, 1],
    }
}

#[test]
fn what_trust_leaves_out_is_unknown() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&trust()).good();
    assert_eq!(s.number(object, CKA_TRUST_SERVER_AUTH).good(), ANCHOR);
    for kind in &TRUSTS[1..] {
        assert_eq!(s.number(object, *kind).good(), CKT_TRUST_UNKNOWN as CK_TRUST, "{kind:#x}");
    }
    assert!(s.flag(object, CKA_MODIFIABLE).good() && !s.flag(object, CKA_PRIVATE).good());
    let named = template! { CKA_CLASS => CKO_TRUST, CKA_SERIAL_NUMBER => &[2, 1, 5] };
    assert_eq!(s.find(&named).good(), [object]);
}

#[test]
fn who_trusts_says_which_certificate() {
    let user = User::new();
    let s = user.session;
    for level in 0..=4 {
        let bare = trust().without(CKA_HASH_OF_CERTIFICATE).without(CKA_NAME_HASH_ALGORITHM);
        let made = s.create(&bare.set(CKA_TRUST_SERVER_AUTH, level));
        let unnamed = [CKT_TRUST_UNKNOWN, CKT_NOT_TRUSTED].map(CK_TRUST::from).contains(&level);
        let want = if unnamed { CKR_OK } else { CKR_TEMPLATE_INCOMPLETE };
        made.gives_for(&format!("trust of level {level}"), &[want]);
    }
    let object = s.create(&trust().without(CKA_NAME_HASH_ALGORITHM)).good();
    assert_eq!(s.number(object, CKA_NAME_HASH_ALGORITHM).good(), CKM_SHA_1);
    for wrong in [5, HUGE] {
        let made = s.create(&trust().set(CKA_TRUST_SERVER_AUTH, wrong));
        made.gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn trust_can_be_taken_back() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&trust().with(CKA_TOKEN, true)).good();
    let refused = CKT_NOT_TRUSTED as CK_TRUST;
    s.set(object, &template! { CKA_TRUST_SERVER_AUTH => refused }).good();
    assert_eq!(s.number(object, CKA_TRUST_SERVER_AUTH).good(), refused);
    for kind in [CKA_ISSUER, CKA_SERIAL_NUMBER, CKA_HASH_OF_CERTIFICATE] {
        let changed = s.set(object, &template! { kind => &[1] });
        changed.gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
    }
}

#[test]
fn attribute_certificates_have_attributes_of_their_own() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&attribute_certificate()).good();
    for (kind, value) in
        [(CKA_AC_ISSUER, &[0xa1, 0][..]), (CKA_SERIAL_NUMBER, &[2, 1, 9]), (CKA_ATTR_TYPES, b"")]
    {
        s.set(object, &template! { kind => value }).good_for(&format!("{kind:#x}"));
        assert_eq!(s.get(object, kind).good(), value);
    }
    s.set(object, &template! { CKA_OWNER => &[0x30, 0] }).gives(CKR_ATTRIBUTE_READ_ONLY);
    for foreign in [CKA_SUBJECT, CKA_ID, CKA_ISSUER] {
        s.get(object, foreign).gives(CKR_ATTRIBUTE_TYPE_INVALID);
        let made = s.create(&attribute_certificate().with(foreign, &[1]));
        made.gives(CKR_TEMPLATE_INCONSISTENT);
    }
    let value = s.get(object, CKA_VALUE).good();
    assert_eq!(s.get(object, CKA_CHECK_VALUE).good(), reference::digest(CKM_SHA_1, &value)[..3]);
}

#[test]
fn a_certificate_elsewhere_is_known_by_its_hashes() {
    let user = User::new();
    let s = user.session;
    let hashes = [CKA_HASH_OF_SUBJECT_PUBLIC_KEY, CKA_HASH_OF_ISSUER_PUBLIC_KEY];
    for template in [certificates::template(), wtls_certificate()] {
        let elsewhere = template.clone().set(CKA_VALUE, b"").with(CKA_URL, "https://example.com/c");
        s.create(&elsewhere).gives(CKR_TEMPLATE_INCOMPLETE);
        s.create(&elsewhere.clone().with(hashes[0], &[1; 20])).gives(CKR_TEMPLATE_INCOMPLETE);
        let whole = elsewhere.with(hashes[0], &[1; 20]).with(hashes[1], &[2; 20]);
        let object = s.create(&whole).good();
        assert_eq!(s.get(object, CKA_URL).good(), b"https://example.com/c");
        s.create(&template.clone().set(CKA_VALUE, b"")).gives(CKR_TEMPLATE_INCOMPLETE);
        s.create(&template.without(CKA_VALUE)).gives(CKR_TEMPLATE_INCOMPLETE);
    }
    s.create(&wtls_certificate().set(CKA_SUBJECT, b"")).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn categories_are_those_of_the_specification() {
    let user = User::new();
    let s = user.session;
    for kind in [CKA_CERTIFICATE_CATEGORY, CKA_JAVA_MIDP_SECURITY_DOMAIN] {
        for value in 0..=3 {
            let object = s.create(&certificates::template().with(kind, value)).good();
            assert_eq!(s.number(object, kind).good(), value);
        }
        for wrong in [4, HUGE] {
            let made = s.create(&certificates::template().with(kind, wrong));
            made.gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_VALUE_INVALID]);
        }
    }
}
