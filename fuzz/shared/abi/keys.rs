// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys that every run finds, and templates and values that are nearly right.

use super::input::{Generator, row};
use cryptoki_sys::*;
use std::ptr;
use strongroom::mechanism::{Parts, pkcs8};

/// One key or pair of every kind that the library makes.
pub fn make(list: &CK_FUNCTION_LIST_3_2, session: CK_SESSION_HANDLE) -> Vec<CK_OBJECT_HANDLE> {
    let mut made = rsa(list, session);
    for (mechanism, attribute, value) in KEYS {
        let mut value = value.to_vec();
        let mut named = row(*attribute, value.as_mut_ptr(), value.len() as CK_ULONG);
        let mut mechanism =
            CK_MECHANISM { mechanism: *mechanism, pParameter: ptr::null_mut(), ulParameterLen: 0 };
        let (mut first, mut second) = (0, 0);
        let (one, pair) = (list.C_GenerateKey, list.C_GenerateKeyPair);
        // SAFETY: the pointers are to locals, each attribute as long as it says.
        let (rv_one, rv_pair) = unsafe {
            let one = one.expect("C_GenerateKey");
            let pair = pair.expect("C_GenerateKeyPair");
            let none = ptr::null_mut();
            let places = (&mut first, &mut second);
            match one(session, &mut mechanism, &mut named, 1, places.0) {
                CKR_OK => (CKR_OK, CKR_MECHANISM_INVALID),
                rv => {
                    (rv, pair(session, &mut mechanism, &mut named, 1, none, 0, places.0, places.1))
                }
            }
        };
        // A mechanism that this build does not have makes nothing.
        if rv_one == CKR_OK || rv_pair == CKR_OK {
            made.extend([first, second].into_iter().filter(|handle| *handle != 0));
        }
    }
    made
}

/// The tests' own RSA key, because making one takes long.
fn rsa(list: &CK_FUNCTION_LIST_3_2, session: CK_SESSION_HANDLE) -> Vec<CK_OBJECT_HANDLE> {
    let pem = include_bytes!("../../../tests/vectors/rsa2048.pem");
    let Ok(Parts::RsaPrivate(key)) = pkcs8::decode_any_private(pem, None) else {
        panic!("an RSA key in the test's file");
    };
    let rsa = CKK_RSA.to_ne_bytes();
    let public = [(CKA_MODULUS, key.public.modulus), (CKA_PUBLIC_EXPONENT, key.public.exponent)];
    let private = (CKA_PRIVATE_EXPONENT, key.exponent.expose().to_vec());
    let create = |class: CK_OBJECT_CLASS, more: &[(CK_ATTRIBUTE_TYPE, Vec<u8>)]| {
        let class = class.to_ne_bytes();
        let first = [(CKA_CLASS, class.to_vec()), (CKA_KEY_TYPE, rsa.to_vec())];
        let mut values: Vec<_> = first.iter().chain(&public).chain(more).cloned().collect();
        let rows = values.iter_mut();
        let rows = rows.map(|(id, value)| row(*id, value.as_mut_ptr(), value.len() as CK_ULONG));
        let (mut rows, mut handle) = (rows.collect::<Vec<_>>(), 0);
        let (pointer, count) = (rows.as_mut_ptr(), rows.len() as CK_ULONG);
        let create = list.C_CreateObject.expect("C_CreateObject");
        // SAFETY: each attribute is as long as it says.
        let rv = unsafe { create(session, pointer, count, &mut handle) };
        assert_eq!(rv, CKR_OK, "the RSA key");
        handle
    };
    vec![create(CKO_PUBLIC_KEY, &[]), create(CKO_PRIVATE_KEY, &[private])]
}

/// The beginning of a template: class and type, or what generation needs.
pub fn beginning(generator: &mut Generator<'_>) -> Vec<CK_ATTRIBUTE> {
    let ids: &[CK_ATTRIBUTE_TYPE] = match generator.byte() % 8 {
        0 => &[],
        1 => &[CKA_VALUE_LEN],
        2 => &[CKA_MODULUS_BITS],
        3 => &[CKA_EC_PARAMS],
        4 => &[CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE],
        5 => &[CKA_CLASS, CKA_KEY_TYPE, CKA_EC_PARAMS, CKA_EC_POINT],
        6 => &[CKA_CLASS, CKA_KEY_TYPE, CKA_VALUE_LEN],
        _ => &[CKA_CLASS, CKA_KEY_TYPE, CKA_PARAMETER_SET, CKA_VALUE],
    };
    ids.iter().map(|id| generator.attribute(*id, 0)).collect()
}

