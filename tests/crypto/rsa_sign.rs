// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA signatures: PKCS #1 v1.5, PSS and raw.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::table::{HASHES, Hash};
use crate::{cut, data};
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer, Verifier};

#[test]
fn pkcs1_with_each_hash_is_the_signature_of_openssl() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    for hash in HASHES {
        let (mech, input) = (Mech::plain(hash.pkcs), data(500));
        let mut signer = Signer::new(reference::hash(hash.digest), &key).unwrap();
        let want = signer.sign_oneshot_to_vec(&input).unwrap();
        assert_eq!(s.sign(&mech, private, &input).good(), want);
        let parts = s.parts(Kind::Sign, &mech, Some(private), &cut(&input));
        assert_eq!(parts.good(), want);
        verifies(s, &mech, public, &input, &want);
    }
}

#[test]
fn pkcs1_without_hash_signs_what_it_is_given() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mech = Mech::plain(CKM_RSA_PKCS);
    for length in [0, 1, 51, 245] {
        let mut want = vec![0; 256];
        let rsa = reference::rsa();
        rsa.private_encrypt(&data(length), &mut want, Padding::PKCS1).unwrap();
        assert_eq!(s.sign(&mech, private, &data(length)).good(), want, "{length}");
        s.verify(&mech, public, &data(length), &want).good_for(&format!("{length} bytes"));
    }
    s.sign(&mech, private, &data(246)).gives(CKR_DATA_LEN_RANGE);
    let signature = s.sign(&mech, private, &data(32)).good();
    s.verify(&mech, public, &data(31), &signature).gives(CKR_SIGNATURE_INVALID);
    let other = [CKR_DATA_LEN_RANGE, CKR_SIGNATURE_INVALID];
    s.verify(&mech, public, &data(246), &signature).gives_one_of(&other);
}

#[test]
fn pss_with_each_hash_and_salt() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    for hash in HASHES {
        for salt in [0, hash.length, 256 - 2 - hash.length] {
            let mech = Mech::pss(hash.pss, hash.digest, hash.mgf, salt);
            let input = data(500);
            let parts = s.parts(Kind::Sign, &mech, Some(private), &cut(&input));
            for signature in [s.sign(&mech, private, &input).good(), parts.good()] {
                assert!(openssl_verifies(hash, salt, &input, &signature), "{salt}");
                verifies(s, &mech, public, &input, &signature);
            }
            let theirs = openssl_signs(hash, salt, &input);
            verifies(s, &mech, public, &input, &theirs);
        }
        let long = Mech::pss(hash.pss, hash.digest, hash.mgf, 256 - 1 - hash.length);
        let refused = s.start(Kind::Sign, &long, Some(private));
        refused.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_KEY_SIZE_RANGE]);
    }
}

#[test]
fn pss_of_a_digest_equals_pss_with_hash() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    for hash in HASHES {
        let raw = Mech::pss(CKM_RSA_PKCS_PSS, hash.digest, hash.mgf, hash.length);
        let with = Mech::pss(hash.pss, hash.digest, hash.mgf, hash.length);
        let digest = reference::digest(hash.digest, b"message");
        let signature = s.sign(&raw, private, &digest).good();
        verifies(s, &with, public, b"message", &signature);
        let signature = s.sign(&with, private, b"message").good();
        s.verify(&raw, public, &digest, &signature).good();
        for length in [0, hash.length - 1, hash.length + 1] {
            s.sign(&raw, private, &data(length)).gives(CKR_DATA_LEN_RANGE);
        }
    }
}

#[test]
fn pss_with_another_salt_or_mask_is_refused() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let made = Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 32);
    let signature = s.sign(&made, private, b"message").good();
    for other in [
        Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA256, 31),
        Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA256, CKG_MGF1_SHA512, 32),
    ] {
        let verified = s.verify(&other, public, b"message", &signature);
        verified.gives_one_of(&[CKR_SIGNATURE_INVALID, CKR_MECHANISM_PARAM_INVALID]);
    }
    let mixed = Mech::pss(CKM_SHA256_RSA_PKCS_PSS, CKM_SHA384, CKG_MGF1_SHA384, 48);
    s.start(Kind::Sign, &mixed, Some(private)).gives(CKR_MECHANISM_PARAM_INVALID);
}

#[test]
fn raw_rsa_pads_with_zeros_in_front() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let (mech, rsa) = (Mech::plain(CKM_RSA_X_509), reference::rsa());
    for length in [1, 100, 255, 256] {
        let mut input = data(length + 1)[1..].to_vec();
        input[0] = 1;
        let mut padded = vec![0; 256 - length];
        padded.extend_from_slice(&input);
        let mut want = vec![0; 256];
        rsa.private_encrypt(&padded, &mut want, Padding::NONE).unwrap();
        assert_eq!(s.sign(&mech, private, &input).good(), want, "{length}");
        s.verify(&mech, public, &input, &want).good();
    }
    s.sign(&mech, private, &data(257)).gives(CKR_DATA_LEN_RANGE);
    s.sign(&mech, private, &rsa.n().to_vec()).gives_one_of(&[CKR_DATA_INVALID, CKR_DATA_LEN_RANGE]);
}

#[test]
fn a_signature_query_knows_the_modulus() {
    let user = User::new();
    let s = user.session;
    let (_, private) = keys::rsa(s);
    s.start(Kind::Sign, &Mech::plain(CKM_SHA256_RSA_PKCS), Some(private)).good();
    let asked = s.once(Kind::Sign, b"message", Room::Null);
    asked.rv.good();
    assert_eq!(asked.length, 256);
}

fn verifies(s: Session, mech: &Mech, public: Obj, input: &[u8], signature: &[u8]) {
    s.verify(mech, public, input, signature).good();
    s.verify_parts(mech, public, &cut(input), signature).good();
    let mut wrong = signature.to_vec();
    wrong[200] ^= 4;
    s.verify(mech, public, input, &wrong).gives(CKR_SIGNATURE_INVALID);
    let other = [input, b"!"].concat();
    s.verify(mech, public, &other, signature).gives(CKR_SIGNATURE_INVALID);
    let longer = [signature, &[0]].concat();
    for wrong in [&signature[1..], &longer[..], b""] {
        s.verify(mech, public, input, wrong).gives(CKR_SIGNATURE_LEN_RANGE);
    }
}

fn openssl_signs(hash: &Hash, salt: usize, input: &[u8]) -> Vec<u8> {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mut signer = Signer::new(reference::hash(hash.digest), &key).unwrap();
    signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    signer.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt as i32)).unwrap();
    signer.sign_oneshot_to_vec(input).unwrap()
}

fn openssl_verifies(hash: &Hash, salt: usize, input: &[u8], signature: &[u8]) -> bool {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mut verifier = Verifier::new(reference::hash(hash.digest), &key).unwrap();
    verifier.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    verifier.set_rsa_pss_saltlen(RsaPssSaltlen::custom(salt as i32)).unwrap();
    verifier.verify_oneshot(signature, input).unwrap()
}
