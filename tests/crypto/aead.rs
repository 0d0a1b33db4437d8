// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Authenticated encryption: CCM and ChaCha20-Poly1305 (GCM's tests are with AES), and GMAC.

use crate::aes::both_ways;
use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{cut, data};
use std::ptr;

#[test]
fn no_vector_comes_back_in_a_long_session() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let vector = |number: u32| [&[7; 8][..], &number.to_be_bytes()].concat();
    let encrypt = |number| s.encrypt(&Mech::gcm(&vector(number), b"", 128), key, b"message");
    for number in 0..20_000 {
        encrypt(number).good_for(&number.to_string());
    }
    for number in (0..20_000).step_by(7) {
        encrypt(number).gives_for(&number.to_string(), &[CKR_MECHANISM_PARAM_INVALID]);
    }
    encrypt(20_000).good();
}

#[test]
fn ccm_known_answers() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("aes_ccm.txt") {
        let key = keys::secret(s, CKK_AES, &record.hex("key"));
        let (plain, sealed) = (record.hex("plain"), record.hex("cipher"));
        let tag = record.number("tag") as CK_ULONG;
        let mech = Mech::ccm(plain.len(), &record.hex("nonce"), &record.hex("aad"), tag);
        both_ways(s, &mech, key, &plain, &sealed, &record.place());
    }
}

#[test]
fn ccm_with_long_associated_data() {
    // SP 800-38C, appendix C, example 4.
    let user = User::compatible();
    let s = user.session;
    let key = keys::secret(s, CKK_AES, &unhex("404142434445464748494a4b4c4d4e4f"));
    let aad: Vec<u8> = (0..65536_u32).map(|i| i as u8).collect();
    let plain: Vec<u8> = (0x20..0x40).collect();
    let mech = Mech::ccm(32, &unhex("101112131415161718191a1b1c"), &aad, 14);
    let sealed = "69915dad1e84c6376a68c2967e4dab615ae0fd1faec44cc484828529463ccf72\
                  b4ac6bec93e8598e7f0dadbcea5b";
    both_ways(s, &mech, key, &plain, &unhex(sealed), "long data");
}

#[test]
fn ccm_takes_the_length_it_was_told() {
    let user = User::compatible();
    let s = user.session;
    let key = keys::aes(s, 32);
    let mech = Mech::ccm(20, &[1; 12], b"", 8);
    let sealed = s.encrypt(&mech, key, &data(20)).good();
    for length in [0, 19, 21] {
        s.encrypt(&mech, key, &data(length)).gives(CKR_DATA_LEN_RANGE);
        let parts = s.parts(Kind::Encrypt, &mech, Some(key), &cut(&data(length)));
        parts.gives_for(&format!("{length} bytes in parts"), &[CKR_DATA_LEN_RANGE]);
    }
    for length in [0, 7, 27, 29] {
        let wrong = [&sealed[..], &[0]].concat();
        s.decrypt(&mech, key, &wrong[..length]).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
    }
    for (nonce, length) in [(13, 1 << 16), (12, 1 << 24), (13, usize::MAX), (8, usize::MAX)] {
        let started = s.start(Kind::Encrypt, &Mech::ccm(length, &data(nonce), b"", 8), Some(key));
        started.gives_for(&format!("{length} under {nonce}"), &[CKR_MECHANISM_PARAM_INVALID]);
    }
    s.start(Kind::Encrypt, &Mech::ccm(usize::MAX, &[1; 7], b"", 8), Some(key)).good();
}

#[test]
fn ccm_refuses_lengths_out_of_range() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 16);
    for nonce in [0, 1, 6, 14, 16, 100] {
        let started = s.start(Kind::Encrypt, &Mech::ccm(4, &data(nonce), b"", 8), Some(key));
        started.gives_for(&format!("nonce of {nonce}"), &[CKR_MECHANISM_PARAM_INVALID]);
    }
    for tag in [0, 2, 5, 15, 18, 128, HUGE] {
        for kind in [Kind::Encrypt, Kind::Decrypt] {
            let started = s.start(kind, &Mech::ccm(4, &[1; 12], b"", tag), Some(key));
            started.gives_for(&format!("tag of {tag}"), &[CKR_MECHANISM_PARAM_INVALID]);
        }
    }
    for (nonce, nonce_len, aad_len) in
        [(false, 12, 0), (true, HUGE, 0), (true, 12, 5), (true, 12, HUGE)]
    {
        let mut bytes = [1_u8; 12];
        let parameter = CK_CCM_PARAMS {
            ulDataLen: 4,
            pNonce: if nonce { bytes.as_mut_ptr() } else { ptr::null_mut() },
            ulNonceLen: nonce_len,
            pAAD: ptr::null_mut(),
            ulAADLen: aad_len,
            ulMACLen: 8,
        };
        let mech = Mech::with(CKM_AES_CCM, parameter, Vec::new());
        let started = s.start(Kind::Encrypt, &mech, Some(key));
        started.gives_one_of(&[CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD]);
    }
}

