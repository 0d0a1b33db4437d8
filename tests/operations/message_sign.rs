// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Many messages signed and verified after one initialisation.

use crate::common::message::Many;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{Check, checks};
use std::ptr;

#[test]
fn messages_are_signed_one_after_the_other() {
    let user = User::new();
    let s = user.session;
    for (check, key) in signers(s) {
        s.many(Many::Sign, Some(&check.mech), Some(key)).good_for(check.name);
        s.many(Many::Verify, Some(&check.mech), Some(check.key)).good_for(check.name);
        for length in [check.input.len(), check.input.len() / 2, 1, check.input.len()] {
            let data = &check.input[..length];
            let asked = s.sign_message(data, Room::Null);
            asked.rv.good_for(check.name);
            assert_eq!(asked.length, len(&check.signature), "{}", check.name);
            let short = s.sign_message(data, Room::Bytes(check.signature.len() - 1));
            short.rv.gives_for(check.name, &[CKR_BUFFER_TOO_SMALL]);
            let signature = s.sign_message(data, Room::Bytes(512)).taken().good_for(check.name);
            s.verify(&check.mech, check.key, data, &signature).good_for(check.name);
            s.verify_message(data, &signature).good_for(check.name);
            if check.parts {
                s.message_begin(Many::Sign).good_for(check.name);
                s.sign_message_part(&data[..length / 2]).good_for(check.name);
                s.sign_message_last(&data[length / 2..], Room::Null).rv.good_for(check.name);
                let short = s.sign_message_last(&data[length / 2..], Room::Bytes(1));
                short.rv.gives_for(check.name, &[CKR_BUFFER_TOO_SMALL]);
                let last = s.sign_message_last(&data[length / 2..], Room::Bytes(512));
                let signature = last.taken().good_for(check.name);
                s.verify(&check.mech, check.key, data, &signature).good_for(check.name);
                s.message_begin(Many::Verify).good_for(check.name);
                s.verify_message_next(&data[..length / 2], None).good_for(check.name);
                let rest = s.verify_message_next(&data[length / 2..], Some(&signature));
                rest.good_for(check.name);
            }
        }
        s.many_final(Many::Sign).good_for(check.name);
        s.many_final(Many::Verify).good_for(check.name);
    }
}

#[test]
fn a_wrong_message_does_not_end_the_process() {
    let user = User::new();
    let s = user.session;
    for (check, _) in signers(s) {
        let (longer, mut wrong) = ([&check.signature[..], b"!"].concat(), check.signature.clone());
        wrong[5] ^= 1;
        s.many(Many::Verify, Some(&check.mech), Some(check.key)).good_for(check.name);
        for (signature, want) in [
            (&wrong, CKR_SIGNATURE_INVALID),
            (&longer, CKR_SIGNATURE_LEN_RANGE),
            (&check.signature, CKR_OK),
        ] {
            s.verify_message(&check.input, signature).gives_for(check.name, &[want]);
            if check.parts {
                s.message_begin(Many::Verify).good_for(check.name);
                let verdict = s.verify_message_next(&check.input, Some(signature));
                verdict.gives_for(check.name, &[want]);
                let over = s.verify_message_next(b"", Some(signature));
                over.gives_for(check.name, &[CKR_OPERATION_NOT_INITIALIZED]);
            }
        }
        s.many_final(Many::Verify).good_for(check.name);
    }
}

#[test]
fn a_message_in_parts_is_finished_before_the_next_begins() {
    let user = User::new();
    let s = user.session;
    let (check, key) = signers(s).swap_remove(0);
    let active = CKR_OPERATION_ACTIVE;
    for (kind, key) in [(Many::Sign, key), (Many::Verify, check.key)] {
        let next = |end: bool| match kind {
            Many::Sign if end => s.sign_message_last(&check.input, Room::Bytes(512)).rv,
            Many::Sign => s.sign_message_part(b"").map(drop),
            _ => s.verify_message_next(&check.input, end.then_some(&check.signature[..])),
        };
        let whole = || match kind {
            Many::Sign => s.sign_message(&check.input, Room::Bytes(512)).rv,
            _ => s.verify_message(&check.input, &check.signature),
        };
        let none = CKR_OPERATION_NOT_INITIALIZED;
        whole().gives(none);
        s.message_begin(kind).gives(none);
        next(true).gives(none);
        s.many_final(kind).gives(none);
        s.many(kind, Some(&check.mech), Some(key)).good();
        s.many(kind, Some(&check.mech), Some(key)).gives(active);
        next(false).gives(none);
        s.message_begin(kind).good();
        s.message_begin(kind).gives(active);
        whole().gives(active);
        s.many_final(kind).gives(active);
        next(true).good();
        next(true).gives(none);
        whole().good();
        // The parameter of a message is nothing.
        wrong_parameter(s, kind);
        s.message_begin(kind).good();
        s.many(kind, None, None).good();
        s.many_final(kind).gives(none);
        s.many(kind, Some(&check.mech), Some(key)).good();
        s.cancel(kind.flag()).good();
        s.many_final(kind).gives(none);
    }
}

