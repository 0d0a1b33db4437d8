// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES: the table, key generation, the block and counter modes, CMAC (PKCS #11, sections "AES",
//! "AES with Counter", "AES CMAC"). GCM is in `gcm`, key wrap in `aes_wrap`.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, MacKind, Mode};
use super::parts::Parts;
use super::primitive::random_secret;
use super::ready::{Purpose, Slot};
use super::{
    Cipher, Direction, Does, Filling, ParamKind, Params, Row, Signer, Spec, Verifier, gcm, mac,
};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The AES mechanisms, key wrap aside.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate: Some(generate), ..Does::NOTHING },
        ..Row::new(CKM_AES_KEY_GEN, "CKM_AES_KEY_GEN", AES, SIZES)
    },
    Row {
        filling: Filling::Behind(BLOCK),
        does: Does { cipher: Some(ecb), wrap: Some(ecb), ..Does::NOTHING },
        ..Row::new(CKM_AES_ECB, "CKM_AES_ECB", AES, SIZES)
    },
    Row {
        filling: Filling::Behind(BLOCK),
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc), wrap: Some(cbc), ..Does::NOTHING },
        ..Row::new(CKM_AES_CBC, "CKM_AES_CBC", AES, SIZES)
    },
    Row {
        params: ParamKind::Iv(BLOCK),
        does: Does { cipher: Some(cbc_pad), wrap: Some(cbc_pad), ..Does::NOTHING },
        ..Row::new(CKM_AES_CBC_PAD, "CKM_AES_CBC_PAD", AES, SIZES)
    },
    Row {
        params: ParamKind::Counter,
        does: Does { cipher: Some(ctr), wrap: Some(ctr), ..Does::NOTHING },
        ..Row::new(CKM_AES_CTR, "CKM_AES_CTR", AES, SIZES)
    },
    Row {
        params: ParamKind::Gcm,
        does: Does { cipher: Some(gcm::begin), wrap: Some(gcm::begin), ..Does::NOTHING },
        ..Row::new(CKM_AES_GCM, "CKM_AES_GCM", AES, SIZES)
    },
    Row { does: MACS, ..Row::new(CKM_AES_CMAC, "CKM_AES_CMAC", AES, SIZES) },
    Row {
        params: ParamKind::MacLength,
        does: MACS,
        ..Row::new(CKM_AES_CMAC_GENERAL, "CKM_AES_CMAC_GENERAL", AES, SIZES)
    },
];

const MACS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };

/// A new key of `CKA_VALUE_LEN` bytes.
fn generate(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    match spec.value_len.ok_or(Error::TemplateIncomplete)? {
        len @ (16 | 24 | 32) => Ok(Parts::Secret(CKK_AES, random_secret(len)?)),
        _ => Err(Error::AttributeValueInvalid),
    }
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    mac::signer(row, key, params, MacKind::Cmac)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    mac::verifier(row, key, params, MacKind::Cmac)
}

fn ecb(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::None = params else { return Err(Error::MechanismParamInvalid) };
    Ok(Box::new(Blocks::begin(row, key, Mode::Ecb, false, &[], direction)?))
}

fn cbc(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    Ok(Box::new(Blocks::begin(row, key, Mode::Cbc, false, iv, direction)?))
}

fn cbc_pad(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Iv(iv) = params else { return Err(Error::MechanismParamInvalid) };
    Ok(Box::new(Blocks::begin(row, key, Mode::Cbc, true, iv, direction)?))
}

fn ctr(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    _: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Counter { bits, block } = params else { return Err(Error::MechanismParamInvalid) };
    let shift = match bits {
        1..=128 => 128 - *bits as u32,
        _ => return Err(Error::MechanismParamInvalid),
    };
    // How many blocks the counter has before it comes round: 2^bits less where it begins. (2^128
    // is one more than fits, and out of reach.)
    let largest = u128::MAX >> shift;
    let blocks = (largest - (u128::from_be_bytes(*block) & largest)).saturating_add(1);
    // Both directions are the same function, so they share their contexts.
    let slot = Slot { mechanism: row.id, purpose: Purpose::Encrypt, variant: 0 };
    let make = |key: &Key| CipherCtx::new(Mode::Ctr, key.value()?, Direction::Encrypt, BLOCK);
    let mut context = Checkout::new(key, Some(slot), |_| Ok(()), make)?;
    context.step(|context| context.start(block))?;
    Ok(Box::new(Counter { context, left: blocks.saturating_mul(BLOCK as u128) }))
}

/// ECB, CBC, and CBC with PKCS #7 padding.
struct Blocks {
    context: Checkout<CipherCtx>,
    direction: Direction,
    padded: bool,
}

impl Blocks {
    fn begin(
        row: &Row,
        key: &Arc<Key>,
        mode: Mode,
        padded: bool,
        iv: &[u8],
        direction: Direction,
    ) -> Result<Blocks> {
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
        Ok(Blocks { context, direction, padded })
    }

    fn length_error(&self) -> Error {
        match self.direction {
            Direction::Encrypt => Error::DataLenRange,
            Direction::Decrypt => Error::EncryptedDataLenRange,
        }
    }
}

impl Cipher for Blocks {
    fn exact(&self) -> bool {
        !(self.padded && self.direction == Direction::Decrypt)
    }

    fn whole_len(&self, input: usize) -> usize {
        match (self.padded, self.direction) {
            (true, Direction::Encrypt) => (input / BLOCK * BLOCK).saturating_add(BLOCK),
            _ => input,
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        // Checked before anything is written.
        let any_length = self.padded && self.direction == Direction::Encrypt;
        if !any_length && input.len() % BLOCK != 0 {
            return Err(self.length_error());
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
        if self.padded { BLOCK } else { 0 }
    }

    fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let held = self.context.peek().map_or(0, CipherCtx::held);
        match (self.padded, self.direction) {
            (false, _) if held == 0 => self.context.last(|_| Ok(0)),
            (true, Direction::Encrypt) => self.context.last(|context| context.finish(output)),
            (true, Direction::Decrypt) if held == BLOCK => self
                .context
                .last(|context| context.finish(output))
                .map_err(|_| Error::EncryptedDataInvalid),
            _ => Err(self.length_error()),
        }
    }
}

/// CTR.
struct Counter {
    context: Checkout<CipherCtx>,
    /// How many bytes the counter still allows.
    left: u128,
}

impl Cipher for Counter {
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

    fn finish_len(&self) -> usize {
        0
    }

    fn finish(&mut self, _output: &mut [u8]) -> Result<usize> {
        self.context.last(|_| Ok(0))
    }
}

pub(super) const AES: &[CK_KEY_TYPE] = &[CKK_AES];
/// Sizes of keys, bytes.
pub(super) const SIZES: (CK_ULONG, CK_ULONG) = (16, 32);
/// The block, bytes.
const BLOCK: usize = 16;
