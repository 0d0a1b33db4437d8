// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One message of CCM (SP 800-38C): counter mode and CBC-MAC side by side. OpenSSL's own takes a
//! message at once only, and PKCS #11 has it in parts.

use super::cbc_mac::CbcMac;
use super::checkout::Checkout;
use super::key::Key;
use super::message::Message;
use super::ossl::{CipherCtx, Mode, equal};
use super::{Direction, Row};
use crate::error::{Error, Result};
use std::sync::Arc;

/// A nonce of 7 to 13 bytes, a length that its counter has room for, a tag of an even length.
pub(super) fn check(message: &Message<'_>) -> Result<()> {
    let nonce = message.nonce.len();
    let fits = match nonce {
        7 => true,
        8..=13 => message.len as u64 >> (8 * (15 - nonce)) == 0,
        _ => false,
    };
    let tag = matches!(message.tag, 4 | 6 | 8 | 10 | 12 | 14 | 16);
    if fits && tag { Ok(()) } else { Err(Error::MechanismParamInvalid) }
}

/// A message in progress.
pub(super) struct Ccm {
    mac: CbcMac,
    stream: Checkout<CipherCtx>,
    direction: Direction,
    /// The first block of key stream, which masks the tag.
    mask: [u8; BLOCK],
    /// The bytes that are still to come.
    left: u64,
}

impl Ccm {
    /// Begins a message.
    pub(super) fn new(
        row: &Row,
        key: &Arc<Key>,
        message: &Message<'_>,
        direction: Direction,
    ) -> Result<Ccm> {
        check(message)?;
        let mut stream =
            Checkout::cipher(key, (row.id, 0), (Mode::Ctr, Direction::Encrypt), BLOCK)?;
        // SP 800-38C, appendix A.2 and A.3: one octet of flags, the nonce, and a number.
        let width = BLOCK - 1 - message.nonce.len();
        let mut counter = [0; BLOCK];
        counter
            .iter_mut()
            .zip([width as u8 - 1].iter().chain(message.nonce))
            .for_each(|(place, byte)| *place = *byte);
        let mut mask = [0; BLOCK];
        stream.step(|context| {
            context.start(&counter)?;
            context.update(&[0; BLOCK], &mut mask)
        })?;
        let mut mac = CbcMac::new(key, Mode::Cbc)?;
        mac.update(&first_block(counter, message))?;
        associate(&mut mac, message.aad)?;
        Ok(Ccm { mac, stream, direction, mask, left: message.len as u64 })
    }

    /// The bytes that are still to come.
    pub(super) fn left(&self) -> u64 {
        self.left
    }

    /// Encrypts or decrypts a part of the message.
    pub(super) fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        self.left = self.left.checked_sub(input.len() as u64).ok_or(Error::DataLenRange)?;
        if self.direction == Direction::Encrypt {
            self.mac.update(input)?;
        }
        let done = self.stream.step(|context| context.update(input, output))?;
        if self.direction == Direction::Decrypt {
            self.mac.update(output.get(..done).ok_or(Error::BufferTooSmall)?)?;
        }
        Ok(done)
    }

    /// The tag of the message.
    pub(super) fn tag(&mut self, tag: &mut [u8]) -> Result<()> {
        let code = self.mac.finish(|_, _| {})?;
        self.stream.last(|_| Ok(()))?;
        let masked = code.iter().zip(&self.mask).map(|(code, mask)| code ^ mask);
        tag.iter_mut().zip(masked).for_each(|(place, byte)| *place = byte);
        Ok(())
    }

    /// Whether this is the tag of the message.
    pub(super) fn expect_tag(&mut self, expected: &[u8]) -> Result<()> {
        let mut tag = [0; BLOCK];
        self.tag(&mut tag)?;
        let tag = tag.get(..expected.len()).unwrap_or_default();
        if equal(tag, expected) { Ok(()) } else { Err(Error::EncryptedDataInvalid) }
    }
}

/// The block that says what the message is like: the flags, the nonce, the length of the message.
fn first_block(counter: [u8; BLOCK], message: &Message<'_>) -> [u8; BLOCK] {
    let mut block = counter;
    let with_aad = if message.aad.is_empty() { 0 } else { 0x40 };
    if let Some(flags) = block.first_mut() {
        *flags |= with_aad | (((message.tag as u8).wrapping_sub(2) / 2) << 3);
    }
    let length = (message.len as u64).to_be_bytes();
    let place = block.iter_mut().skip(1 + message.nonce.len()).rev();
    place.zip(length.iter().rev()).for_each(|(place, byte)| *place = *byte);
    block
}

/// The associated data, its length before it (appendix A.2.2).
fn associate(mac: &mut CbcMac, aad: &[u8]) -> Result<()> {
    match aad.len() {
        0 => return Ok(()),
        len @ 1..0xFF00 => mac.update(&(len as u16).to_be_bytes())?,
        // No parameter is as long as 2^32 bytes.
        len => {
            mac.update(&[0xFF, 0xFE])?;
            mac.update(&(len as u32).to_be_bytes())?;
        }
    }
    mac.update(aad)?;
    mac.pad();
    Ok(())
}

const BLOCK: usize = 16;
