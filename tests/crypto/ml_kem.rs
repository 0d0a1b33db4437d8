// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-KEM, and the rules of encapsulation.

use crate::common::sets::{self, ML_KEM};
use crate::common::*;
use std::ptr;

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("ml_kem.txt") {
        let place = record.place();
        let set = sets::named(record.text("set"));
        let private = set.private().with(CKA_SEED, record.hex("seed"));
        let private = s.create(&private).good_for(&place);
        let value = s.get(private, CKA_VALUE).good_for(&place);
        assert_eq!(sha256(&value), record.hex("private_sha256"), "{place}");
        let info = s.get(private, CKA_PUBLIC_KEY_INFO).good_for(&place);
        let public = &info[info.len() - set.public..];
        assert_eq!(sha256(public), record.hex("public_sha256"), "{place}");
        for (ciphertext, secret) in [("ciphertext", "secret"), ("rejected", "rejected_secret")] {
            let key = s.decapsulate(&mech(), private, &record.hex(ciphertext), &keys::open());
            let key = key.good_for(&place);
            assert_eq!(s.get(key, CKA_VALUE).good(), record.hex(secret), "{place} {ciphertext}");
        }
    }
}

#[test]
fn both_sides_share_a_key() {
    let user = User::new();
    let s = user.session;
    for set in ML_KEM {
        let (public, private) = set.pair(s);
        for key_type in [CKK_AES, CKK_GENERIC_SECRET, CKK_SHA256_HMAC] {
            let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => key_type };
            let template = template.and(&keys::open());
            let (ciphertext, one) = s.encapsulate(&mech(), public, &template).good_for(set.name);
            assert_eq!(ciphertext.len(), set.output, "{}", set.name);
            let two = s.decapsulate(&mech(), private, &ciphertext, &template).good_for(set.name);
            assert_eq!(s.get(one, CKA_VALUE).good(), s.get(two, CKA_VALUE).good(), "{}", set.name);
            let (again, other) = s.encapsulate(&mech(), public, &template).good_for(set.name);
            assert_ne!(again, ciphertext, "{}", set.name);
            assert_ne!(s.get(other, CKA_VALUE).good(), s.get(one, CKA_VALUE).good());
        }
    }
}

#[test]
fn the_new_key_is_what_the_specification_says() {
    let user = User::new();
    let s = user.session;
    let (public, private) = sets::quick(CKK_ML_KEM).pair(s);
    let none = Template::default();
    let (ciphertext, one) = s.encapsulate(&mech(), public, &none).good();
    let two = s.decapsulate(&mech(), private, &ciphertext, &none).good();
    for key in [one, two] {
        assert_eq!(s.number(key, CKA_CLASS).good(), CKO_SECRET_KEY);
        assert_eq!(s.number(key, CKA_KEY_TYPE).good(), CKK_GENERIC_SECRET);
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), 32);
        assert_eq!(s.number(key, CKA_KEY_GEN_MECHANISM).good(), CK_UNAVAILABLE_INFORMATION);
        assert!(s.flag(key, CKA_EXTRACTABLE).good(), "by default");
        assert!(s.flag(key, CKA_SENSITIVE).good());
        for never in [CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE] {
            assert!(!s.flag(key, never).good(), "{never:#x}");
        }
    }
    let locked = template! { CKA_EXTRACTABLE => false, CKA_SENSITIVE => true };
    let (_, key) = s.encapsulate(&mech(), public, &locked).good();
    assert!(!s.flag(key, CKA_EXTRACTABLE).good());
    assert!(!s.flag(key, CKA_NEVER_EXTRACTABLE).good());
    assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
}

#[test]
fn asking_for_the_length_makes_no_key() {
    let user = User::new();
    let s = user.session;
    let set = sets::quick(CKK_ML_KEM);
    let (public, _) = set.pair(s);
    let before = s.find(&Template::default()).good();
    let mut room = 0;
    let none = Template::default();
    let ask = |room: &mut CK_ULONG, place| {
        s.encapsulate_raw(&mech(), public, &none, (ptr::null_mut(), room), place)
    };
    ask(&mut room, ptr::null_mut()).good();
    assert_eq!(room as usize, set.output);
    let mut handle = 4711;
    ask(&mut room, &mut handle).good();
    assert_eq!(handle, 4711);
    let mut buffer = vec![0xA5; set.output];
    for short in [0, 1, set.output - 1] {
        let mut room = short as CK_ULONG;
        let out = (buffer.as_mut_ptr(), &raw mut room);
        let rv = s.encapsulate_raw(&mech(), public, &none, out, &mut handle);
        rv.gives(CKR_BUFFER_TOO_SMALL);
        assert_eq!((room as usize, handle), (set.output, 4711));
        assert!(buffer.iter().all(|byte| *byte == 0xA5), "nothing was written");
    }
    assert_eq!(s.find(&Template::default()).good(), before);
    let mut room = set.output as CK_ULONG;
    let out = (buffer.as_mut_ptr(), &raw mut room);
    s.encapsulate_raw(&mech(), public, &none, out, ptr::null_mut()).gives(CKR_ARGUMENTS_BAD);
    let no_length = (buffer.as_mut_ptr(), ptr::null_mut());
    let rv = s.encapsulate_raw(&mech(), public, &none, no_length, &mut handle);
    rv.gives(CKR_ARGUMENTS_BAD);
    assert_eq!(s.find(&Template::default()).good(), before);
    s.encapsulate_raw(&mech(), public, &none, out, &mut handle).good();
    assert_eq!(s.find(&Template::default()).good().len(), before.len() + 1);
}

