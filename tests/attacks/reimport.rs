// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A key comes back with other rights than it left with.

use crate::common::*;
use crate::{SECRET, compatible, guarded, kw, lifting, ordinary, returning, safe, target};

/// Delaune, Kremer and Steel 2008: what the attacker encrypts is unwrapped:
/// a key of its own becomes one of the token's, which then wraps.
#[test]
fn encrypt_then_unwrap() {
    let own = [0x44; 32];
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    let sealed = s.encrypt(&kw(), key, &own).good();
    let back = s.unwrap(&kw(), key, &sealed, &returning().with(CKA_WRAP, true));
    back.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let user = lifting(&["separate-usages", "wrapping-keys"]);
    let s = user.session;
    let key = ordinary(s);
    let sealed = s.encrypt(&kw(), key, &own).good();
    let back = s.unwrap(&kw(), key, &sealed, &returning().with(CKA_WRAP, true)).good();
    let wrapped = s.wrap(&kw(), back, target(s)).good();
    assert_eq!(at_home(&own, &wrapped), SECRET);
}

/// The same in the other order, and for a key that signs: a MAC is an encryption too.
#[test]
fn unwrap_then_encrypt() {
    let user = safe();
    let s = user.session;
    let key = ordinary(s);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    s.unwrap(&kw(), key, &wrapped, &returning()).good();
    s.encrypt(&kw(), key, &[1; 16]).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.sign(&Mech::plain(CKM_AES_CMAC), key, b"data").gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);

    let user = lifting(&["separate-usages"]);
    let s = user.session;
    let key = ordinary(s);
    let wrapped = s.wrap(&kw(), key, target(s)).good();
    s.unwrap(&kw(), key, &wrapped, &returning()).good();
    s.encrypt(&kw(), key, &[1; 16]).good();
    s.sign(&Mech::plain(CKM_AES_CMAC), key, b"data").good();
}

/// Delaune, Kremer and Steel 2008 ("re-import"): a key is wrapped
/// and unwrapped twice, once to wrap and once to decrypt.
#[test]
fn reimport_twice() {
    let wraps = || only(&[CKA_WRAP]);
    let decrypts = || only(&[CKA_DECRYPT]);
    let user = safe();
    let s = user.session;
    let over = ordinary(s);
    let key = target(s);
    let wrapped = s.wrap(&kw(), over, key).good();
    // The second is held against all that are there, the first among them.
    let one = s.unwrap(&kw(), over, &wrapped, &wraps()).good();
    s.unwrap(&kw(), over, &wrapped, &decrypts()).gives(CKR_TEMPLATE_INCONSISTENT);
    // Once the first is gone, the original still holds what it was used for against the second.
    s.destroy(one).good();
    let data = s.encrypt(&kw(), key, &[5; 16]).good();
    let two = s.unwrap(&kw(), over, &wrapped, &decrypts()).good();
    s.decrypt(&kw(), two, &data).good();
    let three = s.unwrap(&kw(), over, &wrapped, &wraps());
    assert!(
        three.is_err() || !s.flag(three.good(), CKA_WRAP).good(),
        "decided for data, and wraps"
    );
    // And what can leave wraps nothing that is sensitive.
    let (able, other) = (target(s), crate::target_of(s, CKK_AES, &[6; 32]));
    s.destroy(key).good();
    s.destroy(two).good();
    s.wrap(&kw(), able, other).gives(CKR_KEY_NOT_WRAPPABLE);
    drop(user);

    let user = compatible();
    let s = user.session;
    let over = ordinary(s);
    let key = keys::aes_with(s, 32, &guarded());
    let wrapped = s.wrap(&kw(), over, key).good();
    let one = s.unwrap(&kw(), over, &wrapped, &wraps()).good();
    let two = s.unwrap(&kw(), over, &wrapped, &decrypts()).good();
    let sealed = s.wrap(&kw(), one, target(s)).good();
    assert_eq!(s.decrypt(&kw(), two, &sealed).good(), SECRET);
}

