// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES-XTS (PKCS #11, section "AES XTS"; SP 800-38E, IEEE 1619). One operation is one data unit.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::parts::Parts;
use super::primitive::random_secret;
use super::{Cipher, Direction, Does, ParamKind, Params, Row, Spec, secret_key};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroize;

/// The mechanisms.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate: Some(generate), ..Does::NOTHING },
        ..Row::new(CKM_AES_XTS_KEY_GEN, "CKM_AES_XTS_KEY_GEN", XTS, SIZES)
    },
    Row {
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(begin), wrap: Some(begin), ..Does::NOTHING },
        ..Row::new(CKM_AES_XTS, "CKM_AES_XTS", XTS, SIZES)
    },
];

const XTS: &[CK_KEY_TYPE] = &[CKK_AES_XTS];
/// Sizes of keys, bytes: both halves.
const SIZES: (CK_ULONG, CK_ULONG) = (32, 64);

/// A new key of `CKA_VALUE_LEN` bytes.
fn generate(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let len = spec.value_len.ok_or(Error::TemplateIncomplete)?;
    if !secret_key::fits(CKK_AES_XTS, len) {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(Parts::Secret(CKK_AES_XTS, random_secret(len)?))
}

fn begin(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    let tweak = iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?;
    let context = Checkout::cipher(key, (row.id, 0), (Mode::Xts, direction), BLOCK)?;
    let left = LONGEST;
    Ok(Box::new(Unit { context, direction, tweak, held: [0; 2 * BLOCK], have: 0, left }))
}

/// A data unit. OpenSSL takes one at once only. In parts, each part is a unit to OpenSSL, whose
/// number is the one that leads to the tweak where the part begins; what may be stolen from is held
/// back until the end.
struct Unit {
    context: Checkout<CipherCtx>,
    direction: Direction,
    /// The number that the next part is given.
    tweak: [u8; BLOCK],
    held: [u8; 2 * BLOCK],
    have: usize,
    /// The bytes that the unit may still have.
    left: usize,
}

impl Unit {
    /// Encrypts or decrypts a part.
    fn part(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let tweak = self.tweak;
        self.context.step(|context| {
            context.start(&tweak)?;
            context.update(input, output)
        })
    }

    /// Moves on by so many blocks.
    fn advance(&mut self, blocks: usize) -> Result<()> {
        let key = self.context.key().value()?;
        let second = key.get(key.len() / 2..).ok_or(Error::DeviceError)?;
        let (mut forth, mut back) = (
            CipherCtx::new(Mode::Ecb, second, Direction::Encrypt, 0)?,
            CipherCtx::new(Mode::Ecb, second, Direction::Decrypt, 0)?,
        );
        let mut mask = [0; BLOCK];
        forth.update(&self.tweak, &mut mask)?;
        let mut number = u128::from_le_bytes(mask);
        for _ in 0..blocks {
            // IEEE 1619, section 5.2: multiplied by x in the field of x^128 + x^7 + x^2 + x + 1.
            number = (number << 1) ^ if number >> 127 == 1 { 0x87 } else { 0 };
        }
        back.update(&number.to_le_bytes(), &mut self.tweak)?;
        Ok(())
    }

    /// Does what is held and `input` together, of which so many bytes are whole blocks to be done.
    fn blocks(&mut self, mut input: &[u8], ready: usize, output: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        while done < ready {
            let room = output.get_mut(done..).ok_or(Error::BufferTooSmall)?;
            let part = match self.have {
                0 => ready - done,
                have => have.next_multiple_of(BLOCK).min(ready - done),
            };
            if self.have == 0 {
                let (front, rest) = input.split_at_checked(part).ok_or(Error::DeviceError)?;
                self.part(front, room)?;
                input = rest;
            } else {
                input = self.hold(input, part.saturating_sub(self.have))?;
                let held = self.held;
                self.part(held.get(..part).ok_or(Error::DeviceError)?, room)?;
                self.held.copy_within(part..self.have, 0);
                self.have -= part;
            }
            self.advance(part / BLOCK)?;
            done += part;
        }
        self.hold(input, input.len())?;
        Ok(done)
    }

    /// Holds back the first `len` bytes of `input` and returns the others.
    fn hold<'a>(&mut self, input: &'a [u8], len: usize) -> Result<&'a [u8]> {
        let (front, rest) = input.split_at_checked(len).ok_or(Error::DeviceError)?;
        let place = self.held.get_mut(self.have..self.have + len);
        place.ok_or(Error::DeviceError)?.copy_from_slice(front);
        self.have += len;
        Ok(rest)
    }

    fn take(&mut self, len: usize) -> Result<()> {
        self.left = self.left.checked_sub(len).ok_or(self.direction.length_error())?;
        Ok(())
    }
}

impl Cipher for Unit {
    fn whole_len(&self, input: usize) -> usize {
        input
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        if input.len() < BLOCK {
            return Err(self.direction.length_error());
        }
        self.take(input.len())?;
        let done = self.part(input, output)?;
        self.context.last(|_| Ok(done))
    }

    fn update_len(&self, input: usize) -> usize {
        self.have.saturating_add(input).saturating_sub(BLOCK) / BLOCK * BLOCK
    }

    fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let ready = self.update_len(input.len());
        self.take(input.len())?;
        self.blocks(input, ready, output)
    }

    fn finish_len(&self) -> usize {
        self.have
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        if self.have < BLOCK {
            return Err(self.direction.length_error());
        }
        let held = self.held;
        let done = self.part(held.get(..self.have).ok_or(Error::DeviceError)?, output)?;
        self.context.last(|_| Ok(done))
    }
}

impl Drop for Unit {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

const BLOCK: usize = 16;
/// The longest data unit, bytes: 2^20 blocks (SP 800-38E, section 4).
const LONGEST: usize = BLOCK << 20;
