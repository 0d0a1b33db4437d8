// SPDX-License-Identifier: Apache-2.0 OR MIT
//! HKDF.

use crate::common::mechanism::Hkdf;
use crate::common::*;
use crate::hash_named;
use crate::table::offers;

#[test]
fn known_answers_whole_and_in_two_steps() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("hkdf.txt") {
        let place = record.place();
        let hash = hash_named(record.text("hash"));
        let (salt, info) = (record.hex("salt"), record.hex("info"));
        let salt = record.has("salt").then_some(&salt[..]);
        let base = keys::secret(s, CKK_GENERIC_SECRET, &record.hex("ikm"));
        let (prk, okm) = (record.hex("prk"), record.hex("okm"));
        let derive = |base, how: Hkdf<'_>, length: usize| {
            let mech = Mech::hkdf(CKM_HKDF_DERIVE, hash, &how);
            let key = s.derive(&mech, base, &generic(length)).good_for(&place);
            (key, s.get(key, CKA_VALUE).good())
        };
        let both = Hkdf { extract: true, expand: true, salt, info: &info, ..Hkdf::default() };
        assert_eq!(derive(base, both, okm.len()).1, okm, "{place}");
        let extract = Hkdf { extract: true, salt, ..Hkdf::default() };
        let (middle, value) = derive(base, extract, prk.len());
        assert_eq!(value, prk, "{place}");
        let expand = Hkdf { expand: true, info: &info, ..Hkdf::default() };
        assert_eq!(derive(middle, expand, okm.len()).1, okm, "{place}");
    }
}

#[test]
fn extraction_alone_knows_its_length() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[0x0b; 22]);
    let how = Hkdf { extract: true, ..Hkdf::default() };
    let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET };
    let key = s.derive(&mech, base, &template.and(&keys::open())).good();
    assert_eq!(s.get(key, CKA_VALUE).good(), reference::hmac(CKM_SHA256, &[0; 32], &[0x0b; 22]));
}

#[test]
fn a_salt_may_be_a_key() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let salt = keys::secret(s, CKK_GENERIC_SECRET, b"salt as a key");
    let how = Hkdf { extract: true, salt_key: Some(salt.0), ..Hkdf::default() };
    let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let key = s.derive(&mech, base, &generic(32)).good();
    assert_eq!(
        s.get(key, CKA_VALUE).good(),
        reference::hmac(CKM_SHA256, b"salt as a key", &[1; 32])
    );
    let how = Hkdf { extract: true, salt_key: Some(0x7777_7777), ..Hkdf::default() };
    let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let bad = [CKR_KEY_HANDLE_INVALID, CKR_MECHANISM_PARAM_INVALID];
    s.derive(&mech, base, &generic(32)).gives_one_of(&bad);
}

#[test]
fn parameters_must_make_sense() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let neither = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &Hkdf::default());
    s.derive(&neither, base, &generic(32)).gives(CKR_MECHANISM_PARAM_INVALID);
    let both = Hkdf { extract: true, expand: true, ..Hkdf::default() };
    for hash in [CKM_AES_ECB, CKM_SHA256_HMAC, 0x7fff_ffff] {
        let mech = Mech::hkdf(CKM_HKDF_DERIVE, hash, &both);
        s.derive(&mech, base, &generic(32)).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &both);
    s.derive(&mech, base, &generic(255 * 32)).good();
    let long = [
        CKR_TEMPLATE_INCONSISTENT,
        CKR_ATTRIBUTE_VALUE_INVALID,
        CKR_MECHANISM_PARAM_INVALID,
        CKR_KEY_SIZE_RANGE,
    ];
    s.derive(&mech, base, &generic(255 * 32 + 1)).gives_one_of(&long);
}

#[test]
fn data_and_key_generation_work_where_they_are_offered() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[0x0b; 22]);
    let both = Hkdf { extract: true, expand: true, ..Hkdf::default() };
    let template = template! { CKA_CLASS => CKO_DATA, CKA_VALUE_LEN => 42 as CK_ULONG };
    let derived = s.derive(&Mech::hkdf(CKM_HKDF_DATA, CKM_SHA256, &both), base, &template);
    if offers(&user, CKM_HKDF_DATA) {
        let records = vectors::read("hkdf.txt");
        let third = records.iter().find(|record| record.text("case") == "A.3").unwrap();
        assert_eq!(s.get(derived.good(), CKA_VALUE).good(), third.hex("okm"));
    } else {
        derived.gives(CKR_MECHANISM_INVALID);
    }
    let template = template! { CKA_VALUE_LEN => 48 as CK_ULONG }.and(&keys::open());
    let made = s.generate(&Mech::plain(CKM_HKDF_KEY_GEN), &template);
    if offers(&user, CKM_HKDF_KEY_GEN) {
        let key = made.good();
        assert_eq!(s.number(key, CKA_KEY_TYPE).good(), CKK_HKDF);
        assert_eq!(s.get(key, CKA_VALUE).good().len(), 48);
    } else {
        made.gives(CKR_MECHANISM_INVALID);
    }
}

fn generic(length: usize) -> Template {
    template! {
        CKA_CLASS => CKO_SECRET_KEY,
        CKA_KEY_TYPE => CKK_GENERIC_SECRET,
        CKA_VALUE_LEN => length as CK_ULONG,
    }
    .and(&keys::open())
}

