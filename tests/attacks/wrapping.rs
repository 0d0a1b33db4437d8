// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A sensitive key leaves wrapped, and who has the wrapped bytes has the key.

use crate::common::*;
use crate::{SECRET, compatible, guarded, known, kw, lifting, ordinary, safe, target};

/// Clulow 2003: what is wrapped is decrypted by the key that wrapped it.
#[test]
fn wrap_then_decrypt() {
    let user = safe();
    let s = user.session;
    let (key, target) = (ordinary(s), target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    s.decrypt(&kw(), key, &wrapped).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let user = lifting(&["separate-usages"]);
    let s = user.session;
    let (key, target) = (ordinary(s), crate::target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    assert_eq!(s.decrypt(&kw(), key, &wrapped).good(), SECRET);
}

/// The same in the other order: a key that has decrypted wraps nothing.
#[test]
fn decrypt_then_wrap() {
    let user = safe();
    let s = user.session;
    let (key, target) = (ordinary(s), target(s));
    let data = s.encrypt(&kw(), key, &[7; 16]).good();
    s.decrypt(&kw(), key, &data).good();
    s.wrap(&kw(), key, target).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let user = lifting(&["separate-usages"]);
    let s = user.session;
    let (key, target) = (ordinary(s), crate::target(s));
    let data = s.encrypt(&kw(), key, &[7; 16]).good();
    s.decrypt(&kw(), key, &data).good();
    let wrapped = s.wrap(&kw(), key, target).good();
    assert_eq!(s.decrypt(&kw(), key, &wrapped).good(), SECRET);
}

/// The decision outlives the process: a key on the token that has wrapped does not decrypt after a
/// restart.
#[test]
fn wrap_then_decrypt_after_a_restart() {
    let mut user = safe();
    let s = user.session;
    let label = template! { CKA_TOKEN => true, CKA_LABEL => "wrapping" };
    let key = keys::aes_with(s, 32, &label);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    user.restart();
    let s = user.session;
    let key = s.find(&template! { CKA_LABEL => "wrapping" }).good()[0];
    s.decrypt(&kw(), key, &wrapped).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let mut user = lifting(&["separate-usages"]);
    let s = user.session;
    let key = keys::aes_with(s, 32, &label);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    user.restart();
    let s = user.session;
    let key = s.find(&template! { CKA_LABEL => "wrapping" }).good()[0];
    assert_eq!(s.decrypt(&kw(), key, &wrapped).good(), SECRET);
}

/// Clulow 2003: the attacker wraps under a key that it brought, and opens it at home.
#[test]
fn wrap_with_own_key() {
    let own = [0x11; 32];
    let attack = |s: Session, trials: &[Template]| {
        let target = target(s);
        let wraps: Vec<_> =
            trials.iter().map(|more| s.wrap(&kw(), known(s, &own, more).good(), target)).collect();
        wraps
    };
    let trials = [
        template! { CKA_WRAP => true },
        template! { CKA_WRAP => true, CKA_SENSITIVE => true, CKA_EXTRACTABLE => false },
    ];
    let user = safe();
    for wrapped in attack(user.session, &trials) {
        wrapped.gives(CKR_KEY_NOT_WRAPPABLE);
    }
    drop(user);

    let user = lifting(&["wrapping-keys"]);
    for wrapped in attack(user.session, &trials) {
        assert_eq!(opened(&own, &wrapped.good()), SECRET);
    }
}

/// Clulow 2003: the same under a public key of the attacker's.
#[test]
fn wrap_with_own_public_key() {
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let user = safe();
    let s = user.session;
    let (public, _) = keys::rsa(s);
    s.wrap(&oaep(), public, target(s)).gives(CKR_KEY_NOT_WRAPPABLE);
    drop(user);

    let user = lifting(&["wrapping-keys", "wrapping-strength"]);
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let wrapped = s.wrap(&oaep(), public, target(s)).good();
    // The attacker has the private key; that it is in this token too spares the test a padding.
    assert_eq!(s.decrypt(&oaep(), private, &wrapped).good(), SECRET);
}

/// Tookan, attack a2 of Bortolozzo et al. 2010: a pair made in the token wraps with one half and
/// decrypts with the other.
#[test]
fn wrap_with_the_public_half_of_a_pair_in_the_token() {
    let attack = |s: Session| {
        let (public, private) = keys::pair_with(s, &ec::P521, &Template::default(), &keys::open());
        let mech = Mech::ecdh_aes(CKM_ECDH_AES_KEY_WRAP, 256, CKD_SHA256_KDF, b"");
        (s.wrap(&mech, public, target(s)), private)
    };
    let user = safe();
    attack(user.session).0.gives(CKR_KEY_NOT_WRAPPABLE);
    drop(user);

    let user = lifting(&["wrapping-keys"]);
    let s = user.session;
    let (wrapped, private) = attack(s);
    let wrapped = wrapped.good();
    // The private half, which the pair's maker can read, agrees with the ephemeral key in front.
    let point = 2 * ec::P521.size + 1;
    let shared = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
    };
    let mech = Mech::ecdh(CKD_SHA256_KDF, b"", &wrapped[..point]);
    let agreed = s.derive(&mech, private, &shared.and(&keys::open())).good();
    let value = s.get(agreed, CKA_VALUE).good();
    assert_eq!(
        reference::kwp(&value, openssl::symm::Mode::Decrypt, &wrapped[point..]).unwrap(),
        SECRET
    );
}

/// Bortolozzo et al. 2010: a key whose wrap is weaker than itself is as weak as that.
#[test]
fn weaker_key_wrapping() {
    let weak = |s: Session| keys::aes_with(s, 16, &Template::default());
    let user = safe();
    let s = user.session;
    s.wrap(&kw(), weak(s), target(s)).gives(CKR_WRAPPING_KEY_SIZE_RANGE);
    drop(user);

    let user = lifting(&["wrapping-strength"]);
    let s = user.session;
    s.wrap(&kw(), weak(s), target(s)).good();
}

/// Trusted-key confusion: the user's copy of a key that the security officer trusts is not trusted,
/// nor is a key because its label or its value says that it is the trusted one.
#[test]
fn trusted_key_confusion() {
    for user in [safe as fn() -> User, compatible] {
        confuse(&user());
    }
}

fn confuse(user: &User) {
    let s = user.session;
    let value = [0x22; 32];
    let public = template! { CKA_PRIVATE => false, CKA_TOKEN => true, CKA_LABEL => "trusted" };
    let key = known(s, &value, &public).good();
    s.logout().good();
    let so = user.token.so();
    let seen = so.find(&template! { CKA_LABEL => "trusted" }).good()[0];
    so.set(seen, &template! { CKA_TRUSTED => true }).good();
    so.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    let pinned = guarded().with(CKA_WRAP_WITH_TRUSTED, true);
    let target = keys::try_secret(s, CKK_AES, SECRET, &pinned).good();
    let copy = s.copy(key, &Template::default()).good();
    assert!(!s.flag(copy, CKA_TRUSTED).good(), "the user's copy is trusted");
    s.wrap(&kw(), copy, target)
        .gives_one_of(&[CKR_KEY_NOT_WRAPPABLE, CKR_KEY_FUNCTION_NOT_PERMITTED]);
    let twin = known(s, &value, &public).good();
    s.wrap(&kw(), twin, target).gives(CKR_KEY_NOT_WRAPPABLE);
    // `CKA_WRAP_WITH_TRUSTED` goes one way.
    let loose = template! { CKA_WRAP_WITH_TRUSTED => false };
    s.set(target, &loose).gives(CKR_ATTRIBUTE_READ_ONLY);
    s.copy(target, &loose).gives(CKR_ATTRIBUTE_READ_ONLY);
}

/// Two keys under one keystream: a mode that masks the key is asked for the mask, by wrapping a key
/// that the attacker knows under the same initialisation vector.
#[test]
fn wrap_twice_under_one_initialisation_vector() {
    let stream = || Mech::ctr(128, [9; 16]);
    let mine = [0x33; 32];
    let masks = |s: Session| {
        let key = ordinary(s);
        let target = target(s);
        let own = known(s, &mine, &keys::open()).good();
        (s.wrap(&stream(), key, own), s.wrap(&stream(), key, target))
    };
    let user = safe();
    masks(user.session).1.gives(CKR_MECHANISM_INVALID);
    drop(user);

    let user = compatible();
    let (own, wrapped) = masks(user.session);
    let mask = xor(&own.good(), &mine);
    assert_eq!(xor(&wrapped.good(), &mask), SECRET);
}

/// What AES key wrap wrapped under a key that the attacker has.
fn opened(key: &[u8], wrapped: &[u8]) -> Vec<u8> {
    let key = openssl::aes::AesKey::new_decrypt(key).expect("an AES key");
    let mut out = vec![0; wrapped.len() - 8];
    openssl::aes::unwrap_key(&key, None, &mut out, wrapped).expect("a wrapped key");
    out
}

fn xor(a: &[u8], b: &[u8]) -> Vec<u8> {
    a.iter().zip(b).map(|(a, b)| a ^ b).collect()
}