#[test]
fn ciphertexts_of_another_length_are_refused() {
    let user = User::new();
    let s = user.session;
    let set = sets::quick(CKK_ML_KEM);
    let (public, private) = set.pair(s);
    let none = Template::default();
    let (ciphertext, _) = s.encapsulate(&mech(), public, &none).good();
    let before = s.find(&none).good();
    for wrong in [&ciphertext[1..], &[&ciphertext[..], &[0]].concat(), &[1]] {
        s.decapsulate(&mech(), private, wrong, &none).gives(CKR_WRAPPED_KEY_LEN_RANGE);
    }
    assert_eq!(s.find(&none).good(), before);
}

#[test]
fn templates_that_cannot_be_met_are_refused() {
    let user = User::new();
    let s = user.session;
    let set = sets::quick(CKK_ML_KEM);
    let (public, private) = set.pair(s);
    let (ciphertext, _) = s.encapsulate(&mech(), public, &Template::default()).good();
    let before = s.find(&Template::default()).good();
    for (template, want) in [
        (template! { CKA_CLASS => CKO_PRIVATE_KEY }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_VALUE_LEN => HUGE }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_VALUE_LEN => 33 as CK_ULONG }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_VALUE_LEN => 0 as CK_ULONG }, CKR_TEMPLATE_INCONSISTENT),
        (template! { CKA_KEY_TYPE => CKK_RSA }, CKR_ATTRIBUTE_VALUE_INVALID),
        (template! { CKA_KEY_TYPE => HUGE }, CKR_ATTRIBUTE_VALUE_INVALID),
        (template! { CKA_VALUE => &[1; 32] }, CKR_ATTRIBUTE_READ_ONLY),
        (template! { CKA_LOCAL => true }, CKR_ATTRIBUTE_READ_ONLY),
        (template! { CKA_MODULUS => &[1; 32] }, CKR_TEMPLATE_INCONSISTENT),
        (template! { 0x4000_0000 => true }, CKR_ATTRIBUTE_TYPE_INVALID),
        (template! { CKA_TRUSTED => true }, CKR_ATTRIBUTE_READ_ONLY),
    ] {
        s.encapsulate(&mech(), public, &template).gives_for("encapsulate", &[want]);
        s.decapsulate(&mech(), private, &ciphertext, &template).gives_for("decapsulate", &[want]);
    }
    assert_eq!(s.find(&Template::default()).good(), before);
    let read_only = user.token.public();
    let kept = template! { CKA_TOKEN => true };
    read_only.encapsulate(&mech(), public, &kept).code();
    let fits = template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 32 as CK_ULONG };
    s.encapsulate(&mech(), public, &fits).good();
}

#[test]
fn a_shorter_key_takes_the_leading_bytes() {
    let user = User::new();
    let s = user.session;
    let (public, private) = sets::quick(CKK_ML_KEM).pair(s);
    let aes = |len: CK_ULONG| {
        keys::open().and(&template! { CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => len })
    };
    let (ciphertext, ours) = s.encapsulate(&mech(), public, &aes(16)).good();
    let whole = s.decapsulate(&mech(), private, &ciphertext, &keys::open()).good();
    let whole = s.get(whole, CKA_VALUE).good();
    assert_eq!(s.get(ours, CKA_VALUE).good(), whole[..16]);
    for len in [16, 24, 32] {
        let theirs = s.decapsulate(&mech(), private, &ciphertext, &aes(len)).good();
        assert_eq!(s.get(theirs, CKA_VALUE).good(), whole[..len as usize]);
    }
}

