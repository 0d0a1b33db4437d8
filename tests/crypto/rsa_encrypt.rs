// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA encryption: PKCS #1 v1.5, OAEP and raw.

use crate::common::operation::Kind;
use crate::common::*;
use crate::data;
use crate::table::{HASHES, SHA1};
use openssl::encrypt::{Decrypter, Encrypter};
use openssl::pkey::PKey;
use openssl::rsa::Padding;

#[test]
fn pkcs1_both_ways() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let (mech, rsa) = (Mech::plain(CKM_RSA_PKCS), reference::rsa());
    for length in [0, 1, 100, 245] {
        let plain = data(length);
        let sealed = s.encrypt(&mech, public, &plain).good();
        let mut opened = vec![0; 256];
        let count = rsa.private_decrypt(&sealed, &mut opened, Padding::PKCS1).unwrap();
        assert_eq!(opened[..count], plain);
        let mut sealed = vec![0; 256];
        rsa.public_encrypt(&plain, &mut sealed, Padding::PKCS1).unwrap();
        assert_eq!(s.decrypt(&mech, private, &sealed).good(), plain, "{length}");
    }
    s.encrypt(&mech, public, &data(246)).gives(CKR_DATA_LEN_RANGE);
    let wrong = [CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID];
    s.decrypt(&mech, private, &data(255)).gives_one_of(&wrong);
    s.decrypt(&mech, private, &data(257)).gives_one_of(&wrong);
}

#[test]
fn a_wrong_pkcs1_ciphertext_never_gives_its_content() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mech = Mech::plain(CKM_RSA_PKCS);
    let sealed = s.encrypt(&mech, public, b"plaintext").good();
    for at in [100, 200, 255] {
        let mut wrong = sealed.clone();
        wrong[at] ^= 1;
        // Implicit rejection answers with other data, explicit rejection with the code.
        match s.decrypt(&mech, private, &wrong) {
            Ok(other) => assert_ne!(other, b"plaintext"),
            refused => refused.gives(CKR_ENCRYPTED_DATA_INVALID),
        }
    }
}

#[test]
fn oaep_both_ways_with_each_hash_and_label() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    for hash in HASHES.iter().chain([&SHA1]) {
        for label in [&b""[..], b"a label"] {
            let mech = Mech::oaep(hash.digest, hash.mgf, label);
            let most = 256 - 2 - 2 * hash.length;
            for length in [0, 1, most] {
                let plain = data(length);
                let sealed = s.encrypt(&mech, public, &plain).good();
                let opened = openssl_opens(&key, hash.digest, hash.digest, label, &sealed);
                assert_eq!(opened.as_deref(), Some(&plain[..]));
                let sealed = openssl_seals(&key, hash.digest, hash.digest, label, &plain);
                assert_eq!(s.decrypt(&mech, private, &sealed).good(), plain);
            }
            s.encrypt(&mech, public, &data(most + 1)).gives(CKR_DATA_LEN_RANGE);
        }
    }
}

#[test]
fn oaep_with_a_mask_of_another_hash() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let key = PKey::from_rsa(reference::rsa()).unwrap();
    let mech = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA1, b"");
    let sealed = s.encrypt(&mech, public, b"plain").good();
    let opened = openssl_opens(&key, CKM_SHA256, CKM_SHA_1, b"", &sealed);
    assert_eq!(opened.as_deref(), Some(&b"plain"[..]));
    let sealed = openssl_seals(&key, CKM_SHA256, CKM_SHA_1, b"", b"plain");
    assert_eq!(s.decrypt(&mech, private, &sealed).good(), b"plain");
}

#[test]
fn oaep_refuses_what_was_not_made_for_it() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mech = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"label");
    let sealed = s.encrypt(&mech, public, b"plain").good();
    let mut wrong = sealed.clone();
    wrong[128] ^= 1;
    s.decrypt(&mech, private, &wrong).gives(CKR_ENCRYPTED_DATA_INVALID);
    for other in [
        Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"other"),
        Mech::oaep(CKM_SHA256, CKG_MGF1_SHA1, b"label"),
        Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"label"),
    ] {
        s.decrypt(&other, private, &sealed).gives(CKR_ENCRYPTED_DATA_INVALID);
    }
    let length = [CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID];
    s.decrypt(&mech, private, &sealed[1..]).gives_one_of(&length);
    s.decrypt(&mech, private, b"").gives_one_of(&length);
}

#[test]
fn raw_rsa_both_ways() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let (mech, rsa) = (Mech::plain(CKM_RSA_X_509), reference::rsa());
    let mut plain = data(200);
    plain[0] = 9;
    let padded = [vec![0; 56], plain.clone()].concat();
    let mut want = vec![0; 256];
    rsa.public_encrypt(&padded, &mut want, Padding::NONE).unwrap();
    assert_eq!(s.encrypt(&mech, public, &plain).good(), want);
    assert_eq!(s.decrypt(&mech, private, &want).good(), padded, "all bytes of the modulus");
    let large = s.encrypt(&mech, public, &rsa.n().to_vec());
    large.gives_one_of(&[CKR_DATA_INVALID, CKR_DATA_LEN_RANGE]);
    let large = s.decrypt(&mech, private, &rsa.n().to_vec());
    large.gives_one_of(&[CKR_ENCRYPTED_DATA_INVALID, CKR_ENCRYPTED_DATA_LEN_RANGE]);
    s.encrypt(&mech, public, &data(257)).gives(CKR_DATA_LEN_RANGE);
}

#[test]
fn encryption_in_place() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let mech = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    s.start(Kind::Encrypt, &mech, Some(public)).good();
    let sealed = s.in_place(Kind::Encrypt, b"plain", 300);
    sealed.rv.good();
    s.start(Kind::Decrypt, &mech, Some(private)).good();
    let opened = s.in_place(Kind::Decrypt, &sealed.data, 0);
    opened.rv.good();
    assert_eq!(opened.data, b"plain");
}

fn openssl_seals(
    key: &PKey<openssl::pkey::Private>,
    hash: CK_MECHANISM_TYPE,
    mask: CK_MECHANISM_TYPE,
    label: &[u8],
    plain: &[u8],
) -> Vec<u8> {
    let mut encrypter = Encrypter::new(key).unwrap();
    encrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    encrypter.set_rsa_oaep_md(reference::hash(hash)).unwrap();
    encrypter.set_rsa_mgf1_md(reference::hash(mask)).unwrap();
    if !label.is_empty() {
        encrypter.set_rsa_oaep_label(label).unwrap();
    }
    let mut output = vec![0; encrypter.encrypt_len(plain).unwrap()];
    let count = encrypter.encrypt(plain, &mut output).unwrap();
    output.truncate(count);
    output
}

fn openssl_opens(
    key: &PKey<openssl::pkey::Private>,
    hash: CK_MECHANISM_TYPE,
    mask: CK_MECHANISM_TYPE,
    label: &[u8],
    sealed: &[u8],
) -> Option<Vec<u8>> {
    let mut decrypter = Decrypter::new(key).unwrap();
    decrypter.set_rsa_padding(Padding::PKCS1_OAEP).unwrap();
    decrypter.set_rsa_oaep_md(reference::hash(hash)).unwrap();
    decrypter.set_rsa_mgf1_md(reference::hash(mask)).unwrap();
    if !label.is_empty() {
        decrypter.set_rsa_oaep_label(label).unwrap();
    }
    let mut output = vec![0; decrypter.decrypt_len(sealed).ok()?];
    let count = decrypter.decrypt(sealed, &mut output).ok()?;
    output.truncate(count);
    Some(output)
}
