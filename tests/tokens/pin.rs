// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_InitPIN and C_SetPIN.

use crate::common::session::{init_token, token_info};
use crate::common::*;

#[test]
fn only_the_so_initialises_the_user_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.init_pin("new user PIN").gives(CKR_USER_NOT_LOGGED_IN);
    session.login(CKU_USER, USER_PIN).good();
    session.init_pin("new user PIN").gives(CKR_USER_NOT_LOGGED_IN);
    let reader = Session::read_only(token.slot).good();
    reader.init_pin("new user PIN").gives_one_of(&[CKR_USER_NOT_LOGGED_IN, CKR_SESSION_READ_ONLY]);
}

#[test]
fn pins_have_a_length() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let longest = token_info(token.slot).good().ulMaxPinLen as usize;
    let bad = [String::new(), "123".to_owned(), "9".repeat(longest + 1)];
    let so = token.so();
    for pin in &bad {
        so.init_pin(pin).gives(CKR_PIN_LEN_RANGE);
        so.set_pin(SO_PIN, pin).gives(CKR_PIN_LEN_RANGE);
    }
    so.logout().good();
    for pin in &bad {
        so.set_pin(USER_PIN, pin).gives(CKR_PIN_LEN_RANGE);
    }
    so.login(CKU_USER, USER_PIN).good();
    for pin in &bad {
        so.set_pin(USER_PIN, pin).gives(CKR_PIN_LEN_RANGE);
    }
    so.set_pin(USER_PIN, "1234").good();
    so.set_pin("1234", &"9".repeat(longest)).good();
    so.logout().good();
    so.login(CKU_USER, &"9".repeat(longest)).good();
}

#[test]
fn the_user_changes_the_user_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.user();
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true, CKA_LABEL => "kept" };
    session.create(&object).good();
    session.set_pin("not the PIN", "new user PIN").gives(CKR_PIN_INCORRECT);
    session.set_pin(USER_PIN, "new user PIN").good();
    assert_eq!(session.state(), CKS_RW_USER_FUNCTIONS, "still logged in");
    session.logout().good();
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_INCORRECT);
    session.login(CKU_USER, "new user PIN").good();
    assert_eq!(session.find(&object).good().len(), 1, "private objects stay readable");
    fixture.restart();
    let session = token.public();
    session.login(CKU_USER, "new user PIN").good();
    assert_eq!(session.find(&object).good().len(), 1);
}

#[test]
fn without_login_it_is_the_user_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.public();
    session.set_pin(SO_PIN, "new user PIN").gives(CKR_PIN_INCORRECT);
    session.set_pin(USER_PIN, "new user PIN").good();
    assert_eq!(session.state(), CKS_RW_PUBLIC_SESSION, "nobody is logged in");
    session.login(CKU_USER, "new user PIN").good();
    session.logout().good();
    session.login(CKU_SO, SO_PIN).good_for("the SO PIN is as it was");
}

#[test]
fn the_so_changes_the_so_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.so();
    session.set_pin(USER_PIN, "new SO PIN").gives(CKR_PIN_INCORRECT);
    session.set_pin(SO_PIN, "new SO PIN").good();
    session.logout().good();
    session.login(CKU_SO, SO_PIN).gives(CKR_PIN_INCORRECT);
    session.login(CKU_SO, "new SO PIN").good();
    session.init_pin("set by the SO").good_for("the SO still sets the user's PIN");
    session.logout().good();
    session.login(CKU_USER, "set by the SO").good();
    session.close().good();
    init_token(token.slot, SO_PIN, "label").gives(CKR_PIN_INCORRECT);
    init_token(token.slot, "new SO PIN", "label").good();
}

#[test]
fn a_read_only_session_changes_no_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = Session::read_only(token.slot).good();
    session.set_pin(USER_PIN, "new user PIN").gives(CKR_SESSION_READ_ONLY);
    session.login(CKU_USER, USER_PIN).good();
    session.set_pin(USER_PIN, "new user PIN").gives(CKR_SESSION_READ_ONLY);
}

#[test]
fn the_so_gives_the_user_another_pin_and_private_objects_stay() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.user();
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true, CKA_VALUE => b"secret" };
    session.create(&object).good();
    session.logout().good();
    session.login(CKU_SO, SO_PIN).good();
    session.init_pin("forgotten and renewed").good();
    session.logout().good();
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_INCORRECT);
    session.login(CKU_USER, "forgotten and renewed").good();
    assert_eq!(session.find(&object).good().len(), 1);
}

#[test]
fn pins_are_bytes_of_any_utf8() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.user();
    for pin in ["pässwörd €", "with blank ", "with\nline", "日本語の暗証番号"] {
        session.set_pin(USER_PIN, pin).good_for(pin);
        session.logout().good();
        let shorter: String = pin.chars().take(pin.chars().count() - 1).collect();
        session.login(CKU_USER, &shorter).gives(CKR_PIN_INCORRECT);
        session.login(CKU_USER, pin).good_for(pin);
        session.set_pin(pin, USER_PIN).good_for(pin);
    }
}

#[test]
fn without_a_user_pin_there_is_none_to_change() {
    let fixture = Fixture::new();
    let slot = fixture.empty_slot();
    init_token(slot, SO_PIN, "token").good();
    let session = Session::read_write(slot).good();
    let none = [CKR_USER_PIN_NOT_INITIALIZED, CKR_PIN_INCORRECT];
    session.set_pin(SO_PIN, "new user PIN").gives_one_of(&none);
    session.set_pin("", "new user PIN").gives_one_of(&none);
    session.login(CKU_USER, "new user PIN").gives(CKR_USER_PIN_NOT_INITIALIZED);
}

#[test]
fn a_user_pin_is_not_set_on_a_token_made_again_elsewhere() {
    let test = "pin::a_user_pin_is_not_set_on_a_token_made_again_elsewhere";
    let made = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true };
    let made = made.with(CKA_LABEL, "made again").with(CKA_VALUE, b"value");
    if child::role().is_some() {
        let token = joined();
        init_token(token.slot, SO_PIN, "again").good();
        let so = token.so();
        so.init_pin(USER_PIN).good();
        so.logout().good();
        so.login(CKU_USER, USER_PIN).good();
        so.create(&made).good();
        return;
    }
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let so = token.so();
    child::succeeds(child_on(&fixture, test, "maker"));
    let gone = [
        CKR_DEVICE_REMOVED,
        CKR_DEVICE_ERROR,
        CKR_TOKEN_NOT_PRESENT,
        CKR_SESSION_HANDLE_INVALID,
        CKR_FUNCTION_FAILED,
    ];
    so.init_pin("another user PIN").gives_one_of(&gone);
    so.set_pin(SO_PIN, "another SO PIN").gives_one_of(&gone);
    session::close_all(token.slot).good();
    let s = token.public();
    s.login(CKU_USER, "another user PIN").gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, USER_PIN).good();
    let object = s.find(&made).good();
    assert_eq!(s.get(object[0], CKA_VALUE).good(), b"value", "nothing made since is lost");
    s.logout().good();
    s.login(CKU_SO, SO_PIN).good();
}
