// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The states of sessions.

use crate::common::*;

#[test]
fn login_moves_all_sessions_of_the_token() {
    let fixture = Fixture::new();
    let (token, other) = (fixture.token("token"), fixture.token("other"));
    let (rw, ro, elsewhere) =
        (token.public(), Session::read_only(token.slot).good(), other.public());
    assert_eq!((rw.state(), ro.state()), (CKS_RW_PUBLIC_SESSION, CKS_RO_PUBLIC_SESSION));
    ro.login(CKU_USER, USER_PIN).good();
    assert_eq!((rw.state(), ro.state()), (CKS_RW_USER_FUNCTIONS, CKS_RO_USER_FUNCTIONS));
    assert_eq!(elsewhere.state(), CKS_RW_PUBLIC_SESSION, "another token is another login");
    let late = token.public();
    assert_eq!(late.state(), CKS_RW_USER_FUNCTIONS, "a new session joins");
    rw.logout().good();
    assert_eq!((rw.state(), ro.state()), (CKS_RW_PUBLIC_SESSION, CKS_RO_PUBLIC_SESSION));
    assert_eq!(late.state(), CKS_RW_PUBLIC_SESSION);
}

#[test]
fn the_so_has_read_write_sessions_only() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let (rw, ro) = (token.public(), Session::read_only(token.slot).good());
    rw.login(CKU_SO, SO_PIN).gives(CKR_SESSION_READ_ONLY_EXISTS);
    ro.login(CKU_SO, SO_PIN).gives(CKR_SESSION_READ_ONLY_EXISTS);
    ro.close().good();
    rw.login(CKU_SO, SO_PIN).good();
    assert_eq!(rw.state(), CKS_RW_SO_FUNCTIONS);
    Session::read_only(token.slot).gives(CKR_SESSION_READ_WRITE_SO_EXISTS);
    let second = token.public();
    assert_eq!(second.state(), CKS_RW_SO_FUNCTIONS);
    rw.logout().good();
    Session::read_only(token.slot).good();
}

#[test]
fn one_user_at_a_time() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let (one, two) = (token.public(), token.public());
    for (user, pin, other, other_pin) in
        [(CKU_USER, USER_PIN, CKU_SO, SO_PIN), (CKU_SO, SO_PIN, CKU_USER, USER_PIN)]
    {
        one.login(user, pin).good();
        for session in [one, two] {
            session.login(user, pin).gives(CKR_USER_ALREADY_LOGGED_IN);
            session.login(other, other_pin).gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
        }
        two.logout().good();
    }
}

#[test]
fn wrong_logins_change_nothing() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    session.login(CKU_SO, "not the PIN").gives(CKR_PIN_INCORRECT);
    session.login(CKU_USER, SO_PIN).gives(CKR_PIN_INCORRECT);
    session.login(CKU_SO, USER_PIN).gives(CKR_PIN_INCORRECT);
    for user in [3, 99, HUGE] {
        session.login(user, USER_PIN).gives(CKR_USER_TYPE_INVALID);
    }
    session.login(CKU_CONTEXT_SPECIFIC, USER_PIN).gives(CKR_OPERATION_NOT_INITIALIZED);
    assert_eq!(session.state(), CKS_RW_PUBLIC_SESSION);
    session.login(CKU_USER, USER_PIN).good();
}

#[test]
fn pins_are_compared_whole() {
    let fixture = Fixture::with_settings("[pin]\nmax_failures = 100\n");
    let token = fixture.token("token");
    let session = token.public();
    let short = &USER_PIN[..USER_PIN.len() - 1];
    let (long, nul) = (format!("{USER_PIN}!"), format!("{USER_PIN}\0"));
    for pin in [short, &long, &nul, &USER_PIN.to_uppercase()] {
        session.login(CKU_USER, pin).gives(CKR_PIN_INCORRECT);
    }
    let empty = session.login(CKU_USER, "");
    empty.gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE, CKR_ARGUMENTS_BAD]);
    session
        .login(CKU_USER, &"x".repeat(100_000))
        .gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE]);
}

#[test]
fn login_user_without_a_name_is_login() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    let login = |user: CK_USER_TYPE, pin: &str| {
        let (pin, none) = (pin.as_bytes(), std::ptr::null_mut());
        outcome(p11!(C_LoginUser(session.0, user, bytes(pin), len(pin), none, 0)))
    };
    login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    login(CKU_USER, USER_PIN).good();
    assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS);
    login(CKU_USER, USER_PIN).gives(CKR_USER_ALREADY_LOGGED_IN);
    session.logout().good();
    login(CKU_SO, SO_PIN).good();
    assert_eq!(session.state(), CKS_RW_SO_FUNCTIONS);
}

#[test]
fn who_is_not_logged_in_cannot_log_out() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.logout().gives(CKR_USER_NOT_LOGGED_IN);
    session.login(CKU_USER, USER_PIN).good();
    session.logout().good();
    session.logout().gives(CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn the_last_session_takes_the_login_with_it() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let (one, two) = (token.user(), token.public());
    one.close().good();
    assert_eq!(two.state(), CKS_RW_USER_FUNCTIONS, "a session is left");
    two.close().good();
    assert_eq!(token.public().state(), CKS_RW_PUBLIC_SESSION);
    token.so();
    crate::common::session::close_all(token.slot).good();
    assert_eq!(token.public().state(), CKS_RW_PUBLIC_SESSION);
}

#[test]
fn login_does_not_outlive_the_library() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    token.user();
    fixture.restart();
    assert_eq!(token.public().state(), CKS_RW_PUBLIC_SESSION);
}
