// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of key derivations, as owned values.

use super::Hash;
use crate::error::{Error, Result};
use crate::secret::Secret;
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

/// The parameter of PBKDF2.
pub struct Pbkdf2 {
    /// The hash in the HMAC that is the pseudo-random function.
    pub hash: Hash,
    /// The password.
    pub password: Secret,
    /// The salt.
    pub salt: Vec<u8>,
    /// How often the function is applied.
    pub iterations: u64,
}

/// The parameter of the keys of a TLS connection.
pub struct TlsKeys {
    /// The hash in the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// The length of a MAC key, bytes; 0 for none.
    pub mac: usize,
    /// The length of an encryption key, bytes; 0 for none.
    pub key: usize,
    /// The length of an initialisation vector, bytes; 0 for none.
    pub iv: usize,
    /// Both random values, the server's first.
    pub seed: Vec<u8>,
}

/// The parameter of the initial key of IKE.
pub struct IkePrf {
    /// The mechanism that is the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// The nonces are the function's key, and the base key its input.
    pub data_as_key: bool,
    /// The key newly agreed on, by its handle, to renew keys.
    pub new_key: Option<CK_OBJECT_HANDLE>,
    /// Both nonces, the initiator's first.
    pub nonces: Vec<u8>,
}

/// The parameter of a numbered key of IKE version 1.
pub struct Ike1Prf {
    /// The mechanism that is the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// The key agreed on, by its handle.
    pub agreed: CK_OBJECT_HANDLE,
    /// The key derived before, by its handle.
    pub previous: Option<CK_OBJECT_HANDLE>,
    /// Both cookies, the initiator's first.
    pub cookies: Vec<u8>,
    /// The number of the key.
    pub number: u8,
}

/// The parameter of a longer key of IKE version 1.
pub struct Ike1Extended {
    /// The mechanism that is the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// The key agreed on, by its handle.
    pub agreed: Option<CK_OBJECT_HANDLE>,
    /// Further data.
    pub extra: Vec<u8>,
}

/// The parameter of the keys of IKE version 2.
pub struct Ike2PrfPlus {
    /// The mechanism that is the pseudo-random function.
    pub prf: CK_MECHANISM_TYPE,
    /// The key that the seed begins with, by its handle.
    pub seed_key: Option<CK_OBJECT_HANDLE>,
    /// The seed, or the rest of it.
    pub seed: Vec<u8>,
}
