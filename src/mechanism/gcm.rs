// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES-GCM (PKCS #11, section "AES-GCM Authenticated Encryption / Decryption"; SP 800-38D).

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::ready::{Purpose, Slot};
use super::{Cipher, Direction, Params, Row};
use crate::error::{Error, Result};
use std::sync::Arc;
use zeroize::Zeroize;

/// Begins a message. The initialisation vector has 1 to 128 bytes (the standard allows more, which
/// OpenSSL does not take), the tag a length of SP 800-38D, section 5.2.1.2.
pub(super) fn begin(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Gcm { iv, aad, tag_bits } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    if !(1..=LONGEST_IV).contains(&iv.len()) || !TAGS.contains(tag_bits) {
        return Err(Error::MechanismParamInvalid);
    }
    let slot =
        Slot { mechanism: row.id, purpose: Purpose::of(direction), variant: iv.len() as u64 };
    let make = |key: &Key| CipherCtx::new(Mode::Gcm, key.value()?, direction, iv.len());
    let mut context = Checkout::new(key, Some(slot), |_| Ok(()), make)?;
    context.step(|context| {
        context.start(iv)?;
        context.aad(aad)
    })?;
    let tag = tag_bits / 8;
    Ok(match direction {
        Direction::Encrypt => Box::new(Encryption { context, tag }),
        Direction::Decrypt => Box::new(Decryption { context, tag, collected: Vec::new() }),
    })
}

struct Encryption {
    context: Checkout<CipherCtx>,
    /// The length of the tag, bytes.
    tag: usize,
}

impl Cipher for Encryption {
    fn whole_len(&self, input: usize) -> usize {
        input.saturating_add(self.tag)
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let done = self.update(input, output)?;
        let rest = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
        Ok(done + self.finish(rest)?)
    }

    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        self.context.step(|context| context.update(input, output)).map_err(|_| Error::DataLenRange)
    }

    fn finish_len(&self) -> usize {
        self.tag
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let tag = output.get_mut(..self.tag).ok_or(Error::BufferTooSmall)?;
        self.context.last(|context| {
            context.end()?;
            context.tag(tag)?;
            Ok(tag.len())
        })
    }
}

/// Gives out no plaintext before the tag was found good: "no data should be returned until
/// C_Decrypt or C_DecryptFinal". So parts are collected, as ciphertext.
struct Decryption {
    context: Checkout<CipherCtx>,
    /// The length of the tag, bytes.
    tag: usize,
    collected: Vec<u8>,
}

impl Decryption {
    fn open(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let len = input.len().checked_sub(self.tag).ok_or(Error::EncryptedDataLenRange)?;
        let (ciphertext, tag) = input.split_at_checked(len).ok_or(Error::EncryptedDataLenRange)?;
        let output = output.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let result = self.context.last(|context| {
            context.update(ciphertext, output)?;
            context.expect_tag(tag)?;
            context.end()
        });
        if result.is_err() {
            output.zeroize();
            return Err(Error::EncryptedDataInvalid);
        }
        Ok(len)
    }
}

impl Cipher for Decryption {
    fn whole_len(&self, input: usize) -> usize {
        input.saturating_sub(self.tag)
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        self.open(input, output)
    }

    fn update_len(&self, _input: usize) -> usize {
        0
    }

    fn update(&mut self, input: &[u8], _output: &mut [u8]) -> Result<usize> {
        self.collected.try_reserve(input.len()).map_err(|_| Error::HostMemory)?;
        self.collected.extend_from_slice(input);
        Ok(0)
    }

    fn finish_len(&self) -> usize {
        self.collected.len().saturating_sub(self.tag)
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let collected = std::mem::take(&mut self.collected);
        self.open(&collected, output)
    }
}

/// What OpenSSL holds (providers: `GCM_IV_MAX_SIZE`), bytes.
const LONGEST_IV: usize = 128;
/// The lengths of tag, bits.
const TAGS: &[usize] = &[32, 64, 96, 104, 112, 120, 128];
