// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-DSA and SLH-DSA.

use crate::common::operation::{Kind, Room};
use crate::common::sets::{self, ML_DSA, SLH_DSA, Set};
use crate::common::*;
use crate::table::HASHED;
use crate::{cut, data, hash_named};
use openssl::pkey::PKey;
use openssl::sign::{Signer, Verifier};

#[test]
fn ml_dsa_known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("ml_dsa.txt") {
        let place = record.place();
        let set = sets::named(record.text("set"));
        let private = set.private().with(CKA_SEED, record.hex("seed"));
        let private = s.create(&private).good_for(&place);
        let value = s.get(private, CKA_VALUE).good_for(&place);
        let public = public_of(s, set, private);
        if record.has("public_sha256") {
            assert_eq!(sha256(&value), record.hex("private_sha256"), "{place}");
            let value = s.get(public, CKA_VALUE).good_for(&place);
            assert_eq!(sha256(&value), record.hex("public_sha256"), "{place}");
        }
        known_signature(s, &record, set, (public, private));
    }
}

#[test]
fn slh_dsa_known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("slh_dsa.txt") {
        let place = record.place();
        let set = sets::named(record.text("set"));
        let private = set.private().with(CKA_VALUE, record.hex("private"));
        let private = s.create(&private).good_for(&place);
        let public = s.create(&set.public(&record.hex("public"))).good_for(&place);
        let info = s.get(private, CKA_PUBLIC_KEY_INFO).good_for(&place);
        assert_eq!(info, s.get(public, CKA_PUBLIC_KEY_INFO).good(), "{place}");
        if record.has("signature_sha256") {
            known_signature(s, &record, set, (public, private));
        }
    }
}

/// Signs deterministically, at once and in parts, with the hash done here and before, and compares.
fn known_signature(s: Session, record: &vectors::Record, set: &Set, (public, private): (Obj, Obj)) {
    let place = record.place();
    let (input, context) = (record.hex("data"), record.hex("context"));
    let (pure, prehashed) = mechanisms(set.key_type);
    let hash = record.has("hash").then(|| record.text("hash"));
    let kind = hash.map_or(pure, |hash| hashing(set.key_type, hash));
    let mech = Mech::context(kind, CKH_DETERMINISTIC_REQUIRED, &context);
    let signature = s.sign(&mech, private, &input).good_for(&place);
    assert_eq!(signature.len(), set.output, "{place}");
    assert_eq!(sha256(&signature), record.hex("signature_sha256"), "{place}");
    s.verify(&mech, public, &input, &signature).good_for(&place);
    s.verify_parts(&mech, public, &cut(&input), &signature).good_for(&place);
    if hash.is_some() {
        let mut parts = input.chunks(7);
        s.start(Kind::Sign, &mech, Some(private)).good_for(&place);
        parts.try_for_each(|part| s.update(Kind::Sign, part)).good_for(&place);
        let in_parts = s.finish(Kind::Sign, Room::Bytes(set.output));
        assert_eq!(in_parts.data, signature, "{place} in parts");
    }
    let Some(hash) = hash.filter(|hash| !hash.starts_with("shake")) else { return };
    let hash = hash_named(hash);
    let mech = Mech::hash_context(prehashed, CKH_DETERMINISTIC_REQUIRED, &context, hash);
    let digest = reference::digest(hash, &input);
    assert_eq!(s.sign(&mech, private, &digest).good_for(&place), signature, "{place} prehashed");
    s.verify(&mech, public, &digest, &signature).good_for(&place);
    let short = s.verify(&mech, public, &digest[1..], &signature);
    short.gives_for(&place, &[CKR_DATA_LEN_RANGE]);
    s.sign(&mech, private, &digest[1..]).gives_for(&place, &[CKR_DATA_LEN_RANGE]);
    s.sign(&mech, private, b"").gives_for(&place, &[CKR_DATA_LEN_RANGE]);
}

#[test]
fn signatures_verify_in_openssl_and_its_signatures_here() {
    let user = User::new();
    let s = user.session;
    for set in ML_DSA.iter().chain(SLH_DSA.iter().filter(|set| set.name.ends_with("128f"))) {
        let (public, private) = set.pair(s);
        let mech = Mech::plain(mechanisms(set.key_type).0);
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        let theirs = PKey::public_key_from_der(&info).unwrap();
        for length in [0, 1, 5000] {
            let signature = s.sign(&mech, private, &data(length)).good_for(set.name);
            let mut verifier = Verifier::new_without_digest(&theirs).unwrap();
            assert!(verifier.verify_oneshot(&signature, &data(length)).unwrap(), "{}", set.name);
        }
        let der = crate::pq_keys::pkcs8_of(s, private);
        let own = PKey::private_key_from_pkcs8(&der).unwrap();
        let mut signer = Signer::new_without_digest(&own).unwrap();
        let signature = signer.sign_oneshot_to_vec(b"message").unwrap();
        s.verify(&mech, public, b"message", &signature).good_for(set.name);
        s.verify(&mech, public, b"Message", &signature).gives(CKR_SIGNATURE_INVALID);
    }
}

