// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What belongs together is taken apart: the halves of a key, its type, the order of its parts.

use crate::common::*;
use crate::{SECRET, compatible, guarded, kw, lifting, ordinary, returning, safe, target};

/// Clulow 2003: a key comes back as one of another type, and so does what keys of that
/// type do.
#[test]
fn key_separation_by_type_change_on_unwrap() {
    let attack = |s: Session| {
        let (over, key) = (ordinary(s), target(s));
        let wrapped = s.wrap(&kw(), over, key).good();
        s.unwrap(&kw(), over, &wrapped, &returning().set(CKA_KEY_TYPE, CKK_GENERIC_SECRET))
    };
    let user = safe();
    attack(user.session).gives(CKR_TEMPLATE_INCONSISTENT);
    drop(user);
    let user = lifting(&["returning-keys"]);
    let s = user.session;
    let back = attack(s).good();
    // An encryption key now answers as a key of HMAC.
    let mac = s.sign(&Mech::plain(CKM_SHA256_HMAC), back, b"data").good();
    assert_eq!(mac, reference::hmac(CKM_SHA256, SECRET, b"data"));
}

/// Clulow 2003: a long key is taken back half by half, and each half is searched on
/// its own. Wrapping block by block binds nothing to anything.
#[test]
fn key_binding_of_halves_of_long_keys() {
    let ecb = || Mech::plain(CKM_AES_ECB);
    let half = || returning().with(CKA_ENCRYPT, true);
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    s.wrap(&ecb(), key, target(s)).gives(CKR_MECHANISM_INVALID);
    // Were the blocks at hand, they would not come back.
    s.unwrap(&ecb(), key, &[1; 16], &half()).gives(CKR_MECHANISM_INVALID);
    drop(user);

    let user = compatible();
    let s = user.session;
    let key = ordinary(s);
    let wrapped = s.wrap(&ecb(), key, target(s)).good();
    for (block, value) in wrapped.chunks(16).zip(SECRET.chunks(16)) {
        let back = s.unwrap(&ecb(), key, block, &half()).good();
        let sealed = s.encrypt(&ecb(), back, &[0; 16]).good();
        let own = keys::secret(s, CKK_AES, value);
        assert_eq!(sealed, s.encrypt(&ecb(), own, &[0; 16]).good(), "each half is a key alone");
    }
}

/// Clulow 2003: the parts of a wrapped key are put in another order, or one is put in
/// the place of the other, so that a key of 256 bits has the strength of one of 128.
#[test]
fn ecb_reordering_of_wrapped_parts() {
    let ecb = || Mech::plain(CKM_AES_ECB);
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    s.unwrap(&ecb(), key, &[1; 32], &returning()).gives(CKR_MECHANISM_INVALID);
    for mech in [CKM_AES_CBC, CKM_AES_CBC_PAD, CKM_AES_CTS, CKM_AES_OFB, CKM_AES_CFB128] {
        let mech = Mech::iv(mech, &[0; 16]);
        s.unwrap(&mech, key, &[1; 32], &returning()).gives(CKR_MECHANISM_INVALID);
    }
    let ctr = Mech::ctr(128, [0; 16]);
    s.unwrap(&ctr, key, &[1; 32], &returning()).gives(CKR_MECHANISM_INVALID);
    drop(user);

    let user = compatible();
    let s = user.session;
    let key = ordinary(s);
    let wrapped = s.wrap(&ecb(), key, target(s)).good();
    let doubled = [&wrapped[..16], &wrapped[..16]].concat();
    let back = s.unwrap(&ecb(), key, &doubled, &returning()).good();
    let weak = keys::secret(s, CKK_AES, &[&SECRET[..16], &SECRET[..16]].concat());
    let sealed = s.encrypt(&ecb(), back, &[0; 16]).good();
    assert_eq!(sealed, s.encrypt(&ecb(), weak, &[0; 16]).good());
}

/// The same against mechanisms that bind: every part in another's place is refused.
#[test]
fn reordering_what_is_bound() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let (key, target) = (ordinary(s), target(s));
        let wrapped = s.wrap(&kw(), key, target).good();
        let parts: Vec<&[u8]> = wrapped.chunks(8).collect();
        for a in 0..parts.len() {
            for b in a + 1..parts.len() {
                let mut moved = parts.clone();
                moved.swap(a, b);
                let back = s.unwrap(&kw(), key, &moved.concat(), &returning());
                back.gives(CKR_WRAPPED_KEY_INVALID);
            }
        }
        let shorter = &wrapped[..wrapped.len() - 8];
        s.unwrap(&kw(), key, shorter, &returning()).gives(CKR_WRAPPED_KEY_INVALID);
    }
}

/// A private key comes back as a secret one, so that its encoding is a key whose bytes can be used.
#[test]
fn class_change_on_unwrap() {
    let kwp = || Mech::plain(CKM_AES_KEY_WRAP_KWP);
    let attack = |s: Session| {
        let over = ordinary(s);
        let (_, private) = keys::pair_with(s, &ec::P256, &Template::default(), &guarded());
        let wrapped = s.wrap(&kwp(), over, private).good();
        let secret = returning().set(CKA_KEY_TYPE, CKK_GENERIC_SECRET);
        s.unwrap(&kwp(), over, &wrapped, &secret)
    };
    let user = safe();
    attack(user.session).gives(CKR_TEMPLATE_INCONSISTENT);
    drop(user);
    let user = lifting(&["returning-keys"]);
    attack(user.session).good();
}
