// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The counters of failed logins: told by the flags, kept in the store, ended by the SO.

use crate::common::session::{init_token, token_info};
use crate::common::*;

#[test]
fn ten_failures_lock_the_user_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    for failure in 1..=10 {
        let locking = [CKR_PIN_INCORRECT, CKR_PIN_LOCKED];
        let want = if failure < 10 { &locking[..1] } else { &locking[..] };
        session.login(CKU_USER, "not the PIN").gives_for(&format!("failure {failure}"), want);
        let flags = token.flags() & USER_PIN_FLAGS;
        match failure {
            1..=8 => assert_eq!(flags, CKF_USER_PIN_COUNT_LOW, "{failure}"),
            9 => assert_eq!(flags, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY),
            _ => assert_ne!(flags & CKF_USER_PIN_LOCKED, 0),
        }
    }
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
    session.login(CKU_USER, "not the PIN").gives(CKR_PIN_LOCKED);
    session.set_pin(USER_PIN, "new user PIN").gives(CKR_PIN_LOCKED);
    assert_eq!(token.flags() & SO_PIN_FLAGS, 0, "the SO PIN is another counter");
    fixture.restart();
    let session = token.public();
    assert_ne!(token.flags() & CKF_USER_PIN_LOCKED, 0, "a restart unlocks nothing");
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
}

#[test]
fn the_so_unlocks_the_user_pin() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let session = token.user();
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true };
    session.create(&object).good();
    session.logout().good();
    fail(session, CKU_USER, 3);
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
    session.login(CKU_SO, SO_PIN).good();
    session.init_pin("unlocked").good();
    assert_eq!(token.flags() & USER_PIN_FLAGS, 0);
    session.logout().good();
    session.login(CKU_USER, "unlocked").good();
    assert_eq!(session.find(&object).good().len(), 1);
}

#[test]
fn a_good_login_starts_the_count_again() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let session = token.public();
    for _ in 0..3 {
        fail(session, CKU_USER, 2);
        assert_eq!(token.flags() & USER_PIN_FLAGS, CKF_USER_PIN_COUNT_LOW | CKF_USER_PIN_FINAL_TRY);
        session.login(CKU_USER, USER_PIN).good();
        assert_eq!(token.flags() & USER_PIN_FLAGS, 0);
        session.logout().good();
    }
}

#[test]
fn the_count_outlives_restarts_and_sessions() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 4\n");
    let token = fixture.token("token");
    for failure in 1..=4 {
        let session = token.public();
        let got = session.login(CKU_USER, "not the PIN");
        let locking = [CKR_PIN_INCORRECT, CKR_PIN_LOCKED];
        got.gives_one_of(if failure < 4 { &locking[..1] } else { &locking[..] });
        fixture.restart();
        assert_ne!(token.flags() & CKF_USER_PIN_COUNT_LOW, 0);
    }
    token.public().login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
}

#[test]
fn every_way_to_try_a_pin_counts() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let session = token.public();
    session.set_pin("not the PIN", "new user PIN").gives(CKR_PIN_INCORRECT);
    assert_eq!(token.flags() & USER_PIN_FLAGS, CKF_USER_PIN_COUNT_LOW);
    session.set_pin("not the PIN", "new user PIN").gives(CKR_PIN_INCORRECT);
    let last = session.set_pin("not the PIN", "new user PIN");
    last.gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_LOCKED);
    session.close().good();
    for _ in 0..3 {
        let refused = init_token(token.slot, "not the PIN", "label");
        refused.gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
    }
    assert_ne!(token.flags() & CKF_SO_PIN_LOCKED, 0);
    init_token(token.slot, SO_PIN, "label").gives(CKR_PIN_LOCKED);
}

#[test]
fn a_bad_new_pin_costs_no_try() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.set_pin(USER_PIN, "1").gives(CKR_PIN_LEN_RANGE);
    assert_eq!(token.flags() & USER_PIN_FLAGS, 0);
}

#[test]
fn the_so_pin_locks_too() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let token = fixture.token("token");
    let session = token.public();
    session.login(CKU_SO, "not the PIN").gives(CKR_PIN_INCORRECT);
    assert_eq!(token.flags() & SO_PIN_FLAGS, CKF_SO_PIN_COUNT_LOW);
    session.login(CKU_SO, "not the PIN").gives(CKR_PIN_INCORRECT);
    assert_eq!(token.flags() & SO_PIN_FLAGS, CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY);
    session.login(CKU_SO, "not the PIN").gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
    assert_ne!(token.flags() & CKF_SO_PIN_LOCKED, 0);
    session.login(CKU_SO, SO_PIN).gives(CKR_PIN_LOCKED);
    session.login(CKU_USER, USER_PIN).good_for("the user is not locked");
    session.close().good();
    init_token(token.slot, SO_PIN, "label").gives(CKR_PIN_LOCKED);
}

#[test]
fn tokens_have_counters_of_their_own() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 3\n");
    let (one, two) = (fixture.token("one"), fixture.token("two"));
    fail(one.public(), CKU_USER, 3);
    assert_eq!(two.flags() & USER_PIN_FLAGS, 0);
    two.public().login(CKU_USER, USER_PIN).good();
    assert_eq!(token_info(one.slot).good().flags & CKF_USER_PIN_LOCKED, CKF_USER_PIN_LOCKED);
}

fn fail(session: Session, user: CK_USER_TYPE, times: usize) {
    for _ in 0..times {
        session.login(user, "not the PIN").gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LOCKED]);
    }
}

const USER_PIN_FLAGS: CK_FLAGS = CKF_USER_PIN_COUNT_LOW
    | CKF_USER_PIN_FINAL_TRY
    | CKF_USER_PIN_LOCKED
    | CKF_USER_PIN_TO_BE_CHANGED;
const SO_PIN_FLAGS: CK_FLAGS =
    CKF_SO_PIN_COUNT_LOW | CKF_SO_PIN_FINAL_TRY | CKF_SO_PIN_LOCKED | CKF_SO_PIN_TO_BE_CHANGED;
