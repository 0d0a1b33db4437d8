// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a session still has after it should have lost it, and what others do to its objects meanwhile.

use crate::common::message::Many;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{SECRET, compatible, kw, ordinary, safe, target};
use std::ptr;

/// Clulow 2003: the digest of a sensitive key, alone or among chosen data, tells of it.
#[test]
fn digest_of_a_sensitive_key() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        // What is not sensitive but may not leave is hidden too.
        let fixed = template! { CKA_SENSITIVE => false, CKA_EXTRACTABLE => false };
        let fixed = keys::try_secret(s, CKK_AES, SECRET, &fixed).good();
        for key in [target(s), ordinary(s), fixed] {
            s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
            outcome(p11!(C_DigestKey(s.0, key.0))).gives(CKR_KEY_INDIGESTIBLE);
            // The digest is of nothing: no part of the key went in.
            let digest = s.finish(Kind::Digest, Room::Bytes(32)).taken().good();
            assert_eq!(digest, reference::digest(CKM_SHA256, b""));
        }
        // One that can be read can be digested, unless it lists mechanisms and this is not one.
        let listed = CKM_AES_ECB.to_ne_bytes();
        let listed = keys::open().with(CKA_ALLOWED_MECHANISMS, &listed);
        let listed = keys::try_secret(s, CKK_AES, SECRET, &listed).good();
        s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
        outcome(p11!(C_DigestKey(s.0, listed.0))).gives(CKR_KEY_INDIGESTIBLE);
        let open = keys::secret(s, CKK_AES, SECRET);
        outcome(p11!(C_DigestKey(s.0, open.0))).good();
        let digest = s.finish(Kind::Digest, Room::Bytes(32)).taken().good();
        assert_eq!(digest, reference::digest(CKM_SHA256, SECRET));
    }
}

/// `C_GetOperationState` gives out the state of an operation: a key schedule, or a hash that a key
/// went into.
#[test]
fn operation_state_leaks_no_key() {
    let user = compatible();
    let s = user.session;
    let key = ordinary(s);
    s.start(Kind::Sign, &Mech::plain(CKM_AES_CMAC), Some(key)).good();
    s.update(Kind::Sign, b"data").good();
    saved(s).gives(CKR_STATE_UNSAVEABLE);
    s.cancel(CKF_SIGN).good();
    for kind in [Kind::Encrypt, Kind::Decrypt] {
        s.start(kind, &Mech::iv(CKM_AES_CBC, &[0; 16]), Some(key)).good();
        saved(s).gives(CKR_STATE_UNSAVEABLE);
        s.cancel(CKF_ENCRYPT | CKF_DECRYPT).good();
    }
    let open = keys::secret(s, CKK_AES, SECRET);
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    outcome(p11!(C_DigestKey(s.0, open.0))).good();
    saved(s).gives(CKR_STATE_UNSAVEABLE);
    s.finish(Kind::Digest, Room::Bytes(32)).rv.good();
    // What can be saved says nothing of what it is the state of.
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, SECRET).good();
    let state = saved(s).good();
    assert!(!state.windows(8).any(|window| SECRET.windows(8).any(|part| part == window)));
}

fn saved(s: Session) -> R<Vec<u8>> {
    let saved = Room::Bytes(4096).filled(|out, length| p11!(C_GetOperationState(s.0, out, length)));
    saved.taken()
}

/// A handle of an object that is gone is no other object's.
#[test]
fn handle_reuse_after_destroy() {
    let user = compatible();
    let s = user.session;
    let mut gone = Vec::new();
    for round in 0..64_u8 {
        let on_token = template! { CKA_TOKEN => round % 2 == 0 };
        let key = keys::try_secret(s, CKK_AES, &[round; 16], &on_token.and(&keys::open())).good();
        assert!(!gone.contains(&key), "a handle was given out twice");
        s.destroy(key).good();
        gone.push(key);
    }
    let last = keys::secret(s, CKK_AES, SECRET);
    for key in gone {
        assert_ne!(key, last);
        s.get(key, CKA_VALUE).gives(CKR_OBJECT_HANDLE_INVALID);
        s.destroy(key).gives(CKR_OBJECT_HANDLE_INVALID);
        s.wrap(&kw(), last, key).gives(CKR_KEY_HANDLE_INVALID);
        s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key)).gives(CKR_KEY_HANDLE_INVALID);
    }
}

