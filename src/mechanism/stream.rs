// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ciphers that take any length and give out as much as they take in: the counter and feedback
//! modes of AES, ChaCha20.

use super::Cipher;
use super::checkout::Checkout;
use super::ossl::CipherCtx;
use crate::error::{Error, Result};

/// Such an encryption or decryption in progress.
pub(super) struct Stream {
    context: Checkout<CipherCtx>,
    /// How many bytes the counter still allows.
    left: u128,
}

impl Stream {
    /// Begins, with a vector, for at most `left` bytes.
    pub(super) fn begin(mut context: Checkout<CipherCtx>, iv: &[u8], left: u128) -> Result<Stream> {
        context.step(|context| context.start(iv))?;
        Ok(Stream { context, left })
    }
}

impl Cipher for Stream {
    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let done = self.update(input, output)?;
        self.finish(&mut [])?;
        Ok(done)
    }

    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        // In both directions (section "AES with Counter Encryption / Decryption").
        self.left = self.left.checked_sub(input.len() as u128).ok_or(Error::DataLenRange)?;
        self.context.step(|context| context.update(input, output))
    }

    fn finish(&mut self, _output: &mut [u8]) -> Result<usize> {
        self.context.last(|_| Ok(0))
    }
}
