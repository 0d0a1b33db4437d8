// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Message authentication codes: HMAC and AES-CMAC.

use crate::common::operation::Kind;
use crate::common::*;
use crate::table::{HASHES, offers};
use crate::{cut, data, hash_named};

#[test]
fn hmac_known_answers() {
    let user = User::new();
    let s = user.session;
    let mut tried = 0;
    for record in vectors::read("hmac.txt") {
        let hash = hash_named(record.text("hash"));
        let Some(row) = HASHES.iter().find(|row| row.digest == hash) else {
            assert_eq!(hash, CKM_SHA_1, "the rest of the file is SHA-1");
            continue;
        };
        let key = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("key"));
        check(s, &Mech::plain(row.hmac), key, &record.hex("data"), &record.hex("mac"));
        tried += 1;
    }
    assert_eq!(tried, 36);
}

#[test]
fn hmac_of_sha1_is_right_where_it_is_offered() {
    let user = User::new();
    let (s, mech) = (user.session, Mech::plain(CKM_SHA_1_HMAC));
    let records = vectors::read("hmac.txt");
    let sha1: Vec<_> = records.iter().filter(|record| record.text("hash") == "sha1").collect();
    assert_eq!(sha1.len(), 2);
    for record in sha1 {
        let key = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("key"));
        let verified = s.verify(&mech, key, &record.hex("data"), &record.hex("mac"));
        let want = if offers(&user, CKM_SHA_1_HMAC) { CKR_OK } else { CKR_MECHANISM_INVALID };
        verified.gives(want);
    }
}

#[test]
fn hmac_takes_the_key_type_of_its_hash() {
    let user = User::new();
    let s = user.session;
    let pairs = [
        (CKK_SHA224_HMAC, CKM_SHA224),
        (CKK_SHA256_HMAC, CKM_SHA256),
        (CKK_SHA384_HMAC, CKM_SHA384),
        (CKK_SHA512_HMAC, CKM_SHA512),
    ];
    for (key_type, hash) in pairs {
        let row = HASHES.iter().find(|row| row.digest == hash).unwrap();
        let value = data(40);
        let made = keys::try_secret(s, key_type, &value, &keys::open());
        let Ok(key) = made else {
            // A token need not have the key type; then it says so.
            made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
            continue;
        };
        let mac = reference::hmac(hash, &value, b"data");
        assert_eq!(s.sign(&Mech::plain(row.hmac), key, b"data").good(), mac);
    }
}

#[test]
fn hmac_of_general_length_is_the_beginning_of_the_full_one() {
    let user = User::compatible();
    let s = user.session;
    let value = data(48);
    let key = keys::secret(s, CKK_GENERIC_SECRET, &value);
    for hash in HASHES {
        if !offers(&user, hash.general) {
            s.start(Kind::Sign, &Mech::mac(hash.general, 8), Some(key))
                .gives(CKR_MECHANISM_INVALID);
            continue;
        }
        let full = reference::hmac(hash.digest, &value, b"message");
        for length in [1, 8, hash.length - 1, hash.length] {
            let mech = Mech::mac(hash.general, length as CK_ULONG);
            check(s, &mech, key, b"message", &full[..length]);
        }
        for length in [0, hash.length as CK_ULONG + 1, HUGE] {
            let started = s.start(Kind::Sign, &Mech::mac(hash.general, length), Some(key));
            started.gives(CKR_MECHANISM_PARAM_INVALID);
        }
    }
}

#[test]
fn cmac_known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("aes_cmac.txt") {
        let key = keys::secret(s, CKK_AES, &record.hex("key"));
        let (input, mac) = (record.hex("data"), record.hex("mac"));
        check(s, &Mech::plain(CKM_AES_CMAC), key, &input, &mac);
        if offers(&user, CKM_AES_CMAC_GENERAL) {
            check(s, &Mech::mac(CKM_AES_CMAC_GENERAL, 8), key, &input, &mac[..8]);
        } else {
            let started = s.start(Kind::Sign, &Mech::mac(CKM_AES_CMAC_GENERAL, 8), Some(key));
            started.gives(CKR_MECHANISM_INVALID);
        }
    }
}

/// A MAC is made and checked, in one part and in several; a changed one is refused, and one of
/// another length is refused for its length.
pub fn check(s: Session, mech: &Mech, key: Obj, input: &[u8], mac: &[u8]) {
    assert_eq!(s.sign(mech, key, input).good(), mac);
    assert_eq!(s.parts(Kind::Sign, mech, Some(key), &cut(input)).good(), mac);
    s.verify(mech, key, input, mac).good();
    s.verify_parts(mech, key, &cut(input), mac).good();
    for bit in [0, mac.len() * 8 - 1] {
        let mut wrong = mac.to_vec();
        wrong[bit / 8] ^= 1 << (bit % 8);
        s.verify(mech, key, input, &wrong).gives(CKR_SIGNATURE_INVALID);
        s.verify_parts(mech, key, &cut(input), &wrong).gives(CKR_SIGNATURE_INVALID);
    }
    let longer = [mac, &[0]].concat();
    for wrong in [&mac[..mac.len() - 1], &longer] {
        s.verify(mech, key, input, wrong).gives(CKR_SIGNATURE_LEN_RANGE);
        s.verify_parts(mech, key, &cut(input), wrong).gives(CKR_SIGNATURE_LEN_RANGE);
    }
}

#[test]
fn extended_cbc_mac_known_answers() {
    let user = User::new();
    let s = user.session;
    let records = vectors::read("aes_mac.txt");
    for record in records.iter().filter(|record| record.text("mode") == "xcbc") {
        let key = keys::secret(s, CKK_AES, &record.hex("key"));
        let (input, code) = (record.hex("data"), record.hex("mac"));
        check(s, &Mech::plain(CKM_AES_XCBC_MAC), key, &input, &code);
        check(s, &Mech::plain(CKM_AES_XCBC_MAC_96), key, &input, &code[..12]);
    }
    for bytes in [24, 32] {
        let started =
            s.start(Kind::Sign, &Mech::plain(CKM_AES_XCBC_MAC), Some(keys::aes(s, bytes)));
        started.gives(CKR_KEY_SIZE_RANGE);
    }
}

#[test]
fn cbc_mac_is_the_last_block_of_cbc() {
    let user = User::compatible();
    let s = user.session;
    for bytes in [16, 24, 32] {
        let value = data(bytes);
        let key = keys::secret(s, CKK_AES, &value);
        for length in [1, 15, 16, 17, 32, 1000, 2048, 2049] {
            let mut padded = data(length);
            padded.resize(length.next_multiple_of(16), 0);
            let cipher = match bytes {
                16 => openssl::symm::Cipher::aes_128_cbc(),
                24 => openssl::symm::Cipher::aes_192_cbc(),
                _ => openssl::symm::Cipher::aes_256_cbc(),
            };
            let encrypt = openssl::symm::Mode::Encrypt;
            let all = reference::cipher(cipher, encrypt, &value, Some(&[0; 16]), &padded);
            let code = &all[all.len() - 16..];
            check(s, &Mech::plain(CKM_AES_MAC), key, &data(length), &code[..8]);
            for cut in [1, 7, 16] {
                let mech = Mech::mac(CKM_AES_MAC_GENERAL, cut as CK_ULONG);
                check(s, &mech, key, &data(length), &code[..cut]);
            }
        }
        for length in [0, 17, HUGE] {
            let started = s.start(Kind::Sign, &Mech::mac(CKM_AES_MAC_GENERAL, length), Some(key));
            started.gives(CKR_MECHANISM_PARAM_INVALID);
        }
    }
}
