// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys from passwords.

use crate::common::*;
use crate::derivation::wanted;

fn function(name: &str) -> CK_ULONG {
    match name {
        "sha1" => CKP_PKCS5_PBKD2_HMAC_SHA1,
        "sha224" => CKP_PKCS5_PBKD2_HMAC_SHA224,
        "sha256" => CKP_PKCS5_PBKD2_HMAC_SHA256,
        "sha384" => CKP_PKCS5_PBKD2_HMAC_SHA384,
        "sha512" => CKP_PKCS5_PBKD2_HMAC_SHA512,
        "sha512_224" => CKP_PKCS5_PBKD2_HMAC_SHA512_224,
        "sha512_256" => CKP_PKCS5_PBKD2_HMAC_SHA512_256,
        other => panic!("unknown function {other}"),
    }
}

/// PBKDF2.
pub fn pbkdf2(prf: CK_ULONG, password: &[u8], salt: &[u8], iterations: CK_ULONG) -> Mech {
    let (password, salt) = (password.to_vec(), salt.to_vec());
    let parameter = CK_PKCS5_PBKD2_PARAMS2 {
        saltSource: CKZ_SALT_SPECIFIED,
        pSaltSourceData: bytes(&salt).cast(),
        ulSaltSourceDataLen: len(&salt),
        iterations,
        prf,
        pPrfData: std::ptr::null_mut(),
        ulPrfDataLen: 0,
        pPassword: bytes(&password),
        ulPasswordLen: len(&password),
    };
    Mech::with(CKM_PKCS5_PBKD2, parameter, vec![password, salt])
}

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("pbkdf2.txt") {
        let place = record.place();
        let (password, salt) = (record.hex("password"), record.hex("salt"));
        let prf = function(record.text("hash"));
        let mech = pbkdf2(prf, &password, &salt, record.number("iterations"));
        let derived = record.hex("derived");
        let template = wanted(Some(CKK_GENERIC_SECRET), Some(derived.len()));
        let key = s.generate(&mech, &template).good_for(&place);
        assert_eq!(s.get(key, CKA_VALUE).good(), derived, "{place}");
        assert!(s.flag(key, CKA_LOCAL).good());
        let aes = s.generate(&mech, &wanted(Some(CKK_AES), Some(16))).good_for(&place);
        assert_eq!(s.get(aes, CKA_VALUE).good(), derived[..16], "{place}");
    }
}

#[test]
fn types_and_lengths_are_named_as_the_section_says() {
    let user = User::new();
    let s = user.session;
    let mech = pbkdf2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 2);
    let make = |kind, length| s.generate(&mech, &wanted(kind, length));
    make(None, Some(16)).gives(CKR_TEMPLATE_INCOMPLETE);
    make(Some(CKK_AES), None).gives(CKR_TEMPLATE_INCOMPLETE);
    make(Some(CKK_GENERIC_SECRET), None).gives(CKR_TEMPLATE_INCOMPLETE);
    make(Some(CKK_AES), Some(17)).gives(CKR_TEMPLATE_INCONSISTENT);
    make(Some(CKK_GENERIC_SECRET), Some(1 << 40)).gives(CKR_KEY_SIZE_RANGE);
    make(Some(CKK_GENERIC_SECRET), Some(usize::MAX)).gives(CKR_KEY_SIZE_RANGE);
    make(Some(CKK_CHACHA20), None).good();
    let des = make(Some(CKK_DES3), None).good();
    let value = s.get(des, CKA_VALUE).good();
    assert_eq!(value.len(), 24);
    assert!(value.iter().all(|byte| byte.count_ones() % 2 == 1));
    for kind in [CKK_RSA, CKK_EC, 0x7777] {
        let wrong = [CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_VALUE_INVALID];
        make(Some(kind), Some(16)).gives_one_of(&wrong);
    }
}