#[test]
fn what_was_changed_is_refused_and_gives_nothing() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let chacha = keys::secret(s, CKK_CHACHA20, &data(32));
    for (mech, key) in [
        (Mech::ccm(40, &[3; 12], b"header", 16), aes),
        (Mech::chacha20_poly1305(&[3; 12], b"header"), chacha),
        (Mech::chacha20_poly1305(&[3; 24], b"header"), chacha),
        (Mech::chacha20_poly1305(&[3; 8], b"header"), chacha),
    ] {
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
            let ended = s.finish(Kind::Decrypt, Room::Bytes(64));
            ended.rv.gives(CKR_ENCRYPTED_DATA_INVALID);
        }
        s.decrypt(&mech, key, &sealed[..15]).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
        assert_eq!(s.decrypt(&mech, key, &sealed).good(), data(40));
    }
}

#[test]
fn questions_for_the_length_end_nothing() {
    let user = User::compatible();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let chacha = keys::secret(s, CKK_CHACHA20, &data(32));
    for (mech, key) in [
        (Mech::gcm(&[3; 12], b"", 128), aes),
        (Mech::ccm(40, &[3; 12], b"", 16), aes),
        (Mech::chacha20_poly1305(&[3; 12], b""), chacha),
    ] {
        let sealed = s.encrypt(&mech, key, &data(40)).good();
        for (kind, input, want) in
            [(Kind::Encrypt, &data(40), &sealed), (Kind::Decrypt, &sealed, &data(40))]
        {
            s.start(kind, &mech, Some(key)).good();
            let mut got = Vec::new();
            let out = s.update_out(kind, input, Room::Bytes(64));
            out.rv.good();
            got.extend(out.data);
            let rest = want.len() - got.len();
            let asked = s.finish(kind, Room::Null);
            asked.rv.good();
            assert_eq!(asked.length as usize, rest);
            s.finish(kind, Room::Bytes(rest - 1)).rv.gives(CKR_BUFFER_TOO_SMALL);
            let out = s.finish(kind, Room::Bytes(rest));
            out.rv.good();
            got.extend(out.data);
            assert_eq!(&got, want);
        }
    }
}

#[test]
fn keys_wrap_with_a_vector_of_the_tokens_making() {
    let user = User::compatible();
    let s = user.session;
    let (wrapping, key) = (keys::aes(s, 32), keys::aes(s, 16));
    for generator in [CKG_NO_GENERATE, CKG_GENERATE, CKG_GENERATE_RANDOM] {
        for fixed in [0, 13, 32] {
            let mut iv = [0x5A_u8; 12];
            let gcm = CK_GCM_WRAP_PARAMS {
                pIv: iv.as_mut_ptr(),
                ulIvLen: 12,
                ulIvFixedBits: fixed,
                ivGenerator: generator,
                pAAD: ptr::null_mut(),
                ulAADLen: 0,
                ulTagBits: 128,
            };
            wraps_with(s, wrapping, key, &Mech::with(CKM_AES_GCM, gcm, Vec::new()));
            check_vector(&iv, generator, fixed);
            let plain = Mech::gcm(&iv, b"", 128);
            let mut nonce = [0x5A_u8; 12];
            let ccm = CK_CCM_WRAP_PARAMS {
                ulDataLen: HUGE,
                pNonce: nonce.as_mut_ptr(),
                ulNonceLen: 12,
                ulNonceFixedBits: fixed,
                nonceGenerator: generator,
                pAAD: ptr::null_mut(),
                ulAADLen: 0,
                ulMACLen: 16,
            };
            wraps_with(s, wrapping, key, &Mech::with(CKM_AES_CCM, ccm, Vec::new()));
            check_vector(&nonce, generator, fixed);
            // The structures for wrapping are not for encrypting.
            let started =
                s.start(Kind::Encrypt, &Mech::with(CKM_AES_GCM, gcm, Vec::new()), Some(wrapping));
            started.gives(CKR_MECHANISM_PARAM_INVALID);
            let started =
                s.start(Kind::Encrypt, &Mech::with(CKM_AES_CCM, ccm, Vec::new()), Some(wrapping));
            started.gives(CKR_MECHANISM_PARAM_INVALID);
            s.wrap(&plain, wrapping, key).good();
        }
    }
}

