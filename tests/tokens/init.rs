// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_InitToken.

use crate::common::session::{init_token, token_info};
use crate::common::*;

#[test]
fn labels_are_taken_as_they_are() {
    let fixture = Fixture::new();
    for label in ["", "a", "exactly thirty-two bytes long!!!", "mit Umlauten: äöü"] {
        let slot = fixture.empty_slot();
        init_token(slot, SO_PIN, label).good();
        assert_eq!(token_info(slot).good().label, session::padded(label), "{label:?}");
    }
}

#[test]
fn initialising_again_needs_the_so_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let session = token.user();
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "kept" };
    session.create(&object).good();
    session.close().good();
    init_token(token.slot, "wrong SO PIN", "new label").gives(CKR_PIN_INCORRECT);
    init_token(token.slot, USER_PIN, "new label").gives(CKR_PIN_INCORRECT);
    let info = token_info(token.slot).good();
    assert_eq!(info.label, session::padded("token"));
    assert_ne!(info.flags & CKF_SO_PIN_COUNT_LOW, 0, "the wrong PIN was counted");
    assert_eq!(token.user().find(&object).good().len(), 1, "nothing was lost");
}

#[test]
fn initialising_again_destroys_all_objects_and_the_user_pin() {
    let fixture = Fixture::new();
    let (token, other) = (fixture.token("token"), fixture.token("other"));
    let session = token.user();
    for private in [true, false] {
        let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => private };
        session.create(&object).good();
        let kept = other.user();
        kept.create(&object).good();
        kept.close().good();
    }
    keys::pair_with(
        session,
        &ec::P256,
        &template! { CKA_TOKEN => true },
        &template! { CKA_TOKEN => true },
    );
    session.close().good();
    let serial = token_info(token.slot).good().serialNumber;
    init_token(token.slot, SO_PIN, "renewed").good();
    let info = token_info(token.slot).good();
    assert_eq!(info.serialNumber, serial, "it is the same device");
    assert_eq!(info.label, session::padded("renewed"));
    let session = token.public();
    assert_eq!(session.find(&Template::default()).good(), []);
    session.login(CKU_USER, USER_PIN).gives(CKR_USER_PIN_NOT_INITIALIZED);
    session.login(CKU_SO, SO_PIN).good();
    session.init_pin("another user PIN").good();
    session.logout().good();
    session.login(CKU_USER, USER_PIN).gives(CKR_PIN_INCORRECT);
    session.login(CKU_USER, "another user PIN").good();
    assert_eq!(session.find(&Template::default()).good(), []);
    let left = other.user().find(&template! { CKA_CLASS => CKO_DATA }).good();
    assert_eq!(left.len(), 2, "another token keeps its objects");
}

#[test]
fn no_token_is_initialised_under_an_open_session() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for session in [token.public(), Session::read_only(token.slot).good()] {
        init_token(token.slot, SO_PIN, "label").gives(CKR_SESSION_EXISTS);
        session.close().good();
    }
    let other = fixture.token("other");
    let session = other.public();
    init_token(token.slot, SO_PIN, "label")
        .good_for("a session with another token is no hindrance");
    session.close().good();
}

#[test]
fn so_pins_have_a_length() {
    let fixture = Fixture::new();
    let slot = fixture.empty_slot();
    let longest = token_info(slot).good().ulMaxPinLen as usize;
    for pin in [String::new(), "123".to_owned(), "9".repeat(longest + 1)] {
        let refused = init_token(slot, &pin, "label");
        refused.gives_for(&format!("{} bytes", pin.len()), &[CKR_PIN_LEN_RANGE]);
        let flags = token_info(slot).good().flags;
        assert_eq!(flags & CKF_TOKEN_INITIALIZED, 0, "no token was made");
    }
    init_token(slot, "1234", "label").good();
    let slot = fixture.empty_slot();
    init_token(slot, &"9".repeat(longest), "label").good();
}

#[test]
fn a_token_is_kept_at_once() {
    let fixture = Fixture::new();
    let slot = fixture.empty_slot();
    init_token(slot, SO_PIN, "token").good();
    fixture.restart();
    assert_ne!(token_info(slot).good().flags & CKF_TOKEN_INITIALIZED, 0);
    let session = Session::read_write(slot).good();
    session.login(CKU_SO, SO_PIN).good();
}