#[test]
fn wrong_signatures_are_refused() {
    let user = User::new();
    let s = user.session;
    for key_type in [CKK_ML_DSA, CKK_SLH_DSA] {
        let set = sets::quick(key_type);
        let (public, private) = set.pair(s);
        let mech = Mech::plain(mechanisms(key_type).0);
        let right = s.sign(&mech, private, b"message").good();
        for at in [0, right.len() / 2, right.len() - 1] {
            let mut wrong = right.clone();
            wrong[at] ^= 1;
            s.verify(&mech, public, b"message", &wrong).gives(CKR_SIGNATURE_INVALID);
        }
        for wrong in [&right[1..], &[&right[..], &[0]].concat(), b"x", b""] {
            let refused = s.verify(&mech, public, b"message", wrong);
            refused.gives_for(&format!("{} bytes", wrong.len()), &[CKR_SIGNATURE_LEN_RANGE]);
        }
        s.verify(&mech, public, b"message", &right).good();
    }
}

#[test]
fn schemes_contexts_and_hashes_are_apart() {
    let user = User::new();
    let s = user.session;
    for key_type in [CKK_ML_DSA, CKK_SLH_DSA] {
        let (public, private) = sets::quick(key_type).pair(s);
        let (pure, prehashed) = mechanisms(key_type);
        let digest = reference::digest(CKM_SHA256, b"message");
        let sha256 = hashing(key_type, "sha256");
        let of = |kind, context: &[u8]| Mech::context(kind, CKH_HEDGE_PREFERRED, context);
        let before =
            |context: &[u8], hash| Mech::hash_context(prehashed, CKH_HEDGE_REQUIRED, context, hash);
        // Each with its message, and the number of the scheme it is.
        let calls: Vec<(Mech, &[u8], u32)> = vec![
            (Mech::plain(pure), b"message", 0),
            (of(pure, b""), b"message", 0),
            (of(pure, b"one"), b"message", 1),
            (of(pure, b"two"), b"message", 2),
            (Mech::plain(sha256), b"message", 3),
            (before(b"", CKM_SHA256), &digest, 3),
            (of(sha256, b"one"), b"message", 4),
            (before(b"one", CKM_SHA256), &digest, 4),
            (before(b"one", CKM_SHA3_256), &digest, 5),
            (of(pure, b"one"), &digest, 6),
        ];
        for (made, message, scheme) in &calls {
            let signature = s.sign(made, private, message).good();
            for (checked, message, other) in &calls {
                let want = if scheme == other { CKR_OK } else { CKR_SIGNATURE_INVALID };
                let what = format!("{scheme} checked as {other}");
                s.verify(checked, public, message, &signature).gives_for(&what, &[want]);
            }
        }
    }
}

#[test]
fn signatures_are_hedged_as_the_caller_wants_it() {
    let user = User::new();
    let s = user.session;
    for key_type in [CKK_ML_DSA, CKK_SLH_DSA] {
        let (public, private) = sets::quick(key_type).pair(s);
        let (pure, prehashed) = mechanisms(key_type);
        let digest = reference::digest(CKM_SHA512, b"message");
        let make: [&dyn Fn(CK_HEDGE_TYPE) -> Mech; 3] = [
            &|hedge| Mech::context(pure, hedge, b""),
            &|hedge| Mech::context(hashing(key_type, "sha512"), hedge, b"context"),
            &|hedge| Mech::hash_context(prehashed, hedge, b"", CKM_SHA512),
        ];
        for make in make {
            let sign = |hedge| s.sign(&make(hedge), private, &digest).good();
            let [one, two] = [sign(CKH_DETERMINISTIC_REQUIRED), sign(CKH_DETERMINISTIC_REQUIRED)];
            assert_eq!(one, two);
            let [one, two] = [sign(CKH_HEDGE_REQUIRED), sign(CKH_HEDGE_REQUIRED)];
            assert_ne!(one, two);
            assert_eq!(sign(CKH_DETERMINISTIC_REQUIRED), sign(CKH_DETERMINISTIC_REQUIRED));
            for unknown in [CKH_DETERMINISTIC_REQUIRED + 1, HUGE] {
                s.start(Kind::Sign, &make(unknown), Some(private))
                    .gives(CKR_MECHANISM_PARAM_INVALID);
                s.verify(&make(unknown), public, &digest, &one).good();
            }
        }
    }
}