/// A sensitive key that was wrapped comes back readable.
#[test]
fn unwrap_readable() {
    let open = || returning().set(CKA_SENSITIVE, false);
    let user = safe();
    let s = user.session;
    let (key, target) = (ordinary(s), target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    s.unwrap(&kw(), key, &wrapped, &open()).gives(CKR_TEMPLATE_INCONSISTENT);
    // Nor once the token no longer holds it.
    s.destroy(target).good();
    s.unwrap(&kw(), key, &wrapped, &open()).gives(CKR_TEMPLATE_INCONSISTENT);
    drop(user);

    let user = lifting(&["unwrapped-sensitive", "returning-keys"]);
    let s = user.session;
    let (key, target) = (ordinary(s), crate::target(s));
    let wrapped = s.wrap(&kw(), key, target).good();
    let back = s.unwrap(&kw(), key, &wrapped, &open()).good();
    assert_eq!(s.get(back, CKA_VALUE).good(), SECRET);
}

/// A key that could not do something comes back able to do it: here a key for MACs that encrypts.
#[test]
fn unwrap_with_more_usages() {
    let signs = guarded().and(&usages(&[CKA_SIGN, CKA_VERIFY]));
    let attack = |s: Session| {
        let over = ordinary(s);
        let key = keys::try_secret(s, CKK_AES, SECRET, &signs).good();
        let wrapped = s.wrap(&kw(), over, key).good();
        s.unwrap(&kw(), over, &wrapped, &only(&[CKA_DECRYPT, CKA_ENCRYPT]))
    };
    let user = safe();
    attack(user.session).gives(CKR_TEMPLATE_INCONSISTENT);
    drop(user);
    let user = lifting(&["returning-keys"]);
    attack(user.session).good();
}

/// A private key that wants the PIN for each use comes back without that wish.
#[test]
fn unwrap_without_the_pin_for_each_use() {
    let kwp = || Mech::plain(CKM_AES_KEY_WRAP_KWP);
    let leave = |s: Session| {
        let over = ordinary(s);
        let careful = guarded().with(CKA_ALWAYS_AUTHENTICATE, true);
        let (_, key) = keys::pair_with(s, &ec::P256, &Template::default(), &careful);
        (over, s.wrap(&kwp(), over, key).good())
    };
    let back = template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => CKK_EC }.and(&guarded());
    let careless = back.clone().with(CKA_ALWAYS_AUTHENTICATE, false);
    let user = safe();
    let s = user.session;
    let (over, wrapped) = leave(s);
    s.unwrap(&kwp(), over, &wrapped, &careless).gives(CKR_TEMPLATE_INCONSISTENT);
    // Where the template does not say, it is as it was.
    let back = s.unwrap(&kwp(), over, &wrapped, &back).good();
    assert!(s.flag(back, CKA_ALWAYS_AUTHENTICATE).good());
    drop(user);
    let user = lifting(&["returning-keys"]);
    let s = user.session;
    let (over, wrapped) = leave(s);
    let back = s.unwrap(&kwp(), over, &wrapped, &careless).good();
    s.sign(&Mech::plain(CKM_ECDSA), back, &[1; 32]).good();
}

/// The template of a key that comes back with these usages and no others.
fn only(wanted: &[CK_ATTRIBUTE_TYPE]) -> Template {
    returning().and(&usages(wanted))
}

fn usages(wanted: &[CK_ATTRIBUTE_TYPE]) -> Template {
    let all = [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];
    all.iter().fold(Template::default(), |template, id| template.with(*id, wanted.contains(id)))
}

/// What AES key wrap wrapped under a key that the attacker has.
fn at_home(key: &[u8], wrapped: &[u8]) -> Vec<u8> {
    let key = openssl::aes::AesKey::new_decrypt(key).expect("an AES key");
    let mut out = vec![0; wrapped.len() - 8];
    openssl::aes::unwrap_key(&key, None, &mut out, wrapped).expect("a wrapped key");
    out
}
