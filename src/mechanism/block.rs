// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Block ciphers in ECB and CBC, with PKCS #7 padding or whole blocks alone.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::ready::{Purpose, Slot};
use super::{Cipher, Direction, Params, Row};
use crate::error::{Error, Result};
use std::sync::Arc;

/// Begins an encryption or decryption in one of these modes: the vector is the parameter's, and
/// ECB has none.
pub(super) fn begin(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
    (mode, padded): (Mode, bool),
) -> Result<Box<dyn Cipher>> {
    let iv: &[u8] = match params {
        Params::None => &[],
        Params::Iv(iv) => iv,
        _ => return Err(Error::MechanismParamInvalid),
    };
    let slot = Slot { mechanism: row.id, purpose: Purpose::of(direction), variant: 0 };
    let make = |key: &Key| {
        let mut context = CipherCtx::new(mode, key.value()?, direction, iv.len())?;
        if padded {
            context.pad()?;
        }
        Ok(context)
    };
    let mut context = Checkout::new(key, Some(slot), |_| Ok(()), make)?;
    context.step(|context| context.start(iv))?;
    Ok(Box::new(Blocks { context, direction, padded, block: mode.block() }))
}

/// ECB, CBC, and CBC with PKCS #7 padding.
struct Blocks {
    context: Checkout<CipherCtx>,
    direction: Direction,
    padded: bool,
    /// The block, bytes.
    block: usize,
}

impl Cipher for Blocks {
    fn exact(&self) -> bool {
        !(self.padded && self.direction == Direction::Decrypt)
    }

    fn whole_len(&self, input: usize) -> usize {
        match (self.padded, self.direction) {
            (true, Direction::Encrypt) => {
                (input / self.block * self.block).saturating_add(self.block)
            }
            _ => input,
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        // Checked before anything is written.
        let any_length = self.padded && self.direction == Direction::Encrypt;
        if !any_length && input.len() % self.block != 0 {
            return Err(self.direction.length_error());
        }
        let done = self.update(input, output)?;
        let rest = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
        Ok(done + self.finish(rest)?)
    }

    fn update_len(&self, input: usize) -> usize {
        self.context.peek().map_or(0, |context| context.update_len(input))
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        self.context.step(|context| context.update(input, output))
    }

    fn finish_len(&self) -> usize {
        if self.padded { self.block } else { 0 }
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let held = self.context.peek().map_or(0, CipherCtx::held);
        match (self.padded, self.direction) {
            (false, _) if held == 0 => self.context.last(|_| Ok(0)),
            (true, Direction::Encrypt) => self.context.last(|context| context.finish(output)),
            (true, Direction::Decrypt) if held == self.block => self
                .context
                .last(|context| context.finish(output))
                .map_err(|_| Error::EncryptedDataInvalid),
            _ => Err(self.direction.length_error()),
        }
    }
}
