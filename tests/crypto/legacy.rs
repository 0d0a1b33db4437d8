// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Legacy algorithms: triple DES reads what it protected and protects anew only where the
//! configuration says so; MD5 is there only then.

use crate::aes::both_ways;
use crate::common::operation::Kind;
use crate::common::*;
use crate::{data, hash_named, mac};

#[test]
fn triple_des_decrypts_verifies_and_unwraps_alone() {
    let user = User::compatible();
    let s = user.session;
    for record in vectors::read("des3.txt") {
        let (mech, key) = mechanism_and_key(s, &record);
        if record.text("mode") == "cmac" {
            s.verify(&mech, key, &record.hex("data"), &record.hex("mac")).good();
            s.start(Kind::Sign, &mech, Some(key)).gives(CKR_MECHANISM_INVALID);
            continue;
        }
        let plain = record.hex("plain");
        assert_eq!(s.decrypt(&mech, key, &record.hex("cipher")).good(), plain);
        s.start(Kind::Encrypt, &mech, Some(key)).gives(CKR_MECHANISM_INVALID);
        s.wrap(&mech, key, keys::aes(s, 16)).gives(CKR_MECHANISM_INVALID);
        let template =
            template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
        let wrapped = record.hex("cipher");
        let back = s.unwrap(&mech, key, &wrapped, &template.and(&keys::open())).good();
        assert_eq!(s.get(back, CKA_VALUE).good(), plain);
    }
    for kind in [CKM_DES2_KEY_GEN, CKM_DES3_KEY_GEN] {
        s.generate(&Mech::plain(kind), &Template::default()).gives(CKR_MECHANISM_INVALID);
    }
}

#[test]
fn triple_des_does_all_where_the_configuration_allows() {
    let user = User::with_settings(LEGACY);
    let s = user.session;
    for record in vectors::read("des3.txt") {
        let (mech, key) = mechanism_and_key(s, &record);
        if record.text("mode") == "cmac" {
            let (input, code) = (record.hex("data"), record.hex("mac"));
            mac::check(s, &mech, key, &input, &code);
            for cut in 1..=8 {
                let mech = Mech::mac(CKM_DES3_CMAC_GENERAL, cut as CK_ULONG);
                mac::check(s, &mech, key, &input, &code[..cut]);
            }
            continue;
        }
        both_ways(s, &mech, key, &record.hex("plain"), &record.hex("cipher"), &record.place());
    }
    for length in [0, 9, HUGE] {
        let key = keys::secret(s, CKK_DES3, &odd(data(24)));
        for kind in [CKM_DES3_CMAC_GENERAL, CKM_DES3_MAC_GENERAL] {
            let started = s.start(Kind::Verify, &Mech::mac(kind, length), Some(key));
            started.gives(CKR_MECHANISM_PARAM_INVALID);
        }
    }
}

#[test]
fn padding_and_codes_agree_with_openssl() {
    let user = User::with_settings(LEGACY);
    let s = user.session;
    let value = odd(data(24));
    let key = keys::secret(s, CKK_DES3, &value);
    let cipher = openssl::symm::Cipher::des_ede3_cbc();
    for length in (0..=17).chain([1000]) {
        let (plain, iv) = (data(length), [9; 8]);
        let want = openssl::symm::encrypt(cipher, &value, Some(&iv), &plain).unwrap();
        let mech = Mech::iv(CKM_DES3_CBC_PAD, &iv);
        both_ways(s, &mech, key, &plain, &want, &format!("{length} bytes"));
        let mut padded = data(length.max(1));
        padded.resize(length.max(1).next_multiple_of(8), 0);
        let encrypt = openssl::symm::Mode::Encrypt;
        let all = reference::cipher(cipher, encrypt, &value, Some(&[0; 8]), &padded);
        let code = &all[all.len() - 8..];
        mac::check(s, &Mech::plain(CKM_DES3_MAC), key, &data(length.max(1)), &code[..4]);
        let whole = Mech::mac(CKM_DES3_MAC_GENERAL, 8);
        mac::check(s, &whole, key, &data(length.max(1)), code);
    }
    let wrong = [5_u8; 16];
    let mech = Mech::iv(CKM_DES3_CBC_PAD, &[9; 8]);
    let sealed = reference::cipher(
        cipher,
        openssl::symm::Mode::Encrypt,
        &value,
        Some(&[9; 8]),
        &wrong[..15].iter().chain(&[9]).copied().collect::<Vec<_>>(),
    );
    s.decrypt(&mech, key, &sealed).gives(CKR_ENCRYPTED_DATA_INVALID);
    s.decrypt(&mech, key, &sealed[..15]).gives(CKR_ENCRYPTED_DATA_LEN_RANGE);
}

