// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `CKM_RSA_AES_KEY_WRAP` (PKCS #11, section "RSA AES KEY WRAP"): a new AES key under RSA-OAEP, and
//! behind it the key that is wrapped, under that AES key.

use super::key::Key;
use super::primitive::random_secret;
use super::{Cipher, Direction, Params, Row, rsa_cipher, transport};
use crate::error::{Error, Result};
use crate::secret::Secret;
use std::sync::Arc;

/// Begins to wrap or unwrap.
pub(super) fn wrap(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::RsaAesWrap { aes, hash, mgf, label } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let rsa = rsa_cipher::oaep_of(row, key, (*hash, *mgf), label, direction)?;
    Ok(Box::new(RsaAes { rsa, direction, aes: *aes, head: key.modulus()?.len() }))
}

struct RsaAes {
    rsa: Box<dyn Cipher>,
    direction: Direction,
    /// The length of the AES key, bytes.
    aes: usize,
    /// The length of the AES key wrapped, which is that of the modulus; bytes.
    head: usize,
}

impl RsaAes {
    fn wrap(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let aes = random_secret(self.aes)?;
        let (head, rest) = output.split_at_mut_checked(self.head).ok_or(Error::BufferTooSmall)?;
        let len = self.rsa.whole(aes.expose(), head).map_err(|error| match error {
            Error::DataLenRange => Error::WrappingKeySizeRange,
            other => other,
        })?;
        Ok(len + transport::wrap(&aes, input, rest)?)
    }

    fn unwrap(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let (head, rest) = input.split_at_checked(self.head).ok_or(Error::EncryptedDataLenRange)?;
        let mut aes = Secret::zeroed(self.rsa.whole_len(head.len()))?;
        let len = self.rsa.whole(head, aes.expose_mut())?;
        if len != self.aes {
            return Err(Error::EncryptedDataInvalid);
        }
        aes.truncate(len);
        transport::unwrap(&aes, rest, output)
    }
}

impl Cipher for RsaAes {
    fn multi_part(&self) -> bool {
        false
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => transport::wrapped_len(input).saturating_add(self.head),
            Direction::Decrypt => input.saturating_sub(self.head),
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        match self.direction {
            Direction::Encrypt => self.wrap(input, output),
            Direction::Decrypt => self.unwrap(input, output),
        }
    }
}
