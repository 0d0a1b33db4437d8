// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key conjuring (Clulow 2003; Cortier, Delaune and Steel 2007): bytes that nobody
//! wrapped are unwrapped, and what comes out is a key that nobody generated.

use crate::common::*;
use crate::{compatible, kw, ordinary, returning, safe};

/// Random bytes make keys where the mechanism does not authenticate.
#[test]
fn key_conjuring() {
    let attack = |s: Session| {
        let key = ordinary(s);
        let forged = s.random(32).good();
        [
            s.unwrap(&Mech::plain(CKM_AES_ECB), key, &forged, &returning()),
            s.unwrap(&Mech::iv(CKM_AES_CBC, &[0; 16]), key, &forged, &returning()),
            s.unwrap(&Mech::ctr(128, [0; 16]), key, &forged, &returning()),
        ]
    };
    let user = safe();
    for conjured in attack(user.session) {
        conjured.gives(CKR_MECHANISM_INVALID);
    }
    drop(user);
    let user = compatible();
    for conjured in attack(user.session) {
        conjured.good();
    }
}

/// Where it authenticates, none of many tries makes a key.
#[test]
fn key_conjuring_against_authentication() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let key = ordinary(s);
        for _ in 0..200 {
            let forged = s.random(40).good();
            s.unwrap(&kw(), key, &forged, &returning()).gives(CKR_WRAPPED_KEY_INVALID);
            let gcm = Mech::gcm(&[1; 12], b"", 128);
            s.unwrap(&gcm, key, &forged, &returning()).gives(CKR_WRAPPED_KEY_INVALID);
        }
    }
}

/// PKCS #1 v1.5 unwraps into session keys alone: a wrong padding gives random bytes, which must not
/// stay in the token as a key.
#[test]
fn conjured_by_implicit_rejection() {
    let attack = |s: Session, on_token: bool| {
        let (_, private) = keys::rsa(s);
        let forged = [&[0][..], &s.random(255).good()].concat();
        let template = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_TOKEN => on_token,
        };
        s.unwrap(&Mech::plain(CKM_RSA_PKCS), private, &forged, &template)
    };
    let user = safe();
    attack(user.session, true).gives(CKR_MECHANISM_INVALID);
    drop(user);
    let user = compatible();
    attack(user.session, true).good();
}
