// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slot events, and the calls of sessions that never work asynchronously.

use crate::common::*;
use std::process::Command;
use std::ptr;
use std::time::Duration;

#[test]
fn nothing_happened() {
    let fixture = Fixture::new();
    event(CKF_DONT_BLOCK).1.gives(CKR_NO_EVENT);
    // The application knows of the tokens that it makes itself.
    let token = fixture.token("its own");
    event(CKF_DONT_BLOCK).1.gives(CKR_NO_EVENT);
    session::init_token(token.slot, SO_PIN, "made anew").good();
    event(CKF_DONT_BLOCK).1.gives(CKR_NO_EVENT);
    fixture.restart();
    event(CKF_DONT_BLOCK).1.gives(CKR_NO_EVENT);
    let (mut slot, mut reserved) = (0, 0_u8);
    let null = ptr::null_mut();
    outcome(p11!(C_WaitForSlotEvent(CKF_DONT_BLOCK, ptr::null_mut(), null)))
        .gives(CKR_ARGUMENTS_BAD);
    let reserved = ptr::from_mut(&mut reserved).cast();
    outcome(p11!(C_WaitForSlotEvent(0, &mut slot, reserved))).gives(CKR_ARGUMENTS_BAD);
}

#[test]
fn a_token_that_another_process_makes_is_an_event_once() {
    let fixture = Fixture::new();
    let first = fixture.token("first");
    make_elsewhere(&fixture, "second");
    make_elsewhere(&fixture, "third");
    let mut slots = [event(CKF_DONT_BLOCK), event(CKF_DONT_BLOCK)].map(|(slot, rv)| {
        rv.good();
        slot
    });
    slots.sort_unstable();
    assert_eq!(slots, [first.slot + 1, first.slot + 2]);
    event(CKF_DONT_BLOCK).1.gives(CKR_NO_EVENT);
}

#[test]
fn a_waiting_call_is_woken_by_a_token() {
    let fixture = Fixture::new();
    let first = fixture.token("first");
    let waiting = std::thread::spawn(|| event(0));
    make_elsewhere(&fixture, "second");
    let (slot, rv) = waiting.join().expect("the waiting thread");
    rv.good();
    assert_eq!(slot, first.slot + 1);
}

#[test]
fn a_waiting_call_is_woken_by_finalize() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for _ in 0..3 {
        let waiting = std::thread::spawn(|| event(0).1);
        // Whether it waits by then or not, the answer is the same; and it keeps nobody out.
        std::thread::sleep(Duration::from_millis(50));
        token.public().random(8).good();
        session::finalize().good();
        waiting.join().expect("the waiting thread").gives(CKR_CRYPTOKI_NOT_INITIALIZED);
        fixture.initialize().good();
    }
}

#[test]
fn no_session_is_asynchronous() {
    let user = User::new();
    let s = user.session.0;
    let flags = CKF_SERIAL_SESSION | CKF_ASYNC_SESSION;
    Session::open(user.token.slot, flags).gives(CKR_SESSION_ASYNC_NOT_SUPPORTED);
    assert_eq!(user.token.flags() & CKF_ASYNC_SESSION_SUPPORTED, 0);
    let name = || c"C_SignFinal".as_ptr().cast_mut().cast();
    let (mut result, mut id) = (CK_ASYNC_DATA::default(), 0);
    outcome(p11!(C_AsyncComplete(s, name(), &mut result))).gives(CKR_OPERATION_NOT_INITIALIZED);
    outcome(p11!(C_AsyncComplete(s, name(), ptr::null_mut()))).gives(CKR_OPERATION_NOT_INITIALIZED);
    outcome(p11!(C_AsyncGetID(s, name(), &mut id))).gives(CKR_OPERATION_NOT_INITIALIZED);
    let null = ptr::null_mut();
    outcome(p11!(C_AsyncJoin(s, name(), 1, null, 0))).gives(CKR_SAVED_STATE_INVALID);
}

#[test]
fn no_operation_is_validated() {
    let user = User::new();
    let mut flags = 7;
    let ask = |kind, flags: &mut CK_FLAGS| {
        outcome(p11!(C_GetSessionValidationFlags(user.session.0, kind, flags)))
    };
    ask(CKS_LAST_VALIDATION_OK, &mut flags).good();
    assert_eq!(flags, 0);
    ask(77, &mut flags).gives(CKR_ARGUMENTS_BAD);
}

#[test]
fn a_name_that_nobody_has_is_denied() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let s = token.public();
    let login = |user: CK_USER_TYPE, name: &[u8]| {
        let pin = USER_PIN.as_bytes();
        outcome(p11!(C_LoginUser(s.0, user, bytes(pin), len(pin), bytes(name), len(name))))
    };
    login(CKU_USER, b"nobody").gives(CKR_PIN_INCORRECT);
    login(CKU_SO, b"nobody").gives(CKR_PIN_INCORRECT);
    login(CKU_CONTEXT_SPECIFIC, b"nobody").gives(CKR_OPERATION_NOT_INITIALIZED);
    login(77, b"nobody").gives(CKR_USER_TYPE_INVALID);
    // No PIN was tested, so none was charged.
    assert_eq!(token.flags() & CKF_USER_PIN_COUNT_LOW, 0);
    login(CKU_USER, b"").good();
    login(CKU_USER, b"").gives(CKR_USER_ALREADY_LOGGED_IN);
    login(CKU_USER, b"nobody").gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
    login(CKU_SO, b"nobody").gives(CKR_USER_ANOTHER_ALREADY_LOGGED_IN);
}

/// Makes a token in the same store by the command.
fn make_elsewhere(fixture: &Fixture, label: &str) {
    let done = Command::new(env!("CARGO_BIN_EXE_strongroom"))
        .args(["init", "--label", label])
        .args(["--so-pin-env", "STRONGROOM_SO_PIN", "--pin-env", "STRONGROOM_PIN"])
        .env("STRONGROOM_CONF", fixture.config_path())
        .env("STRONGROOM_SO_PIN", SO_PIN)
        .env("STRONGROOM_PIN", USER_PIN)
        .output()
        .expect("the command");
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
}

fn event(flags: CK_FLAGS) -> (CK_SLOT_ID, R<()>) {
    let mut slot = CK_SLOT_ID::MAX;
    let rv = outcome(p11!(C_WaitForSlotEvent(flags, &mut slot, ptr::null_mut())));
    (slot, rv)
}
