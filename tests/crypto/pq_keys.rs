// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys with a parameter set: generated, imported, wrapped and unwrapped.

use crate::common::sets::{self, Set};
use crate::common::*;
use crate::data;
use openssl::pkey::PKey;

#[test]
fn generated_keys_have_what_their_set_says() {
    let user = User::new();
    let s = user.session;
    for set in sets::all() {
        let (public, private) = set.pair(s);
        for (key, class) in [(public, CKO_PUBLIC_KEY), (private, CKO_PRIVATE_KEY)] {
            assert_eq!(s.number(key, CKA_CLASS).good(), class);
            assert_eq!(s.number(key, CKA_KEY_TYPE).good(), set.key_type);
            assert_eq!(s.number(key, CKA_PARAMETER_SET).good(), set.id, "{}", set.name);
            assert_eq!(s.number(key, CKA_KEY_GEN_MECHANISM).good(), set.generation);
            assert!(s.flag(key, CKA_LOCAL).good());
        }
        assert_eq!(s.get(public, CKA_VALUE).good().len(), set.public, "{}", set.name);
        assert_eq!(s.get(private, CKA_VALUE).good().len(), set.private, "{}", set.name);
        match set.seed {
            0 => s.get(private, CKA_SEED).gives(CKR_ATTRIBUTE_TYPE_INVALID),
            seed => assert_eq!(s.get(private, CKA_SEED).good().len(), seed, "{}", set.name),
        }
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(s.get(private, CKA_PUBLIC_KEY_INFO).good(), info, "{}", set.name);
        let theirs = PKey::public_key_from_der(&info).unwrap();
        assert_eq!(theirs.public_key_to_der().unwrap(), info, "{}", set.name);
        usages(s, set, public, private);
    }
}

fn usages(s: Session, set: &Set, public: Obj, private: Obj) {
    let kem = set.key_type == CKK_ML_KEM;
    for (key, usage, want) in [
        (public, CKA_VERIFY, !kem),
        (private, CKA_SIGN, !kem),
        (public, CKA_ENCAPSULATE, kem),
        (private, CKA_DECAPSULATE, kem),
        (public, CKA_ENCRYPT, false),
        (private, CKA_DERIVE, false),
        (private, CKA_UNWRAP, false),
    ] {
        assert_eq!(s.flag(key, usage).good(), want, "{} {usage:#x}", set.name);
    }
}

