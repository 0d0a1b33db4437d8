// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Initialisation vectors used twice, and tags short enough to be guessed.

use crate::common::*;
use crate::{SECRET, compatible, lifting, ordinary, safe};

/// Joux 2006 ("forbidden attack"): two messages under one initialisation vector tell their
/// difference.
#[test]
fn gcm_nonce_reuse() {
    let nonce = [3; 12];
    let gcm = || Mech::gcm(&nonce, b"", 128);
    let attack = |s: Session| {
        let key = ordinary(s);
        let known = s.encrypt(&gcm(), key, &[0; 32]).good();
        (known, s.encrypt(&gcm(), key, SECRET))
    };
    let user = safe();
    attack(user.session).1.gives(CKR_MECHANISM_PARAM_INVALID);
    drop(user);

    let user = lifting(&["nonce-reuse"]);
    let (mask, sealed) = attack(user.session);
    let sealed = sealed.good();
    let plain: Vec<u8> = mask.iter().zip(&sealed).take(32).map(|(a, b)| a ^ b).collect();
    assert_eq!(plain, SECRET);
}

/// The same over two sessions, which do not know of each other: a key that is marked encrypts under
/// no initialisation vector of the caller's choice.
#[test]
fn gcm_nonce_reuse_over_sessions() {
    let gcm = || Mech::gcm(&[3; 12], b"", 128);
    let marked = template! { strongroom::vendor::CKA_STRONGROOM_TOKEN_NONCES => true };
    let attack = |user: &User| {
        let (s, other) = (user.session, user.token.public());
        let key = keys::aes_with(s, 32, &marked);
        (s.encrypt(&gcm(), key, &[0; 32]), other.encrypt(&gcm(), key, SECRET))
    };
    let user = safe();
    let (first, second) = attack(&user);
    first.gives(CKR_MECHANISM_PARAM_INVALID);
    second.gives(CKR_MECHANISM_PARAM_INVALID);
    let unmark = template! { strongroom::vendor::CKA_STRONGROOM_TOKEN_NONCES => false };
    let key = keys::aes_with(user.session, 32, &marked);
    user.session.set(key, &unmark).gives(CKR_ATTRIBUTE_READ_ONLY);
    drop(user);

    let user = lifting(&["token-nonces"]);
    let (mask, sealed) = attack(&user);
    let (mask, sealed) = (mask.good(), sealed.good());
    let plain: Vec<u8> = mask.iter().zip(&sealed).take(32).map(|(a, b)| a ^ b).collect();
    assert_eq!(plain, SECRET);
}

/// The same for the other mechanisms that one repetition breaks.
#[test]
fn nonce_reuse_elsewhere() {
    let user = safe();
    let s = user.session;
    let ccm = || Mech::ccm(32, &[3; 12], b"", 16);
    let key = ordinary(s);
    s.encrypt(&ccm(), key, &[0; 32]).good();
    s.encrypt(&ccm(), key, SECRET).gives(CKR_MECHANISM_PARAM_INVALID);
    let chacha = || Mech::chacha20_poly1305(&[3; 12], b"");
    let key = s.generate(&Mech::plain(CKM_CHACHA20_KEY_GEN), &Template::default()).good();
    s.encrypt(&chacha(), key, &[0; 32]).good();
    s.encrypt(&chacha(), key, SECRET).gives(CKR_MECHANISM_PARAM_INVALID);
    drop(user);

    let user = lifting(&["nonce-reuse"]);
    let s = user.session;
    let key = ordinary(s);
    s.encrypt(&ccm(), key, &[0; 32]).good();
    s.encrypt(&ccm(), key, SECRET).good();
}

/// Ferguson 2005: short tags of GCM are forged in fewer tries than they have values.
#[test]
fn short_tags() {
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    for bits in [32, 64] {
        let short = Mech::gcm(&[4; 12], b"", bits);
        s.encrypt(&short, key, b"data").gives(CKR_MECHANISM_PARAM_INVALID);
        s.decrypt(&short, key, &[0; 20]).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let short = Mech::ccm(4, &[4; 12], b"", 4);
    s.encrypt(&short, key, b"data").gives(CKR_MECHANISM_PARAM_INVALID);
    drop(user);

    let user = lifting(&["short-tags"]);
    let s = user.session;
    let key = ordinary(s);
    assert_eq!(s.encrypt(&Mech::gcm(&[4; 12], b"", 32), key, b"data").good().len(), 4 + 4);
}

/// HMAC truncated to nothing: a MAC of no bytes is right for everything; one of a byte is found.
#[test]
fn hmac_truncated_to_nothing() {
    let general = |length| Mech::mac(CKM_SHA256_HMAC_GENERAL, length);
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let key = keys::generic(s, 32);
        for kind in [operation::Kind::Sign, operation::Kind::Verify] {
            s.start(kind, &general(0), Some(key)).gives(CKR_MECHANISM_PARAM_INVALID);
        }
        // Nor is a MAC that is cut by the verifier taken for a whole one.
        let mac = s.sign(&Mech::plain(CKM_SHA256_HMAC), key, b"data").good();
        for length in [0, 1, 31] {
            let cut = s.verify(&Mech::plain(CKM_SHA256_HMAC), key, b"data", &mac[..length]);
            cut.gives(CKR_SIGNATURE_LEN_RANGE);
        }
    }
    let user = safe();
    let s = user.session;
    let key = keys::generic(s, 32);
    let short = s.start(operation::Kind::Verify, &general(1), Some(key));
    short.gives(CKR_MECHANISM_PARAM_INVALID);
    drop(user);

    let user = lifting(&["short-tags"]);
    let s = user.session;
    let key = keys::generic(s, 32);
    let forged = (0..=255_u8).find(|byte| s.verify(&general(1), key, b"forged", &[*byte]).is_ok());
    assert!(forged.is_some(), "one of 256 tries is right");
}
