// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES: the block modes, counter mode and GCM.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{cut, data};
use openssl::symm::Mode;

#[test]
fn block_and_counter_modes_known_answers() {
    let user = User::new();
    for record in vectors::read("aes.txt") {
        let key = keys::secret(user.session, CKK_AES, &record.hex("key"));
        let mech = match record.text("mode") {
            "ecb" => Mech::plain(CKM_AES_ECB),
            "cbc" => Mech::iv(CKM_AES_CBC, &record.hex("iv")),
            "ctr" => Mech::ctr(128, record.hex("iv").try_into().unwrap()),
            other => panic!("mode {other}"),
        };
        let place = record.place();
        both_ways(user.session, &mech, key, &record.hex("plain"), &record.hex("cipher"), &place);
    }
}

#[test]
fn gcm_known_answers() {
    let user = User::compatible();
    for record in vectors::read("aes_gcm.txt") {
        let key = keys::secret(user.session, CKK_AES, &record.hex("key"));
        let mech = Mech::gcm(&record.hex("iv"), &record.hex("aad"), 128);
        let sealed = [record.hex("cipher"), record.hex("tag")].concat();
        both_ways(user.session, &mech, key, &record.hex("plain"), &sealed, &record.place());
    }
}

#[test]
fn padded_cbc_agrees_with_openssl_at_every_length() {
    let user = User::new();
    let s = user.session;
    for bytes in [16, 24, 32] {
        let (value, iv) = (data(bytes), [9; 16]);
        let key = keys::secret(s, CKK_AES, &value);
        let mech = Mech::iv(CKM_AES_CBC_PAD, &iv);
        let cipher = match bytes {
            16 => openssl::symm::Cipher::aes_128_cbc(),
            24 => openssl::symm::Cipher::aes_192_cbc(),
            _ => openssl::symm::Cipher::aes_256_cbc(),
        };
        for length in (0..=33).chain([1000]) {
            let plain = data(length);
            let want = openssl::symm::encrypt(cipher, &value, Some(&iv), &plain).unwrap();
            both_ways(s, &mech, key, &plain, &want, &format!("{bytes} {length}"));
        }
    }
}

#[test]
fn wrong_padding_is_refused() {
    let user = User::new();
    let s = user.session;
    let value = data(32);
    let key = keys::secret(s, CKK_AES, &value);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[0; 16]);
    for last in [0, 17, 255, 2] {
        let mut block = [5_u8; 16];
        block[15] = last;
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let sealed = reference::cipher(cipher, Mode::Encrypt, &value, Some(&[0; 16]), &block);
        s.decrypt(&mech, key, &sealed).gives_for("one part", &[CKR_ENCRYPTED_DATA_INVALID]);
        let parts = s.parts(Kind::Decrypt, &mech, Some(key), &[&sealed]);
        parts.gives_for("several parts", &[CKR_ENCRYPTED_DATA_INVALID]);
    }
}

#[test]
fn block_modes_take_whole_blocks_only() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let length = [CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID];
    for mech in [Mech::plain(CKM_AES_ECB), Mech::iv(CKM_AES_CBC, &[1; 16])] {
        for count in [1, 15, 17, 31] {
            s.encrypt(&mech, key, &data(count)).gives(CKR_DATA_LEN_RANGE);
            let parts = s.parts(Kind::Encrypt, &mech, Some(key), &[&data(count)]);
            parts.gives(CKR_DATA_LEN_RANGE);
            s.decrypt(&mech, key, &data(count)).gives_one_of(&length);
            let parts = s.parts(Kind::Decrypt, &mech, Some(key), &[&data(count)]);
            parts.gives_one_of(&length);
        }
        assert_eq!(s.encrypt(&mech, key, b"").good(), b"");
    }
    let padded = Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
    for count in [0, 1, 15, 17] {
        s.decrypt(&padded, key, &data(count)).gives_one_of(&length);
    }
}

