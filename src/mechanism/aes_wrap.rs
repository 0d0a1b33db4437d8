// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES key wrap, KW and KWP (PKCS #11, section "AES Key Wrap"; SP 800-38F; RFC 3394, RFC 5649).
//!
//! `CKM_AES_KEY_WRAP_PAD` is not offered: it is deprecated, and providers disagree about what it
//! means.

use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::{Cipher, Direction, Does, Filling, ParamKind, Params, Row};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The key wrap mechanisms.
pub const ROWS: &[Row] = &[
    Row {
        filling: Filling::Behind(UNIT),
        params: ParamKind::OptionalIv(8),
        does: Does { cipher: Some(kw), wrap: Some(kw), ..Does::NOTHING },
        ..Row::new(CKM_AES_KEY_WRAP, "CKM_AES_KEY_WRAP", AES, SIZES)
    },
    Row {
        params: ParamKind::OptionalIv(8),
        does: Does { cipher: Some(pkcs7), wrap: Some(pkcs7), ..Does::NOTHING },
        ..Row::new(CKM_AES_KEY_WRAP_PKCS7, "CKM_AES_KEY_WRAP_PKCS7", AES, SIZES)
    },
    Row {
        params: ParamKind::OptionalIv(4),
        does: Does { cipher: Some(kwp), wrap: Some(kwp), ..Does::NOTHING },
        ..Row::new(CKM_AES_KEY_WRAP_KWP, "CKM_AES_KEY_WRAP_KWP", AES, SIZES)
    },
];

fn kw(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(begin(row, key, params, direction, Mode::Wrap)?))
}

fn pkcs7(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(Padded { wrap: begin(row, key, params, direction, Mode::Wrap)? }))
}

fn kwp(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    Ok(Box::new(begin(row, key, params, direction, Mode::WrapPad)?))
}

fn begin(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
    mode: Mode,
) -> Result<Wrap> {
    let iv: &[u8] = match params {
        Params::None => &[],
        Params::Iv(iv) => iv,
        _ => return Err(Error::MechanismParamInvalid),
    };
    let mut context =
        Checkout::cipher(key, (row.id, iv.len() as u64), (mode, direction), iv.len())?;
    context.step(|context| context.start(iv))?;
    Ok(Wrap { context, direction, padded: mode == Mode::WrapPad })
}

struct Wrap {
    context: Checkout<CipherCtx>,
    direction: Direction,
    padded: bool,
}

impl Wrap {
    fn wrap(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let good = match self.padded {
            // SP 800-38F, section 5.3.1: one byte at least, and for KW two semiblocks.
            true => !input.is_empty(),
            false => input.len() % UNIT == 0 && input.len() >= 2 * UNIT,
        };
        if !good {
            return Err(Error::DataLenRange);
        }
        self.context.last(|context| context.update(input, output))
    }

    fn unwrap(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let shortest = if self.padded { 2 * UNIT } else { 3 * UNIT };
        if input.len() % UNIT != 0 || input.len() < shortest {
            return Err(Error::EncryptedDataLenRange);
        }
        // OpenSSL uses more room than the result takes.
        let mut plain = Secret::zeroed(input.len())?;
        let len = self
            .context
            .last(|context| context.update(input, plain.expose_mut()))
            .map_err(|_| Error::EncryptedDataInvalid)?;
        let plain = plain.expose().get(..len).ok_or(Error::DeviceError)?;
        output.get_mut(..len).ok_or(Error::BufferTooSmall)?.copy_from_slice(plain);
        Ok(len)
    }
}

impl Cipher for Wrap {
    fn multi_part(&self) -> bool {
        false
    }

    fn exact(&self) -> bool {
        !(self.padded && self.direction == Direction::Decrypt)
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => input.div_ceil(UNIT).saturating_add(1).saturating_mul(UNIT),
            Direction::Decrypt => input.saturating_sub(UNIT),
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        match self.direction {
            Direction::Encrypt => self.wrap(input, output),
            Direction::Decrypt => self.unwrap(input, output),
        }
    }
}

/// Key wrap of data that was filled up to a semiblock as PKCS #7 has it.
struct Padded {
    wrap: Wrap,
}

impl Padded {
    fn unwrap(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let mut padded = Secret::zeroed(self.wrap.whole_len(input.len()))?;
        let len = self.wrap.whole(input, padded.expose_mut())?;
        let padded = padded.expose().get(..len).ok_or(Error::DeviceError)?;
        let count = usize::from(*padded.last().ok_or(Error::EncryptedDataInvalid)?);
        let plain = match len.checked_sub(count).and_then(|len| padded.split_at_checked(len)) {
            // The wrap was found whole, so what is wrong here is no oracle.
            Some((plain, fill))
                if (1..=UNIT).contains(&count)
                    && fill.iter().all(|byte| usize::from(*byte) == count) =>
            {
                plain
            }
            _ => return Err(Error::EncryptedDataInvalid),
        };
        output.get_mut(..plain.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(plain);
        Ok(plain.len())
    }
}

impl Cipher for Padded {
    fn multi_part(&self) -> bool {
        false
    }

    fn exact(&self) -> bool {
        self.wrap.direction == Direction::Encrypt
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.wrap.direction {
            Direction::Encrypt => (input / UNIT).saturating_add(2).saturating_mul(UNIT),
            Direction::Decrypt => input.saturating_sub(UNIT),
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        if self.wrap.direction == Direction::Decrypt {
            return self.unwrap(input, output);
        }
        let count = UNIT - input.len() % UNIT;
        let mut padded = Secret::zeroed(input.len() + count)?;
        padded.expose_mut().fill(count as u8);
        let place = padded.expose_mut().get_mut(..input.len());
        place.ok_or(Error::DeviceError)?.copy_from_slice(input);
        self.wrap.whole(padded.expose(), output)
    }
}

/// The semiblock, bytes.
const UNIT: usize = 8;