#[test]
fn parameters_that_are_wrong_are_refused() {
    let user = User::new();
    let s = user.session;
    for key_type in [CKK_ML_DSA, CKK_SLH_DSA] {
        let (public, private) = sets::quick(key_type).pair(s);
        let (pure, prehashed) = mechanisms(key_type);
        let refused = |mech: &Mech, want: &[CK_RV]| {
            s.start(Kind::Sign, mech, Some(private)).gives_for("sign", want);
            s.start(Kind::Verify, mech, Some(public)).gives_for("verify", want);
        };
        let bad = &[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
        let invalid = &[CKR_MECHANISM_PARAM_INVALID];
        s.start(Kind::Sign, &Mech::context(pure, 0, &[1; 255]), Some(private)).good();
        s.start_null(Kind::Sign).good();
        let mut bytes = [0u8; 64];
        for kind in [pure, hashing(key_type, "sha256")] {
            refused(&Mech::context(kind, 0, &[1; 256]), invalid);
            for length in [1, 23, 25, 32, HUGE] {
                refused(&Mech::raw_parameter(kind, bytes.as_mut_ptr().cast(), length), invalid);
            }
            refused(&Mech::raw_parameter(kind, std::ptr::null_mut(), 24), bad);
            for length in [1, 255, HUGE, isize::MAX as CK_ULONG] {
                let parameter = CK_SIGN_ADDITIONAL_CONTEXT {
                    hedgeVariant: 0,
                    pContext: std::ptr::null_mut(),
                    ulContextLen: length,
                };
                refused(&Mech::with(kind, parameter, Vec::new()), bad);
            }
        }
        refused(&Mech::plain(prehashed), invalid);
        refused(&Mech::context(prehashed, 0, b""), invalid);
        refused(&Mech::raw_parameter(prehashed, std::ptr::null_mut(), 32), bad);
        refused(&Mech::hash_context(prehashed, 0, &[1; 256], CKM_SHA256), invalid);
        // What is no hash, or none that FIPS 204 and 205 approve.
        for hash in [0, CKM_SHA_1, CKM_SHA256_HMAC, CKM_MD5, pure, HUGE] {
            refused(&Mech::hash_context(prehashed, 0, b"", hash), invalid);
        }
        refused(&Mech::hash_context(prehashed, 0, b"", CKM_SHA256).named(pure), invalid);
    }
}

#[test]
fn prehashed_signatures_are_of_one_part() {
    let user = User::new();
    let s = user.session;
    let (_, private) = sets::quick(CKK_ML_DSA).pair(s);
    let mech = Mech::hash_context(CKM_HASH_ML_DSA, CKH_HEDGE_PREFERRED, b"", CKM_SHA256);
    s.start(Kind::Sign, &mech, Some(private)).good();
    s.update(Kind::Sign, &[1; 32]).gives(CKR_FUNCTION_NOT_SUPPORTED);
}

#[test]
fn the_output_rule_holds() {
    let user = User::new();
    let s = user.session;
    for set in [sets::quick(CKK_ML_DSA), sets::quick(CKK_SLH_DSA)] {
        let (public, private) = set.pair(s);
        let mech = Mech::plain(mechanisms(set.key_type).0);
        s.start(Kind::Sign, &mech, Some(private)).good();
        for room in [Room::Null, Room::Bytes(0), Room::Bytes(set.output - 1)] {
            let asked = s.once(Kind::Sign, b"message", room);
            let want = if matches!(room, Room::Null) { CKR_OK } else { CKR_BUFFER_TOO_SMALL };
            asked.rv.gives(want);
            assert_eq!(asked.length as usize, set.output);
        }
        let signature = s.once(Kind::Sign, b"message", Room::Bytes(set.output));
        s.verify(&mech, public, b"message", &signature.data).good();
    }
}

/// The public key of a private one, as an object.
fn public_of(s: Session, set: &Set, private: Obj) -> Obj {
    let info = s.get(private, CKA_PUBLIC_KEY_INFO).good_for(set.name);
    // A public key stands at the end of its SubjectPublicKeyInfo.
    s.create(&set.public(&info[info.len() - set.public..])).good_for(set.name)
}

/// The pure mechanism, and the one over a hash.
fn mechanisms(key_type: CK_KEY_TYPE) -> (CK_MECHANISM_TYPE, CK_MECHANISM_TYPE) {
    match key_type {
        CKK_ML_DSA => (CKM_ML_DSA, CKM_HASH_ML_DSA),
        _ => (CKM_SLH_DSA, CKM_HASH_SLH_DSA),
    }
}

/// The mechanism that hashes first.
fn hashing(key_type: CK_KEY_TYPE, hash: &str) -> CK_MECHANISM_TYPE {
    const NAMES: [&str; 10] = [
        "sha224", "sha256", "sha384", "sha512", "sha3_224", "sha3_256", "sha3_384", "sha3_512",
        "shake128", "shake256",
    ];
    let at = NAMES.iter().position(|name| *name == hash).expect("a hash");
    if key_type == CKK_ML_DSA { HASHED[at].0 } else { HASHED[at].1 }
}

fn sha256(data: &[u8]) -> Vec<u8> {
    reference::digest(CKM_SHA256, data)
}
