// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_CopyObject.

use crate::common::*;
use crate::{data, every_class};

#[test]
fn copies_are_equal_but_for_what_the_template_says() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template.clone().with(CKA_LABEL, "first")).good_for(name);
        let changes = template! { CKA_LABEL => "second", CKA_TOKEN => true };
        let copy = s.copy(object, &changes).good_for(name);
        assert_ne!(copy, object);
        for (kind, value) in template.attributes() {
            assert_eq!(s.get(copy, *kind).good_for(name), value.0, "{name}: {kind:#x}");
        }
        assert_eq!(s.get(copy, CKA_LABEL).good(), b"second");
        assert_eq!(s.get(object, CKA_LABEL).good(), b"first");
        assert!(s.flag(copy, CKA_TOKEN).good());
        s.destroy(object).good();
        s.get(copy, CKA_CLASS).good_for("a copy stands alone");
    }
}

#[test]
fn copies_keep_their_history() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes_with(s, 32, &Template::default());
    let copy = s.copy(key, &template! { CKA_TOKEN => true }).good();
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(s.flag(copy, kind).good(), "{kind:#x}");
    }
    assert_eq!(s.number(copy, CKA_KEY_GEN_MECHANISM).good(), CKM_AES_KEY_GEN);
    let open = keys::aes(s, 32);
    let closed = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false };
    let copy = s.copy(open, &closed).good();
    for kind in [CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        assert!(!s.flag(copy, kind).good(), "{kind:#x}");
    }
}

#[test]
fn what_a_key_is_cannot_change_in_a_copy() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let refused = [CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT];
    for changes in [
        template! { CKA_CLASS => CKO_DATA },
        template! { CKA_KEY_TYPE => CKK_GENERIC_SECRET },
        template! { CKA_VALUE => &[1; 32] },
        template! { CKA_VALUE_LEN => 16 as CK_ULONG },
        template! { CKA_LOCAL => false },
    ] {
        s.copy(key, &changes).gives_one_of(&refused);
    }
    s.copy(key, &template! { CKA_UNIQUE_ID => "x" }).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.copy(key, &template! { 0x7FFF_0001 => "x" }).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    s.copy(key, &template! { CKA_TOKEN => &[1, 1] }).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(s.find(&Template::default()).good(), [key], "nothing was created");
}

#[test]
fn what_is_private_does_not_become_public_by_a_copy() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template.with(CKA_PRIVATE, true)).good_for(name);
        let copy = s.copy(object, &template! { CKA_PRIVATE => false });
        copy.gives_for(name, &[CKR_TEMPLATE_INCONSISTENT]);
        s.copy(object, &template! { CKA_PRIVATE => true }).good_for(name);
    }
}

#[test]
fn the_type_of_data_is_fixed() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data().with(CKA_OBJECT_ID, &[6, 1, 42])).good();
    let other = template! { CKA_OBJECT_ID => &[6, 1, 43] };
    s.set(object, &other).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.copy(object, &other).gives(CKR_ATTRIBUTE_READ_ONLY);
    assert_eq!(s.get(object, CKA_OBJECT_ID).good(), [6, 1, 42]);
}

#[test]
fn copies_follow_the_rules_of_sessions() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data()).good();
    let reader = Session::read_only(user.token.slot).good();
    reader.copy(object, &Template::default()).good_for("a session object in a read-only session");
    reader.copy(object, &template! { CKA_TOKEN => true }).gives(CKR_SESSION_READ_ONLY);
    let public = s.create(&data().with(CKA_TOKEN, true).with(CKA_PRIVATE, false)).good();
    s.logout().good();
    s.copy(public, &template! { CKA_PRIVATE => true }).gives(CKR_USER_NOT_LOGGED_IN);
    s.copy(public, &Template::default()).good();
}
