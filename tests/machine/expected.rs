// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the operations of the model give, computed by OpenSSL in the test's own copy of it.

use crate::calls::{Mech, Op};
use crate::common::*;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use openssl::symm::{Cipher, Crypter, Mode};

/// The value of every AES key.
pub const AES: [u8; 32] = [7; 32];
/// The value of every generic secret.
pub const SECRET: [u8; 32] = [9; 32];
/// The initialisation vectors.
pub const IV: [u8; 16] = [1; 16];
/// The nonce of GCM.
pub const NONCE: [u8; 12] = [2; 12];
/// The length of a tag, bytes.
pub const TAG: usize = 16;

/// What a cipher has given out after data, and what the end would give.
pub struct Stream {
    pub given: Vec<u8>,
    pub end: Option<Vec<u8>>,
}

/// A cipher fed with data.
pub fn cipher(op: Op, mech: Mech, data: &[u8]) -> Stream {
    if mech == Mech::Gcm {
        return gcm(op, data);
    }
    let (cipher, iv) = match mech {
        Mech::Ecb => (Cipher::aes_256_ecb(), None),
        Mech::Ctr => (Cipher::aes_256_ctr(), Some(&IV[..])),
        _ => (Cipher::aes_256_cbc(), Some(&IV[..])),
    };
    let mode = if op == Op::Decrypt { Mode::Decrypt } else { Mode::Encrypt };
    let mut crypter = Crypter::new(cipher, mode, &AES, iv).unwrap();
    crypter.pad(mech == Mech::Pad);
    let mut given = vec![0; data.len() + 32];
    let count = if data.is_empty() { 0 } else { crypter.update(data, &mut given).unwrap() };
    given.truncate(count);
    let mut end = vec![0; 32];
    let count = crypter.finalize(&mut end).ok();
    let end = count.map(|count| end[..count].to_vec());
    Stream { given, end }
}

fn gcm(op: Op, data: &[u8]) -> Stream {
    if op == Op::Encrypt {
        let (given, tag) = seal(&NONCE, data);
        return Stream { given, end: Some(tag) };
    }
    // Nothing is given out before the tag was compared.
    let end = data.len().checked_sub(TAG).and_then(|len| {
        let (plain, _) = seal(&NONCE, &data[..len]);
        (seal(&NONCE, &plain).1 == data[len..]).then_some(plain)
    });
    Stream { given: Vec::new(), end }
}

/// AES-GCM: ciphertext and tag.
pub fn seal(nonce: &[u8], data: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let mut tag = vec![0; TAG];
    let cipher = Cipher::aes_256_gcm();
    let sealed = openssl::symm::encrypt_aead(cipher, &AES, Some(nonce), b"", data, &mut tag);
    (sealed.unwrap(), tag)
}

/// What was really encrypted.
pub fn sealed(mech: Mech, len: usize) -> Vec<u8> {
    let len = if matches!(mech, Mech::Ecb | Mech::Cbc) { len / 16 * 16 } else { len };
    let stream = cipher(Op::Encrypt, mech, &vec![0x42; len]);
    [stream.given, stream.end.unwrap_or_default()].concat()
}

/// HMAC-SHA-256.
pub fn hmac(data: &[u8]) -> Vec<u8> {
    let key = PKey::hmac(&SECRET).unwrap();
    let mut signer = Signer::new(openssl::hash::MessageDigest::sha256(), &key).unwrap();
    signer.update(data).unwrap();
    signer.sign_to_vec().unwrap()
}

/// A digest.
pub fn digest(mech: Mech, data: &[u8]) -> Vec<u8> {
    let mechanism = if mech == Mech::Sha3 { CKM_SHA3_384 } else { CKM_SHA256 };
    reference::digest(mechanism, data)
}
