// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Wrapping and unwrapping of secret keys.

use crate::common::*;
use crate::data;
use crate::table::offers;
use openssl::rsa::Padding;
use openssl::symm::Mode;

#[test]
fn aes_key_wrap_known_answers() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("aes_wrap.txt") {
        let place = record.place();
        let kind = match record.text("mode") {
            "kw" => CKM_AES_KEY_WRAP,
            "kwp" => CKM_AES_KEY_WRAP_KWP,
            other => panic!("mode {other}"),
        };
        let (mech, by) = (Mech::plain(kind), keys::secret(s, CKK_AES, &record.hex("key")));
        let (value, wrapped) = (record.hex("data"), record.hex("wrapped"));
        let key = keys::secret(s, CKK_GENERIC_SECRET, &value);
        assert_eq!(s.wrap(&mech, by, key).good_for(&place), wrapped, "{place}");
        let template = secret(CKK_GENERIC_SECRET);
        let sized = template.clone().with(CKA_VALUE_LEN, len(&value));
        let back = s.unwrap(&mech, by, &wrapped, &sized).good_for(&place);
        assert_eq!(s.get(back, CKA_VALUE).good(), value, "{place}");
        if kind == CKM_AES_KEY_WRAP_KWP {
            let back = s.unwrap(&mech, by, &wrapped, &template).good_for("KWP knows the length");
            assert_eq!(s.get(back, CKA_VALUE).good(), value);
        }
    }
}

#[test]
fn every_length_comes_back() {
    let user = User::compatible();
    let s = user.session;
    let by = keys::aes(s, 32);
    let kwp = Mech::plain(CKM_AES_KEY_WRAP_KWP);
    let pad = Mech::iv(CKM_AES_CBC_PAD, &[8; 16]);
    for length in (1..=40).chain([255, 256]) {
        let key = keys::secret(s, CKK_GENERIC_SECRET, &data(length + 1)[1..]);
        for mech in [&kwp, &pad] {
            let wrapped = s.wrap(mech, by, key).good();
            let back = s.unwrap(mech, by, &wrapped, &secret(CKK_GENERIC_SECRET)).good();
            assert_eq!(s.get(back, CKA_VALUE).good(), data(length + 1)[1..]);
        }
    }
}

#[test]
fn padded_cbc_is_the_cipher_of_the_value() {
    let user = User::new();
    let s = user.session;
    let (by_value, value) = (data(32), data(48));
    let by = keys::secret(s, CKK_AES, &by_value);
    let key = keys::secret(s, CKK_GENERIC_SECRET, &value);
    let wrapped = s.wrap(&Mech::iv(CKM_AES_CBC_PAD, &[8; 16]), by, key).good();
    let cipher = openssl::symm::Cipher::aes_256_cbc();
    let want = openssl::symm::encrypt(cipher, &by_value, Some(&[8; 16]), &value).unwrap();
    assert_eq!(wrapped, want);
}

#[test]
fn block_modes_pad_with_zeros_where_they_wrap() {
    let user = User::compatible();
    let s = user.session;
    let (by_value, value) = (data(16), data(24));
    let by = keys::secret(s, CKK_AES, &by_value);
    let key = keys::secret(s, CKK_GENERIC_SECRET, &value);
    let padded = [value.clone(), vec![0; 8]].concat();
    let ecb =
        reference::cipher(reference::aes_ecb(&by_value), Mode::Encrypt, &by_value, None, &padded);
    let cbc = openssl::symm::Cipher::aes_128_cbc();
    let cbc = reference::cipher(cbc, Mode::Encrypt, &by_value, Some(&[6; 16]), &padded);
    for (mech, want) in [(Mech::plain(CKM_AES_ECB), ecb), (Mech::iv(CKM_AES_CBC, &[6; 16]), cbc)] {
        let flags = session::mechanism_info(user.token.slot, mech.kind()).good().flags;
        let wrapped = s.wrap(&mech, by, key);
        if flags & CKF_WRAP == 0 {
            wrapped.gives(CKR_MECHANISM_INVALID);
            continue;
        }
        assert_eq!(wrapped.good(), want);
        let template = secret(CKK_GENERIC_SECRET).with(CKA_VALUE_LEN, 24 as CK_ULONG);
        let back = s.unwrap(&mech, by, &want, &template).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), value);
    }
}

#[test]
fn rsa_wraps_secret_keys() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let value = data(32);
    let key = keys::secret(s, CKK_AES, &value);
    for mech in [
        Mech::plain(CKM_RSA_PKCS),
        Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b""),
        Mech::oaep(CKM_SHA_1, CKG_MGF1_SHA1, b"label"),
    ] {
        let wrapped = s.wrap(&mech, public, key).good();
        assert_eq!(wrapped.len(), 256);
        let back = s.unwrap(&mech, private, &wrapped, &secret(CKK_AES)).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), value);
        assert_eq!(s.number(back, CKA_VALUE_LEN).good(), 32);
    }
    let wrapped = s.wrap(&Mech::plain(CKM_RSA_PKCS), public, key).good();
    let mut opened = vec![0; 256];
    let count = reference::rsa().private_decrypt(&wrapped, &mut opened, Padding::PKCS1).unwrap();
    assert_eq!(opened[..count], value);
}

#[test]
fn rsa_wraps_no_more_than_it_holds() {
    let user = User::new();
    let s = user.session;
    let (public, _) = keys::rsa(s);
    let key = keys::secret(s, CKK_GENERIC_SECRET, &data(246));
    let long = [CKR_KEY_SIZE_RANGE, CKR_KEY_NOT_WRAPPABLE];
    s.wrap(&Mech::plain(CKM_RSA_PKCS), public, key).gives_one_of(&long);
    let oaep = Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    s.wrap(&oaep, public, keys::secret(s, CKK_GENERIC_SECRET, &data(191))).gives_one_of(&long);
}