/// A number that the attribute may have. Sizes of new keys stay where generation is quick.
pub fn number(generator: &mut Generator<'_>, id: CK_ATTRIBUTE_TYPE) -> CK_ULONG {
    if generator.byte() < 16 && !SLOW.contains(&id) {
        return generator.number();
    }
    match id {
        CKA_CLASS => CK_ULONG::from(generator.byte() % 12),
        CKA_KEY_TYPE => generator.pick(KEY_TYPES),
        CKA_VALUE_LEN => generator.pick(&[0, 8, 14, 16, 24, 32, 48, 64, 128, 129, 512, 1 << 20]),
        CKA_MODULUS_BITS => {
            generator.pick(&[0, 1, 512, 1023, 1024, 2047, 2049, 1 << 20, CK_ULONG::MAX])
        }
        CKA_PRIME_BITS | CKA_SUBPRIME_BITS => {
            generator.pick(&[0, 1, 160, 255, 513, 1 << 20, CK_ULONG::MAX])
        }
        CKA_PARAMETER_SET => CK_ULONG::from(generator.byte() % 14),
        CKA_CERTIFICATE_TYPE | CKA_CERTIFICATE_CATEGORY => CK_ULONG::from(generator.byte() % 5),
        _ => generator.number(),
    }
}

/// Bytes that the attribute may have.
pub fn bytes(generator: &mut Generator<'_>, id: CK_ATTRIBUTE_TYPE) -> Vec<u8> {
    let known: &[&[u8]] = match id {
        CKA_EC_PARAMS => CURVES,
        CKA_EC_POINT => POINTS,
        CKA_PUBLIC_EXPONENT => &[&[1, 0, 1], &[3], &[0], &[0, 0, 1, 0, 1]],
        _ => &[],
    };
    if known.is_empty() || generator.byte() < 16 {
        return generator.content();
    }
    generator.pick(known).to_vec()
}

const fn bytes_of(number: CK_ULONG) -> [u8; size_of::<CK_ULONG>()] {
    number.to_ne_bytes()
}

/// A mechanism that makes keys, and the attribute it needs.
const KEYS: &[(CK_MECHANISM_TYPE, CK_ATTRIBUTE_TYPE, &[u8])] = &[
    (CKM_AES_KEY_GEN, CKA_VALUE_LEN, &bytes_of(32)),
    (CKM_AES_KEY_GEN, CKA_VALUE_LEN, &bytes_of(16)),
    (CKM_GENERIC_SECRET_KEY_GEN, CKA_VALUE_LEN, &bytes_of(32)),
    (CKM_GENERIC_SECRET_KEY_GEN, CKA_VALUE_LEN, &bytes_of(48)),
    (CKM_EC_KEY_PAIR_GEN, CKA_EC_PARAMS, P256),
    (CKM_EC_EDWARDS_KEY_PAIR_GEN, CKA_EC_PARAMS, ED25519),
    (CKM_EC_MONTGOMERY_KEY_PAIR_GEN, CKA_EC_PARAMS, X25519),
    (CKM_AES_XTS_KEY_GEN, CKA_VALUE_LEN, &bytes_of(64)),
    (CKM_CHACHA20_KEY_GEN, CKA_LABEL, b"c"),
    (CKM_POLY1305_KEY_GEN, CKA_LABEL, b"p"),
    (CKM_DES3_KEY_GEN, CKA_LABEL, b"d"),
    (CKM_HKDF_KEY_GEN, CKA_VALUE_LEN, &bytes_of(32)),
    (CKM_SHA256_KEY_GEN, CKA_VALUE_LEN, &bytes_of(32)),
    (CKM_ML_DSA_KEY_PAIR_GEN, CKA_PARAMETER_SET, &bytes_of(1)),
    (CKM_ML_KEM_KEY_PAIR_GEN, CKA_PARAMETER_SET, &bytes_of(1)),
    (CKM_SLH_DSA_KEY_PAIR_GEN, CKA_PARAMETER_SET, &bytes_of(3)),
];

const P256: &[u8] = &[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
const ED25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x70];
const X25519: &[u8] = &[0x06, 0x03, 0x2b, 0x65, 0x6e];
const CURVES: &[&[u8]] = &[
    P256,
    ED25519,
    X25519,
    &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22],
    &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x23],
    &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x21],
    &[0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x0a],
    &[0x06, 0x09, 0x2b, 0x24, 0x03, 0x03, 0x02, 0x08, 0x01, 0x01, 0x07],
    &[0x06, 0x03, 0x2b, 0x65, 0x71],
    &[0x06, 0x03, 0x2b, 0x65, 0x6f],
    b"\x13\x0cedwards25519",
    b"\x13\x0acurve25519",
    &[0x30, 0x00],
    &[0x05, 0x00],
];
/// The base point of P-256, that of Ed25519, and forms that are not quite points.
const POINTS: &[&[u8]] = &[
    b"\x04\x41\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5",
    b"\x04\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96\x4f\xe3\x42\xe2\xfe\x1a\x7f\x9b\x8e\xe7\xeb\x4a\x7c\x0f\x9e\x16\x2b\xce\x33\x57\x6b\x31\x5e\xce\xcb\xb6\x40\x68\x37\xbf\x51\xf5",
    b"\x03\x6b\x17\xd1\xf2\xe1\x2c\x42\x47\xf8\xbc\xe6\xe5\x63\xa4\x40\xf2\x77\x03\x7d\x81\x2d\xeb\x33\xa0\xf4\xa1\x39\x45\xd8\x98\xc2\x96",
    b"\x58\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66",
    &[0x00],
    &[0x04, 0x01, 0x00],
    &[0x04, 0x82, 0xff, 0xff],
];

