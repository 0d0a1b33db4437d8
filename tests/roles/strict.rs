// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The life of a strict token, and of keys that one makes and another uses.

use crate::common::*;
use crate::{STRICT, add, command, enter, labelled, people, run};

#[test]
fn from_init_to_a_signature() {
    let (fixture, token) = people(STRICT);
    let manager = enter(token, "manager");
    let public = template! {
        CKA_TOKEN => true, CKA_EC_PARAMS => ec::P256.oid, CKA_LABEL => "public", CKA_PRIVATE => false,
    };
    let private = template! { CKA_TOKEN => true, CKA_LABEL => "key" };
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
    let (_, key) = manager.generate_pair(&mech, &public, &private).good();
    manager.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    manager.set(key, &template! { CKA_ID => &[7_u8][..] }).good();
    let copy = template! { CKA_LABEL => "copy" };
    manager.copy(key, &copy).good();
    manager.logout().good();
    for (name, label) in [("operator", "key"), ("operator", "copy"), ("", "key")] {
        let s = if name.is_empty() { token.user() } else { enter(token, name) };
        let (key, public) = (labelled(s, label), labelled(s, "public"));
        let signature = s.sign(&Mech::plain(CKM_ECDSA), key, &[1; 32]).good_for(label);
        s.verify(&Mech::plain(CKM_ECDSA), public, &[1; 32], &signature).good();
        assert_eq!(s.get(labelled(s, "key"), CKA_ID).good(), [7]);
        s.logout().good();
        s.close().good();
    }
    fixture.restart();
    let s = enter(token, "operator");
    s.sign(&Mech::plain(CKM_ECDSA), labelled(s, "key"), &[1; 32]).good();
    session::finalize().good();
    assert!(run(&fixture, &["check"]).contains("faults: 0"));
}

#[test]
fn hidden_attributes_stay_hidden_from_managers_and_auditors_though_the_key_may_be_read() {
    let (_fixture, token) = people("");
    let user = token.user();
    let value = [7; 16];
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE => &value[..], CKA_TOKEN => true,
        CKA_LABEL => "open", CKA_SENSITIVE => false, CKA_EXTRACTABLE => true,
    };
    let key = user.create(&template).good();
    assert_eq!(user.get(key, CKA_VALUE).good(), value);
    user.get(key, 0x8000_0000 | 0x5352_0012).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    user.logout().good();
    for name in ["manager", "auditor"] {
        let s = enter(token, name);
        let key = labelled(s, "open");
        s.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), 16);
        s.get(key, 0x8000_0000 | 0x5352_0012).gives(CKR_ATTRIBUTE_TYPE_INVALID);
        assert_eq!(s.find(&template! { CKA_VALUE => &value[..] }).good(), []);
        s.logout().good();
    }
    let user = token.user();
    assert_eq!(user.get(labelled(user, "open"), CKA_VALUE).good(), value);
}

#[test]
fn custodians_and_the_officer_see_no_private_object() {
    let (_fixture, token) = people(STRICT);
    let manager = enter(token, "manager");
    crate::aes(manager, "hidden", &[CKA_ENCRYPT]).good();
    manager.close().good();
    let custodian = enter(token, "custodian");
    assert_eq!(custodian.find(&template! { CKA_LABEL => "hidden" }).good(), []);
    custodian.close().good();
    let so = token.so();
    assert_eq!(so.find(&template! { CKA_LABEL => "hidden" }).good(), []);
}

#[test]
fn the_officer_alone_sets_no_second_user_pin() {
    let (fixture, token) = people(STRICT);
    let so = token.so();
    so.init_pin("another-pin").gives(CKR_FUNCTION_FAILED);
    so.close().good();
    token.user().close().good();
    let unblock = ["pin", "unblock", "--so-pin-env", "SO", "--new-pin-env", "NEW"];
    let refused = command(&fixture, &unblock);
    let said = child::everything(&refused);
    assert!(!refused.status.success() && said.contains("cannot set the user PIN alone"), "{said}");
    let helped = |name: &str, pin: &str| {
        command(&fixture, &[&unblock[..], &["--as", name, "--pin-env", pin]].concat())
    };
    let said = child::everything(&helped("manager", "PIN_manager"));
    assert!(said.contains("nobody here has the keys"), "{said}");
    let said = child::everything(&helped("operator", "PIN_manager"));
    assert!(said.contains("is wrong"), "{said}");
    assert!(helped("operator", "PIN_operator").status.success());
    token.public().login(CKU_USER, USER_PIN).gives(CKR_PIN_INCORRECT);
    token.public().login(CKU_USER, "new-pin-0815").good();
}

#[test]
fn the_officer_alone_adds_and_resets_custodians_and_nobody_else() {
    let (fixture, _) = people(STRICT);
    let alone = |verb: &[&str]| {
        let rest = ["--so-pin-env", "SO", "--new-pin-env", "NEW"];
        command(&fixture, &[verb, &rest[..]].concat())
    };
    assert!(alone(&["user", "add", "second", "--role", "custodian"]).status.success());
    assert!(alone(&["user", "reset", "custodian"]).status.success());
    for verb in [&["user", "add", "third", "--role", "operator"][..], &["user", "reset", "auditor"]]
    {
        let said = child::everything(&alone(verb));
        // Without a terminal nobody can be asked for the PIN of who helps.
        assert!(said.contains("no terminal to ask for the User PIN"), "{verb:?}: {said}");
    }
}

#[test]
fn a_strict_token_takes_no_key_that_is_not_private() {
    let (_fixture, token) = people(STRICT);
    let s = enter(token, "manager");
    let open = template! { CKA_TOKEN => true, CKA_PRIVATE => false, CKA_VALUE_LEN => 32 };
    let mech = Mech::plain(CKM_AES_KEY_GEN);
    s.generate(&mech, &open).gives(CKR_TEMPLATE_INCONSISTENT);
    let key = s.generate(&mech, &open.clone().set(CKA_PRIVATE, true)).good();
    s.copy(key, &template! { CKA_PRIVATE => false }).gives(CKR_TEMPLATE_INCONSISTENT);
    s.generate(&mech, &open.set(CKA_TOKEN, false)).good();
}

#[test]
fn a_strict_token_without_a_user_has_no_other_users() {
    let fixture = Fixture::with_settings(STRICT);
    let slot = fixture.empty_slot();
    session::init_token(slot, SO_PIN, "strict").good();
    let who = ["user", "add", "operator", "--role", "operator", "--so-pin-env", "SO"];
    let said =
        command(&fixture, &[&who[..], &["--pin-env", "PIN", "--new-pin-env", "NEW"]].concat());
    let said = child::everything(&said);
    assert!(said.contains("has no user PIN yet"), "{said}");
    let s = Session::read_write(slot).good();
    s.login(CKU_SO, SO_PIN).good();
    s.init_pin(USER_PIN).good();
    s.close().good();
    add(&fixture, "operator", "operator");
}