#[test]
fn vectors_that_cannot_be_made_are_refused() {
    let user = User::new();
    let s = user.session;
    let (wrapping, key) = (keys::aes(s, 32), keys::aes(s, 16));
    let mut iv = [0x5A_u8; 12];
    for (place, length, fixed, generator) in [
        (true, 12, 97, CKG_GENERATE),
        (true, 12, 96, CKG_GENERATE),
        (true, 12, HUGE, CKG_GENERATE_RANDOM),
        (true, 12, 0, CKG_GENERATE_COUNTER),
        (true, 12, 0, CKG_GENERATE_COUNTER_XOR),
        (true, 12, 0, 77),
        (true, HUGE, 0, CKG_GENERATE),
        (true, 0, 0, CKG_GENERATE),
        (false, 12, 0, CKG_GENERATE),
    ] {
        let parameter = CK_GCM_WRAP_PARAMS {
            pIv: if place { iv.as_mut_ptr() } else { ptr::null_mut() },
            ulIvLen: length,
            ulIvFixedBits: fixed,
            ivGenerator: generator,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
            ulTagBits: 128,
        };
        let wrapped = s.wrap(&Mech::with(CKM_AES_GCM, parameter, Vec::new()), wrapping, key);
        wrapped.gives_for(&format!("{length} {fixed} {generator}"), &[CKR_MECHANISM_PARAM_INVALID]);
    }
    assert_eq!(iv, [0x5A; 12]);
}

fn wraps_with(s: Session, wrapping: Obj, key: Obj, mech: &Mech) {
    let wrapped = s.wrap(mech, wrapping, key).good();
    assert_eq!(wrapped.len(), 32);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    let back = s.unwrap(mech, wrapping, &wrapped, &template.clone().and(&keys::open())).good();
    assert_eq!(s.get(back, CKA_VALUE).good(), s.get(key, CKA_VALUE).good());
    let mut wrong = wrapped.clone();
    wrong[3] ^= 1;
    s.unwrap(mech, wrapping, &wrong, &template).gives(CKR_WRAPPED_KEY_INVALID);
    s.unwrap(mech, wrapping, &wrapped[..15], &template).gives(CKR_WRAPPED_KEY_LEN_RANGE);
}

fn check_vector(iv: &[u8; 12], generator: CK_GENERATOR_FUNCTION, fixed: CK_ULONG) {
    let kept = u128::from_be_bytes([&[0; 4], &iv[..]].concat().try_into().unwrap());
    let given = u128::from_be_bytes([&[0; 4][..], &[0x5A; 12]].concat().try_into().unwrap());
    assert_eq!(kept >> (96 - fixed), given >> (96 - fixed), "the fixed bits stay");
    assert_eq!(kept == given, generator == CKG_NO_GENERATE, "the others are made anew");
}

#[test]
fn gmac_known_answers() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("aes_mac.txt") {
        if record.text("mode") != "gmac" {
            continue;
        }
        let (key, code) = (keys::secret(s, CKK_AES, &record.hex("key")), record.hex("mac"));
        let bits = 8 * code.len() as CK_ULONG;
        let mech = Mech::gcm(&record.hex("iv"), b"", bits).named(CKM_AES_GMAC);
        crate::mac::check(s, &mech, key, &record.hex("data"), &code);
    }
    let key = keys::aes(s, 32);
    for mech in [
        Mech::gcm(&[1; 12], b"", 0),
        Mech::gcm(&[1; 12], b"", 127),
        Mech::gcm(&[1; 12], b"", HUGE),
        Mech::gcm(&[], b"", 128),
        // The data is what is signed, not in the parameter.
        Mech::gcm(&[1; 12], b"data", 128),
    ] {
        let started = s.start(Kind::Sign, &mech.named(CKM_AES_GMAC), Some(key));
        started.gives(CKR_MECHANISM_PARAM_INVALID);
    }
}