#[test]
fn counter_bits_bound_what_one_counter_encrypts() {
    let user = User::new();
    let s = user.session;
    let value = data(16);
    let key = keys::secret(s, CKK_AES, &value);
    let mut block = [0xFF; 16];
    block[15] = 0xFD;
    let two = Mech::ctr(2, block);
    // Counter values 1, 2, 3 of two bits: three blocks and no byte more.
    let stream: Vec<u8> = [0xFD, 0xFE, 0xFF]
        .iter()
        .flat_map(|last| {
            block[15] = *last;
            reference::cipher(reference::aes_ecb(&value), Mode::Encrypt, &value, None, &block)
        })
        .collect();
    assert_eq!(s.encrypt(&two, key, &[0; 48]).good(), stream);
    s.encrypt(&two, key, &[0; 49]).gives(CKR_DATA_LEN_RANGE);
    let parts: [&[u8]; 2] = [&[0; 48], &[0; 1]];
    s.parts(Kind::Encrypt, &two, Some(key), &parts).gives(CKR_DATA_LEN_RANGE);
    for bits in [0, 129, HUGE] {
        let started = s.start(Kind::Encrypt, &Mech::ctr(bits, block), Some(key));
        started.gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

#[test]
fn a_full_counter_wraps_around() {
    let user = User::new();
    let s = user.session;
    let value = data(32);
    let key = keys::secret(s, CKK_AES, &value);
    let all = Mech::ctr(128, [0xFF; 16]);
    let first =
        reference::cipher(reference::aes_ecb(&value), Mode::Encrypt, &value, None, &[0xFF; 16]);
    assert_eq!(s.encrypt(&all, key, &[0; 16]).good(), first);
}

#[test]
fn gcm_refuses_what_was_changed_and_gives_nothing_before_the_tag() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let mech = Mech::gcm(&[3; 12], b"header", 128);
    let sealed = s.encrypt(&mech, key, &data(40)).good();
    assert_eq!(sealed.len(), 56);
    for at in [0, 39, 40, 55] {
        let mut wrong = sealed.clone();
        wrong[at] ^= 1;
        s.decrypt(&mech, key, &wrong).gives(CKR_ENCRYPTED_DATA_INVALID);
        s.start(Kind::Decrypt, &mech, Some(key)).good();
        for part in cut(&wrong) {
            let out = s.update_out(Kind::Decrypt, part, Room::Bytes(64));
            out.rv.good();
            assert_eq!(out.data, b"", "no plaintext before the tag is checked");
        }
        s.finish(Kind::Decrypt, Room::Bytes(64)).rv.gives(CKR_ENCRYPTED_DATA_INVALID);
    }
    for other in [Mech::gcm(&[3; 12], b"Header", 128), Mech::gcm(&[4; 12], b"header", 128)] {
        s.decrypt(&other, key, &sealed).gives(CKR_ENCRYPTED_DATA_INVALID);
    }
    let short = [CKR_ENCRYPTED_DATA_LEN_RANGE, CKR_ENCRYPTED_DATA_INVALID];
    s.decrypt(&mech, key, &sealed[..15]).gives_one_of(&short);
    s.decrypt(&mech, key, b"").gives_one_of(&short);
}

#[test]
fn gcm_with_other_tag_and_vector_lengths() {
    let user = User::compatible();
    let s = user.session;
    let (value, plain) = (data(32), data(50));
    let key = keys::secret(s, CKK_AES, &value);
    let cipher = openssl::symm::Cipher::aes_256_gcm();
    for (iv, bits) in [(1, 128), (8, 120), (12, 112), (13, 104), (16, 96), (64, 64)] {
        let (iv, mut tag) = (data(iv), vec![0; bits / 8]);
        let sealed =
            openssl::symm::encrypt_aead(cipher, &value, Some(&iv), b"aad", &plain, &mut tag);
        let want = [sealed.unwrap(), tag].concat();
        let mech = Mech::gcm(&iv, b"aad", bits as CK_ULONG);
        both_ways(s, &mech, key, &plain, &want, &format!("iv {} tag {bits}", iv.len()));
    }
    for bits in [127, 136, 256, HUGE] {
        let started = s.start(Kind::Encrypt, &Mech::gcm(&[1; 12], b"", bits), Some(key));
        started.gives_for(&format!("tag of {bits} bits"), &[CKR_MECHANISM_PARAM_INVALID]);
    }
}

/// Encrypts and decrypts in one part, in odd parts, and in place.
pub fn both_ways(s: Session, mech: &Mech, key: Obj, plain: &[u8], sealed: &[u8], what: &str) {
    for (kind, from, to) in [(Kind::Encrypt, plain, sealed), (Kind::Decrypt, sealed, plain)] {
        let what = format!("{kind:?} {what}");
        assert_eq!(s.whole(kind, mech, Some(key), from).good_for(&what), to, "{what}");
        let parts = s.parts(kind, mech, Some(key), &cut(from));
        assert_eq!(parts.good_for(&what), to, "{what} in parts");
        s.start(kind, mech, Some(key)).good();
        let placed = s.in_place(kind, from, 32);
        placed.rv.good_for(&what);
        assert_eq!(placed.data, to, "{what} in place");
    }
}

/// The standard sets no bound that a parameter could reach; OpenSSL's cipher has one.
#[test]
fn gcm_with_a_vector_of_any_length() {
    let user = User::compatible();
    let s = user.session;
    let key = keys::aes(s, 32);
    for length in [1, 128, 129, 256, 257, 5000] {
        let iv = data(length);
        let mech = Mech::gcm(&iv, b"header", 128);
        for content in [data(0), data(15), data(1000)] {
            let sealed = s.encrypt(&mech, key, &content).good();
            let parts = s.parts(Kind::Encrypt, &mech, Some(key), &cut(&content)).good();
            assert_eq!(parts, sealed, "{length} bytes, in parts");
            assert_eq!(s.decrypt(&mech, key, &sealed).good(), content, "{length} bytes");
            let mut changed = sealed.clone();
            changed[0] ^= 1;
            s.decrypt(&mech, key, &changed).gives(CKR_ENCRYPTED_DATA_INVALID);
            s.decrypt(&Mech::gcm(&iv, b"Header", 128), key, &sealed)
                .gives(CKR_ENCRYPTED_DATA_INVALID);
        }
        // GMAC is the tag of nothing encrypted.
        let tag = s.encrypt(&mech, key, b"").good();
        let gmac = Mech::gcm(&iv, b"", 128).named(CKM_AES_GMAC);
        assert_eq!(s.sign(&gmac, key, b"header").good(), tag, "{length} bytes");
        s.verify(&gmac, key, b"header", &tag).good();
    }
}
