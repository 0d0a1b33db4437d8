// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES in output and cipher feedback (PKCS #11, sections "AES-OFB", "AES-CFB"; SP 800-38A, sections
//! 6.3 and 6.4).

use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::stream::Stream;
use super::{Cipher, Direction, Does, ParamKind, Params, Row};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroize;

/// The mechanisms.
pub const ROWS: &[Row] = &[
    row(CKM_AES_OFB, "CKM_AES_OFB", stream),
    row(CKM_AES_CFB1, "CKM_AES_CFB1", stream),
    row(CKM_AES_CFB8, "CKM_AES_CFB8", stream),
    row(CKM_AES_CFB64, "CKM_AES_CFB64", halves),
    row(CKM_AES_CFB128, "CKM_AES_CFB128", stream),
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, begin: super::BeginCipher) -> Row {
    let does = Does { cipher: Some(begin), wrap: Some(begin), ..Does::NOTHING };
    Row { params: ParamKind::Iv(BLOCK), does, ..Row::new(id, name, AES, SIZES) }
}

fn stream(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    let mode = match row.id {
        CKM_AES_CFB1 => Mode::Cfb1,
        CKM_AES_CFB8 => Mode::Cfb8,
        CKM_AES_CFB128 => Mode::Cfb128,
        _ => Mode::Ofb,
    };
    let context = Checkout::cipher(key, (row.id, 0), (mode, direction), BLOCK)?;
    Ok(Box::new(Stream::begin(context, iv, u128::MAX)?))
}

fn halves(
    _: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    let register = iv.as_slice().try_into().map_err(|_| Error::MechanismParamInvalid)?;
    // A context of the codebook's, kept with those.
    let mut context = Checkout::cipher(key, (CKM_AES_ECB, 0), (Mode::Ecb, Direction::Encrypt), 0)?;
    context.step(|context| context.start(&[]))?;
    Ok(Box::new(Halves { context, direction, register, mask: [0; BLOCK], used: HALF }))
}

/// CFB with segments of half a block, which OpenSSL does not have.
struct Halves {
    context: Checkout<CipherCtx>,
    direction: Direction,
    /// What is encrypted next: the last two segments of ciphertext.
    register: [u8; BLOCK],
    /// The register encrypted; its first half masks a segment.
    mask: [u8; BLOCK],
    /// How much of that half was used.
    used: usize,
}

impl Halves {
    fn refill(&mut self) -> Result<()> {
        let (register, mask) = (&self.register, &mut self.mask);
        self.context.step(|context| context.update(register, mask))?;
        self.register.rotate_left(HALF);
        self.used = 0;
        Ok(())
    }
}

impl Cipher for Halves {
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
        let output = output.get_mut(..input.len()).ok_or(Error::BufferTooSmall)?;
        for (given, place) in input.iter().zip(output) {
            if self.used == HALF {
                self.refill()?;
            }
            *place = given ^ self.mask.get(self.used).ok_or(Error::DeviceError)?;
            let ciphertext = if self.direction == Direction::Encrypt { *place } else { *given };
            *self.register.get_mut(HALF + self.used).ok_or(Error::DeviceError)? = ciphertext;
            self.used += 1;
        }
        Ok(input.len())
    }

    fn finish(&mut self, _output: &mut [u8]) -> Result<usize> {
        self.context.last(|_| Ok(0))
    }
}

impl Drop for Halves {
    fn drop(&mut self) {
        self.mask.zeroize();
    }
}

const BLOCK: usize = 16;
/// A segment of CFB64, bytes.
const HALF: usize = 8;