#[test]
fn generation_takes_a_known_set_from_the_public_template() {
    let user = User::new();
    let s = user.session;
    let none = Template::default();
    for key_type in TYPES {
        let set = sets::quick(key_type);
        let mech = Mech::plain(set.generation);
        s.generate_pair(&mech, &none, &none).gives(CKR_TEMPLATE_INCOMPLETE);
        for unknown in [0, 13, HUGE] {
            let public = template! { CKA_PARAMETER_SET => unknown };
            s.generate_pair(&mech, &public, &none).gives(CKR_PARAMETER_SET_NOT_SUPPORTED);
        }
        let public = template! { CKA_PARAMETER_SET => set.id };
        for (attribute, value) in [
            (CKA_PARAMETER_SET, Value::from(set.id)),
            (CKA_VALUE, Value::from(vec![1; set.private])),
        ] {
            let private = Template::default().with(attribute, value);
            s.generate_pair(&mech, &public, &private).gives(CKR_ATTRIBUTE_READ_ONLY);
        }
        let valued = public.clone().with(CKA_VALUE, vec![1; set.public]);
        s.generate_pair(&mech, &valued, &none).gives(CKR_ATTRIBUTE_READ_ONLY);
        for wrong in TYPES.into_iter().filter(|other| *other != key_type) {
            let public = public.clone().with(CKA_KEY_TYPE, wrong);
            s.generate_pair(&mech, &public, &none).gives(CKR_TEMPLATE_INCONSISTENT);
        }
        let parameter = Mech::iv(set.generation, &[1]);
        s.generate_pair(&parameter, &public, &none).gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn private_keys_come_from_seed_and_value_that_agree() {
    let user = User::new();
    let s = user.session;
    for set in [CKK_ML_DSA, CKK_ML_KEM].map(sets::quick) {
        let (public, private) = set.pair(s);
        let (seed, value) = (s.get(private, CKA_SEED).good(), s.get(private, CKA_VALUE).good());
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        for (given, value_given) in [(true, true), (true, false), (false, true)] {
            let mut template = set.private();
            if given {
                template = template.with(CKA_SEED, &seed);
            }
            if value_given {
                template = template.with(CKA_VALUE, &value);
            }
            let key = s.create(&template).good_for(set.name);
            assert_eq!(s.get(key, CKA_VALUE).good(), value, "{}", set.name);
            assert_eq!(s.get(key, CKA_PUBLIC_KEY_INFO).good(), info, "{}", set.name);
            match given {
                true => assert_eq!(s.get(key, CKA_SEED).good(), seed, "{}", set.name),
                false => s.get(key, CKA_SEED).gives(CKR_ATTRIBUTE_TYPE_INVALID),
            }
            assert!(!s.flag(key, CKA_LOCAL).good());
        }
        let mut other = seed.clone();
        other[0] ^= 1;
        let both = set.private().with(CKA_SEED, other).with(CKA_VALUE, &value);
        s.create(&both).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        s.create(&set.private()).gives(CKR_TEMPLATE_INCOMPLETE);
        for seed in [&seed[1..], &[&seed[..], &[0]].concat(), &[]] {
            s.create(&set.private().with(CKA_SEED, seed)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
    let slh = sets::quick(CKK_SLH_DSA);
    let value = s.get(slh.pair(s).1, CKA_VALUE).good();
    let seeded = slh.private().with(CKA_SEED, vec![1; 32]);
    s.create(&seeded).gives(CKR_TEMPLATE_INCONSISTENT);
    s.create(&seeded.with(CKA_VALUE, value)).gives(CKR_TEMPLATE_INCONSISTENT);
    s.create(&slh.private()).gives(CKR_TEMPLATE_INCOMPLETE);
}

#[test]
fn values_that_are_no_key_of_the_set_are_refused() {
    let user = User::new();
    let s = user.session;
    for set in TYPES.map(sets::quick) {
        let (public, private) = set.pair(s);
        let (public, private) = (s.get(public, CKA_VALUE).good(), s.get(private, CKA_VALUE).good());
        for value in [&public[1..], &[&public[..], &[0]].concat(), &[]] {
            s.create(&set.public(value)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        for value in [&private[1..], &[&private[..], &[0]].concat(), &[]] {
            s.create(&set.private().with(CKA_VALUE, value)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        }
        // The public key inside: not the one that belongs to the rest.
        let mut broken = private.clone();
        let at = if set.key_type == CKK_ML_KEM { set.private - 64 } else { set.private - 1 };
        broken[at] ^= 1;
        let broken = set.private().with(CKA_VALUE, broken);
        s.create(&broken).gives_for(set.name, &[CKR_ATTRIBUTE_VALUE_INVALID]);
        let unknown = set.public(&public).set(CKA_PARAMETER_SET, 99 as CK_ULONG);
        s.create(&unknown).gives(CKR_PARAMETER_SET_NOT_SUPPORTED);
        let unsaid = set.public(&public).without(CKA_PARAMETER_SET);
        s.create(&unsaid).gives(CKR_TEMPLATE_INCOMPLETE);
        let unsaid = set.private().with(CKA_VALUE, &private).without(CKA_PARAMETER_SET);
        s.create(&unsaid).gives(CKR_TEMPLATE_INCOMPLETE);
    }
    // FIPS 203, section 7.2: a coefficient that is not below q.
    let set = sets::quick(CKK_ML_KEM);
    s.create(&set.public(&vec![0xff; set.public])).gives(CKR_PUBLIC_KEY_INVALID);
}

#[test]
fn hidden_values_stay_hidden() {
    let user = User::new();
    let s = user.session;
    for set in TYPES.map(sets::quick) {
        let public = template! { CKA_PARAMETER_SET => set.id };
        let mech = Mech::plain(set.generation);
        let (_, private) = s.generate_pair(&mech, &public, &Template::default()).good();
        s.get(private, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
        let seed = if set.seed == 0 { CKR_ATTRIBUTE_TYPE_INVALID } else { CKR_ATTRIBUTE_SENSITIVE };
        s.get(private, CKA_SEED).gives(seed);
    }
}

#[test]
fn token_keys_outlive_the_session() {
    let user = User::new();
    let s = user.session;
    for set in TYPES.map(sets::quick) {
        let public = template! { CKA_PARAMETER_SET => set.id, CKA_TOKEN => true };
        let private = template! { CKA_TOKEN => true, CKA_LABEL => set.name }.and(&keys::open());
        let mech = Mech::plain(set.generation);
        let (_, private) = s.generate_pair(&mech, &public, &private).good();
        let value = s.get(private, CKA_VALUE).good();
        let other = user.token.public();
        let found = other.find(&template! { CKA_LABEL => set.name }).good();
        assert_eq!(found.len(), 1, "{}", set.name);
        assert_eq!(other.get(found[0], CKA_VALUE).good(), value, "{}", set.name);
        other.close().good();
    }
}

#[test]
fn openssl_opens_what_was_wrapped_and_the_other_way_round() {
    let user = User::compatible();
    let s = user.session;
    for set in sets::all() {
        let (public, private) = set.pair(s);
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        let theirs = PKey::private_key_from_pkcs8(&pkcs8_of(s, private)).unwrap();
        assert_eq!(theirs.public_key_to_der().unwrap(), info, "{}", set.name);
        let back = unwrapped(s, set, &theirs.private_key_to_pkcs8().unwrap()).good_for(set.name);
        assert_eq!(s.get(back, CKA_PUBLIC_KEY_INFO).good(), info, "{}", set.name);
        for attribute in [CKA_VALUE, CKA_SEED] {
            assert_eq!(s.get(back, attribute), s.get(private, attribute), "{}", set.name);
        }
        assert_eq!(s.number(back, CKA_PARAMETER_SET).good(), set.id);
        assert!(!s.flag(back, CKA_LOCAL).good());
    }
}

#[test]
fn all_forms_of_private_keys_are_unwrapped() {
    let user = User::compatible();
    let s = user.session;
    for set in [CKK_ML_DSA, CKK_ML_KEM].map(sets::quick) {
        let (_, private) = set.pair(s);
        let (seed, value) = (s.get(private, CKA_SEED).good(), s.get(private, CKA_VALUE).good());
        let seed_alone = tlv(0x80, &seed);
        let expanded = tlv(0x04, &value);
        let both = tlv(0x30, &[tlv(0x04, &seed), expanded.clone()].concat());
        for (inner, seeded) in [(&seed_alone, true), (&expanded, false), (&both, true)] {
            let back = unwrapped(s, set, &pkcs8(set, inner)).good_for(set.name);
            assert_eq!(s.get(back, CKA_VALUE).good(), value, "{}", set.name);
            match seeded {
                true => assert_eq!(s.get(back, CKA_SEED).good(), seed, "{}", set.name),
                false => s.get(back, CKA_SEED).gives(CKR_ATTRIBUTE_TYPE_INVALID),
            }
            // What came without a seed goes out without one, and OpenSSL opens all of them.
            PKey::private_key_from_pkcs8(&pkcs8_of(s, back)).unwrap();
        }
        let mut other = seed.clone();
        other[0] ^= 1;
        let disagree = tlv(0x30, &[tlv(0x04, &other), expanded.clone()].concat());
        let short = tlv(0x80, &seed[1..]);
        let bare = value.clone();
        let swapped = tlv(0x30, &[expanded.clone(), tlv(0x04, &seed)].concat());
        for inner in [&disagree, &short, &bare, &swapped, &Vec::new(), &tlv(0x30, &[])] {
            unwrapped(s, set, &pkcs8(set, inner)).gives(CKR_WRAPPED_KEY_INVALID);
        }
    }
    let (slh, ml_dsa) = (sets::quick(CKK_SLH_DSA), sets::quick(CKK_ML_DSA));
    let (_, private) = slh.pair(s);
    let mut broken = s.get(private, CKA_VALUE).good();
    unwrapped(s, ml_dsa, &pkcs8(slh, &broken)).gives(CKR_WRAPPED_KEY_INVALID);
    broken[63] ^= 1;
    unwrapped(s, slh, &pkcs8(slh, &broken)).gives(CKR_WRAPPED_KEY_INVALID);
}

/// The PrivateKeyInfo that a key leaves as.
pub fn pkcs8_of(s: Session, private: Obj) -> Vec<u8> {
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let wrapped = s.wrap(&Mech::iv(CKM_AES_CBC_PAD, &[3; 16]), by, private).good();
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    openssl::symm::decrypt(cipher, &value, Some(&[3; 16]), &wrapped).unwrap()
}

fn unwrapped(s: Session, set: &Set, der: &[u8]) -> R<Obj> {
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let sealed = openssl::symm::encrypt(cipher, &value, Some(&[3; 16]), der).unwrap();
    let template = template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => set.key_type };
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
    s.unwrap(&mech, by, &sealed, &template.and(&keys::open()))
}

/// A PrivateKeyInfo around the key's own encoding.
fn pkcs8(set: &Set, inner: &[u8]) -> Vec<u8> {
    let arcs = match (set.key_type, set.id) {
        (CKK_ML_DSA, id) => [3, 16 + id as u8],
        (CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F) => [3, 21],
        (CKK_ML_KEM, id) => [4, id as u8],
        other => panic!("no object identifier for {other:?}"),
    };
    let oid = tlv(0x06, &[&[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04], &arcs[..]].concat());
    let parts = [tlv(0x02, &[0]), tlv(0x30, &oid), tlv(0x04, inner)];
    tlv(0x30, &parts.concat())
}

fn tlv(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len();
    let head = match length {
        0..=0x7f => vec![tag, length as u8],
        0x80..=0xff => vec![tag, 0x81, length as u8],
        _ => vec![tag, 0x82, (length >> 8) as u8, length as u8],
    };
    [&head, content].concat()
}

const TYPES: [CK_KEY_TYPE; 3] = [CKK_ML_DSA, CKK_SLH_DSA, CKK_ML_KEM];
