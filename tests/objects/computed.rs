// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attributes that the token computes: given rightly they are taken, wrongly they are not.

use crate::certificates;
use crate::common::*;
use crate::secret;

#[test]
fn a_length_beside_a_value_must_be_its_length() {
    let user = User::new();
    let s = user.session;
    for (kind, value) in [(CKK_AES, &[1; 16][..]), (CKK_GENERIC_SECRET, &[1; 20])] {
        let with = |len: usize| s.create(&secret(kind, value).with(CKA_VALUE_LEN, len as CK_ULONG));
        let key = with(value.len()).good();
        assert_eq!(s.number(key, CKA_VALUE_LEN).good(), value.len() as CK_ULONG);
        for wrong in [0, 1, value.len() - 1, value.len() + 1, usize::MAX] {
            with(wrong).gives(CKR_TEMPLATE_INCONSISTENT);
        }
        let narrow = secret(kind, value).with(CKA_VALUE_LEN, &[value.len() as u8]);
        s.create(&narrow).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
}

#[test]
fn the_public_key_of_a_private_one_is_what_it_is() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let right = s.get(private, CKA_PUBLIC_KEY_INFO).good();
    let (_, other) = keys::pair(s, &ec::P256);
    let wrong = s.get(other, CKA_PUBLIC_KEY_INFO).good();
    let (right, wrong) =
        (template! { CKA_PUBLIC_KEY_INFO => right }, template! { CKA_PUBLIC_KEY_INFO => wrong });
    s.set(private, &right).good();
    s.set(private, &wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.copy(private, &right).good();
    s.copy(private, &wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.set(private, &template! { CKA_PUBLIC_KEY_INFO => b"" }).good_for("it may be empty");
    s.set(private, &wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.set(private, &right).good_for("and given again");
    s.set(public, &right).gives(CKR_ATTRIBUTE_READ_ONLY);
    let made = s.create(&keys::rsa_public(&reference::rsa()).and(&wrong));
    made.gives(CKR_ATTRIBUTE_VALUE_INVALID);
}

#[test]
fn a_certificate_shows_its_public_key() {
    let user = User::new();
    let s = user.session;
    let key = reference::rsa().public_key_to_der().unwrap();
    let object = s.create(&certificates::template()).good();
    assert_eq!(s.get(object, CKA_PUBLIC_KEY_INFO).good(), key);
    // The relationship is not enforced, and what is no certificate has no key.
    let own = certificates::template().with(CKA_PUBLIC_KEY_INFO, &[0x30, 0]);
    let object = s.create(&own).good();
    assert_eq!(s.get(object, CKA_PUBLIC_KEY_INFO).good(), [0x30, 0]);
    let value = certificates::template().value(CKA_VALUE).unwrap().to_vec();
    let cut = &value[..value.len() - 1];
    for bad in [b"x".to_vec(), vec![0x30, 0x80], cut.to_vec(), value[4..].to_vec()] {
        let object = s.create(&certificates::template().set(CKA_VALUE, bad)).good();
        assert_eq!(s.get(object, CKA_PUBLIC_KEY_INFO).good(), b"");
    }
}

#[test]
fn pairs_are_linked_by_the_check_of_their_public_value() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let want = crc64(&reference::rsa().n().to_vec());
    assert_eq!(crc64(b"123456789"), 0x6C40_DF5F_0B49_7347_u64.to_be_bytes());
    for key in [public, private] {
        assert_eq!(s.get(key, CKA_PUBLIC_CRC64_VALUE).good(), want);
    }
    let right = keys::rsa_public(&reference::rsa()).with(CKA_PUBLIC_CRC64_VALUE, &want);
    s.create(&right).good();
    let wrong = right.set(CKA_PUBLIC_CRC64_VALUE, &[0; 8]);
    s.create(&wrong).gives(CKR_ATTRIBUTE_VALUE_INVALID);
}

/// Bit by bit, as a division of polynomials.
fn crc64(bytes: &[u8]) -> [u8; 8] {
    let mut rest = 0_u64;
    let bits =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| u64::from((byte >> bit) & 1)));
    for bit in bits.chain([0; 64]) {
        let out = rest >> 63;
        rest = (rest << 1) | bit;
        if out == 1 {
            rest ^= 0x42F0_E1EB_A9EA_3693;
        }
    }
    rest.to_be_bytes()
}

