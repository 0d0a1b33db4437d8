// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Short RSA keys: what they still do, and what the configuration takes from them.

use crate::common::operation::Kind;
use crate::common::*;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

const STRICT: &str = "[policy]\nmin_rsa_bits = 2048\n";

const SHORT: &str = "[token]\nmode = \"compatible\"\nlift = [\"rsa-length\"]\n";

#[test]
fn keys_of_1024_bits_are_made_and_used_where_that_safeguard_is_lifted() {
    let user = User::with_settings(SHORT);
    let s = user.session;
    let (public, private) = pair(s, 1024).good();
    let signature = s.sign(&mech(), private, b"message").good();
    assert_eq!(signature.len(), 128);
    s.verify(&mech(), public, b"message", &signature).good();
}

#[test]
fn safe_tokens_and_configurations_ask_for_more() {
    for settings in [&format!("{SHORT}{STRICT}"), ""] {
        longer_keys_alone(settings);
    }
}

fn longer_keys_alone(settings: &str) {
    let user = User::with_settings(settings);
    let s = user.session;
    for (bits, want) in [(1024, CKR_ATTRIBUTE_VALUE_INVALID), (2048, CKR_OK)] {
        assert_eq!(pair(s, bits).code(), want, "{bits}");
    }
    let made = CKM_RSA_PKCS_KEY_PAIR_GEN;
    let info = session::mechanism_info(user.token.slot, made).good();
    assert_eq!((info.ulMinKeySize, info.ulMaxKeySize), (2048, 8192));
    only_verifies(s, 1024);
}

#[test]
fn configurations_out_of_range_are_refused() {
    for bits in ["1023", "8193", "0", "-1", "\"2048\""] {
        let fixture = Fixture::prepared(&format!("[policy]\nmin_rsa_bits = {bits}\n"));
        fixture.initialize().gives_for(bits, &[CKR_ARGUMENTS_BAD]);
    }
}

#[test]
fn keys_of_512_bits_verify_and_decrypt_alone() {
    let user = User::new();
    only_verifies(user.session, 512);
}

/// A key of another maker's: it verifies and decrypts, and does not sign, encrypt or wrap.
fn only_verifies(s: Session, bits: u32) {
    let rsa = openssl::rsa::Rsa::generate(bits).unwrap();
    let public = s.create(&keys::rsa_public(&rsa)).good();
    let private = s.create(&keys::rsa_private(&rsa).and(&keys::open())).good();
    let pkey = PKey::from_rsa(rsa.clone()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &pkey).unwrap();
    let signature = signer.sign_oneshot_to_vec(b"message").unwrap();
    s.verify(&mech(), public, b"message", &signature).good();
    s.start(Kind::Sign, &mech(), Some(private)).gives(CKR_KEY_SIZE_RANGE);
    let pkcs = Mech::plain(CKM_RSA_PKCS);
    s.start(Kind::Encrypt, &pkcs, Some(public)).gives(CKR_KEY_SIZE_RANGE);
    let key = keys::aes(s, 16);
    let wrapped = s.wrap(&pkcs, public, key);
    wrapped.gives_one_of(&[CKR_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_SIZE_RANGE]);
    let mut ciphertext = vec![0; rsa.size() as usize];
    rsa.public_encrypt(b"plaintext", &mut ciphertext, openssl::rsa::Padding::PKCS1).unwrap();
    assert_eq!(s.decrypt(&pkcs, private, &ciphertext).good(), b"plaintext");
}

fn pair(s: Session, bits: CK_ULONG) -> R<(Obj, Obj)> {
    let public = template! { CKA_MODULUS_BITS => bits };
    s.generate_pair(&Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN), &public, &keys::open())
}

fn mech() -> Mech {
    Mech::plain(CKM_SHA256_RSA_PKCS)
}
