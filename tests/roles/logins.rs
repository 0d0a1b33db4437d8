// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logins of named users: their names, their PINs, counters and locks.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{add, command, enter, people, pin_of, run};

#[test]
fn by_name_and_by_a_pin_with_the_name_before_it() {
    let (_fixture, token) = people("");
    let s = token.public();
    for name in crate::PEOPLE {
        s.login_user(CKU_USER, &pin_of(name), name).good();
        assert_eq!(s.state(), CKS_RW_USER_FUNCTIONS);
        s.login_user(CKU_USER, &pin_of(name), name).gives(CKR_USER_ALREADY_LOGGED_IN);
        s.login(CKU_USER, USER_PIN).gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        s.login(CKU_SO, SO_PIN).gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        s.logout().good();
        s.login(CKU_USER, &format!("{name}:{}", pin_of(name))).good();
        assert_eq!(s.state(), CKS_RW_USER_FUNCTIONS);
        s.logout().good();
        s.login_user(CKU_SO, &pin_of(name), name).gives(CKR_PIN_INCORRECT);
    }
    s.login(CKU_USER, USER_PIN).good();
}

#[test]
fn a_colon_after_no_name_is_part_of_the_pin() {
    let (fixture, token) = people("");
    let s = token.so();
    s.init_pin("some:thing").good();
    s.init_pin("manager:thing").gives(CKR_PIN_INVALID);
    s.logout().good();
    s.login(CKU_USER, "some:thing").good();
    s.set_pin("some:thing", "manager:x234").gives(CKR_PIN_INVALID);
    s.close().good();
    drop(fixture);
}

#[test]
fn unknown_names_are_answered_as_wrong_pins_and_charge_nobody() {
    let (fixture, token) = people("[pin]\nmax_failures = 2\n");
    let s = token.public();
    for _ in 0..5 {
        s.login_user(CKU_USER, USER_PIN, "nobody").gives(CKR_PIN_INCORRECT);
    }
    assert_eq!(token.flags() & CKF_USER_PIN_COUNT_LOW, 0);
    s.login(CKU_USER, USER_PIN).good();
    s.close().good();
    assert!(!run(&fixture, &["user", "list"]).contains("left"));
}

#[test]
fn counters_and_locks_are_each_their_own() {
    let (fixture, token) = people("[pin]\nmax_failures = 2\n");
    let s = token.public();
    s.login_user(CKU_USER, "wrong", "operator").gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, "operator:wrong").gives(CKR_PIN_INCORRECT);
    s.login_user(CKU_USER, &pin_of("operator"), "operator").gives(CKR_PIN_LOCKED);
    assert_eq!(token.flags() & CKF_USER_PIN_COUNT_LOW, 0, "the flags are the nameless user's");
    s.login_user(CKU_USER, &pin_of("manager"), "manager").good();
    s.logout().good();
    s.login(CKU_USER, "wrong").gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, "wrong").gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
    s.login_user(CKU_USER, &pin_of("auditor"), "auditor").good();
    s.logout().good();
    let listed = run(&fixture, &["user", "list"]);
    assert!(listed.lines().any(|line| line.contains("operator") && line.contains("locked")));
    assert!(listed.lines().any(|line| line.contains("manager") && line.contains("good")));
    run(&fixture, &["user", "reset", "operator", "--so-pin-env", "SO", "--new-pin-env", "NEW"]);
    s.login_user(CKU_USER, &pin_of("operator"), "operator").gives(CKR_PIN_INCORRECT);
    s.login_user(CKU_USER, "new-pin-0815", "operator").good();
}

#[test]
fn everyone_changes_their_own_pin() {
    let (_fixture, token) = people("");
    for name in crate::PEOPLE {
        let s = enter(token, name);
        let (old, new) = (pin_of(name), format!("next-pin-of-{name}"));
        s.set_pin("wrong", &new).gives(CKR_PIN_INCORRECT);
        s.set_pin(&old, "abc").gives(CKR_PIN_LEN_RANGE);
        s.set_pin(&format!("{name}:{old}"), &format!("{name}:{new}")).gives(CKR_PIN_INVALID);
        s.set_pin(&format!("{name}:{old}"), &new).good();
        s.logout().good();
        s.login_user(CKU_USER, &old, name).gives(CKR_PIN_INCORRECT);
        s.login_user(CKU_USER, &new, name).good();
        s.logout().good();
        // Nobody is logged in: the name says whose it is.
        s.set_pin(&format!("{name}:{new}"), &old).good();
        s.login_user(CKU_USER, &old, name).good();
        s.close().good();
    }
    // What a PIN opens is the same as before.
    let manager = enter(token, "manager");
    crate::aes(manager, "key", &[CKA_ENCRYPT]).good();
    manager.close().good();
    let operator = enter(token, "operator");
    let key = crate::labelled(operator, "key");
    operator.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    operator.close().good();
    token.user().close().good();
}

#[test]
fn the_pin_again_is_that_of_whoever_is_logged_in() {
    let (_fixture, token) = people("");
    let manager = enter(token, "manager");
    let public = template! { CKA_TOKEN => true, CKA_EC_PARAMS => ec::P256.oid };
    let private =
        template! { CKA_TOKEN => true, CKA_LABEL => "careful", CKA_ALWAYS_AUTHENTICATE => true };
    manager.generate_pair(&Mech::plain(CKM_EC_KEY_PAIR_GEN), &public, &private).good();
    manager.close().good();
    let s = enter(token, "operator");
    let (key, mech) = (crate::labelled(s, "careful"), Mech::plain(CKM_ECDSA));
    let own = pin_of("operator");
    for pin in [own.clone(), format!("operator:{own}")] {
        s.start(Kind::Sign, &mech, Some(key)).good();
        s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).gives(CKR_PIN_INCORRECT);
        s.login_user(CKU_CONTEXT_SPECIFIC, &own, "manager").gives(CKR_PIN_INCORRECT);
        s.login(CKU_CONTEXT_SPECIFIC, &pin).good();
        s.once(Kind::Sign, &[1; 32], Room::Bytes(64)).rv.good();
    }
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.login_user(CKU_CONTEXT_SPECIFIC, &own, "operator").good();
    s.once(Kind::Sign, &[1; 32], Room::Bytes(64)).rv.good();
}

#[test]
fn names_that_are_no_names() {
    let fixture = Fixture::new();
    fixture.token("names");
    let long = "x".repeat(33);
    for name in ["a:b", "", " a", "a\tb", &long] {
        let who = ["user", "add", name, "--role", "auditor", "--so-pin-env", "SO"];
        let said = command(&fixture, &[&who[..], &["--new-pin-env", "NEW"]].concat());
        let said = child::everything(&said);
        assert!(said.contains("cannot be the name of a user"), "{name:?}: {said}");
    }
    add(&fixture, "operator", "auditor");
    let who = ["user", "add", "operator", "--role", "auditor", "--so-pin-env", "SO"];
    let said = command(&fixture, &[&who[..], &["--new-pin-env", "NEW"]].concat());
    assert!(child::everything(&said).contains("has a user 'operator' already"));
}
