// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opening and closing sessions.

use crate::common::*;

#[test]
fn sessions_are_serial() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for flags in [0, CKF_RW_SESSION] {
        Session::open(token.slot, flags).gives(CKR_SESSION_PARALLEL_NOT_SUPPORTED);
    }
    let asynchronous = CKF_SERIAL_SESSION | CKF_RW_SESSION | CKF_ASYNC_SESSION;
    let refused = Session::open(token.slot, asynchronous);
    refused.gives(CKR_SESSION_ASYNC_NOT_SUPPORTED);
    assert_eq!(token.flags() & CKF_ASYNC_SESSION_SUPPORTED, 0);
}

#[test]
fn a_session_knows_what_it_is() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for flags in [CKF_SERIAL_SESSION, CKF_SERIAL_SESSION | CKF_RW_SESSION] {
        let info = Session::open(token.slot, flags).good().info().good();
        assert_eq!((info.slotID, info.flags, info.ulDeviceError), (token.slot, flags, 0));
    }
}

#[test]
fn closed_sessions_stay_closed() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.close().good();
    session.close().gives(CKR_SESSION_HANDLE_INVALID);
    session.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
    session.login(CKU_USER, USER_PIN).gives(CKR_SESSION_HANDLE_INVALID);
    for _ in 0..200 {
        let next = token.public();
        assert_ne!(next, session, "a handle is not used again at once");
        next.close().good();
    }
    session.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
}

#[test]
fn close_all_closes_one_token() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.token("one"), fixture.token("two"));
    let (first, second, other) = (one.user(), one.public(), two.public());
    crate::common::session::close_all(one.slot).good();
    for session in [first, second] {
        session.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
    }
    other.info().good();
    crate::common::session::close_all(one.slot).good_for("no session is open");
}

#[test]
fn many_sessions() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let sessions: Vec<Session> = (0..500).map(|_| token.public()).collect();
    let mut unique = sessions.iter().map(|session| session.0).collect::<Vec<_>>();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), 500);
    for session in &sessions {
        session.random(8).good();
    }
    for session in sessions {
        session.close().good();
    }
}

#[test]
fn handles_do_not_outlive_the_library() {
    let user = User::new();
    let s = user.session;
    s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }).good();
    user.fixture.restart();
    s.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
    let fresh = user.token.user();
    let found = fresh.find(&template! { CKA_CLASS => CKO_DATA }).good();
    assert_eq!(found.len(), 1);
}

#[test]
fn validation_flags_have_no_validations_to_tell() {
    let user = User::new();
    let mut flags = 77;
    let kind = CKS_LAST_VALIDATION_OK;
    let got = outcome(p11!(C_GetSessionValidationFlags(user.session.0, kind, &mut flags)));
    match got {
        Ok(()) => assert_eq!(flags, 0),
        refused => refused.gives(CKR_FUNCTION_NOT_SUPPORTED),
    }
}
