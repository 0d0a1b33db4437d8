// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An operation does not outlive the permission that it was begun under.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{in_state, put};
use strongroom::vendor::*;

const OVER: CK_RV = CKR_OPERATION_NOT_INITIALIZED;
const REFUSED: CK_RV = CKR_KEY_FUNCTION_NOT_PERMITTED;

/// What takes a permission to sign from a key.
type Taker = (&'static str, fn(Session, Obj));

/// All of them, by another session.
fn takers() -> Vec<Taker> {
    vec![
        ("suspended", |s, key| put(s, key, STRONGROOM_STATE_SUSPENDED, "").good()),
        ("deactivated", |s, key| put(s, key, STRONGROOM_STATE_DEACTIVATED, "").good()),
        ("compromised", |s, key| put(s, key, STRONGROOM_STATE_COMPROMISED, "leak").good()),
        ("not for signing", |s, key| s.set(key, &template! { CKA_SIGN => false }).good()),
        ("destroyed", |s, key| s.destroy(key).good()),
    ]
}

#[test]
fn a_running_signature_ends_when_its_key_may_no_longer_sign() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let mech = Mech::plain(CKM_SHA256_HMAC);
    for on_token in [false, true] {
        for (name, take) in takers() {
            let place = template! { CKA_TOKEN => on_token };
            let key = keys::try_secret(s, CKK_GENERIC_SECRET, &[1; 32], &place).good();
            s.start(Kind::Sign, &mech, Some(key)).good();
            s.update(Kind::Sign, b"data").good();
            take(other, key);
            s.update(Kind::Sign, b"data").gives_for(name, &[OVER]);
            s.finish(Kind::Sign, Room::Bytes(32)).rv.gives_for(name, &[OVER]);
        }
    }
}

#[test]
fn an_operation_that_waits_for_its_one_call_ends_as_well() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let mech = Mech::plain(CKM_AES_ECB);
    let key = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    s.start(Kind::Encrypt, &mech, Some(key)).good();
    put(other, key, STRONGROOM_STATE_SUSPENDED, "").good();
    s.once(Kind::Encrypt, &[0; 16], Room::Bytes(16)).rv.gives(OVER);
    s.start(Kind::Encrypt, &mech, Some(key)).gives(REFUSED);
}

#[test]
fn a_permission_restored_revives_nothing() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let mech = Mech::plain(CKM_SHA256_HMAC);
    let key = keys::try_secret(s, CKK_GENERIC_SECRET, &[1; 32], &Template::default()).good();
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.update(Kind::Sign, b"data").good();
    put(other, key, STRONGROOM_STATE_SUSPENDED, "").good();
    other.set(key, &in_state(STRONGROOM_STATE_ACTIVE)).good();
    s.update(Kind::Sign, b"data").gives(OVER);
    s.start(Kind::Sign, &mech, Some(key)).good();
    other.set(key, &template! { CKA_SIGN => false }).good();
    other.set(key, &template! { CKA_SIGN => true }).good();
    s.update(Kind::Sign, b"data").gives(OVER);
    // One that is over is in nobody's way.
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.update(Kind::Sign, b"data").good();
}

#[test]
fn what_is_still_permitted_goes_on() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let mech = Mech::plain(CKM_SHA256_HMAC);
    let key = keys::try_secret(s, CKK_GENERIC_SECRET, &[1; 32], &Template::default()).good();
    let signature = s.sign(&mech, key, b"data").good();
    s.start(Kind::Verify, &mech, Some(key)).good();
    s.start(Kind::Sign, &mech, Some(key)).good();
    other.set(key, &template! { CKA_LABEL => "renamed", CKA_DERIVE => false }).good();
    s.update(Kind::Sign, b"data").good();
    put(other, key, STRONGROOM_STATE_SUSPENDED, "").good();
    s.update(Kind::Verify, b"data").good();
    s.verify_finish(&signature).good();
    s.finish(Kind::Sign, Room::Bytes(32)).rv.gives(OVER);
}

#[test]
fn messages_end_with_the_permission() {
    use crate::common::message::Many;
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let (_, key) = keys::pair(s, &ec::P256);
    s.many(Many::Sign, Some(&Mech::plain(CKM_ECDSA_SHA256)), Some(key)).good();
    s.sign_message(b"one", Room::Bytes(64)).rv.good();
    put(other, key, STRONGROOM_STATE_SUSPENDED, "").good();
    s.sign_message(b"two", Room::Bytes(64)).rv.gives(OVER);
    s.many_final(Many::Sign).gives(OVER);
}

/// Another process takes the permission: the next `*Init` refuses, and what ran here ends with it.
#[test]
fn a_key_suspended_by_another_process_is_refused_at_the_next_init() {
    let test = "leases::a_key_suspended_by_another_process_is_refused_at_the_next_init";
    if child::role().is_some() {
        let s = join();
        let key = s.find(&template! { CKA_LABEL => "shared" }).good()[0];
        put(s, key, STRONGROOM_STATE_SUSPENDED, "by the other process").good();
        return;
    }
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let mech = Mech::plain(CKM_SHA256_HMAC);
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "shared" };
    let key = keys::try_secret(s, CKK_GENERIC_SECRET, &[1; 32], &place).good();
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.update(Kind::Sign, b"data").good();
    child::succeeds(child_on(&user.fixture, test, "suspends"));
    other.start(Kind::Sign, &mech, Some(key)).gives(REFUSED);
    s.update(Kind::Sign, b"data").gives(OVER);
    assert_eq!(s.number(key, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_SUSPENDED));
    assert_eq!(s.get(key, CKA_STRONGROOM_STATE_REASON).good(), b"by the other process");
}