#[test]
fn no_validation_no_flags() {
    let user = User::new();
    let s = user.session;
    let flags = |value: CK_ULONG| template! { CKA_OBJECT_VALIDATION_FLAGS => value };
    let key = s.create(&secret(CKK_AES, &[1; 16]).and(&flags(0))).good();
    let (public, private) = keys::pair(s, &ec::P256);
    for key in [key, keys::aes(s, 32), public, private] {
        assert_eq!(s.number(key, CKA_OBJECT_VALIDATION_FLAGS).good(), 0);
        s.set(key, &flags(0)).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
    s.create(&secret(CKK_AES, &[1; 16]).and(&flags(1))).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    let template = template! { CKA_VALUE_LEN => 16 as CK_ULONG }.and(&flags(0));
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &template).gives(CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn trusted_certificates_stay_as_they_are() {
    let user = User::new();
    let s = user.session;
    s.logout().good();
    s.login(CKU_SO, SO_PIN).good();
    let place = template! { CKA_TOKEN => true, CKA_TRUSTED => true };
    let object = s.create(&certificates::template().and(&place)).good();
    for change in [template! { CKA_LABEL => "new" }, template! { CKA_TRUSTED => false }] {
        s.set(object, &change).gives(CKR_ACTION_PROHIBITED);
    }
    s.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    s.set(object, &template! { CKA_LABEL => "new" }).gives(CKR_ACTION_PROHIBITED);
    let copy = s.copy(object, &template! { CKA_LABEL => "new" }).good();
    assert!(!s.flag(copy, CKA_TRUSTED).good());
}

#[test]
fn what_describes_a_certificate_is_fixed() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&certificates::template()).good();
    for (kind, value) in [
        (CKA_START_DATE, &b"20260101"[..]),
        (CKA_END_DATE, b"20270101"),
        (CKA_CHECK_VALUE, b""),
        (CKA_URL, b"https://example.com"),
        (CKA_PUBLIC_KEY_INFO, b"x"),
        (CKA_HASH_OF_SUBJECT_PUBLIC_KEY, b"x"),
    ] {
        let changed = s.set(object, &template! { kind => value });
        changed.gives_for(&format!("{kind:#x}"), &[CKR_ATTRIBUTE_READ_ONLY]);
    }
}

#[test]
fn a_check_value_may_be_given_up() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let value = s.get(key, CKA_CHECK_VALUE).good();
    s.set(key, &template! { CKA_CHECK_VALUE => &[1, 2, 3] }).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.set(key, &template! { CKA_CHECK_VALUE => &value }).good();
    s.set(key, &template! { CKA_CHECK_VALUE => b"" }).good();
    assert_eq!(s.get(key, CKA_CHECK_VALUE).good(), b"");
}

#[test]
fn dates_are_of_the_calendar() {
    let user = User::new();
    let s = user.session;
    let make = |kind, date: &[u8]| s.create(&secret(CKK_AES, &[1; 16]).with(kind, date));
    for kind in [CKA_START_DATE, CKA_END_DATE] {
        for good in ["19000101", "99991231", "20280229"] {
            make(kind, good.as_bytes()).good();
        }
        for bad in [
            "18991231", "20260229", "00000000", "20261301", "20260001", "20260100", "20260132",
            "2026010a",
        ] {
            make(kind, bad.as_bytes()).gives(CKR_ATTRIBUTE_VALUE_INVALID);
        }
    }
}

#[test]
fn keys_of_lengths_that_no_mechanism_takes_are_not_made() {
    let user = User::new();
    let s = user.session;
    for (generation, lengths) in [(CKM_AES_KEY_GEN, &[0, 8, 15, 17, 40, 64, HUGE][..])] {
        for length in lengths {
            let template = template! { CKA_VALUE_LEN => *length };
            let made = s.generate(&Mech::plain(generation), &template);
            let want = [CKR_ATTRIBUTE_VALUE_INVALID, CKR_KEY_SIZE_RANGE];
            made.gives_for(&format!("{length} bytes"), &want);
        }
    }
    let wide = template! { CKA_VALUE_LEN => 16 as CK_ULONG };
    for (kind, value) in [
        (CKA_CLASS, CKO_PRIVATE_KEY),
        (CKA_CLASS, CKO_DATA),
        (CKA_KEY_TYPE, CKK_GENERIC_SECRET),
        (CKA_KEY_TYPE, CKK_RSA),
    ] {
        let made = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &wide.clone().with(kind, value));
        made.gives_for(&format!("{kind:#x} {value}"), &[CKR_TEMPLATE_INCONSISTENT]);
    }
    let by = keys::aes(s, 32);
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let long = s.create(&secret(CKK_GENERIC_SECRET, &[1; 40])).good();
    let wrapped = s.wrap(&mech, by, long).good();
    let named = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    s.unwrap(&mech, by, &wrapped, &named).gives(CKR_WRAPPED_KEY_LEN_RANGE);
}