#[test]
fn keys_of_des_have_odd_parity_and_one_length() {
    let user = User::with_settings(LEGACY);
    let s = user.session;
    for (kind, generation, length) in
        [(CKK_DES2, CKM_DES2_KEY_GEN, 16), (CKK_DES3, CKM_DES3_KEY_GEN, 24)]
    {
        let key = s.generate(&Mech::plain(generation), &keys::open()).good();
        let value = s.get(key, CKA_VALUE).good();
        assert_eq!((value.len(), odd(value.clone())), (length, value));
        let wrong = template! { CKA_VALUE_LEN => 8 as CK_ULONG };
        s.generate(&Mech::plain(generation), &wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        for other in [8, 16, 24, 32] {
            let made = keys::try_secret(s, kind, &odd(data(other)), &keys::open());
            let want = if other == length { CKR_OK } else { CKR_ATTRIBUTE_VALUE_INVALID };
            assert_eq!(made.code(), want, "{kind:#x} of {other} bytes");
        }
        let mut even = odd(data(length));
        even[length - 1] ^= 1;
        let made = keys::try_secret(s, kind, &even, &keys::open());
        made.gives(CKR_ATTRIBUTE_VALUE_INVALID);
        let wrapping = keys::aes(s, 32);
        let bad = keys::secret(s, CKK_GENERIC_SECRET, &even);
        let wrapped = s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), wrapping, bad).good();
        let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind };
        s.unwrap(&Mech::plain(CKM_AES_KEY_WRAP), wrapping, &wrapped, &template)
            .gives(CKR_WRAPPED_KEY_INVALID);
        // The check value is of the cipher, as the section on the key type has it.
        let sealed = s.encrypt(&Mech::plain(CKM_DES3_ECB), key, &[0; 8]).good();
        assert_eq!(s.get(key, CKA_CHECK_VALUE).good(), sealed[..3]);
    }
}

#[test]
fn md5_is_there_where_the_configuration_allows() {
    let user = User::new();
    for kind in [CKM_MD5, CKM_MD5_HMAC, CKM_MD5_HMAC_GENERAL, CKM_DES3_KEY_GEN] {
        assert!(!crate::table::offers(&user, kind));
        session::mechanism_info(user.token.slot, kind).gives(CKR_MECHANISM_INVALID);
    }
    let key = keys::generic(user.session, 20);
    user.session.start(Kind::Digest, &Mech::plain(CKM_MD5), None).gives(CKR_MECHANISM_INVALID);
    for kind in [Kind::Sign, Kind::Verify] {
        let started = user.session.start(kind, &Mech::plain(CKM_MD5_HMAC), Some(key));
        started.gives(CKR_MECHANISM_INVALID);
    }
    drop(user);
    let user = User::with_settings(LEGACY);
    let s = user.session;
    for record in vectors::read("digest_more.txt") {
        let mech = Mech::plain(hash_named(record.text("hash")));
        assert_eq!(s.digest(&mech, &record.hex("data")).good(), record.hex("digest"));
    }
    for record in vectors::read("hmac_more.txt") {
        if record.text("hash") == "md5" {
            let (input, code) = (record.hex("data"), record.hex("mac"));
            for kind in [CKK_GENERIC_SECRET, CKK_MD5_HMAC] {
                let key = keys::secret(s, kind, &record.hex("key"));
                mac::check(s, &Mech::plain(CKM_MD5_HMAC), key, &input, &code);
                mac::check(s, &Mech::mac(CKM_MD5_HMAC_GENERAL, 10), key, &input, &code[..10]);
            }
        }
    }
    // No parameter names it, all the same.
    let how = mechanism::Hkdf { extract: true, expand: true, ..Default::default() };
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE_LEN => 16 as CK_ULONG };
    let base = keys::generic(s, 32);
    s.derive(&Mech::hkdf(CKM_HKDF_DERIVE, CKM_MD5, &how), base, &template)
        .gives(CKR_MECHANISM_PARAM_INVALID);
}

fn mechanism_and_key(s: Session, record: &vectors::Record) -> (Mech, Obj) {
    let value = record.hex("key");
    let kind = if value.len() == 16 { CKK_DES2 } else { CKK_DES3 };
    let mech = match record.text("mode") {
        "ecb" => Mech::plain(CKM_DES3_ECB),
        "cbc" => Mech::iv(CKM_DES3_CBC, &record.hex("iv")),
        "cmac" => Mech::plain(CKM_DES3_CMAC),
        other => panic!("mode {other}"),
    };
    (mech, keys::secret(s, kind, &value))
}

/// The same value with the parity that DES keys have.
pub fn odd(value: Vec<u8>) -> Vec<u8> {
    value.into_iter().map(|byte| byte ^ (1 ^ (byte.count_ones() as u8 & 1))).collect()
}

pub const LEGACY: &str = "[policy]\nlegacy_algorithms = true\n[token]\nmode = \"compatible\"\n";
