// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SHA-1 signatures: checked always, made only where the configuration says so.

use crate::common::ec::P256;
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::{SHA1, pss_of};
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::rsa::Padding;
use openssl::sign::{RsaPssSaltlen, Signer};
use std::process::Command;

#[test]
fn none_is_made_by_default_and_all_are_checked() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let refused = [CKR_MECHANISM_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED];
    for (mech, signature) in [(pkcs(), openssl_pkcs()), (pss_of(SHA1.pss), openssl_pss())] {
        s.start(Kind::Sign, &mech, Some(private)).gives_one_of(&refused);
        s.verify(&mech, public, b"message", &signature).good();
        s.verify(&mech, public, b"Message", &signature).gives(CKR_SIGNATURE_INVALID);
    }
    let own = reference::generate(&P256);
    let value = reference::private_value(&P256, &own);
    let private = s.create(&keys::curve_private(&P256, &value)).good();
    let point = reference::point(&P256, &own);
    let public = s.create(&keys::curve_public(&P256, &point)).good();
    let digest = reference::digest(CKM_SHA_1, b"message");
    let signature = reference::ecdsa_sign(&P256, &own, &digest);
    let mech = Mech::plain(SHA1.ecdsa);
    s.start(Kind::Sign, &mech, Some(private)).gives_one_of(&refused);
    s.verify(&mech, public, b"message", &signature).good();
    s.verify(&mech, public, b"Message", &signature).gives(CKR_SIGNATURE_INVALID);
}

#[test]
fn the_mechanism_list_says_so() {
    for (settings, signs) in
        [("", false), ("[token]\nmode = \"compatible\"\nlift = [\"sha1-signatures\"]\n", true)]
    {
        let user = User::with_settings(settings);
        for kind in [SHA1.pkcs, SHA1.pss, SHA1.ecdsa] {
            let flags = session::mechanism_info(user.token.slot, kind).good().flags;
            assert_eq!(flags & CKF_SIGN != 0, signs, "{kind:#x} with {settings:?}");
            assert_ne!(flags & CKF_VERIFY, 0, "{kind:#x}");
        }
    }
}

#[test]
fn they_are_made_where_the_configuration_allows() {
    let user =
        User::with_settings("[token]\nmode = \"compatible\"\nlift = [\"sha1-signatures\"]\n");
    let s = user.session;
    let (public, private) = keys::rsa(s);
    assert_eq!(s.sign(&pkcs(), private, b"message").good(), openssl_pkcs());
    let pss = pss_of(SHA1.pss);
    let signature = s.sign(&pss, private, b"message").good();
    s.verify(&pss, public, b"message", &signature).good();
    let (public, private) = keys::pair(s, &P256);
    let mech = Mech::plain(SHA1.ecdsa);
    let signature = s.sign(&mech, private, b"message").good();
    s.verify(&mech, public, b"message", &signature).good();
}

#[test]
fn a_running_process_notices_that_the_safeguard_is_lifted_and_put_back() {
    let user = User::new();
    let s = user.session;
    let (_, private) = keys::rsa(s);
    let mode = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
        command.env("STRONGROOM_CONF", user.fixture.config_path()).env("PIN", SO_PIN);
        command.args(["token", "mode", "--so-pin-env", "PIN"]).args(arguments);
        assert!(command.output().unwrap().status.success());
    };
    let refused = CKR_MECHANISM_INVALID;
    s.start(Kind::Sign, &pkcs(), Some(private)).gives(refused);
    mode(&["compatible", "--lift", "sha1-signatures"]);
    assert_eq!(s.sign(&pkcs(), private, b"message").good(), openssl_pkcs());
    mode(&["compatible", "--lift", "rsa-length"]);
    s.start(Kind::Sign, &pkcs(), Some(private)).gives(refused);
    mode(&["compatible"]);
    assert_eq!(s.sign(&pkcs(), private, b"message").good(), openssl_pkcs());
    mode(&["safe"]);
    s.start(Kind::Sign, &pkcs(), Some(private)).gives(refused);
}

fn pkcs() -> Mech {
    Mech::plain(SHA1.pkcs)
}

fn openssl_pkcs() -> Vec<u8> {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    Signer::new(MessageDigest::sha1(), &key).unwrap().sign_oneshot_to_vec(b"message").unwrap()
}

fn openssl_pss() -> Vec<u8> {
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mut signer = Signer::new(MessageDigest::sha1(), &key).unwrap();
    signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
    signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
    signer.sign_oneshot_to_vec(b"message").unwrap()
}
