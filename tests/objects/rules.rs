// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one-way attributes, and those that forbid actions.

use crate::common::*;
use crate::{data, every_class, secret};

#[test]
fn sensitive_goes_up_only() {
    let user = User::new();
    let s = user.session;
    for key in readable(s) {
        let value = s.get(key, secret_of(s, key)).good();
        assert!(!value.is_empty());
        s.set(key, &template! { CKA_SENSITIVE => true }).good();
        s.get(key, secret_of(s, key)).gives(CKR_ATTRIBUTE_SENSITIVE);
        s.set(key, &template! { CKA_SENSITIVE => false }).gives(CKR_ATTRIBUTE_READ_ONLY);
        s.set(key, &template! { CKA_SENSITIVE => true }).gives(CKR_ATTRIBUTE_READ_ONLY);
        s.copy(key, &template! { CKA_SENSITIVE => true }).good();
        let copy = s.copy(key, &template! { CKA_SENSITIVE => false });
        copy.gives_one_of(&[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
        assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
    }
}

#[test]
fn extractable_goes_down_only() {
    let user = User::new();
    let s = user.session;
    for key in readable(s) {
        s.set(key, &template! { CKA_EXTRACTABLE => false }).good();
        s.get(key, secret_of(s, key)).gives(CKR_ATTRIBUTE_SENSITIVE);
        s.set(key, &template! { CKA_EXTRACTABLE => true }).gives(CKR_ATTRIBUTE_READ_ONLY);
        s.set(key, &template! { CKA_EXTRACTABLE => false }).gives(CKR_ATTRIBUTE_READ_ONLY);
        s.copy(key, &template! { CKA_EXTRACTABLE => false }).good();
        let copy = s.copy(key, &template! { CKA_EXTRACTABLE => true });
        copy.gives_one_of(&[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
        assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).good());
    }
}

#[test]
fn wrap_with_trusted_goes_up_only() {
    let user = User::new();
    let s = user.session;
    for key in readable(s) {
        assert!(!s.flag(key, CKA_WRAP_WITH_TRUSTED).good());
        s.set(key, &template! { CKA_WRAP_WITH_TRUSTED => true }).good();
        s.set(key, &template! { CKA_WRAP_WITH_TRUSTED => false }).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
}

#[test]
fn only_the_so_trusts_a_wrapping_key() {
    let user = User::new();
    let s = user.session;
    let refused = [CKR_ATTRIBUTE_READ_ONLY, CKR_USER_NOT_LOGGED_IN, CKR_ATTRIBUTE_VALUE_INVALID];
    let key = keys::aes(s, 32);
    s.set(key, &template! { CKA_TRUSTED => true }).gives_one_of(&refused);
    s.create(&secret(CKK_AES, &[1; 16]).with(CKA_TRUSTED, true)).gives_one_of(&refused);
    let template = template! { CKA_VALUE_LEN => 32 as CK_ULONG, CKA_TRUSTED => true };
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).gives_one_of(&refused);
    s.create(&keys::rsa_public(&reference::rsa()).with(CKA_TRUSTED, true)).gives_one_of(&refused);
}

#[test]
fn computed_attributes_cannot_be_set() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    for kind in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
        for value in [true, false] {
            let set = s.set(key, &template! { kind => value });
            set.gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
        }
    }
    s.set(key, &template! { CKA_UNIQUE_ID => "x" }).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.set(key, &template! { CKA_KEY_GEN_MECHANISM => CKM_AES_KEY_GEN })
        .gives(CKR_ATTRIBUTE_READ_ONLY);
    s.set(key, &template! { CKA_VALUE_LEN => 32 as CK_ULONG }).gives(CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn generation_takes_no_computed_attribute() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_AES_KEY_GEN);
    for (kind, value) in [
        (CKA_LOCAL, Value::from(true)),
        (CKA_ALWAYS_SENSITIVE, Value::from(true)),
        (CKA_NEVER_EXTRACTABLE, Value::from(true)),
        (CKA_UNIQUE_ID, Value::from("x")),
        (CKA_KEY_GEN_MECHANISM, Value::from(CKM_AES_KEY_GEN)),
    ] {
        let template = template! { CKA_VALUE_LEN => 32 as CK_ULONG }.with(kind, value);
        s.generate(&mech, &template).gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
    }
}

#[test]
fn an_object_that_is_not_modifiable() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        for token in [true, false] {
            let fixed = template! { CKA_MODIFIABLE => false, CKA_TOKEN => token };
            let object = s.create(&template.clone().and(&fixed)).good_for(name);
            s.set(object, &template! { CKA_LABEL => "new" })
                .gives_for(name, &[CKR_ACTION_PROHIBITED]);
            s.set(object, &template! { CKA_MODIFIABLE => true })
                .gives_for(name, &[CKR_ACTION_PROHIBITED]);
            let free = s.copy(object, &template! { CKA_MODIFIABLE => true }).good_for(name);
            s.set(free, &template! { CKA_LABEL => "new" })
                .good_for("a copy may be modifiable again");
        }
    }
}

#[test]
fn an_object_that_cannot_be_copied() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let object = s.create(&template.with(CKA_COPYABLE, false)).good_for(name);
        s.copy(object, &Template::default()).gives_for(name, &[CKR_ACTION_PROHIBITED]);
        s.set(object, &template! { CKA_COPYABLE => true })
            .gives_for(name, &[CKR_ATTRIBUTE_READ_ONLY]);
    }
    let object = s.create(&data()).good();
    // Section 4.1.3 does not list CKA_COPYABLE among what a copy may change.
    match s.copy(object, &template! { CKA_COPYABLE => false }) {
        Ok(copy) => s.copy(copy, &Template::default()).gives(CKR_ACTION_PROHIBITED),
        refused => refused.gives(CKR_ATTRIBUTE_READ_ONLY),
    }
}

#[test]
fn an_object_that_cannot_be_destroyed() {
    let user = User::new();
    let s = user.session;
    for (name, template) in every_class() {
        let kept = template! { CKA_DESTROYABLE => false, CKA_TOKEN => true };
        let object = s.create(&template.and(&kept)).good_for(name);
        s.destroy(object).gives_for(name, &[CKR_ACTION_PROHIBITED]);
        s.get(object, CKA_CLASS).good_for("still there");
        let free = s.copy(object, &template! { CKA_DESTROYABLE => true }).good_for(name);
        s.destroy(free).good_for("a copy may be destroyable again");
    }
}

#[test]
fn a_session_object_that_cannot_be_destroyed_dies_with_its_session() {
    let user = User::new();
    let second = user.token.public();
    let object = second.create(&data().with(CKA_DESTROYABLE, false)).good();
    user.session.destroy(object).gives(CKR_ACTION_PROHIBITED);
    second.close().good();
    user.session.get(object, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
}

fn readable(s: Session) -> [Obj; 4] {
    [keys::aes(s, 32), keys::generic(s, 20), keys::rsa(s).1, keys::pair(s, &ec::P256).1]
}

fn secret_of(s: Session, key: Obj) -> CK_ATTRIBUTE_TYPE {
    let rsa = s.number(key, CKA_KEY_TYPE).good() == CKK_RSA;
    if rsa { CKA_PRIVATE_EXPONENT } else { CKA_VALUE }
}
