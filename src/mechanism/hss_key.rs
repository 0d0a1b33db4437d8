// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Public keys of HSS and of the LMS trees below it (RFC 8554; SP 800-208, section 4).

use super::Hash;
use crate::error::{Error, Result};

/// A public key of HSS (RFC 8554, section 6.1).
pub struct HssKey {
    /// The number of levels, 1 to 8.
    pub levels: u32,
    /// The tree at the top.
    pub top: LmsKey,
    /// All of it, as it is encoded.
    pub value: Vec<u8>,
}

/// A public key of LMS (RFC 8554, section 5.3).
pub struct LmsKey {
    /// The type of the tree.
    pub lms_type: u32,
    /// The type of its one-time signatures.
    pub ots_type: u32,
    /// The hash function of both.
    pub function: Function,
    /// The height of the tree.
    pub height: u32,
    /// The width of a digit of a one-time signature, bits.
    pub width: u32,
    /// What sets the tree apart from all others.
    pub identifier: [u8; 16],
    /// The root of the tree.
    pub root: Vec<u8>,
}

/// A hash function cut to a length.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Function {
    /// The function.
    pub hash: Hash,
    /// The length, bytes.
    pub len: usize,
}

impl HssKey {
    /// Reads a key. `AttributeValueInvalid` where it is malformed or of a type that is not known.
    pub(super) fn read(value: &[u8]) -> Result<HssKey> {
        let read = || {
            let (levels, rest) = number(value)?;
            let (top, rest) = LmsKey::read(rest)?;
            ((1..=8).contains(&levels) && rest.is_empty()).then_some((levels, top))
        };
        let (levels, top) = read().ok_or(Error::AttributeValueInvalid)?;
        Ok(HssKey { levels, top, value: value.to_vec() })
    }
}

impl LmsKey {
    /// Reads the key at the front, and gives what follows it.
    pub(super) fn read(bytes: &[u8]) -> Option<(LmsKey, &[u8])> {
        let (lms_type, rest) = number(bytes)?;
        let (ots_type, rest) = number(rest)?;
        let tree = lms_type.checked_sub(5)?;
        let one_time = ots_type.checked_sub(1)?;
        // Five heights a function for the trees, four widths for the one-time signatures.
        let function = *FUNCTIONS.get(tree as usize / 5)?;
        if FUNCTIONS.get(one_time as usize / 4) != Some(&function) {
            return None;
        }
        let (identifier, rest) = rest.split_first_chunk::<16>()?;
        let (root, rest) = rest.split_at_checked(function.len)?;
        let key = LmsKey {
            lms_type,
            ots_type,
            function,
            height: 5 * (tree % 5 + 1),
            width: 1 << (one_time % 4),
            identifier: *identifier,
            root: root.to_vec(),
        };
        Some((key, rest))
    }
}

/// The number at the front, and what follows it.
pub(super) fn number(bytes: &[u8]) -> Option<(u32, &[u8])> {
    let (number, rest) = bytes.split_first_chunk::<4>()?;
    Some((u32::from_be_bytes(*number), rest))
}

/// In the order of the types' numbers.
const FUNCTIONS: [Function; 4] = [
    Function { hash: Hash::Sha256, len: 32 },
    Function { hash: Hash::Sha256, len: 24 },
    Function { hash: Hash::Shake256, len: 32 },
    Function { hash: Hash::Shake256, len: 24 },
];