#[test]
fn a_salt_key_must_be_one_to_derive_with() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    for may in [true, false] {
        let usage = keys::open().with(CKA_DERIVE, may);
        let salt = keys::try_secret(s, CKK_GENERIC_SECRET, b"salt as a key", &usage).good();
        for expand in [true, false] {
            let how = Hkdf { extract: true, expand, salt_key: Some(salt.0), ..Hkdf::default() };
            let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
            let derived = s.derive(&mech, base, &generic(32)).map(drop);
            derived.gives(if may { CKR_OK } else { CKR_KEY_FUNCTION_NOT_PERMITTED });
        }
    }
}

#[test]
fn salt_and_info_are_ignored_without_their_step() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_GENERIC_SECRET, &[1; 32]);
    let derive = |mech: &Mech, what: &str| {
        let key = s.derive(mech, base, &generic(32)).good_for(what);
        s.get(key, CKA_VALUE).good()
    };
    let null = std::ptr::null_mut();
    let with = |parameter| Mech::with(CKM_HKDF_DERIVE, parameter, Vec::new());
    let expand = Hkdf { expand: true, ..Hkdf::default() };
    let want = derive(&Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &expand), "expand");
    let nothing = CK_HKDF_PARAMS {
        bExtract: CK_FALSE,
        bExpand: CK_TRUE,
        prfHashMechanism: CKM_SHA256,
        ulSaltType: CKF_HKDF_SALT_NULL,
        pSalt: null,
        ulSaltLen: 0,
        hSaltKey: CK_INVALID_HANDLE,
        pInfo: null,
        ulInfoLen: 0,
    };
    for kind in [CKF_HKDF_SALT_NULL, CKF_HKDF_SALT_DATA, CKF_HKDF_SALT_KEY, 0, 99, HUGE] {
        for length in [0, 5, 1 << 45, HUGE] {
            let mut salted = CK_HKDF_PARAMS { hSaltKey: 0x7777, ..nothing };
            salted.ulSaltType = kind;
            salted.ulSaltLen = length;
            let what = format!("salt of type {kind:#x}, {length} bytes at NULL");
            assert_eq!(derive(&with(salted), &what), want, "{what}");
        }
    }
    let extract = Hkdf { extract: true, salt: Some(b"salt"), ..Hkdf::default() };
    let want = derive(&Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &extract), "extract");
    let salt = b"salt".to_vec();
    for length in [0, 5, 1 << 45, HUGE] {
        let informed = CK_HKDF_PARAMS {
            bExtract: CK_TRUE,
            bExpand: CK_FALSE,
            ulSaltType: CKF_HKDF_SALT_DATA,
            pSalt: bytes(&salt),
            ulSaltLen: 4,
            ulInfoLen: length,
            ..nothing
        };
        let what = format!("info of {length} bytes at NULL");
        assert_eq!(derive(&with(informed), &what), want, "{what}");
    }
}

#[test]
fn a_data_object_may_be_the_input() {
    let user = User::new();
    let s = user.session;
    let data = template! { CKA_CLASS => CKO_DATA, CKA_VALUE => &[7; 32] };
    let data = s.create(&data).good();
    let how = Hkdf { extract: true, salt: Some(b"salt"), ..Hkdf::default() };
    let template = template! { CKA_KEY_TYPE => CKK_HKDF }.and(&keys::open());
    let mech = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let key = s.derive(&mech, data, &template).good();
    assert_eq!(s.get(key, CKA_VALUE).good(), reference::hmac(CKM_SHA256, b"salt", &[7; 32]));
    assert!(!s.flag(key, CKA_ALWAYS_SENSITIVE).good());
    // A mechanism of keys alone, and an object without a value.
    let hash = Mech::plain(CKM_SHA256_KEY_DERIVATION);
    s.derive(&hash, data, &template).gives(CKR_KEY_HANDLE_INVALID);
    let empty = s.create(&template! { CKA_CLASS => CKO_DATA }).good();
    s.derive(&mech, empty, &template).gives(CKR_KEY_SIZE_RANGE);
}

#[test]
fn derived_data_are_a_data_object() {
    let user = User::new();
    let s = user.session;
    let base = keys::secret(s, CKK_HKDF, &[1; 32]);
    let how = Hkdf { extract: true, expand: true, info: b"info", ..Hkdf::default() };
    let mech = Mech::hkdf(CKM_HKDF_DATA, CKM_SHA256, &how);
    let length = template! { CKA_VALUE_LEN => 20 as CK_ULONG };
    let named = length.clone().with(CKA_LABEL, "data").with(CKA_APPLICATION, "test");
    let made = s.derive(&mech, base, &named).good();
    assert_eq!(s.number(made, CKA_CLASS).good(), CKO_DATA);
    assert_eq!(s.get(made, CKA_LABEL).good(), b"data");
    assert!(s.flag(made, CKA_PRIVATE).good(), "as private as the base key");
    let key = Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how);
    let key = s.derive(&key, base, &length.clone().and(&keys::open())).good();
    assert_eq!(s.get(made, CKA_VALUE).good(), s.get(key, CKA_VALUE).good());
    for wrong in [
        template! { CKA_CLASS => CKO_SECRET_KEY },
        template! { CKA_KEY_TYPE => CKK_AES },
        template! { CKA_SENSITIVE => true },
        template! { CKA_VALUE => b"other" },
    ] {
        s.derive(&mech, base, &length.clone().and(&wrong)).gives(CKR_TEMPLATE_INCONSISTENT);
    }
}