#[test]
fn ordinary_operations_go_on_beside_it() {
    let user = User::new();
    let s = user.session;
    let (check, key) = signers(s).swap_remove(0);
    s.many(Many::Sign, Some(&check.mech), Some(key)).good();
    s.start(Kind::Sign, &check.mech, Some(key)).good();
    s.message_begin(Many::Sign).good();
    s.update(Kind::Sign, b"ordinary").good();
    s.sign_message_last(b"message", Room::Bytes(512)).rv.good();
    s.cancel(CKF_MESSAGE_SIGN).good();
    s.finish(Kind::Sign, Room::Bytes(512)).rv.good();
}

#[test]
fn each_message_of_a_key_that_wants_the_pin_wants_it() {
    let user = User::new();
    let s = user.session;
    let template = template! { CKA_ALWAYS_AUTHENTICATE => true };
    let (_, key) = keys::pair_with(s, &ec::P256, &Template::default(), &template);
    let login = || s.login(CKU_CONTEXT_SPECIFIC, USER_PIN);
    s.many(Many::Sign, Some(&Mech::plain(CKM_ECDSA_SHA256)), Some(key)).good();
    for _ in 0..2 {
        s.sign_message(b"one", Room::Bytes(64)).rv.gives(CKR_USER_NOT_LOGGED_IN);
        login().good();
        s.sign_message(b"one", Room::Null).rv.good();
        s.sign_message(b"one", Room::Bytes(64)).rv.good();
        s.message_begin(Many::Sign).gives(CKR_USER_NOT_LOGGED_IN);
        login().good();
        s.message_begin(Many::Sign).good();
        s.sign_message_last(b"two", Room::Bytes(64)).rv.good();
    }
    login().good();
    login().gives(CKR_OPERATION_NOT_INITIALIZED);
}

#[test]
fn the_flags_say_what_works() {
    let user = User::new();
    let s = user.session;
    for kind in session::mechanisms(user.token.slot).good() {
        let flags = session::mechanism_info(user.token.slot, kind).good().flags;
        let many =
            CKF_MESSAGE_SIGN | CKF_MESSAGE_VERIFY | CKF_MESSAGE_ENCRYPT | CKF_MESSAGE_DECRYPT;
        if flags & CKF_MULTI_MESSAGE != 0 {
            assert_ne!(flags & many, 0, "{kind:#x}");
        }
        if flags & CKF_MESSAGE_SIGN == 0 {
            let aes = keys::aes(s, 32);
            let refused = s.many(Many::Sign, Some(&Mech::plain(kind)), Some(aes));
            refused.gives_for(
                &format!("{kind:#x}"),
                &[CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID, CKR_KEY_TYPE_INCONSISTENT],
            );
            s.destroy(aes).good();
        }
    }
    for (check, key) in signers(s) {
        let flags = session::mechanism_info(user.token.slot, check.mech.kind()).good().flags;
        assert_ne!(flags & CKF_MESSAGE_SIGN, 0, "{}", check.name);
        assert_ne!(flags & CKF_MESSAGE_VERIFY, 0, "{}", check.name);
        assert_eq!(flags & CKF_MULTI_MESSAGE != 0, check.parts, "{}", check.name);
        s.many(Many::Sign, Some(&check.mech), Some(key)).good();
        let want = if check.parts { CKR_OK } else { CKR_FUNCTION_NOT_SUPPORTED };
        s.message_begin(Many::Sign).gives_for(check.name, &[want]);
        s.many(Many::Sign, None, None).good();
    }
}

fn wrong_parameter(s: Session, kind: Many) {
    let (mut byte, mut length, mut out) = (0_u8, 64, [0_u8; 64]);
    let (parameter, none) = (ptr::from_mut(&mut byte).cast(), ptr::null_mut());
    let rv = match kind {
        Many::Sign => {
            p11!(C_SignMessage(s.0, parameter, 1, none, 0, out.as_mut_ptr(), &mut length))
        }
        _ => p11!(C_VerifyMessage(s.0, parameter, 1, none, 0, out.as_mut_ptr(), 64)),
    };
    outcome(rv).gives(CKR_MECHANISM_PARAM_INVALID);
}

/// Verifications of every family with the keys that sign what they verify.
fn signers(s: Session) -> Vec<(Check, Obj)> {
    let private = template! { CKA_CLASS => CKO_PRIVATE_KEY };
    let signer = |check: Check| {
        // A key pair's halves have one CKA_ID, or the newest private key of the type is its half.
        let kind = s.number(check.key, CKA_KEY_TYPE).good();
        let all = s.find(&private.clone().with(CKA_KEY_TYPE, kind)).good();
        let signs = |key: &&Obj| {
            let sealed = s.sign(&check.mech, **key, &check.input);
            sealed.is_ok_and(|sig| s.verify(&check.mech, check.key, &check.input, &sig).is_ok())
        };
        let key = all.iter().find(signs).copied().unwrap_or(check.key);
        (check, key)
    };
    checks(s).into_iter().map(signer).collect()
}