/// An operation that began with a key that is destroyed since, by this session or another.
#[test]
fn destroyed_key_in_an_operation_begun_before() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let other = user.token.public();
        for on_token in [true, false] {
            for by in [s, other] {
                let key = keys::aes_with(s, 16, &template! { CKA_TOKEN => on_token });
                s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key)).good();
                s.start(Kind::Sign, &Mech::plain(CKM_AES_CMAC), Some(key)).good();
                s.update(Kind::Sign, b"before").good();
                s.many(Many::Encrypt, Some(&Mech::plain(CKM_AES_GCM)), Some(key)).good();
                by.destroy(key).good();
                let sealed = s.once(Kind::Encrypt, &[0; 16], Room::Bytes(16));
                sealed.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
                s.update(Kind::Sign, b"after").gives(CKR_OPERATION_NOT_INITIALIZED);
                let mac = s.finish(Kind::Sign, Room::Bytes(16));
                mac.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
                s.many_final(Many::Encrypt).gives(CKR_OPERATION_NOT_INITIALIZED);
            }
        }
    }
}

/// The same with one that is suspended since.
#[test]
fn suspended_key_in_an_operation_begun_before() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let (s, other) = (user.session, user.token.public());
        let state = strongroom::vendor::STRONGROOM_STATE_SUSPENDED;
        let suspended = template! { strongroom::vendor::CKA_STRONGROOM_STATE => state };
        for on_token in [true, false] {
            let key = keys::aes_with(s, 16, &template! { CKA_TOKEN => on_token });
            s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key)).good();
            s.start(Kind::Sign, &Mech::plain(CKM_AES_CMAC), Some(key)).good();
            s.update(Kind::Sign, b"before").good();
            other.set(key, &suspended).good();
            let sealed = s.once(Kind::Encrypt, &[0; 16], Room::Bytes(16));
            sealed.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
            let mac = s.finish(Kind::Sign, Room::Bytes(16));
            mac.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
            let next = s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key));
            next.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
        }
    }
}

/// Signing after logout: the operation was begun while the user was there.
#[test]
fn signing_after_logout() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let other = user.token.public();
        for on_token in [true, false] {
            let private = template! { CKA_TOKEN => on_token, CKA_LABEL => "signs" };
            let (_, key) = keys::pair_with(s, &ec::P256, &Template::default(), &private);
            s.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).good();
            other.logout().good();
            let signature = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
            // The logout has ended the operation.
            signature.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
            s.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).gives(CKR_KEY_HANDLE_INVALID);
            let found = s.find(&template! { CKA_LABEL => "signs", CKA_CLASS => CKO_PRIVATE_KEY });
            assert_eq!(found.good(), []);
            // The next login does not bring the operation back.
            s.login(CKU_USER, USER_PIN).good();
            let signature = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
            signature.rv.gives(CKR_OPERATION_NOT_INITIALIZED);
        }
    }
}

