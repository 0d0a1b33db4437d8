// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Authenticated encryption with associated data: what GCM, CCM and ChaCha20-Poly1305 have in
//! common. [`Aead`] is one message; `cipher` makes of it an encryption or decryption whose tag
//! stands behind the ciphertext.

use super::ccm_message::Ccm;
use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, LongGcm};
use super::{Cipher, Direction, Row};
use crate::error::{Error, Result};
use std::sync::Arc;
use zeroize::Zeroize;

pub use super::message::Message;

/// Begins a message, in one direction. What is out of range in it is `MechanismParamInvalid`.
pub type BeginMessage = fn(&'static Row, &Arc<Key>, &Message<'_>, Direction) -> Result<Aead>;

/// A message in progress.
pub struct Aead {
    core: Core,
    direction: Direction,
    /// The length of the tag, bytes.
    tag: usize,
}

enum Core {
    Keyed(Checkout<CipherCtx>),
    LongGcm(LongGcm),
    Ccm(Box<Ccm>),
}

impl Aead {
    /// A message in a context that was given its nonce and associated data.
    pub(super) fn keyed(context: Checkout<CipherCtx>, direction: Direction, tag: usize) -> Aead {
        Aead { core: Core::Keyed(context), direction, tag }
    }

    /// A message of GCM with a vector of more bytes than OpenSSL's cipher takes.
    pub(super) fn long_gcm(message: LongGcm, direction: Direction, tag: usize) -> Aead {
        Aead { core: Core::LongGcm(message), direction, tag }
    }

    /// A message of CCM.
    pub(super) fn ccm(ccm: Ccm, direction: Direction, tag: usize) -> Aead {
        Aead { core: Core::Ccm(Box::new(ccm)), direction, tag }
    }

    /// The length of the tag, bytes.
    pub fn tag_len(&self) -> usize {
        self.tag
    }

    /// Encrypts or decrypts a part; `output` has at least as many bytes as `input`. More than the
    /// mechanism takes is `DataLenRange` or `EncryptedDataLenRange`. What was decrypted is not to
    /// be believed before [`Aead::open`].
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let done = match &mut self.core {
            Core::Keyed(context) => context.step(|context| context.update(input, output)),
            Core::LongGcm(message) => message.update(input, output),
            Core::Ccm(ccm) => ccm.update(input, output),
        };
        done.map_err(|_| self.direction.length_error())
    }

    /// Ends an encryption: writes the tag, of [`Aead::tag_len`] bytes.
    pub fn seal(&mut self, tag: &mut [u8]) -> Result<()> {
        self.complete()?;
        match &mut self.core {
            Core::Keyed(context) => context.last(|context| {
                context.end()?;
                context.tag(tag)
            }),
            Core::LongGcm(message) => message.tag(tag),
            Core::Ccm(ccm) => ccm.tag(tag),
        }
    }

    /// Ends a decryption: `EncryptedDataInvalid` unless this is the tag.
    pub fn open(&mut self, tag: &[u8]) -> Result<()> {
        self.complete()?;
        let opened = match &mut self.core {
            Core::Keyed(context) => context.last(|context| {
                context.expect_tag(tag)?;
                context.end()
            }),
            Core::LongGcm(message) => message.expect_tag(tag),
            Core::Ccm(ccm) => ccm.expect_tag(tag),
        };
        opened.map_err(|_| Error::EncryptedDataInvalid)
    }

    /// Whether a message of so many bytes more would be whole.
    fn completes(&self, more: usize) -> Result<()> {
        match &self.core {
            Core::Ccm(ccm) if ccm.left() != more as u64 => Err(self.direction.length_error()),
            _ => Ok(()),
        }
    }

    fn complete(&self) -> Result<()> {
        self.completes(0)
    }
}

/// An encryption or decryption of one message, its tag behind the ciphertext.
pub(super) fn cipher(message: Aead) -> Box<dyn Cipher> {
    match message.direction {
        Direction::Encrypt => Box::new(Encryption { message }),
        Direction::Decrypt => Box::new(Decryption { message, collected: Vec::new() }),
    }
}

struct Encryption {
    message: Aead,
}

impl Cipher for Encryption {
    fn whole_len(&self, input: usize) -> usize {
        input.saturating_add(self.message.tag)
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        // Checked before anything is written.
        self.message.completes(input.len())?;
        let done = self.update(input, output)?;
        let rest = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
        Ok(done + self.finish(rest)?)
    }

    fn update_len(&self, input: usize) -> usize {
        input
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        self.message.update(input, output)
    }

    fn finish_len(&self) -> usize {
        self.message.tag
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let tag = output.get_mut(..self.message.tag).ok_or(Error::BufferTooSmall)?;
        self.message.seal(tag)?;
        Ok(tag.len())
    }
}

/// Gives out no plaintext before the tag was found good: "no data should be returned until
/// C_Decrypt or C_DecryptFinal". So parts are collected, as ciphertext.
struct Decryption {
    message: Aead,
    collected: Vec<u8>,
}

impl Decryption {
    fn open(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let len = input.len().checked_sub(self.message.tag);
        let len = len.ok_or(Error::EncryptedDataLenRange)?;
        self.message.completes(len)?;
        let (ciphertext, tag) = input.split_at_checked(len).ok_or(Error::EncryptedDataLenRange)?;
        let output = output.get_mut(..len).ok_or(Error::BufferTooSmall)?;
        let opened = self.message.update(ciphertext, output).and_then(|_| self.message.open(tag));
        opened.inspect_err(|_| output.zeroize())?;
        Ok(len)
    }
}

impl Cipher for Decryption {
    fn whole_len(&self, input: usize) -> usize {
        input.saturating_sub(self.message.tag)
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
        self.collected.len().saturating_sub(self.message.tag)
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let collected = std::mem::take(&mut self.collected);
        self.open(&collected, output)
    }
}