#[test]
fn parameters_are_checked() {
    let user = User::new();
    let s = user.session;
    let template = wanted(Some(CKK_AES), Some(16));
    let good = |iterations| pbkdf2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", iterations);
    s.generate(&good(1), &template).good();
    let empty = pbkdf2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"", b"", 1);
    s.generate(&empty, &template).good();
    for iterations in [0, 1 << 32, 1 << 45, HUGE] {
        s.generate(&good(iterations), &template).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    for prf in [0, CKP_PKCS5_PBKD2_HMAC_GOSTR3411, 9, HUGE] {
        let mech = pbkdf2(prf, b"password", b"salt", 1);
        s.generate(&mech, &template).gives(CKR_MECHANISM_PARAM_INVALID);
    }
    let mech = good(1);
    // SAFETY: the parameter of a mechanism that lives.
    let right = unsafe { *mech.raw().pParameter.cast::<CK_PKCS5_PBKD2_PARAMS2>() };
    let refused = |parameter: CK_PKCS5_PBKD2_PARAMS2| {
        let mech = Mech::with(CKM_PKCS5_PBKD2, parameter, Vec::new());
        s.generate(&mech, &template).gives(CKR_MECHANISM_PARAM_INVALID);
    };
    let null = std::ptr::null_mut();
    for source in [0, 2, HUGE] {
        refused(CK_PKCS5_PBKD2_PARAMS2 { saltSource: source, ..right });
    }
    refused(CK_PKCS5_PBKD2_PARAMS2 { ulPrfDataLen: 1, ..right });
    refused(CK_PKCS5_PBKD2_PARAMS2 { pPrfData: right.pSaltSourceData, ..right });
    for length in [1, 1 << 30, 1 << 45, HUGE] {
        refused(CK_PKCS5_PBKD2_PARAMS2 { pPassword: null, ulPasswordLen: length, ..right });
        let salt = null.cast();
        refused(CK_PKCS5_PBKD2_PARAMS2 {
            pSaltSourceData: salt,
            ulSaltSourceDataLen: length,
            ..right
        });
    }
    for nowhere in [1 << 20, 1 << 45, HUGE - 8, HUGE] {
        refused(CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: nowhere, ..right });
    }
    let long: CK_ULONG = 1 << 20;
    let far = (&raw const long).addr() as CK_ULONG;
    refused(CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: far, ..right });
    let size = size_of::<CK_PKCS5_PBKD2_PARAMS2>() as CK_ULONG;
    for length in [0, 1, size - 1, size + 1, HUGE] {
        let mut room = [0u8; 128];
        let mech = Mech::raw_parameter(CKM_PKCS5_PBKD2, room.as_mut_ptr().cast(), length);
        s.generate(&mech, &template).gives(CKR_MECHANISM_PARAM_INVALID);
    }
}

/// NSS fills in the structure in which the length of the password stands elsewhere.
#[test]
fn the_older_structure_is_taken_as_well() {
    let user = User::new();
    let s = user.session;
    let template = keys::open().and(&template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_GENERIC_SECRET, CKA_VALUE_LEN => 32 as CK_ULONG,
    });
    let new = pbkdf2(CKP_PKCS5_PBKD2_HMAC_SHA256, b"password", b"salt", 2);
    // SAFETY: the parameter of a mechanism that lives.
    let given = unsafe { *new.raw().pParameter.cast::<CK_PKCS5_PBKD2_PARAMS2>() };
    let length = given.ulPasswordLen;
    let older =
        CK_PKCS5_PBKD2_PARAMS2 { ulPasswordLen: (&raw const length).addr() as CK_ULONG, ..given };
    let older = Mech::with(CKM_PKCS5_PBKD2, older, Vec::new());
    let made = [&new, &older].map(|mech| s.generate(mech, &template).good());
    assert_eq!(s.get(made[0], CKA_VALUE).good(), s.get(made[1], CKA_VALUE).good());
}
