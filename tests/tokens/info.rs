// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the library and its tokens say about themselves.

use crate::common::session::{slots, token_info};
use crate::common::*;

#[test]
fn the_library_says_which_cryptoki_it_speaks() {
    let _fixture = Fixture::new();
    let mut info = CK_INFO::default();
    outcome(p11!(C_GetInfo(&mut info))).good();
    assert_eq!((info.cryptokiVersion.major, info.cryptokiVersion.minor), (3, 2));
    assert_eq!(info.flags, 0);
    for field in [info.manufacturerID, info.libraryDescription] {
        let text = std::str::from_utf8(&field).expect("UTF-8");
        assert!(!text.contains('\0') && !text.trim().is_empty(), "{text:?}");
    }
}

#[test]
fn flags_through_the_life_of_a_token() {
    let fixture = Fixture::new();
    let slot = fixture.empty_slot();
    let flags = || token_info(slot).good().flags & LIFE;
    assert_eq!(flags() & CKF_TOKEN_INITIALIZED, 0);
    session::init_token(slot, SO_PIN, "token").good();
    let made = CKF_RNG | CKF_LOGIN_REQUIRED | CKF_TOKEN_INITIALIZED;
    assert_eq!(flags() & !CKF_DUAL_CRYPTO_OPERATIONS, made, "{:#x}", flags());
    let session = Session::read_write(slot).good();
    session.login(CKU_SO, SO_PIN).good();
    session.init_pin(USER_PIN).good();
    let ready = made | CKF_USER_PIN_INITIALIZED;
    assert_eq!(flags() & !CKF_DUAL_CRYPTO_OPERATIONS, ready, "{:#x}", flags());
    session.close().good();
    fixture.restart();
    assert_eq!(flags() & !CKF_DUAL_CRYPTO_OPERATIONS, ready, "{:#x}", flags());
    session::init_token(slot, SO_PIN, "again").good();
    assert_eq!(flags() & !CKF_DUAL_CRYPTO_OPERATIONS, made, "{:#x}", flags());
}

#[test]
fn text_fields_are_padded_with_blanks() {
    let fixture = Fixture::new();
    fixture.token("padded label");
    for slot in slots(false).good() {
        let info = token_info(slot).good();
        for field in [&info.label[..], &info.manufacturerID, &info.model, &info.serialNumber] {
            let text = std::str::from_utf8(field).expect("UTF-8");
            assert!(!text.contains('\0'), "{text:?}");
        }
    }
}

#[test]
fn pin_lengths_are_told() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    let info = token_info(token.slot).good();
    assert_eq!(info.ulMinPinLen, 4);
    assert!(info.ulMaxPinLen >= 32, "{}", info.ulMaxPinLen);
    drop(fixture);
    let fixture = Fixture::with_settings("[pin]\nmin_length = 9\n");
    let token = fixture.token("token");
    assert_eq!(token_info(token.slot).good().ulMinPinLen, 9);
}

#[test]
fn sessions_are_counted() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.token("one"), fixture.token("two"));
    let counts = |token: Token| {
        let info = token_info(token.slot).good();
        (info.ulSessionCount, info.ulRwSessionCount)
    };
    assert_eq!(counts(one), (0, 0));
    let first = one.public();
    let second = Session::read_only(one.slot).good();
    let third = one.public();
    assert_eq!(counts(one), (3, 2));
    assert_eq!(counts(two), (0, 0));
    third.close().good();
    second.close().good();
    assert_eq!(counts(one), (1, 1));
    first.close().good();
    assert_eq!(counts(one), (0, 0));
    let info = token_info(one.slot).good();
    for most in [info.ulMaxSessionCount, info.ulMaxRwSessionCount] {
        assert!(most == CK_EFFECTIVELY_INFINITE || most >= 100, "{most}");
    }
}

const LIFE: CK_FLAGS =
    HUGE & !(CKF_ASYNC_SESSION_SUPPORTED | CKF_RESTORE_KEY_NOT_NEEDED | CKF_CLOCK_ON_TOKEN);
