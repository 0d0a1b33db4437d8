// SPDX-License-Identifier: Apache-2.0 OR MIT
//! EdDSA: Ed25519 and Ed448, with context and prehash.

use crate::common::ec::{ED448, ED25519, EDWARDS, octet_string};
use crate::common::operation::Kind;
use crate::common::*;
use crate::{cut, data};
use openssl::sign::{Signer, Verifier};

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("eddsa.txt") {
        let place = record.place();
        let curve = EDWARDS.iter().find(|curve| curve.name == record.text("curve")).unwrap();
        let mech = match (record.has("scheme"), curve.name) {
            (false, "Ed25519") => Mech::plain(CKM_EDDSA),
            (false, _) => Mech::eddsa(false, b""),
            (true, _) => Mech::eddsa(record.text("scheme") == "ph", &record.hex("context")),
        };
        let private = keys::curve_private(curve, &record.hex("private")).and(&keys::open());
        let private = s.create(&private).good_for(&place);
        let public = s.create(&keys::curve_public(curve, &record.hex("public"))).good_for(&place);
        let (input, want) = (record.hex("data"), record.hex("signature"));
        assert_eq!(s.sign(&mech, private, &input).good_for(&place), want, "{place}");
        let parts = s.parts(Kind::Sign, &mech, Some(private), &cut(&input));
        assert_eq!(parts.good_for(&place), want, "{place} in parts");
        s.verify(&mech, public, &input, &want).good_for(&place);
        s.verify_parts(&mech, public, &cut(&input), &want).good_for(&place);
        let mut wrong = want.clone();
        wrong[0] ^= 1;
        s.verify(&mech, public, &input, &wrong).gives_for(&place, &[CKR_SIGNATURE_INVALID]);
        let short = s.verify(&mech, public, &input, &want[1..]);
        short.gives_for(&place, &[CKR_SIGNATURE_LEN_RANGE]);
    }
}

#[test]
fn signatures_verify_in_openssl_and_its_signatures_here() {
    let user = User::new();
    let s = user.session;
    for curve in EDWARDS {
        let mech =
            if curve.name == "Ed448" { Mech::eddsa(false, b"") } else { Mech::plain(CKM_EDDSA) };
        let (public, private) = keys::pair(s, curve);
        let openssl = reference::public_key(s, public, curve);
        for length in [0, 1, 200, 5000] {
            let signature = s.sign(&mech, private, &data(length)).good();
            assert_eq!(signature.len(), 2 * curve.size);
            let mut verifier = Verifier::new_without_digest(&openssl).unwrap();
            assert!(verifier.verify_oneshot(&signature, &data(length)).unwrap());
        }
        let own = reference::generate(curve);
        let point = own.raw_public_key().unwrap();
        let public = s.create(&keys::curve_public(curve, &point)).good();
        let mut signer = Signer::new_without_digest(&own).unwrap();
        let theirs = signer.sign_oneshot_to_vec(b"message").unwrap();
        s.verify(&mech, public, b"message", &theirs).good();
        s.verify(&mech, public, b"Message", &theirs).gives(CKR_SIGNATURE_INVALID);
    }
}

#[test]
fn the_schemes_are_apart() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::pair(s, &ED25519);
    let schemes = || {
        [
            Mech::plain(CKM_EDDSA),
            Mech::eddsa(false, b"one"),
            Mech::eddsa(false, b"two"),
            Mech::eddsa(true, b""),
            Mech::eddsa(true, b"one"),
        ]
    };
    for (i, made) in schemes().iter().enumerate() {
        let signature = s.sign(made, private, b"message").good();
        for (j, checked) in schemes().iter().enumerate() {
            let want = if i == j { CKR_OK } else { CKR_SIGNATURE_INVALID };
            s.verify(checked, public, b"message", &signature)
                .gives_for(&format!("{i} {j}"), &[want]);
        }
    }
}

#[test]
fn a_structure_that_says_nothing_is_none() {
    let user = User::new();
    let s = user.session;
    for curve in [ED25519, ED448] {
        let (public, private) = keys::pair(s, &curve);
        let (plain, empty) = (Mech::plain(CKM_EDDSA), Mech::eddsa(false, b""));
        let signature = s.sign(&empty, private, b"message").good();
        assert_eq!(s.sign(&plain, private, b"message").good(), signature, "{}", curve.name);
        s.verify(&plain, public, b"message", &signature).good();
        s.verify(&empty, public, b"message", &signature).good();
    }
}

#[test]
fn contexts_have_a_length() {
    let user = User::new();
    let s = user.session;
    for curve in [ED25519, ED448] {
        let (_, private) = keys::pair(s, &curve);
        s.sign(&Mech::eddsa(false, &[1; 255]), private, b"message").good();
        let long = s.start(Kind::Sign, &Mech::eddsa(false, &[1; 256]), Some(private));
        long.gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn public_bytes_are_taken_raw_and_in_an_octet_string() {
    let user = User::new();
    let s = user.session;
    for curve in EDWARDS {
        let own = reference::generate(curve);
        let bytes = own.raw_public_key().unwrap();
        for point in [bytes.clone(), octet_string(&bytes)] {
            let template = keys::curve_public(curve, &bytes).set(CKA_EC_POINT, point);
            let public = s.create(&template).good();
            assert_eq!(s.get(public, CKA_EC_POINT).good(), octet_string(&bytes), "{}", curve.name);
        }
    }
}