/// What decides how long generation takes.
const SLOW: &[CK_ATTRIBUTE_TYPE] = &[CKA_MODULUS_BITS, CKA_PRIME_BITS, CKA_SUBPRIME_BITS];

const KEY_TYPES: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_DSA,
    CKK_DH,
    CKK_EC,
    CKK_X9_42_DH,
    CKK_GENERIC_SECRET,
    CKK_DES3,
    CKK_DES2,
    CKK_DES,
    CKK_AES,
    CKK_AES_XTS,
    CKK_CHACHA20,
    CKK_POLY1305,
    CKK_EC_EDWARDS,
    CKK_EC_MONTGOMERY,
    CKK_HKDF,
    CKK_SHA256_HMAC,
    CKK_SHA_1_HMAC,
    CKK_SHA512_HMAC,
    CKK_ML_DSA,
    CKK_ML_KEM,
    CKK_SLH_DSA,
    CKK_HSS,
    CKK_XMSS,
    CKK_XMSSMT,
    CKK_VENDOR_DEFINED,
];

pub const ATTRIBUTES: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_UNIQUE_ID,
    CKA_APPLICATION,
    CKA_VALUE,
    CKA_OBJECT_ID,
    CKA_CERTIFICATE_TYPE,
    CKA_ISSUER,
    CKA_SERIAL_NUMBER,
    CKA_AC_ISSUER,
    CKA_OWNER,
    CKA_ATTR_TYPES,
    CKA_TRUSTED,
    CKA_CERTIFICATE_CATEGORY,
    CKA_JAVA_MIDP_SECURITY_DOMAIN,
    CKA_URL,
    CKA_HASH_OF_SUBJECT_PUBLIC_KEY,
    CKA_HASH_OF_ISSUER_PUBLIC_KEY,
    CKA_NAME_HASH_ALGORITHM,
    CKA_CHECK_VALUE,
    CKA_KEY_TYPE,
    CKA_SUBJECT,
    CKA_ID,
    CKA_SENSITIVE,
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_SIGN,
    CKA_SIGN_RECOVER,
    CKA_VERIFY,
    CKA_VERIFY_RECOVER,
    CKA_DERIVE,
    CKA_START_DATE,
    CKA_END_DATE,
    CKA_MODULUS,
    CKA_MODULUS_BITS,
    CKA_PUBLIC_EXPONENT,
    CKA_PRIVATE_EXPONENT,
    CKA_PRIME_1,
    CKA_PRIME_2,
    CKA_EXPONENT_1,
    CKA_EXPONENT_2,
    CKA_COEFFICIENT,
    CKA_PUBLIC_KEY_INFO,
    CKA_PRIME,
    CKA_SUBPRIME,
    CKA_BASE,
    CKA_PRIME_BITS,
    CKA_SUBPRIME_BITS,
    CKA_VALUE_BITS,
    CKA_VALUE_LEN,
    CKA_EXTRACTABLE,
    CKA_LOCAL,
    CKA_NEVER_EXTRACTABLE,
    CKA_ALWAYS_SENSITIVE,
    CKA_KEY_GEN_MECHANISM,
    CKA_MODIFIABLE,
    CKA_COPYABLE,
    CKA_DESTROYABLE,
    CKA_EC_PARAMS,
    CKA_EC_POINT,
    CKA_ALWAYS_AUTHENTICATE,
    CKA_WRAP_WITH_TRUSTED,
    CKA_HW_FEATURE_TYPE,
    CKA_RESET_ON_INIT,
    CKA_HAS_RESET,
    CKA_MECHANISM_TYPE,
    CKA_PROFILE_ID,
    CKA_HSS_LEVELS,
    CKA_HSS_LMS_TYPE,
    CKA_HSS_LMOTS_TYPE,
    CKA_PARAMETER_SET,
    CKA_OBJECT_VALIDATION_FLAGS,
    CKA_VALIDATION_TYPE,
    CKA_ENCAPSULATE_TEMPLATE,
    CKA_DECAPSULATE_TEMPLATE,
    CKA_TRUST_SERVER_AUTH,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
    CKA_HASH_OF_CERTIFICATE,
    CKA_PUBLIC_CRC64_VALUE,
    CKA_SEED,
    CKA_WRAP_TEMPLATE,
    CKA_UNWRAP_TEMPLATE,
    CKA_DERIVE_TEMPLATE,
    CKA_ALLOWED_MECHANISMS,
    CKA_VENDOR_DEFINED,
];