#[test]
fn key_wrap_pads_a_key_of_odd_length_with_zeros() {
    let user = User::compatible();
    let s = user.session;
    let by = keys::aes(s, 16);
    let key = keys::secret(s, CKK_GENERIC_SECRET, &data(21));
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let wrapped = s.wrap(&mech, by, key).good();
    assert_eq!(wrapped.len(), 32);
    let template = secret(CKK_GENERIC_SECRET).with(CKA_VALUE_LEN, 21 as CK_ULONG);
    let back = s.unwrap(&mech, by, &wrapped, &template).good();
    assert_eq!(s.get(back, CKA_VALUE).good(), data(21));
}

#[test]
fn initial_values_of_key_wrap_must_match() {
    let user = User::compatible();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::aes(s, 32));
    for (kind, own) in [
        (CKM_AES_KEY_WRAP, &[1_u8; 8][..]),
        (CKM_AES_KEY_WRAP_PKCS7, &[1; 8]),
        (CKM_AES_KEY_WRAP_KWP, &[1; 4]),
    ] {
        let own = Mech::iv(kind, own);
        let wrapped = s.wrap(&own, by, key).good();
        s.unwrap(&own, by, &wrapped, &secret(CKK_AES)).good();
        let other = s.unwrap(&Mech::plain(kind), by, &wrapped, &secret(CKK_AES));
        other.gives(CKR_WRAPPED_KEY_INVALID);
        for length in [1, 3, 7, 9, 16] {
            let bad = s.wrap(&Mech::iv(kind, &data(length)), by, key);
            bad.gives_for(&format!("{length}"), &[CKR_MECHANISM_PARAM_INVALID]);
        }
    }
}

#[test]
fn other_mechanisms_that_promise_to_wrap_bring_the_key_back() {
    let user = User::compatible();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::secret(s, CKK_AES, &data(32)));
    for mech in [Mech::plain(CKM_AES_KEY_WRAP_PAD), Mech::plain(CKM_AES_KEY_WRAP_PKCS7)] {
        if !offers(&user, mech.kind()) {
            s.wrap(&mech, by, key).gives(CKR_MECHANISM_INVALID);
            continue;
        }
        let wrapped = s.wrap(&mech, by, key).good();
        let back = s.unwrap(&mech, by, &wrapped, &secret(CKK_AES)).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), data(32));
    }
}

#[test]
fn key_wrap_filled_as_pkcs7_is_key_wrap_of_what_was_filled() {
    let user = User::compatible();
    let s = user.session;
    let by = keys::aes(s, 32);
    let (plain, filled) = (Mech::plain(CKM_AES_KEY_WRAP), Mech::plain(CKM_AES_KEY_WRAP_PKCS7));
    for length in [8, 9, 15, 16, 17, 23, 24, 100] {
        let mut padded = data(length);
        let count = 8 - length % 8;
        padded.extend(vec![count as u8; count]);
        let want = s.encrypt(&plain, by, &padded).good();
        assert_eq!(s.encrypt(&filled, by, &data(length)).good(), want, "{length}");
        assert_eq!(s.decrypt(&filled, by, &want).good(), data(length), "{length}");
        let key = keys::secret(s, CKK_GENERIC_SECRET, &data(length));
        assert_eq!(s.wrap(&filled, by, key).good(), want);
        let back = s.unwrap(&filled, by, &want, &secret(CKK_GENERIC_SECRET)).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), data(length));
    }
    // A key wrap takes two semiblocks, and less than one fills up to one.
    s.encrypt(&filled, by, &data(7)).gives(CKR_DATA_LEN_RANGE);
    for last in [0, 9, 255, 3] {
        let mut wrong = data(24);
        wrong[22] = 1;
        wrong[23] = last;
        let sealed = s.encrypt(&plain, by, &wrong).good();
        s.decrypt(&filled, by, &sealed).gives(CKR_ENCRYPTED_DATA_INVALID);
        let back = s.unwrap(&filled, by, &sealed, &secret(CKK_GENERIC_SECRET));
        back.gives(CKR_WRAPPED_KEY_INVALID);
    }
    s.decrypt(&filled, by, &data(24)).gives(CKR_ENCRYPTED_DATA_INVALID);
    s.decrypt(&filled, by, &data(23)).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
}

#[test]
fn unwrapped_keys_know_that_they_were_outside() {
    let user = User::new();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::aes(s, 32));
    let mech = Mech::plain(CKM_AES_KEY_WRAP_KWP);
    let wrapped = s.wrap(&mech, by, key).good();
    let kept = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false, CKA_LABEL => "back" };
    let back = s.unwrap(&mech, by, &wrapped, &class(CKK_AES).and(&kept)).good();
    for (attribute, want) in [
        (CKA_LOCAL, false),
        (CKA_ALWAYS_SENSITIVE, false),
        (CKA_NEVER_EXTRACTABLE, false),
        (CKA_SENSITIVE, true),
        (CKA_EXTRACTABLE, false),
    ] {
        assert_eq!(s.flag(back, attribute).good(), want, "{attribute:#x}");
    }
    assert_eq!(s.number(back, CKA_KEY_GEN_MECHANISM).good(), CK_UNAVAILABLE_INFORMATION);
    assert_eq!(s.get(back, CKA_LABEL).good(), b"back");
    s.get(back, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(s.get(back, CKA_CHECK_VALUE).good(), s.get(key, CKA_CHECK_VALUE).good());
}

fn class(kind: CK_KEY_TYPE) -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind }
}

fn secret(kind: CK_KEY_TYPE) -> Template {
    class(kind).and(&keys::open())
}
