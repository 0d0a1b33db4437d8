// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys that want the PIN for each use (`CKA_ALWAYS_AUTHENTICATE`).

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::idle;

#[test]
fn every_use_wants_the_pin() {
    let user = User::new();
    let s = user.session;
    let (key, mech) = (careful(s), Mech::plain(CKM_ECDSA));
    for _ in 0..2 {
        s.start(Kind::Sign, &mech, Some(key)).good();
        s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).good();
        let signature = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
        signature.rv.good();
        s.start(Kind::Sign, &mech, Some(key)).good();
        let refused = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
        refused.rv.gives(CKR_USER_NOT_LOGGED_IN);
        s.cancel(CKF_SIGN).good();
    }
}

#[test]
fn a_wrong_pin_opens_nothing_and_is_counted() {
    let user = User::new();
    let s = user.session;
    let (key, mech) = (careful(s), Mech::plain(CKM_ECDSA));
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.login(CKU_CONTEXT_SPECIFIC, "not the PIN").gives(CKR_PIN_INCORRECT);
    assert_ne!(user.token.flags() & CKF_USER_PIN_COUNT_LOW, 0);
    let refused = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
    refused.rv.gives(CKR_USER_NOT_LOGGED_IN);
    assert_eq!(s.state(), CKS_RW_USER_FUNCTIONS, "the session stays as it was");
    s.cancel(CKF_SIGN).good();
    s.start(Kind::Sign, &mech, Some(key)).good();
    s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).good();
    s.once(Kind::Sign, &[1; 32], Room::Bytes(64)).rv.good();
    assert_eq!(user.token.flags() & CKF_USER_PIN_COUNT_LOW, 0);
}

#[test]
fn a_context_is_needed() {
    let user = User::new();
    let s = user.session;
    s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).gives(CKR_OPERATION_NOT_INITIALIZED);
    let (_, key) = keys::pair(s, &ec::P256);
    s.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).good();
    s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).gives(CKR_OPERATION_NOT_INITIALIZED);
    let signature = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
    signature.rv.good_for("the operation is not affected");
    idle(s, Kind::Sign, "after the signature");
}

#[test]
fn only_private_objects_can_ask_for_it() {
    let user = User::new();
    let s = user.session;
    let private = template! { CKA_ALWAYS_AUTHENTICATE => true, CKA_PRIVATE => false };
    let public = template! { CKA_EC_PARAMS => ec::P256.oid };
    let made = s.generate_pair(&Mech::plain(CKM_EC_KEY_PAIR_GEN), &public, &private);
    made.gives(CKR_TEMPLATE_INCONSISTENT);
}

fn careful(s: Session) -> Obj {
    let private = template! { CKA_ALWAYS_AUTHENTICATE => true, CKA_TOKEN => true };
    keys::pair_with(s, &ec::P256, &Template::default(), &private).1
}

#[test]
fn a_call_that_does_all_at_once_is_refused() {
    let user = User::compatible();
    let s = user.session;
    let careful = template! { CKA_ALWAYS_AUTHENTICATE => true, CKA_PRIVATE => true };
    let usages = careful.and(&template! { CKA_UNWRAP => true, CKA_SIGN => true });
    let public = s.create(&keys::rsa_public(&reference::rsa()).with(CKA_WRAP, true)).good();
    let rsa = s.create(&keys::rsa_private(&reference::rsa()).and(&usages)).good();
    let plain = template! { CKA_UNWRAP => true };
    let open = s.create(&keys::rsa_private(&reference::rsa()).and(&plain)).good();
    let pkcs1 = Mech::plain(CKM_RSA_PKCS);
    let wrapped = s.wrap(&pkcs1, public, keys::aes(s, 32)).good();
    let aes = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let unwrap = |by| s.unwrap(&pkcs1, by, &wrapped, &aes);
    unwrap(open).good_for("an ordinary key unwraps");
    unwrap(rsa).gives(CKR_USER_NOT_LOGGED_IN);
    // A PIN given for a signature is given for that signature.
    s.start(Kind::Sign, &pkcs1, Some(rsa)).good();
    s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).good();
    unwrap(rsa).gives(CKR_USER_NOT_LOGGED_IN);
    s.once(Kind::Sign, &[1; 32], Room::Bytes(256)).rv.good();
    unwrap(rsa).gives(CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn a_derivation_is_refused_too() {
    let user = User::new();
    let s = user.session;
    let peer = reference::point(&ec::P256, &reference::generate(&ec::P256));
    let mech = Mech::ecdh(CKD_NULL, b"", &peer);
    let secret = template! {
        CKA_CLASS => CKO_SECRET_KEY,
        CKA_KEY_TYPE => CKK_GENERIC_SECRET,
        CKA_VALUE_LEN => 32 as CK_ULONG,
    };
    for always in [false, true] {
        let private = template! { CKA_ALWAYS_AUTHENTICATE => always, CKA_DERIVE => true };
        let (_, key) = keys::pair_with(s, &ec::P256, &Template::default(), &private);
        let derived = s.derive(&mech, key, &secret).map(drop);
        derived.gives(if always { CKR_USER_NOT_LOGGED_IN } else { CKR_OK });
    }
}
