// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ed25519 (RFC 8032) for the rooms beside this one: signatures over what is published. Like
//! `primitive`, it knows no keys in the sense of PKCS #11.

use super::ossl::{Half, Operation, ParamList, Pkey, PkeyCtx};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::ffi::CStr;

/// A private key.
pub struct Signer {
    key: Pkey,
    public: [u8; PUBLIC],
}

impl Signer {
    /// The key of a seed of 32 bytes.
    pub fn new(seed: &Secret) -> Result<Signer> {
        let params = ParamList::new().octets(c"priv", seed.expose());
        let key = Pkey::from_params(ALGORITHM, Half::Private, &params)?;
        let public = key.octets(c"pub", PUBLIC)?;
        let public = public.expose().try_into().map_err(|_| Error::DeviceError)?;
        Ok(Signer { key, public })
    }

    /// Its public half.
    pub fn public(&self) -> [u8; PUBLIC] {
        self.public
    }

    /// Signs.
    pub fn sign(&self, data: &[u8]) -> Result<[u8; SIGNATURE]> {
        let operation = Operation::SignMessage(ALGORITHM);
        let mut signature = [0; SIGNATURE];
        PkeyCtx::new(&self.key, operation, &ParamList::new())?.sign(data, &mut signature)?;
        Ok(signature)
    }
}

/// Whether `signature` is one of `data` by the holder of the key.
pub fn verify(public: &[u8; PUBLIC], data: &[u8], signature: &[u8]) -> Result<bool> {
    let params = ParamList::new().octets(c"pub", public);
    let key = Pkey::from_params(ALGORITHM, Half::Public, &params)?;
    let operation = Operation::VerifyMessage(ALGORITHM);
    PkeyCtx::new(&key, operation, &ParamList::new())?.verify(data, signature)
}

const ALGORITHM: &CStr = c"ED25519";
/// Lengths, bytes.
pub const PUBLIC: usize = 32;
const SIGNATURE: usize = 64;
