// SPDX-License-Identifier: Apache-2.0 OR MIT
//! DSA: signatures, keys and domain parameters.

use crate::common::group::{Group, dsa_record};
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::{HASHES, SHA1};
use crate::{cut, data, hash_named};
use openssl::bn::BigNum;
use openssl::dsa::{Dsa, DsaSig};
use openssl::pkey::PKey;

#[test]
fn signatures_of_others_verify() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("dsa.txt") {
        let place = record.place();
        let group = Group::of(CKK_DSA, &record);
        let (public, private) = group.import(s, &record.hex("public"), &record.hex("private"));
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(s.get(private, CKA_PUBLIC_KEY_INFO).good(), info, "{place}");
        let hash = hash_named(record.text("hash"));
        let row = HASHES.iter().chain([&SHA1]).find(|row| row.digest == hash).unwrap();
        let (input, signature) = (record.hex("data"), record.hex("signature"));
        let mech = Mech::plain(row.dsa);
        s.verify(&mech, public, &input, &signature).good_for(&place);
        s.verify_parts(&mech, public, &cut(&input), &signature).good_for(&place);
        let digest = reference::digest(hash, &input);
        let raw = Mech::plain(CKM_DSA);
        s.verify(&raw, public, &digest, &signature).good_for(&place);
        let mut wrong = signature.clone();
        wrong[3] ^= 1;
        s.verify(&raw, public, &digest, &wrong).gives_for(&place, &[CKR_SIGNATURE_INVALID]);
        for length in [0, 1, signature.len() - 2, signature.len() + 2] {
            let mut other = signature.clone();
            other.resize(length, 0);
            let checked = s.verify(&raw, public, &digest, &other);
            checked.gives_for(&place, &[CKR_SIGNATURE_LEN_RANGE]);
        }
        let made = s.sign(&raw, private, &digest).good_for(&place);
        assert_eq!(made.len(), signature.len());
        s.verify(&raw, public, &digest, &made).good_for(&place);
    }
}

#[test]
fn openssl_agrees_about_every_hash() {
    let user = User::new();
    let s = user.session;
    let record = dsa_record();
    let group = Group::of(CKK_DSA, &record);
    let (public, private) = group.import(s, &record.hex("public"), &record.hex("private"));
    let number = |name| BigNum::from_slice(&record.hex(name)).unwrap();
    let own = Dsa::from_private_components(
        number("prime"),
        number("subprime"),
        number("base"),
        number("private"),
        number("public"),
    )
    .unwrap();
    let own = PKey::from_dsa(own).unwrap();
    let half = record.hex("subprime").len();
    for hash in HASHES {
        let (mech, input) = (Mech::plain(hash.dsa), data(300));
        let parts = s.parts(Kind::Sign, &mech, Some(private), &cut(&input)).good();
        for signature in [s.sign(&mech, private, &input).good(), parts] {
            let (r, t) = signature.split_at(half);
            let (r, t) = (BigNum::from_slice(r).unwrap(), BigNum::from_slice(t).unwrap());
            let der = DsaSig::from_private_components(r, t).unwrap().to_der().unwrap();
            let digest = reference::hash(hash.digest);
            let mut verifier = openssl::sign::Verifier::new(digest, &own).unwrap();
            assert!(verifier.verify_oneshot(&der, &input).unwrap(), "{:#x}", hash.dsa);
        }
        let digest = reference::hash(hash.digest);
        let mut signer = openssl::sign::Signer::new(digest, &own).unwrap();
        let theirs = DsaSig::from_der(&signer.sign_oneshot_to_vec(&input).unwrap()).unwrap();
        let (r, t) = (theirs.r().to_vec_padded(half as i32), theirs.s().to_vec_padded(half as i32));
        let theirs = [r.unwrap(), t.unwrap()].concat();
        s.verify(&mech, public, &input, &theirs).good();
        s.verify(&mech, public, &data(299), &theirs).gives(CKR_SIGNATURE_INVALID);
    }
    s.start(Kind::Sign, &Mech::plain(CKM_DSA_SHA1), Some(private)).gives(CKR_MECHANISM_INVALID);
}

#[test]
fn raw_signatures_are_of_digests() {
    let user = User::new();
    let s = user.session;
    let record = dsa_record();
    let group = Group::of(CKK_DSA, &record);
    let (public, private) = group.import(s, &record.hex("public"), &record.hex("private"));
    let raw = Mech::plain(CKM_DSA);
    for length in [20, 28, 32, 48, 64] {
        let signature = s.sign(&raw, private, &data(length)).good();
        s.verify(&raw, public, &data(length), &signature).good();
    }
    for length in [0, 1, 19, 21, 65] {
        s.sign(&raw, private, &data(length)).gives(CKR_DATA_LEN_RANGE);
        s.verify(&raw, public, &data(length), &[1; 64]).gives(CKR_DATA_LEN_RANGE);
    }
    s.start(Kind::Sign, &raw, Some(private)).good();
    s.update(Kind::Sign, &data(20)).gives(CKR_FUNCTION_NOT_SUPPORTED);
}

