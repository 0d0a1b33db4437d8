// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every mechanism, through the C symbols: known answers, and both ways against OpenSSL.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

mod aead;
mod aes;
mod aes_modes;
mod agreement;
mod chacha;
mod derivation;
mod derive_hash;
mod derive_ike;
mod derive_kbkdf;
mod derive_keys;
mod derive_password;
mod derive_simple;
mod derive_tls;
mod dh;
mod digest;
mod dsa;
mod ecdsa;
mod eddsa;
mod encapsulate;
mod encrypt_data;
mod generation;
mod hkdf;
mod hss;
mod legacy;
mod mac;
mod messages;
mod ml_kem;
mod parameters;
mod pq_keys;
mod pq_sign;
mod recover;
mod rsa_encrypt;
mod rsa_sign;
mod rsa_sizes;
mod rules;
mod sha1;
mod symmetric;
mod table;
mod tls;
mod walk;
mod wrap;
mod wrap_hybrid;
mod wrap_private;
mod wrap_rules;

use common::{CK_MECHANISM_TYPE, CKM_SHA_1, CKM_SHA224, CKM_SHA256, CKM_SHA384, CKM_SHA512};
use common::{
    CKM_BLAKE2B_160, CKM_BLAKE2B_256, CKM_BLAKE2B_384, CKM_BLAKE2B_512, CKM_MD5, CKM_SHA512_224,
    CKM_SHA512_256,
};
use common::{CKM_SHA3_224, CKM_SHA3_256, CKM_SHA3_384, CKM_SHA3_512};

/// A hash by the name that the vector files use.
fn hash_named(name: &str) -> CK_MECHANISM_TYPE {
    match name {
        "sha1" => CKM_SHA_1,
        "sha224" => CKM_SHA224,
        "sha256" => CKM_SHA256,
        "sha384" => CKM_SHA384,
        "sha512" => CKM_SHA512,
        "sha512_224" => CKM_SHA512_224,
        "sha512_256" => CKM_SHA512_256,
        "blake2b_160" => CKM_BLAKE2B_160,
        "blake2b_256" => CKM_BLAKE2B_256,
        "blake2b_384" => CKM_BLAKE2B_384,
        "blake2b_512" => CKM_BLAKE2B_512,
        "md5" => CKM_MD5,
        "sha3_224" => CKM_SHA3_224,
        "sha3_256" => CKM_SHA3_256,
        "sha3_384" => CKM_SHA3_384,
        "sha3_512" => CKM_SHA3_512,
        other => panic!("unknown hash {other}"),
    }
}

/// Data of any length that is not all alike.
fn data(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 7 + i / 251) as u8).collect()
}

/// The same data cut where block sizes do not fall: 1, 2, 3, ... bytes.
fn cut(data: &[u8]) -> Vec<&[u8]> {
    let (mut rest, mut parts, mut step) = (data, Vec::new(), 1);
    while !rest.is_empty() {
        let (part, after) = rest.split_at(step.min(rest.len()));
        parts.push(part);
        rest = after;
        step += 1;
    }
    parts
}
