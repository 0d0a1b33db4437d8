// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of key derivations, as owned values.

use super::Hash;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use smallvec::SmallVec;

/// The parameter of HKDF (RFC 5869).
pub struct Hkdf {
    /// Do the extract step.
    pub extract: bool,
    /// Do the expand step.
    pub expand: bool,
    /// The hash.
    pub hash: Hash,
    /// The salt of the extract step.
    pub salt: Salt,
    /// The info of the expand step.
    pub info: Vec<u8>,
}

/// Where HKDF's salt comes from.
pub enum Salt {
    /// No salt: as many zero bytes as the hash has.
    None,
    /// Bytes given in the parameter.
    Data(Vec<u8>),
    /// The value of a key, by its handle.
    Key(CK_OBJECT_HANDLE),
}

/// The parameter of a derivation by SP 800-108.
pub struct Kbkdf {
    /// The mechanism that is the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// What goes into it, in order.
    pub data: Vec<PrfData>,
    /// What stands for the output before the first, in feedback mode.
    pub iv: Vec<u8>,
}

/// A part of the input of the pseudo-random function (`CK_PRF_DATA_PARAM`).
pub enum PrfData {
    /// The iteration variable; in counter mode as an integer of this form.
    Iteration(Option<Integer>),
    /// The number of the iteration.
    Counter(Integer),
    /// The length of what is derived, in bits.
    Length {
        /// Of the keys; else of all segments of output.
        of_keys: bool,
        /// How it is written.
        format: Integer,
    },
    /// Bytes as they are.
    Bytes(Vec<u8>),
    /// The value of a key, by its handle.
    Key(CK_OBJECT_HANDLE),
}

/// How an integer is written.
#[derive(Clone, Copy)]
pub struct Integer {
    /// Least significant byte first.
    pub little_endian: bool,
    /// How many bytes, 1 to 8.
    pub bytes: usize,
}

impl Integer {
    /// A number so written; one that does not fit is `MechanismParamInvalid`.
    pub fn encode(self, number: u64) -> Result<SmallVec<[u8; 8]>> {
        let (little, big) = (number.to_le_bytes(), number.to_be_bytes());
        let zeros = (number.leading_zeros() / 8) as usize;
        let bytes = match self.little_endian {
            _ if self.bytes + zeros < 8 => None,
            true => little.get(..self.bytes),
            false => 8usize.checked_sub(self.bytes).and_then(|from| big.get(from..)),
        };
        bytes.map(SmallVec::from_slice).ok_or(Error::MechanismParamInvalid)
    }
}
