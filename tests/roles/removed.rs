// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A user who is removed, or gets another PIN, by another process while they are logged in here.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{add, aes, enter, labelled, people, pin_of, run};

#[test]
fn a_removed_operator_begins_nothing_more() {
    let (fixture, token, s, key) = at_work();
    let mech = Mech::plain(CKM_AES_CMAC);
    s.sign(&mech, key, b"data").good();
    s.start(Kind::Sign, &mech, Some(key)).good();
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    let other = token.public();
    other.start(Kind::Sign, &mech, Some(key)).gives(CKR_USER_NOT_LOGGED_IN);
    s.once(Kind::Sign, b"data", Room::Bytes(16)).rv.gives(CKR_USER_NOT_LOGGED_IN);
    assert_eq!(s.state(), CKS_RW_PUBLIC_SESSION);
    s.login_user(CKU_USER, &pin_of("operator"), "operator").gives(CKR_PIN_INCORRECT);
    assert_eq!(s.find(&template! { CKA_LABEL => "key" }).good(), []);
    token.user();
}

#[test]
fn every_kind_of_call_notices() {
    let (fixture, _, s, key) = at_work();
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    let made = template! { CKA_CLASS => CKO_DATA };
    s.create(&made).gives(CKR_USER_NOT_LOGGED_IN);
    s.get(key, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
}

#[test]
fn searches_and_session_states_of_a_removed_user_are_those_of_nobody() {
    let (fixture, _, s, _) = at_work();
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    assert_eq!(s.state(), CKS_RW_PUBLIC_SESSION);
    let (fixture, _, s, _) = {
        drop(fixture);
        at_work()
    };
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    assert_eq!(s.find(&template! { CKA_LABEL => "key" }).good(), []);
}

#[test]
fn another_user_of_the_same_name_is_another() {
    let (fixture, _, s, key) = at_work();
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    add(&fixture, "operator", "operator");
    s.start(Kind::Sign, &Mech::plain(CKM_AES_CMAC), Some(key)).gives(CKR_USER_NOT_LOGGED_IN);
    s.login_user(CKU_USER, &pin_of("operator"), "operator").good();
    s.sign(&Mech::plain(CKM_AES_CMAC), labelled(s, "key"), b"data").good();
}

#[test]
fn a_new_pin_ends_the_logins_with_the_old_one() {
    let (fixture, _, s, key) = at_work();
    run(&fixture, &["user", "reset", "operator", "--so-pin-env", "SO", "--new-pin-env", "NEW"]);
    s.start(Kind::Sign, &Mech::plain(CKM_AES_CMAC), Some(key)).gives(CKR_USER_NOT_LOGGED_IN);
    s.login_user(CKU_USER, "new-pin-0815", "operator").good();
}

#[test]
fn other_changes_of_the_token_leave_logins_alone() {
    let (fixture, _, s, key) = at_work();
    run(&fixture, &["user", "remove", "manager", "--so-pin-env", "SO"]);
    run(&fixture, &["token", "mode", "compatible", "--so-pin-env", "SO"]);
    s.sign(&Mech::plain(CKM_AES_CMAC), key, b"data").good();
}

/// An operator logged in, with a key that a manager made.
fn at_work() -> (Fixture, Token, Session, Obj) {
    let (fixture, token) = people("");
    let manager = enter(token, "manager");
    aes(manager, "key", &[CKA_SIGN]).good();
    manager.close().good();
    let s = enter(token, "operator");
    let key = labelled(s, "key");
    (fixture, token, s, key)
}