/// The security officer finds, reads and uses no private object, by a search or by a handle from
/// before.
#[test]
fn the_security_officer_and_private_objects() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let label = template! { CKA_TOKEN => true, CKA_LABEL => "private" };
        let key = keys::aes_with(s, 32, &label);
        s.logout().good();
        s.login(CKU_SO, SO_PIN).good();
        assert_eq!(s.find(&template! { CKA_LABEL => "private" }).good(), []);
        assert_eq!(s.find(&template! { CKA_PRIVATE => true }).good(), []);
        s.get(key, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
        s.destroy(key).gives(CKR_OBJECT_HANDLE_INVALID);
        s.set(key, &template! { CKA_LABEL => "so" }).gives(CKR_OBJECT_HANDLE_INVALID);
        s.copy(key, &Template::default()).gives(CKR_OBJECT_HANDLE_INVALID);
        for kind in [Kind::Encrypt, Kind::Decrypt] {
            s.start(kind, &Mech::plain(CKM_AES_ECB), Some(key)).gives(CKR_KEY_HANDLE_INVALID);
        }
        // It makes none either.
        let private = template! { CKA_PRIVATE => true };
        keys::try_secret(s, CKK_AES, SECRET, &private).gives(CKR_USER_NOT_LOGGED_IN);
        s.logout().good();
        s.login(CKU_USER, USER_PIN).good();
        assert_eq!(s.find(&template! { CKA_LABEL => "private" }).good().len(), 1);
    }
}

/// `C_InitPIN` and `C_SetPIN` with NULL or an empty PIN, which would let everybody in.
#[test]
fn null_or_empty_pins() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        s.logout().good();
        s.login(CKU_SO, SO_PIN).good();
        let null = ptr::null_mut();
        let codes = [CKR_ARGUMENTS_BAD, CKR_PIN_LEN_RANGE, CKR_PIN_INVALID];
        outcome(p11!(C_InitPIN(s.0, null, 0))).gives_one_of(&codes);
        outcome(p11!(C_InitPIN(s.0, null, 8))).gives_one_of(&codes);
        s.init_pin("").gives(CKR_PIN_LEN_RANGE);
        let so = SO_PIN.as_bytes();
        let changed = p11!(C_SetPIN(s.0, bytes(so), len(so), null, 0));
        outcome(changed).gives_one_of(&codes);
        s.set_pin(SO_PIN, "").gives(CKR_PIN_LEN_RANGE);
        s.logout().good();
        outcome(p11!(C_Login(s.0, CKU_USER, null, 0))).gives_one_of(&[
            CKR_ARGUMENTS_BAD,
            CKR_PIN_INCORRECT,
            CKR_PIN_LEN_RANGE,
        ]);
        s.login(CKU_USER, "").gives_one_of(&[CKR_PIN_INCORRECT, CKR_PIN_LEN_RANGE]);
        s.login(CKU_USER, USER_PIN).good_for("the PIN is what it was");
    }
}

/// A PIN of a few characters is guessed before the counter locks it.
#[test]
fn short_pins() {
    let set = |user: &User| {
        let s = user.session;
        s.logout().good();
        s.login(CKU_SO, SO_PIN).good();
        s.init_pin("123")
    };
    let user = safe();
    set(&user).gives(CKR_PIN_LEN_RANGE);
    drop(user);
    // What the configuration asks of new tokens goes beyond the safeguard, and not below it.
    let short = "[pin]\nmin_length = 1\n";
    let user = User::with_settings(short);
    set(&user).gives(CKR_PIN_LEN_RANGE);
    drop(user);
    let lifted = "[token]\nmode = \"compatible\"\nlift = [\"pin-length\"]\n";
    let user = User::with_settings(&format!("{lifted}{short}"));
    set(&user).good();
}

/// A second session weakens a key while the first works with it: what weakens is refused, and what is
/// allowed does not reach into the operation.
#[test]
fn a_second_session_weakens_a_key_in_use() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let (s, other) = (user.session, user.token.public());
        let key = keys::aes_with(s, 16, &template! { CKA_TOKEN => true, CKA_WRAP => false });
        s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key)).good();
        let weaker = [
            template! { CKA_SENSITIVE => false },
            template! { CKA_EXTRACTABLE => true },
            template! { CKA_TRUSTED => true },
            template! { CKA_PRIVATE => false },
        ];
        for change in &weaker {
            other.set(key, change).gives(CKR_ATTRIBUTE_READ_ONLY);
        }
        let sealed = s.once(Kind::Encrypt, &[0; 16], Room::Bytes(16)).taken().good();
        assert_eq!(sealed.len(), 16);
        // A usage that is taken away is gone for the next operation, in every session.
        other.set(key, &template! { CKA_ENCRYPT => false }).good();
        let next = s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(key));
        next.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    }
}