#[test]
fn parameters_are_made_and_keys_in_them() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_DSA_PARAMETER_GEN);
    let made = s.generate(&mech, &template! { CKA_PRIME_BITS => 2048 as CK_ULONG }).good();
    assert_eq!(s.number(made, CKA_CLASS).good(), CKO_DOMAIN_PARAMETERS);
    assert_eq!(s.number(made, CKA_KEY_TYPE).good(), CKK_DSA);
    assert_eq!(s.number(made, CKA_PRIME_BITS).good(), 2048);
    assert_eq!(s.number(made, CKA_SUBPRIME_BITS).good(), 224, "the default for 2048");
    assert!(s.flag(made, CKA_LOCAL).good());
    let group = Group {
        key_type: CKK_DSA,
        prime: s.get(made, CKA_PRIME).good(),
        subprime: Some(s.get(made, CKA_SUBPRIME).good()),
        base: s.get(made, CKA_BASE).good(),
    };
    assert_eq!((group.prime.len(), group.subprime.as_ref().unwrap().len()), (256, 28));
    let (public, private) = group.pair(s);
    assert_eq!(s.number(private, CKA_KEY_GEN_MECHANISM).good(), CKM_DSA_KEY_PAIR_GEN);
    for key in [public, private] {
        assert!(s.flag(key, CKA_LOCAL).good());
        assert_eq!(s.get(key, CKA_PRIME).good(), group.prime);
        assert_eq!(s.get(key, CKA_SUBPRIME).good(), *group.subprime.as_ref().unwrap());
        assert_eq!(s.get(key, CKA_BASE).good(), group.base);
    }
    let signature = s.sign(&Mech::plain(CKM_DSA_SHA256), private, b"message").good();
    s.verify(&Mech::plain(CKM_DSA_SHA256), public, b"message", &signature).good();
    s.get(private, CKA_VALUE_BITS).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    let bad = [CKR_ATTRIBUTE_VALUE_INVALID];
    for bits in [0, 512, 1023, 2047, 4096, HUGE] {
        let template = template! { CKA_PRIME_BITS => bits };
        s.generate(&mech, &template).gives_for(&format!("{bits} bits"), &bad);
    }
    let template = template! {
        CKA_PRIME_BITS => 2048 as CK_ULONG, CKA_SUBPRIME_BITS => 160 as CK_ULONG,
    };
    s.generate(&mech, &template).gives_one_of(&bad);
    for (bits, order) in [(1024, 160), (3072, 256)] {
        let made = s.generate(&mech, &template! { CKA_PRIME_BITS => bits as CK_ULONG }).good();
        assert_eq!(s.number(made, CKA_SUBPRIME_BITS).good(), order, "the default for {bits}");
    }
    s.generate(&mech, &Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
    let contradiction = template! {
        CKA_PRIME_BITS => 2048 as CK_ULONG, CKA_KEY_TYPE => CKK_DH,
    };
    s.generate(&mech, &contradiction).gives(CKR_TEMPLATE_INCONSISTENT);
}

#[test]
fn short_keys_verify_and_sign_no_more() {
    let user = User::new();
    let s = user.session;
    let own = Dsa::generate(512).unwrap();
    let group = Group {
        key_type: CKK_DSA,
        prime: own.p().to_vec(),
        subprime: Some(own.q().to_vec()),
        base: own.g().to_vec(),
    };
    let (x, y) = (own.priv_key().to_vec(), own.pub_key().to_vec());
    let (public, private) = group.import(s, &y, &x);
    let key = PKey::from_dsa(own).unwrap();
    let mut signer = openssl::sign::Signer::new(reference::hash(CKM_SHA_1), &key).unwrap();
    let theirs = DsaSig::from_der(&signer.sign_oneshot_to_vec(b"message").unwrap()).unwrap();
    let digest = reference::digest(CKM_SHA_1, b"message");
    let half = |number: &openssl::bn::BigNumRef| number.to_vec_padded(20).unwrap();
    let theirs = [half(theirs.r()), half(theirs.s())].concat();
    s.verify(&Mech::plain(CKM_DSA), public, &digest, &theirs).good();
    s.verify(&Mech::plain(CKM_DSA_SHA1), public, b"message", &theirs).good();
    s.sign(&Mech::plain(CKM_DSA), private, &digest).gives(CKR_KEY_SIZE_RANGE);
    let mech = Mech::plain(CKM_DSA_KEY_PAIR_GEN);
    let made = s.generate_pair(&mech, &group.template(), &Template::default());
    made.gives(CKR_DOMAIN_PARAMS_INVALID);
}

#[test]
fn parameters_come_from_outside() {
    let user = User::new();
    let s = user.session;
    let group = Group::of(CKK_DSA, &dsa_record());
    let head = template! { CKA_CLASS => CKO_DOMAIN_PARAMETERS, CKA_KEY_TYPE => CKK_DSA };
    let made = s.create(&head.clone().and(&group.template())).good();
    assert_eq!(s.get(made, CKA_PRIME).good(), group.prime);
    assert_eq!(s.number(made, CKA_PRIME_BITS).good(), 2048);
    assert!(!s.flag(made, CKA_LOCAL).good());
    let whole = head.and(&group.template());
    s.create(&whole.clone().without(CKA_SUBPRIME)).gives(CKR_TEMPLATE_INCOMPLETE);
    s.create(&whole.clone().without(CKA_BASE)).gives(CKR_TEMPLATE_INCOMPLETE);
    let sized = whole.clone().with(CKA_PRIME_BITS, 2048 as CK_ULONG);
    s.create(&sized).gives_one_of(&[CKR_ATTRIBUTE_READ_ONLY, CKR_TEMPLATE_INCONSISTENT]);
    let dh = whole.set(CKA_KEY_TYPE, CKK_DH);
    s.create(&dh).gives(CKR_TEMPLATE_INCONSISTENT);
}
