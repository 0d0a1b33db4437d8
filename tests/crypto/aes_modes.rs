// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES in feedback modes, with ciphertext stealing, and XTS.

use crate::aes::both_ways;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::data;
use openssl::symm::Mode;

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("aes_modes.txt") {
        let key = keys::secret(s, CKK_AES, &record.hex("key"));
        let kind = match record.text("mode") {
            "ofb" => CKM_AES_OFB,
            "cfb1" => CKM_AES_CFB1,
            "cfb8" => CKM_AES_CFB8,
            "cfb128" => CKM_AES_CFB128,
            "cts" => CKM_AES_CTS,
            other => panic!("mode {other}"),
        };
        let mech = Mech::iv(kind, &record.hex("iv"));
        both_ways(s, &mech, key, &record.hex("plain"), &record.hex("cipher"), &record.place());
    }
    for record in vectors::read("aes_xts.txt") {
        let key = keys::secret(s, CKK_AES_XTS, &record.hex("key"));
        let mech = Mech::iv(CKM_AES_XTS, &record.hex("iv"));
        both_ways(s, &mech, key, &record.hex("plain"), &record.hex("cipher"), &record.place());
    }
}

#[test]
fn feedback_by_half_a_block_is_as_defined() {
    let user = User::new();
    let s = user.session;
    for bytes in [16, 24, 32] {
        let value = data(bytes);
        let key = keys::secret(s, CKK_AES, &value);
        let iv = data(16);
        for length in (0..=40).chain([1000]) {
            let plain = data(length);
            // SP 800-38A, section 6.3, with segments of 64 bits.
            let (mut register, mut want) = (iv.clone(), Vec::new());
            for segment in plain.chunks(8) {
                let mask = reference::aes_ecb(&value);
                let mask = reference::cipher(mask, Mode::Encrypt, &value, None, &register);
                let done: Vec<u8> = segment.iter().zip(&mask).map(|(a, b)| a ^ b).collect();
                register = [&register[8..], &done].concat();
                want.extend(done);
            }
            let mech = Mech::iv(CKM_AES_CFB64, &iv);
            both_ways(s, &mech, key, &plain, &want, &format!("{bytes} {length}"));
        }
    }
}

#[test]
fn every_length_and_every_cut_gives_the_same() {
    let user = User::new();
    let s = user.session;
    let aes = keys::secret(s, CKK_AES, &data(32));
    let xts = keys::secret(s, CKK_AES_XTS, &data(64));
    for (mech, key) in
        [(Mech::iv(CKM_AES_CTS, &data(16)), aes), (Mech::iv(CKM_AES_XTS, &data(16)), xts)]
    {
        for length in [16, 17, 31, 32, 33, 47, 48, 49, 63, 64, 65, 79] {
            let plain = data(length);
            let sealed = s.encrypt(&mech, key, &plain).good();
            assert_eq!(sealed.len(), length);
            for (kind, from, to) in
                [(Kind::Encrypt, &plain, &sealed), (Kind::Decrypt, &sealed, &plain)]
            {
                for first in 0..=length {
                    for second in [first, length.min(first + 5), length.min(first + 32)] {
                        let parts = [&from[..first], &from[first..second], &from[second..]];
                        let got = s.parts(kind, &mech, Some(key), &parts).good();
                        assert_eq!(&got, to, "{kind:?} {length} cut at {first} and {second}");
                    }
                }
            }
        }
    }
}

#[test]
fn a_block_is_the_least_there_is() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let xts = keys::secret(s, CKK_AES_XTS, &data(32));
    for (mech, key) in
        [(Mech::iv(CKM_AES_CTS, &data(16)), aes), (Mech::iv(CKM_AES_XTS, &data(16)), xts)]
    {
        for length in [0, 1, 15] {
            s.encrypt(&mech, key, &data(length)).gives(CKR_DATA_LEN_RANGE);
            s.decrypt(&mech, key, &data(length)).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
            let parts = s.parts(Kind::Encrypt, &mech, Some(key), &[&data(length)]);
            parts.gives(CKR_DATA_LEN_RANGE);
            let parts = s.parts(Kind::Decrypt, &mech, Some(key), &[&data(length)]);
            parts.gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
        }
        // What is held back is told and waits for room.
        s.start(Kind::Decrypt, &mech, Some(key)).good();
        let out = s.update_out(Kind::Decrypt, &data(40), Room::Bytes(64));
        out.rv.good();
        let rest = s.finish(Kind::Decrypt, Room::Null);
        rest.rv.good();
        assert_eq!(out.data.len() + rest.length as usize, 40);
        let short = s.finish(Kind::Decrypt, Room::Bytes(rest.length as usize - 1));
        short.rv.gives(CKR_BUFFER_TOO_SMALL);
        s.finish(Kind::Decrypt, Room::Bytes(rest.length as usize)).rv.good();
    }
}

#[test]
fn a_data_unit_has_an_end() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_AES_XTS, &data(64));
    let mech = Mech::iv(CKM_AES_XTS, &data(16));
    // 2^20 blocks (SP 800-38E, section 4).
    let most = vec![0; 16 << 20];
    s.encrypt(&mech, key, &most).good();
    let more = [&most[..], &[0]].concat();
    s.encrypt(&mech, key, &more).gives(CKR_DATA_LEN_RANGE);
    s.decrypt(&mech, key, &more).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
    let parts = s.parts(Kind::Encrypt, &mech, Some(key), &[&most, &[0]]);
    parts.gives(CKR_DATA_LEN_RANGE);
}

#[test]
fn keys_for_data_units_have_two_halves() {
    let user = User::new();
    let s = user.session;
    for length in [0, 16, 24, 31, 33, 48, 65, HUGE] {
        let template = template! { CKA_VALUE_LEN => length };
        s.generate(&Mech::plain(CKM_AES_XTS_KEY_GEN), &template).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    let generation = Mech::plain(CKM_AES_XTS_KEY_GEN);
    s.generate(&generation, &Template::default()).gives(CKR_TEMPLATE_INCOMPLETE);
    for length in [32, 64] {
        let template = template! { CKA_VALUE_LEN => length as CK_ULONG };
        let key = s.generate(&generation, &template.and(&keys::open())).good();
        assert_eq!(s.get(key, CKA_VALUE).good().len(), length);
        let alike = keys::try_secret(s, CKK_AES_XTS, &vec![7; length], &keys::open());
        alike.gives_for("halves that are alike", &[CKR_ATTRIBUTE_VALUE_INVALID]);
        // Such a key is for this mode, and no other is.
        s.start(Kind::Encrypt, &Mech::iv(CKM_AES_CBC, &[1; 16]), Some(key))
            .gives(CKR_KEY_TYPE_INCONSISTENT);
    }
    s.start(Kind::Encrypt, &Mech::iv(CKM_AES_XTS, &[1; 16]), Some(keys::aes(s, 32)))
        .gives(CKR_KEY_TYPE_INCONSISTENT);
}