/// A context-specific login is for one use: not for the next, nor for another operation that waits.
#[test]
fn one_login_one_use() {
    let user = safe();
    let s = user.session;
    let careful = template! { CKA_ALWAYS_AUTHENTICATE => true };
    let (_, key) = keys::pair_with(s, &ec::P256, &Template::default(), &careful);
    let rsa = keys::rsa_private(&reference::rsa()).and(&careful);
    let (rsa, unwrapping) = (s.create(&rsa).good(), s.create(&rsa).good());
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    s.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).good();
    s.start(Kind::Decrypt, &oaep, Some(rsa)).good();
    s.login(CKU_CONTEXT_SPECIFIC, USER_PIN).good();
    let signed = s.once(Kind::Sign, &[1; 32], Room::Bytes(64));
    let opened = s.once(Kind::Decrypt, &[1; 256], Room::Bytes(256));
    signed.rv.good();
    opened.rv.gives(CKR_USER_NOT_LOGGED_IN);
    // Calls that do all at once have no place for the login and are refused.
    let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    s.unwrap(&oaep, unwrapping, &[1; 256], &secret).gives(CKR_USER_NOT_LOGGED_IN);
    s.decapsulate(&oaep, rsa, &[1; 256], &secret).gives(CKR_USER_NOT_LOGGED_IN);
    let point = reference::point(&ec::P256, &reference::generate(&ec::P256));
    let derived = s.derive(&Mech::ecdh(CKD_NULL, b"", &point), key, &secret);
    derived.gives(CKR_USER_NOT_LOGGED_IN);
}

/// A list of mechanisms holds in every function that takes a key, and in the functions that take two.
#[test]
fn a_list_of_mechanisms_holds_everywhere() {
    let user = compatible();
    let s = user.session;
    let listed = CKM_AES_CMAC.to_ne_bytes();
    let listed = keys::open().with(CKA_ALLOWED_MECHANISMS, &listed);
    let key = keys::try_secret(s, CKK_AES, SECRET, &listed).good();
    for kind in [Kind::Encrypt, Kind::Decrypt] {
        s.start(kind, &Mech::plain(CKM_AES_ECB), Some(key)).gives(CKR_MECHANISM_INVALID);
    }
    for kind in [Kind::Sign, Kind::Verify] {
        s.start(kind, &Mech::mac(CKM_AES_CMAC_GENERAL, 8), Some(key)).gives(CKR_MECHANISM_INVALID);
    }
    for kind in [Many::Encrypt, Many::Decrypt] {
        s.many(kind, Some(&Mech::plain(CKM_AES_GCM)), Some(key)).gives(CKR_MECHANISM_INVALID);
    }
    let other = keys::aes(s, 32);
    s.wrap(&kw(), key, other).gives(CKR_MECHANISM_INVALID);
    let secret = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    s.unwrap(&kw(), key, &[0; 40], &secret).gives(CKR_MECHANISM_INVALID);
    s.derive(&Mech::plain(CKM_NULL), key, &secret).gives(CKR_MECHANISM_INVALID);
    // As the further key of a derivation.
    let join = Mech::with(CKM_CONCATENATE_BASE_AND_KEY, key.0, Vec::new());
    s.derive(&join, other, &secret).gives(CKR_MECHANISM_INVALID);
    let copy = s.copy(key, &Template::default()).good();
    s.start(Kind::Encrypt, &Mech::plain(CKM_AES_ECB), Some(copy)).gives(CKR_MECHANISM_INVALID);
    s.sign(&Mech::plain(CKM_AES_CMAC), copy, b"data").good();
}
