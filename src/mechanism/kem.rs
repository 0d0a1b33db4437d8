// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-KEM-1024 (FIPS 203) for the rooms beside this one: keys shared with who holds a seed. Like
//! `primitive`, it knows no keys in the sense of PKCS #11.

use super::ossl::{self, Half, ParamList, Pkey};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::ffi::CStr;

/// A new pair: the encapsulation key, and the seed of the decapsulation key.
pub fn generate() -> Result<(Vec<u8>, Secret)> {
    let key = Pkey::generate(ALGORITHM, &ParamList::new())?;
    Ok((key.octets(c"pub", PUBLIC)?.expose().to_vec(), key.octets(c"seed", SEED)?))
}

/// The seed in the file of a decapsulation key: PKCS #8 (RFC 9935), in PEM or DER, without a
/// passphrase. That of a key of another size is as long, and opens nothing.
pub fn read_seed(encoded: &[u8]) -> Result<Secret> {
    let seed = Pkey::decode_private(encoded, &[])?.octets(c"seed", SEED)?;
    if seed.len() == SEED { Ok(seed) } else { Err(Error::DataInvalid) }
}

/// A ciphertext for the holder of the seed, and the 32 bytes shared with them.
pub fn encapsulate(public: &[u8]) -> Result<(Vec<u8>, Secret)> {
    let params = ParamList::new().octets(c"pub", public);
    ossl::encapsulate(&Pkey::from_params(ALGORITHM, Half::Public, &params)?, CIPHERTEXT, SHARED)
}

/// What opens ciphertexts.
pub struct Decapsulator(Pkey);

impl Decapsulator {
    /// The key of a seed.
    pub fn new(seed: &Secret) -> Result<Decapsulator> {
        let params = ParamList::new().octets(c"seed", seed.expose());
        Pkey::from_params(ALGORITHM, Half::Private, &params).map(Decapsulator)
    }

    /// What was shared by a ciphertext; one that nobody made gives bytes that nobody knows.
    pub fn decapsulate(&self, ciphertext: &[u8]) -> Result<Secret> {
        if ciphertext.len() != CIPHERTEXT {
            return Err(Error::DeviceError);
        }
        ossl::decapsulate(&self.0, ciphertext, SHARED)
    }
}

const ALGORITHM: &CStr = c"ML-KEM-1024";
/// Lengths, bytes.
const PUBLIC: usize = 1568;
const SEED: usize = 64;
const CIPHERTEXT: usize = 1568;
const SHARED: usize = 32;
