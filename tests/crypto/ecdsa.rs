// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ECDSA, raw and with each hash, on each curve.

use crate::common::ec::{P256, P384, P521, WEIERSTRASS};
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::HASHES;
use crate::{cut, data, hash_named};
use openssl::bn::BigNum;

#[test]
fn signatures_of_others_verify() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("ecdsa.txt") {
        let curve = WEIERSTRASS.iter().find(|curve| curve.name == record.text("curve")).unwrap();
        let public = s.create(&keys::curve_public(curve, &record.hex("public"))).good();
        let hash = hash_named(record.text("hash"));
        let row = HASHES.iter().find(|row| row.digest == hash).unwrap();
        let (input, signature) = (record.hex("data"), record.hex("signature"));
        let mech = Mech::plain(row.ecdsa);
        s.verify(&mech, public, &input, &signature).good_for(&record.place());
        s.verify_parts(&mech, public, &cut(&input), &signature).good_for(&record.place());
        let digest = reference::digest(hash, &input);
        s.verify(&Mech::plain(CKM_ECDSA), public, &digest, &signature).good_for(&record.place());
    }
}

#[test]
fn signatures_verify_in_openssl_and_its_signatures_here() {
    let user = User::new();
    let s = user.session;
    for curve in WEIERSTRASS {
        let own = reference::generate(curve);
        let value = reference::private_value(curve, &own);
        let private = s.create(&keys::curve_private(curve, &value).and(&keys::open())).good();
        let point = reference::point(curve, &own);
        let public = s.create(&keys::curve_public(curve, &point)).good();
        let openssl = reference::public_from_point(curve, &point);
        for hash in HASHES {
            let (mech, input) = (Mech::plain(hash.ecdsa), data(300));
            let digest = reference::digest(hash.digest, &input);
            let parts = s.parts(Kind::Sign, &mech, Some(private), &cut(&input));
            for signature in [s.sign(&mech, private, &input).good(), parts.good()] {
                assert_eq!(signature.len(), 2 * curve.size, "{}", curve.name);
                assert!(reference::ecdsa_verifies(&openssl, &digest, &signature), "{}", curve.name);
                s.verify(&mech, public, &input, &signature).good();
            }
            let theirs = reference::ecdsa_sign(curve, &own, &digest);
            s.verify(&mech, public, &input, &theirs).good();
            s.verify(&mech, public, &data(299), &theirs).gives(CKR_SIGNATURE_INVALID);
        }
    }
}

#[test]
fn raw_signatures_use_the_leftmost_bits() {
    let user = User::new();
    let s = user.session;
    for curve in WEIERSTRASS {
        let (public, private) = keys::pair(s, curve);
        let openssl = reference::public_key(s, public, curve);
        for length in [1, 20, 28, 32, 48, 64] {
            let digest = data(length + 1)[1..].to_vec();
            let signature = s.sign(&Mech::plain(CKM_ECDSA), private, &digest).good();
            assert!(reference::ecdsa_verifies(&openssl, &digest, &signature), "{length}");
            s.verify(&Mech::plain(CKM_ECDSA), public, &digest, &signature).good();
        }
    }
}

#[test]
fn bad_signatures_are_refused() {
    let user = User::new();
    let s = user.session;
    for curve in [P256, P384, P521] {
        let (public, private) = keys::pair(s, &curve);
        let (mech, digest) = (Mech::plain(CKM_ECDSA), data(32));
        let good = s.sign(&mech, private, &digest).good();
        let (r, rest) = good.split_at(curve.size);
        let zero = vec![0; curve.size];
        let order = vec![0xFF; curve.size];
        for wrong in [
            [rest, r].concat(),
            [&zero[..], rest].concat(),
            [r, &zero].concat(),
            [&zero[..], &zero].concat(),
            [&order[..], rest].concat(),
            [r, &order].concat(),
        ] {
            s.verify(&mech, public, &digest, &wrong).gives(CKR_SIGNATURE_INVALID);
        }
        let longer = [&good[..], &[0, 0]].concat();
        for wrong in [&b""[..], &good[..good.len() - 1], &longer[..good.len() + 1], &longer] {
            let what = format!("{} {} bytes", curve.name, wrong.len());
            let checked = s.verify(&mech, public, &digest, wrong);
            checked.gives_for(&what, &[CKR_SIGNATURE_LEN_RANGE]);
        }
        s.verify(&mech, public, &digest, &good[..curve.size]).gives(CKR_SIGNATURE_INVALID);
        let (other, _) = keys::pair(s, &curve);
        s.verify(&mech, other, &digest, &good).gives(CKR_SIGNATURE_INVALID);
    }
}

#[test]
fn two_signatures_of_one_message_differ() {
    let user = User::new();
    let s = user.session;
    let (_, private) = keys::pair(s, &P256);
    let one = s.sign(&Mech::plain(CKM_ECDSA), private, &data(32)).good();
    let two = s.sign(&Mech::plain(CKM_ECDSA), private, &data(32)).good();
    assert_ne!(BigNum::from_slice(&one).unwrap(), BigNum::from_slice(&two).unwrap());
}

#[test]
fn a_signature_may_come_without_leading_zeros() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::pair(s, &P521);
    let mech = Mech::plain(CKM_ECDSA);
    // Half of the numbers below the order of P-521 begin with a zero octet.
    let signatures = (0..200).map(|_| s.sign(&mech, private, &data(64)).good());
    let signature = signatures.into_iter().find(|both| both[0] == 0 && both[66] == 0);
    let signature = signature.expect("a short r and s among 200");
    let short = [&signature[1..66], &signature[67..]].concat();
    s.verify(&mech, public, &data(64), &short).good();
    s.verify(&mech, public, &data(63), &short).gives(CKR_SIGNATURE_INVALID);
}
