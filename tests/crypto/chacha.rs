// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ChaCha20, Poly1305 and both together.

use crate::aes::both_ways;
use crate::common::operation::Kind;
use crate::common::*;
use crate::{data, mac};
use std::ptr;

#[test]
fn known_answers() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("chacha20.txt") {
        let (value, place) = (record.hex("key"), record.place());
        if record.text("mode") == "poly1305" {
            let key = keys::secret(s, CKK_POLY1305, &value);
            mac::check(s, &Mech::plain(CKM_POLY1305), key, &record.hex("data"), &record.hex("mac"));
            continue;
        }
        let (key, nonce) = (keys::secret(s, CKK_CHACHA20, &value), record.hex("nonce"));
        let (plain, cipher) = (record.hex("plain"), record.hex("cipher"));
        if record.text("mode") == "sealed" {
            let mech = Mech::chacha20_poly1305(&nonce, &record.hex("aad"));
            both_ways(s, &mech, key, &plain, &cipher, &place);
            continue;
        }
        let counter = record.number("counter");
        let narrow = Mech::chacha20(&(counter as u32).to_le_bytes(), &nonce);
        both_ways(s, &narrow, key, &plain, &cipher, &place);
        if nonce.len() != 12 {
            let wide = Mech::chacha20(&counter.to_le_bytes(), &nonce);
            both_ways(s, &wide, key, &plain, &cipher, &place);
        }
    }
}

#[test]
fn the_original_is_the_ietf_variant_with_other_widths() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_CHACHA20, &data(32));
    // Counter and nonce stand side by side in the state.
    let original = Mech::chacha20(&[1, 2, 3, 4, 5, 6, 7, 8], &[9; 8]);
    let ietf = Mech::chacha20(&[1, 2, 3, 4], &[5, 6, 7, 8, 9, 9, 9, 9, 9, 9, 9, 9]);
    let plain = data(200);
    assert_eq!(s.encrypt(&original, key, &plain).good(), s.encrypt(&ietf, key, &plain).good());
}

#[test]
fn a_counter_does_not_come_round() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_CHACHA20, &data(32));
    for (counter, nonce) in [(4, 12), (4, 8), (4, 24), (8, 8), (8, 24)] {
        let mut last = vec![0xFF; counter];
        last[0] = 0xFE;
        let mech = Mech::chacha20(&last, &data(nonce));
        for kind in [Kind::Encrypt, Kind::Decrypt] {
            s.whole(kind, &mech, Some(key), &data(128)).good_for("two blocks");
            s.whole(kind, &mech, Some(key), &data(129)).gives(CKR_DATA_LEN_RANGE);
            let parts: [&[u8]; 2] = [&data(128), &[0]];
            s.parts(kind, &mech, Some(key), &parts).gives(CKR_DATA_LEN_RANGE);
        }
    }
}

#[test]
fn parameters_out_of_range_are_refused() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_CHACHA20, &data(32));
    let mut bytes = [1_u8; 32];
    let there = bytes.as_mut_ptr();
    let bad = [CKR_MECHANISM_PARAM_INVALID, CKR_ARGUMENTS_BAD];
    for (block, block_bits, nonce, nonce_bits) in [
        (there, 0, there, 96),
        (there, 31, there, 96),
        (there, 64, there, 96),
        (there, 4, there, 96),
        (there, HUGE, there, 96),
        (there, 32, there, 0),
        (there, 32, there, 12),
        (there, 32, there, 95),
        (there, 32, there, HUGE),
        (ptr::null_mut(), 32, there, 96),
        (there, 32, ptr::null_mut(), 96),
    ] {
        let parameter = CK_CHACHA20_PARAMS {
            pBlockCounter: block,
            blockCounterBits: block_bits,
            pNonce: nonce,
            ulNonceBits: nonce_bits,
        };
        let mech = Mech::with(CKM_CHACHA20, parameter, Vec::new());
        let started = s.start(Kind::Encrypt, &mech, Some(key));
        started.gives_for(&format!("counter {block_bits} nonce {nonce_bits}"), &bad);
    }
    for (nonce, nonce_bits, aad_len) in [
        (there, 0, 0),
        (there, 13, 0),
        (there, 128, 0),
        (there, HUGE, 0),
        (ptr::null_mut(), 96, 0),
        (there, 96, 1),
        (there, 96, HUGE),
    ] {
        let parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: nonce,
            ulNonceLen: nonce_bits,
            pAAD: ptr::null_mut(),
            ulAADLen: aad_len,
        };
        let mech = Mech::with(CKM_CHACHA20_POLY1305, parameter, Vec::new());
        let started = s.start(Kind::Decrypt, &mech, Some(key));
        started.gives_for(&format!("nonce {nonce_bits} aad {aad_len}"), &bad);
    }
}

#[test]
fn nonces_of_the_sealed_form_count_in_bits_or_bytes() {
    let user = User::new();
    let s = user.session;
    let key = keys::secret(s, CKK_CHACHA20, &data(32));
    for length in [8, 12, 24] {
        let mut nonce = data(length);
        let bits = Mech::chacha20_poly1305(&nonce, b"");
        let parameter = CK_SALSA20_CHACHA20_POLY1305_PARAMS {
            pNonce: nonce.as_mut_ptr(),
            ulNonceLen: length as CK_ULONG,
            pAAD: ptr::null_mut(),
            ulAADLen: 0,
        };
        let bytes = Mech::with(CKM_CHACHA20_POLY1305, parameter, Vec::new());
        let sealed = s.encrypt(&bits, key, &data(40)).good();
        assert_eq!(s.decrypt(&bytes, key, &sealed).good(), data(40));
    }
}
