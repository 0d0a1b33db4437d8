// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What values secret keys of each type have: their lengths, and for DES their parity.

use super::ossl::equal;
use crate::error::{Error, Result};
use cryptoki_sys::*;

/// Whether keys of this type have values of this length, bytes.
pub fn fits(key_type: CK_KEY_TYPE, len: usize) -> bool {
    match key_type {
        CKK_AES => matches!(len, 16 | 24 | 32),
        CKK_AES_XTS => matches!(len, 32 | 64),
        CKK_CHACHA20 | CKK_POLY1305 => len == 32,
        CKK_DES2 => len == 16,
        CKK_DES3 => len == 24,
        _ => len > 0,
    }
}

/// The length that keys of this type have, bytes, where they have one alone.
pub fn fixed_length(key_type: CK_KEY_TYPE) -> Option<usize> {
    match key_type {
        CKK_CHACHA20 | CKK_POLY1305 => Some(32),
        CKK_DES2 => Some(16),
        CKK_DES3 => Some(24),
        _ => None,
    }
}

/// Checks the value of a key from outside: its length; the parity of DES keys (sections "DES2 secret
/// key objects", "DES3 secret key objects"); that the halves of an XTS key differ, without which
/// the mode is broken (SP 800-38E, with FIPS 140 guidance A.9). What is wrong is
/// `AttributeValueInvalid`.
pub fn check(key_type: CK_KEY_TYPE, value: &[u8]) -> Result<()> {
    let sound = match key_type {
        CKK_DES2 | CKK_DES3 => value.iter().all(|byte| byte.count_ones() % 2 == 1),
        CKK_AES_XTS => {
            let (first, second) = value.split_at(value.len() / 2);
            !equal(first, second)
        }
        _ => true,
    };
    match fits(key_type, value.len()) && sound {
        true => Ok(()),
        false => Err(Error::AttributeValueInvalid),
    }
}

/// Gives a value that was made, not imported, what keys of the type must have: odd parity in DES.
pub fn settle(key_type: CK_KEY_TYPE, value: &mut [u8]) {
    if matches!(key_type, CKK_DES2 | CKK_DES3) {
        value.iter_mut().for_each(|byte| *byte ^= 1 ^ (byte.count_ones() as u8 & 1));
    }
}
