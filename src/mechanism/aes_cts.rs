// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES in CBC with ciphertext stealing (PKCS #11, section "AES CBC with CipherText Stealing CTS";
//! addendum to SP 800-38A). Of the three variants there it is CBC-CS1, whose ciphertext is that of
//! CBC wherever the plaintext is of whole blocks.

use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::{Cipher, Direction, Does, ParamKind, Params, Row};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroize;

/// The mechanism.
pub const ROWS: &[Row] = &[Row {
    params: ParamKind::Iv(BLOCK),
    does: Does { cipher: Some(begin), wrap: Some(begin), ..Does::NOTHING },
    ..Row::new(CKM_AES_CTS, "CKM_AES_CTS", AES, SIZES)
}];

fn begin(
    _: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    // A context of CBC's, kept with those.
    let mut context = Checkout::cipher(key, (CKM_AES_CBC, 0), (Mode::Cbc, direction), BLOCK)?;
    context.step(|context| context.start(iv))?;
    Ok(Box::new(Stealing { context, direction, held: [0; 2 * BLOCK], have: 0 }))
}

/// The last block and the one before it, whole or not, are held back until the end.
struct Stealing {
    context: Checkout<CipherCtx>,
    direction: Direction,
    held: [u8; 2 * BLOCK],
    have: usize,
}

impl Stealing {
    /// Whether so many bytes are a message: one block at least.
    fn check(&self, len: usize) -> Result<()> {
        if len < BLOCK { Err(self.direction.length_error()) } else { Ok(()) }
    }

    fn last(&mut self, output: &mut [u8]) -> Result<usize> {
        let Stealing { context, direction, held, have } = self;
        let (have, part) = (*have, *have % BLOCK);
        let mut done = [0; 2 * BLOCK];
        if *direction == Direction::Encrypt || part == 0 {
            held.iter_mut().skip(have).for_each(|byte| *byte = 0);
            let whole = held.get(..have.next_multiple_of(BLOCK)).ok_or(Error::DeviceError)?;
            context.last(|context| context.update(whole, &mut done))?;
            if part != 0 {
                // The block before the last gives up what the last was filled up with.
                done.copy_within(BLOCK.., part);
            }
        } else {
            opened(context, held, part, &mut done)?;
        }
        let result = done.get(..have).ok_or(Error::DeviceError)?;
        output.get_mut(..have).ok_or(Error::BufferTooSmall)?.copy_from_slice(result);
        done.zeroize();
        Ok(have)
    }
}

/// Decrypts a last block that is not whole (its `part` bytes come first) and the one before it.
fn opened(
    context: &mut Checkout<CipherCtx>,
    held: &[u8; 2 * BLOCK],
    part: usize,
    plain: &mut [u8; 2 * BLOCK],
) -> Result<()> {
    let mut stolen = [0; BLOCK];
    let (short, rest) = held.split_at_checked(part).ok_or(Error::DeviceError)?;
    let last = rest.get(..BLOCK).ok_or(Error::DeviceError)?;
    let key = context.key().value()?;
    let mut codebook = CipherCtx::new(Mode::Ecb, key, Direction::Decrypt, 0)?;
    codebook.update(last, &mut stolen)?;
    // The last block's plaintext was xored with the ciphertext before it, of which the end was
    // stolen: with zeros there, that end is what comes out.
    let mut before = stolen;
    before.iter_mut().zip(short).for_each(|(place, byte)| *place = *byte);
    context.last(|context| context.update(&before, plain))?;
    let ends = plain.iter_mut().skip(BLOCK).zip(stolen.iter().zip(short));
    ends.for_each(|(place, (stolen, short))| *place = stolen ^ short);
    stolen.zeroize();
    Ok(())
}

impl Cipher for Stealing {
    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        // Checked before anything is written.
        self.check(input.len())?;
        let done = self.update(input, output)?;
        let rest = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
        Ok(done + self.finish(rest)?)
    }

    fn update_len(&self, input: usize) -> usize {
        let total = self.have.saturating_add(input);
        total.saturating_sub(BLOCK + 1) / BLOCK * BLOCK
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let ready = self.update_len(input.len());
        let old = self.have.min(ready);
        let (front, rest) = input.split_at_checked(ready - old).ok_or(Error::DeviceError)?;
        let mut done = 0;
        for part in [self.held.get(..old).unwrap_or_default(), front] {
            let room = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
            done += self.context.step(|context| context.update(part, room))?;
        }
        self.held.copy_within(old..self.have, 0);
        self.have -= old;
        let place = self.held.get_mut(self.have..self.have + rest.len());
        place.ok_or(Error::DeviceError)?.copy_from_slice(rest);
        self.have += rest.len();
        Ok(done)
    }

    fn finish_len(&self) -> usize {
        self.have
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        self.check(self.have)?;
        self.last(output)
    }
}

impl Drop for Stealing {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

const BLOCK: usize = 16;
