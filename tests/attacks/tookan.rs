// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The attacks that Tookan found on devices, by the names of its table (Bortolozzo, Centenaro, Focardi
//! and Steel 2010, "Attacking and Fixing PKCS#11 Security Tokens"): a1 and a2 wrap and decrypt,
//! a3 to a5 are breaches of the standard, which no token commits, `compatible` or not.

use crate::common::*;
use crate::{SECRET, compatible, guarded, kw, lifting, ordinary, safe, target};

/// a1: wrap and decrypt by a symmetric key, found by the tool from templates of one usage each.
#[test]
fn a1_wrap_decrypt_symmetric() {
    let attack = |s: Session| {
        let both = template! { CKA_WRAP => true, CKA_DECRYPT => true, CKA_UNWRAP => false };
        let key = keys::aes_with(s, 32, &both);
        let wrapped = s.wrap(&kw(), key, target(s)).good();
        s.decrypt(&kw(), key, &wrapped)
    };
    let user = safe();
    attack(user.session).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    drop(user);
    let user = lifting(&["separate-usages"]);
    assert_eq!(attack(user.session).good(), SECRET);
}

/// a2: wrap and decrypt by a pair: the public half wraps, the private half decrypts.
#[test]
fn a2_wrap_decrypt_asymmetric() {
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let pair = |s: Session| {
        let public = template! { CKA_MODULUS_BITS => 2048, CKA_WRAP => true };
        let private = template! { CKA_DECRYPT => true };
        s.generate_pair(&Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &private).good()
    };
    let user = safe();
    let s = user.session;
    s.wrap(&oaep(), pair(s).0, target(s)).gives(CKR_KEY_NOT_WRAPPABLE);
    drop(user);

    let user = lifting(&["wrapping-keys", "wrapping-strength", "separate-usages"]);
    let s = user.session;
    let (public, private) = pair(s);
    let wrapped = s.wrap(&oaep(), public, target(s)).good();
    assert_eq!(s.decrypt(&oaep(), private, &wrapped).good(), SECRET);
}

/// a3: the value of a sensitive key is read. a4: that of a key that may not be extracted. No part of
/// the interface shows either, whichever way the key came to be.
#[test]
fn a3_a4_read_directly() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        for (sensitive, extractable) in [(true, true), (true, false), (false, false)] {
            let guards = template! { CKA_SENSITIVE => sensitive, CKA_EXTRACTABLE => extractable };
            let made = keys::try_secret(s, CKK_AES, SECRET, &guards).good();
            let copy = s.copy(made, &Template::default()).good();
            for key in [made, copy, keys::aes_with(s, 32, &guards)] {
                s.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
            }
            let (_, private) = keys::pair_with(s, &ec::P256, &Template::default(), &guards);
            s.get(private, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
            let rsa = s.create(&keys::rsa_private(&reference::rsa()).and(&guards)).good();
            for part in [CKA_PRIVATE_EXPONENT, CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1] {
                s.get(rsa, part).gives(CKR_ATTRIBUTE_SENSITIVE);
            }
        }
    }
}

/// a4 by wrapping: a key that may not be extracted is wrapped under nothing.
#[test]
fn a4_wrap_what_may_not_be_extracted() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let fixed = template! { CKA_EXTRACTABLE => false };
        let key = keys::try_secret(s, CKK_AES, SECRET, &fixed).good();
        s.wrap(&kw(), ordinary(s), key).gives(CKR_KEY_UNEXTRACTABLE);
        let zeros = derivation(CKM_XOR_BASE_AND_DATA, &[0; 32]);
        let loose = template! {
            CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32,
        };
        s.derive(&zeros, key, &loose.and(&guarded())).gives(CKR_TEMPLATE_INCONSISTENT);
    }
}

/// a5: a sensitive key is made one that is not, or an unextractable one extractable.
#[test]
fn a5_change_what_guards() {
    for user in [safe as fn() -> User, compatible] {
        let user = user();
        let s = user.session;
        let key = keys::aes_with(s, 32, &Template::default());
        for change in [template! { CKA_SENSITIVE => false }, template! { CKA_EXTRACTABLE => true }]
        {
            s.set(key, &change).gives(CKR_ATTRIBUTE_READ_ONLY);
            s.copy(key, &change).gives(CKR_ATTRIBUTE_READ_ONLY);
            // Hidden among changes that are allowed: all or nothing.
            let among = template! { CKA_LABEL => "changed" }.and(&change);
            s.set(key, &among).gives(CKR_ATTRIBUTE_READ_ONLY);
            assert_eq!(s.get(key, CKA_LABEL).good(), b"");
        }
    }
}

/// A mechanism with data to derive with.
pub fn derivation(kind: CK_MECHANISM_TYPE, data: &[u8]) -> Mech {
    let data = data.to_vec();
    let parameter = CK_KEY_DERIVATION_STRING_DATA {
        pData: data.as_ptr().cast_mut(),
        ulLen: data.len() as CK_ULONG,
    };
    Mech::with(kind, parameter, vec![data])
}
