// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Operations and what happens around them: other sessions, logout, the end of keys.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{cases, idle};

#[test]
fn sessions_have_their_own_operations() {
    let user = User::compatible();
    let (one, two) = (user.session, user.token.public());
    for case in cases(one) {
        case.start(one);
        idle(two, case.kind, case.name);
        case.start(two);
        for s in [two, one] {
            let got = s.once(case.kind, &case.input, Room::Bytes(512));
            got.rv.good_for(case.name);
            case.check(&got.data);
        }
    }
}

#[test]
fn a_closed_session_leaves_the_others_running() {
    let user = User::new();
    let (one, two) = (user.session, user.token.public());
    for s in [one, two] {
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        s.update(Kind::Digest, b"data").good();
    }
    two.close().good();
    two.update(Kind::Digest, b"more").gives(CKR_SESSION_HANDLE_INVALID);
    let digest = one.finish(Kind::Digest, Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"data"));
}

#[test]
fn the_end_of_a_key_ends_its_operations() {
    let user = User::compatible();
    let s = user.session;
    let other = user.token.public();
    for case in cases(s).iter().filter(|case| case.key.is_some()) {
        let key = s.copy(case.key.unwrap(), &Template::default()).good_for(case.name);
        s.start(case.kind, &case.mech, Some(key)).good_for(case.name);
        other.destroy(key).good_for(case.name);
        let got = s.once(case.kind, &case.input, Room::Bytes(512));
        assert!(got.rv.is_err(), "{}: a destroyed key still works", case.name);
        idle(s, case.kind, case.name);
        let again = s.start(case.kind, &case.mech, Some(key));
        again.gives_for(case.name, &[CKR_KEY_HANDLE_INVALID]);
    }
}

#[test]
fn logout_ends_operations_with_private_keys() {
    let user = User::new();
    let s = user.session;
    let token = template! { CKA_TOKEN => true };
    let key = keys::aes_with(s, 32, &token);
    let (mech, input) = (Mech::ctr(128, [1; 16]), [1; 16]);
    s.start(Kind::Encrypt, &mech, Some(key)).good();
    let part = s.update_out(Kind::Encrypt, &input, Room::Bytes(64));
    part.rv.good();
    s.logout().good();
    let part = s.update_out(Kind::Encrypt, &input, Room::Bytes(64));
    assert!(part.rv.is_err(), "a private key works after logout");
    s.login(CKU_USER, USER_PIN).good();
    idle(s, Kind::Encrypt, "after logout");
    s.start(Kind::Encrypt, &mech, Some(key)).gives(CKR_KEY_HANDLE_INVALID);
}

#[test]
fn a_usage_taken_away_holds_from_the_next_initialisation() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    s.set(key, &template! { CKA_ENCRYPT => false }).good();
    let refused = s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key));
    refused.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.decrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
}

#[test]
fn threads_work_in_sessions_of_their_own() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::pair(s, &ec::P256);
    let key = keys::generic(s, 32);
    let (mech, hmac) = (Mech::plain(CKM_ECDSA_SHA256), Mech::plain(CKM_SHA256_HMAC));
    let want = s.sign(&hmac, key, b"data").good();
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let (token, want) = (user.token, &want);
            scope.spawn(move || {
                let own = token.public();
                let (mech, hmac) = (Mech::plain(CKM_ECDSA_SHA256), Mech::plain(CKM_SHA256_HMAC));
                for round in 0..50_u8 {
                    let signature = own.sign(&mech, private, &[thread, round]).good();
                    own.verify(&mech, public, &[thread, round], &signature).good();
                    assert_eq!(&own.sign(&hmac, key, b"data").good(), want);
                    let made = keys::aes(own, 16);
                    own.destroy(made).good();
                }
                own.close().good();
            });
        }
    });
    s.sign(&mech, private, b"after").good();
}
