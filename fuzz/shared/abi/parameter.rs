// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameter structures as layouts: what is a number, what a pointer and how long what it points at is.

use super::input::Generator;
use cryptoki_sys::*;
use std::ptr;

/// A field of a structure.
#[derive(Clone, Copy)]
enum Field {
    /// A number.
    N,
    /// A number that says how much is written elsewhere: at most 256.
    Small,
    /// A number with few meanings.
    Few,
    /// A count that takes time: small, or far too large.
    Rounds,
    /// A mechanism: mostly a hash.
    Hash,
    /// `CKG_*`.
    Mask,
    /// A byte: a boolean, or not.
    Flag,
    /// So many bytes.
    Bytes(usize),
    /// A pointer and the length behind it.
    Data,
    /// A length and the pointer behind it.
    LenData,
    /// A pointer to so many bytes, whose use other fields say.
    Room(usize),
    /// The handle of a key.
    Key,
    /// A pointer to a structure.
    Inner(&'static [Field]),
    /// A count and the pointer to so many structures behind it.
    Array(&'static [Field]),
    /// A pointer to a template and its count.
    Template,
}

use Field::*;

/// A parameter for a mechanism and its length.
pub fn of(generator: &mut Generator<'_>, mechanism: CK_MECHANISM_TYPE) -> (*mut u8, CK_ULONG) {
    // The ciphers that wrap a key have a structure of their own for it.
    let fields = match mechanism {
        CKM_AES_GCM if generator.byte() < 48 => Some(GCM_WRAP),
        CKM_AES_CCM if generator.byte() < 48 => Some(CCM_WRAP),
        _ => layout(mechanism),
    };
    match (generator.byte(), fields) {
        (0..=7, _) => (ptr::null_mut(), 0),
        (8..=15, _) => (ptr::null_mut(), generator.number()),
        (16..=191, None) if IV.contains(&mechanism) => generator.input(),
        (_, None) if !IV.contains(&mechanism) => match generator.byte() {
            0..=199 => (ptr::null_mut(), 0),
            // No pointer can be read out of zeros.
            len => (generator.keep(vec![0; usize::from(len)]), CK_ULONG::from(len)),
        },
        (byte, None) => {
            let content = generator.content_of(if byte % 2 == 0 { 16 } else { 12 });
            let len = content.len() as CK_ULONG;
            (generator.keep(content), len)
        }
        (byte, Some(fields)) => {
            let mut content = encode(generator, fields);
            let len = match byte {
                16..=23 => generator.below(2 * content.len() + 1),
                _ => content.len(),
            };
            content.resize(content.len().max(len), 0);
            (generator.keep(content), len as CK_ULONG)
        }
    }
}

/// A parameter of a message call.
pub fn of_message(generator: &mut Generator<'_>) -> (*mut std::ffi::c_void, CK_ULONG) {
    let fields: &[Field] = match generator.byte() {
        0..=15 => return (ptr::null_mut(), 0),
        16..=23 => return (ptr::null_mut(), generator.number()),
        24..=127 => GCM_MESSAGE,
        128..=191 => &[N, Data, N, Few, Room(16), N],
        _ => &[Data, Room(16)],
    };
    let content = encode(generator, fields);
    let len = content.len() as CK_ULONG;
    (generator.keep(content).cast(), len)
}

/// Whether a mechanism's parameter is known here.
pub fn is_known(mechanism: CK_MECHANISM_TYPE) -> bool {
    layout(mechanism).is_some() || IV.contains(&mechanism)
}

fn encode(generator: &mut Generator<'_>, fields: &[Field]) -> Vec<u8> {
    let mut out = Vec::new();
    for field in fields {
        if !matches!(field, Flag | Bytes(_)) {
            out.resize(out.len().next_multiple_of(WORD), 0);
        }
        one(generator, *field, &mut out);
    }
    out.resize(out.len().next_multiple_of(WORD), 0);
    out
}

fn one(generator: &mut Generator<'_>, field: Field, out: &mut Vec<u8>) {
    let mut word = |number: CK_ULONG| out.extend_from_slice(&number.to_ne_bytes());
    match field {
        N => word(generator.number()),
        Small => word(generator.below(257) as CK_ULONG),
        Few => word(if generator.byte() < 8 {
            generator.number()
        } else {
            generator.below(9) as CK_ULONG
        }),
        Rounds => word(generator.pick(&[0, 1, 2, 10, 100, 1000])),
        Hash => word(match generator.byte() {
            0..=15 => generator.mechanism_type(),
            _ => generator.pick(HASHES),
        }),
        Mask => word(if generator.byte() < 8 { generator.number() } else { generator.pick(MASKS) }),
        Flag => out.push(match generator.byte() {
            byte @ 0..=7 => byte,
            byte => byte % 2,
        }),
        Bytes(len) => {
            let content = generator.content_of(len);
            out.extend_from_slice(&content);
        }
        Data => {
            let (pointer, len) = generator.input();
            word(pointer as CK_ULONG);
            word(len);
        }
        LenData => {
            let (pointer, len) = generator.input();
            word(len);
            word(pointer as CK_ULONG);
        }
        Room(len) => {
            let content = generator.content_of(len);
            word(if generator.byte() < 8 { 0 } else { generator.keep(content) as CK_ULONG });
        }
        Key => word(generator.object()),
        Inner(fields) => {
            let content = encode(generator, fields);
            word(if generator.byte() < 8 { 0 } else { generator.keep(content) as CK_ULONG });
        }
        Array(fields) => {
            let count = generator.below(6);
            let content: Vec<u8> = (0..count).flat_map(|_| encode(generator, fields)).collect();
            let null = generator.byte() < 8;
            word(if null { generator.number() } else { count as CK_ULONG });
            word(if null { 0 } else { generator.keep(content) as CK_ULONG });
        }
        Template => {
            let (pointer, count) = generator.template();
            word(pointer as CK_ULONG);
            word(count);
        }
    }
}

fn layout(mechanism: CK_MECHANISM_TYPE) -> Option<&'static [Field]> {
    let general = |name: &str| name.ends_with("_GENERAL");
    if let Ok(row) = strongroom::mechanism::find(mechanism) {
        if general(row.name) {
            return Some(&[N]);
        }
        if row.name.ends_with("_RSA_PKCS_PSS") {
            return Some(PSS);
        }
        if row.name.starts_with("CKM_HASH_ML_DSA_") || row.name.starts_with("CKM_HASH_SLH_DSA_") {
            return Some(&[Few, Data]);
        }
    }
    LAYOUTS.iter().find(|(ids, _)| ids.contains(&mechanism)).map(|(_, fields)| *fields)
}

const WORD: usize = size_of::<CK_ULONG>();
const PSS: &[Field] = &[Hash, Mask, N];
const OAEP: &[Field] = &[Hash, Mask, Few, Data];
const GCM_MESSAGE: &[Field] = &[Data, N, Few, Room(16), N];
const GCM_WRAP: &[Field] = &[Data, N, Few, Data, N];
const CCM_WRAP: &[Field] = &[N, Data, N, Few, Data, N];
const KEY_MATERIAL: &[Field] = &[Key, Key, Key, Key, Room(64), Room(64)];
const ADDITIONAL: &[Field] = &[Template, Inner(&[N])];

const LAYOUTS: &[(&[CK_MECHANISM_TYPE], &[Field])] = &[
    (&[CKM_RSA_PKCS_PSS], PSS),
    (&[CKM_RSA_PKCS_OAEP], OAEP),
    (&[CKM_RSA_AES_KEY_WRAP], &[N, Inner(OAEP)]),
    (&[CKM_AES_CTR, CKM_CAMELLIA_CTR], &[N, Bytes(16)]),
    (&[CKM_AES_GCM, CKM_AES_GMAC], &[Data, N, Data, N]),
    (&[CKM_AES_CCM], &[N, Data, Data, N]),
    (&[CKM_CHACHA20], &[Room(16), N, Room(24), N]),
    (&[CKM_CHACHA20_POLY1305], &[Data, Data]),
    (&[CKM_EDDSA], &[Flag, LenData]),
    (&[CKM_ECDH1_DERIVE, CKM_ECDH1_COFACTOR_DERIVE, CKM_X9_42_DH_DERIVE], &[Few, LenData, LenData]),
    (
        &[CKM_ECDH_AES_KEY_WRAP, CKM_ECDH_X_AES_KEY_WRAP, CKM_ECDH_COF_AES_KEY_WRAP],
        &[N, Few, LenData],
    ),
    (&[CKM_HKDF_DERIVE, CKM_HKDF_DATA], &[Flag, Flag, Hash, Few, Data, Key, Data]),
    (&[CKM_ML_DSA, CKM_SLH_DSA], &[Few, Data]),
    (&[CKM_HASH_ML_DSA, CKM_HASH_SLH_DSA], &[Few, Data, Hash]),
    (&[CKM_PKCS5_PBKD2], &[Few, Data, Rounds, Few, Data, Data]),
    (
        &[CKM_SP800_108_COUNTER_KDF, CKM_SP800_108_DOUBLE_PIPELINE_KDF],
        &[Hash, Array(&[Few, Data]), Array(ADDITIONAL)],
    ),
    (&[CKM_SP800_108_FEEDBACK_KDF], &[Hash, Array(&[Few, Data]), LenData, Array(ADDITIONAL)]),
    (
        &[CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE, CKM_XOR_BASE_AND_DATA],
        &[Data],
    ),
    (&[CKM_AES_ECB_ENCRYPT_DATA, CKM_DES3_ECB_ENCRYPT_DATA], &[Data]),
    (&[CKM_AES_CBC_ENCRYPT_DATA], &[Bytes(16), Data]),
    (&[CKM_DES3_CBC_ENCRYPT_DATA], &[Bytes(8), Data]),
    (&[CKM_CONCATENATE_BASE_AND_KEY], &[Key]),
    (&[CKM_EXTRACT_KEY_FROM_KEY], &[N]),
    (
        &[CKM_TLS12_MASTER_KEY_DERIVE, CKM_TLS12_MASTER_KEY_DERIVE_DH],
        &[Data, Data, Inner(&[Bytes(2)]), Hash],
    ),
    (&[CKM_TLS_MASTER_KEY_DERIVE, CKM_TLS_MASTER_KEY_DERIVE_DH], &[Data, Data, Inner(&[Bytes(2)])]),
    (
        &[CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE, CKM_TLS12_EXTENDED_MASTER_KEY_DERIVE_DH],
        &[Hash, Data, Inner(&[Bytes(2)])],
    ),
    (
        &[CKM_TLS12_KEY_AND_MAC_DERIVE, CKM_TLS12_KEY_SAFE_DERIVE],
        &[Small, Small, Small, Flag, Data, Data, Inner(KEY_MATERIAL), Hash],
    ),
    (&[CKM_TLS_KEY_AND_MAC_DERIVE], &[Small, Small, Small, Flag, Data, Data, Inner(KEY_MATERIAL)]),
    (&[CKM_SSL3_PRE_MASTER_KEY_GEN, CKM_TLS_PRE_MASTER_KEY_GEN], &[Bytes(2)]),
    (&[CKM_TLS_KDF, CKM_TLS12_KDF], &[Hash, Data, Data, Data, Data]),
    (&[CKM_TLS_MAC, CKM_TLS12_MAC], &[Hash, N, Few]),
    (&[CKM_TLS_PRF], &[Data, Data, Room(64), Inner(&[Small])]),
    (&[CKM_IKE2_PRF_PLUS_DERIVE], &[Hash, Flag, Key, Data]),
    (&[CKM_IKE_PRF_DERIVE], &[Hash, Flag, Flag, Data, Data, Key]),
    (&[CKM_IKE1_PRF_DERIVE], &[Hash, Flag, Key, Key, Data, Data, Flag]),
    (&[CKM_IKE1_EXTENDED_DERIVE], &[Hash, Flag, Key, Data]),
];

/// Mechanisms whose parameter is bytes.
const IV: &[CK_MECHANISM_TYPE] = &[
    CKM_AES_CBC,
    CKM_AES_CBC_PAD,
    CKM_AES_OFB,
    CKM_AES_CFB1,
    CKM_AES_CFB8,
    CKM_AES_CFB64,
    CKM_AES_CFB128,
    CKM_AES_CTS,
    CKM_AES_XTS,
    CKM_AES_KEY_WRAP,
    CKM_AES_KEY_WRAP_PAD,
    CKM_AES_KEY_WRAP_KWP,
    CKM_AES_KEY_WRAP_PKCS7,
    CKM_DES3_CBC,
    CKM_DES3_CBC_PAD,
    CKM_DH_PKCS_DERIVE,
    // The two bytes of a version.
    CKM_SSL3_PRE_MASTER_KEY_GEN,
    CKM_TLS_PRE_MASTER_KEY_GEN,
];
const HASHES: &[CK_MECHANISM_TYPE] = &[
    CKM_SHA256,
    CKM_SHA_1,
    CKM_SHA384,
    CKM_SHA512,
    CKM_SHA3_256,
    CKM_SHA256_HMAC,
    CKM_SHA_1_HMAC,
    CKM_SHA512_HMAC,
    CKM_AES_CMAC,
    CKM_MD5,
    CKM_SHA512_256,
    CKM_TLS_PRF,
    0,
];
const MASKS: &[CK_ULONG] =
    &[CKG_MGF1_SHA256, CKG_MGF1_SHA1, CKG_MGF1_SHA384, CKG_MGF1_SHA512, CKG_MGF1_SHA3_256, 0];
