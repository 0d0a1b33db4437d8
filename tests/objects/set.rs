// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_SetAttributeValue.

use crate::common::*;
use crate::{data, every_class, secret};

#[test]
fn labels_and_ids_change_and_stay_changed() {
    let mut user = User::new();
    let s = user.session;
    let key = s.create(&secret(CKK_AES, &[1; 16]).with(CKA_TOKEN, true)).good();
    let changes = template! {
        CKA_LABEL => "new label", CKA_ID => &[4, 5], CKA_START_DATE => b"20260101", CKA_DECRYPT => false,
    };
    s.set(key, &changes).good();
    let check = |s: Session, key: Obj| {
        for (kind, value) in changes.attributes() {
            assert_eq!(s.get(key, *kind).good(), value.0, "{kind:#x}");
        }
    };
    check(s, key);
    assert_eq!(s.find(&template! { CKA_LABEL => "new label" }).good(), [key]);
    user.restart();
    let found = user.session.find(&template! { CKA_ID => &[4, 5] }).good();
    assert_eq!(found.len(), 1);
    check(user.session, found[0]);
}

#[test]
fn a_refused_change_changes_nothing() {
    let user = User::new();
    let s = user.session;
    for token in [true, false] {
        let key = s
            .create(&secret(CKK_AES, &[1; 16]).with(CKA_TOKEN, token).with(CKA_LABEL, "old"))
            .good();
        for (bad, want) in [
            (template! { CKA_VALUE => &[2; 16] }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_UNIQUE_ID => "id" }, CKR_ATTRIBUTE_READ_ONLY),
            (template! { CKA_ENCRYPT => &[1, 2, 3] }, CKR_ATTRIBUTE_VALUE_INVALID),
            (template! { 0x7FFF_0001 => &[1] }, CKR_ATTRIBUTE_TYPE_INVALID),
        ] {
            for mixed in
                [template! { CKA_LABEL => "new" }.and(&bad), bad.clone().with(CKA_LABEL, "new")]
            {
                s.set(key, &mixed).gives(want);
                assert_eq!(s.get(key, CKA_LABEL).good(), b"old");
                assert_eq!(s.find(&template! { CKA_LABEL => "new" }).good(), []);
            }
        }
    }
}

#[test]
fn what_an_object_is_cannot_change() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template).good_for(name);
        for kind in [
            CKA_CLASS,
            CKA_KEY_TYPE,
            CKA_CERTIFICATE_TYPE,
            CKA_MODULUS,
            CKA_EC_PARAMS,
            CKA_EC_POINT,
        ] {
            let Some(value) = template.value(kind) else { continue };
            let mut other = value.to_vec();
            other[0] ^= 1;
            let changed = s.set(object, &template! { kind => other });
            let want = [CKR_ATTRIBUTE_READ_ONLY, CKR_ATTRIBUTE_VALUE_INVALID];
            changed.gives_for(&format!("{name}: {kind:#x}"), &want);
            assert_eq!(s.get(object, kind).good(), value);
        }
        for kind in [CKA_TOKEN, CKA_PRIVATE, CKA_MODIFIABLE] {
            let other = !s.flag(object, kind).good();
            let changed = s.set(object, &template! { kind => other });
            changed.gives_for(&format!("{name}: {kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
        }
    }
}

#[test]
fn attributes_of_another_class_cannot_come() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let other = [CKR_ATTRIBUTE_TYPE_INVALID, CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY];
    for kind in [CKA_SENSITIVE, CKA_ENCRYPT] {
        s.set(object, &template! { kind => true }).gives_one_of(&other);
        s.get(object, kind).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    }
}

#[test]
fn usages_can_be_taken_and_given() {
    let user = User::compatible();
    let s = user.session;
    let key = s.create(&secret(CKK_AES, &[1; 16])).good();
    for kind in [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE] {
        for value in [false, true, false] {
            s.set(key, &template! { kind => value }).good_for(&format!("{kind:#x}"));
            assert_eq!(s.flag(key, kind).good(), value);
        }
    }
}

#[test]
fn empty_changes() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    s.set(object, &Template::default()).gives_one_of(&[CKR_OK, CKR_ARGUMENTS_BAD]);
    s.set(object, &template! { CKA_LABEL => "" }).good();
    assert_eq!(s.get(object, CKA_LABEL).good(), b"");
    let null = std::ptr::null_mut();
    for count in [1, HUGE] {
        outcome(p11!(C_SetAttributeValue(s.0, object.0, null, count))).gives(CKR_ARGUMENTS_BAD);
    }
    let mut row = CK_ATTRIBUTE { type_: CKA_LABEL, pValue: null.cast(), ulValueLen: 5 };
    let bad = [CKR_ARGUMENTS_BAD, CKR_ATTRIBUTE_VALUE_INVALID];
    outcome(p11!(C_SetAttributeValue(s.0, object.0, &mut row, 1))).gives_one_of(&bad);
    row.ulValueLen = HUGE;
    outcome(p11!(C_SetAttributeValue(s.0, object.0, &mut row, 1))).gives_one_of(&bad);
}