#[test]
fn templates_of_the_keys_are_obeyed() {
    let user = User::new();
    let s = user.session;
    let set = sets::quick(CKK_ML_KEM);
    let (public, private) = set.pair(s);
    let (public, private) = (s.get(public, CKA_VALUE).good(), s.get(private, CKA_SEED).good());
    let inner = template! { CKA_EXTRACTABLE => false, CKA_KEY_TYPE => CKK_AES };
    let mut raw = inner.raw();
    let nested = |attribute, template: Template, raw: &mut Vec<CK_ATTRIBUTE>| {
        let mut all = template.raw();
        all.push(CK_ATTRIBUTE {
            type_: attribute,
            pValue: raw.as_mut_ptr().cast(),
            ulValueLen: (raw.len() * size_of::<CK_ATTRIBUTE>()) as CK_ULONG,
        });
        let mut handle = CK_INVALID_HANDLE;
        let (first, count) = (all.as_mut_ptr(), all.len() as CK_ULONG);
        outcome(p11!(C_CreateObject(s.0, first, count, &mut handle))).good();
        Obj(handle)
    };
    let public = nested(CKA_ENCAPSULATE_TEMPLATE, set.public(&public), &mut raw);
    let private = nested(CKA_DECAPSULATE_TEMPLATE, set.private().with(CKA_SEED, private), &mut raw);
    let before = s.find(&Template::default()).good();
    let aes = template! { CKA_KEY_TYPE => CKK_AES };
    // Compared with the new key's attributes.
    s.encapsulate(&mech(), public, &aes).gives(CKR_KEY_HANDLE_INVALID);
    let generic = template! { CKA_EXTRACTABLE => false };
    s.encapsulate(&mech(), public, &generic).gives(CKR_KEY_HANDLE_INVALID);
    assert_eq!(s.find(&Template::default()).good(), before);
    let (ciphertext, _) = s.encapsulate(&mech(), public, &inner).good();
    // Added to them.
    let none = Template::default();
    let key = s.decapsulate(&mech(), private, &ciphertext, &none).good();
    assert_eq!(s.number(key, CKA_KEY_TYPE).good(), CKK_AES);
    assert!(!s.flag(key, CKA_EXTRACTABLE).good());
    let against = template! { CKA_EXTRACTABLE => true };
    let refused = s.decapsulate(&mech(), private, &ciphertext, &against);
    refused.gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn keys_that_may_not_share_do_not() {
    let user = User::new();
    let s = user.session;
    let set = sets::quick(CKK_ML_KEM);
    let (public, private) = set.pair(s);
    let none = Template::default();
    let (ciphertext, _) = s.encapsulate(&mech(), public, &none).good();
    let forbidden = s.copy(public, &template! { CKA_ENCAPSULATE => false }).good();
    s.encapsulate(&mech(), forbidden, &none).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let forbidden = s.copy(private, &template! { CKA_DECAPSULATE => false }).good();
    let refused = s.decapsulate(&mech(), forbidden, &ciphertext, &none);
    refused.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    s.encapsulate(&mech(), private, &none).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let refused = s.decapsulate(&mech(), public, &ciphertext, &none);
    refused.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let (rsa, rsa_private) = keys::rsa(s);
    s.encapsulate(&mech(), rsa, &none).gives(CKR_KEY_TYPE_INCONSISTENT);
    let refused = s.decapsulate(&mech(), rsa_private, &ciphertext, &none);
    refused.gives(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    s.encapsulate(&mech(), Obj(0), &none).gives(CKR_KEY_HANDLE_INVALID);
    let refused = s.decapsulate(&mech(), Obj(0), &ciphertext, &none);
    refused.gives(CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    for wrong in [CKM_ML_KEM_KEY_PAIR_GEN, CKM_ML_DSA, CKM_AES_GCM, HUGE] {
        s.encapsulate(&Mech::plain(wrong), public, &none)
            .gives_one_of(&[CKR_MECHANISM_INVALID, CKR_MECHANISM_PARAM_INVALID]);
    }
    let parameter = Mech::iv(CKM_ML_KEM, &[1]);
    s.encapsulate(&parameter, public, &none).gives(CKR_MECHANISM_PARAM_INVALID);
    let refused = s.decapsulate(&parameter, private, &ciphertext, &none);
    refused.gives(CKR_MECHANISM_PARAM_INVALID);
    let guarded = template! { CKA_PARAMETER_SET => set.id };
    let guard = template! { CKA_ALWAYS_AUTHENTICATE => true, CKA_PRIVATE => true };
    let (_, guarded) = s.generate_pair(&Mech::plain(set.generation), &guarded, &guard).good();
    s.decapsulate(&mech(), guarded, &ciphertext, &none).gives(CKR_USER_NOT_LOGGED_IN);
}

fn mech() -> Mech {
    Mech::plain(CKM_ML_KEM)
}

fn sha256(data: &[u8]) -> Vec<u8> {
    reference::digest(CKM_SHA256, data)
}
