// SPDX-License-Identifier: Apache-2.0 OR MIT
//! CBC-MAC (FIPS 113), and what is built on it: `CKM_AES_MAC`, `CKM_DES3_MAC` and AES-XCBC-MAC
//! (RFC 3566). CCM counts on it too.

use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::mac::{Code, Mac, length};
use super::ossl::{CipherCtx, Mode};
use super::ready::{Purpose, Slot};
use super::{Direction, Does, ParamKind, Params, Row, Signer, Verifier};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroize;

/// The mechanisms over AES.
pub const ROWS: &[Row] = &[
    Row { does: PLAIN, ..Row::new(CKM_AES_MAC, "CKM_AES_MAC", AES, SIZES) },
    Row {
        params: ParamKind::MacLength,
        does: PLAIN,
        ..Row::new(CKM_AES_MAC_GENERAL, "CKM_AES_MAC_GENERAL", AES, SIZES)
    },
    Row { does: EXTENDED, ..Row::new(CKM_AES_XCBC_MAC, "CKM_AES_XCBC_MAC", AES, ONE_SIZE) },
    Row { does: EXTENDED, ..Row::new(CKM_AES_XCBC_MAC_96, "CKM_AES_XCBC_MAC_96", AES, ONE_SIZE) },
];

const PLAIN: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };
const EXTENDED: Does =
    Does { sign: Some(sign_extended), verify: Some(verify_extended), ..Does::NOTHING };
/// RFC 3566 knows keys of 128 bits.
const ONE_SIZE: (CK_ULONG, CK_ULONG) = (16, 16);

fn sign(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    Ok(Box::new(plain(key, params, Mode::Cbc)?))
}

fn verify(_: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(plain(key, params, Mode::Cbc)?))
}

/// A MAC of half a block, or of the length that the parameter asks for.
pub(super) fn plain(key: &Arc<Key>, params: &Params, mode: Mode) -> Result<Mac<CbcMac>> {
    let len = length(params, mode.block() / 2, mode.block())?;
    Ok(Mac::new(CbcMac::new(key, mode)?, len))
}

fn sign_extended(row: &'static Row, key: &Arc<Key>, _: &Params) -> Result<Box<dyn Signer>> {
    Ok(Box::new(extended(row, key)?))
}

fn verify_extended(row: &'static Row, key: &Arc<Key>, _: &Params) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(extended(row, key)?))
}

fn extended(row: &Row, key: &Arc<Key>) -> Result<Mac<Extended>> {
    let len = if row.id == CKM_AES_XCBC_MAC_96 { 12 } else { BLOCK };
    Ok(Mac::new(Extended::new(key)?, len))
}

/// A CBC-MAC in progress. The last block is held back until the end, for those who treat it
/// differently.
pub(super) struct CbcMac {
    context: Checkout<CipherCtx>,
    block: usize,
    held: [u8; BLOCK],
    have: usize,
    /// The last block of ciphertext.
    chain: [u8; BLOCK],
}

impl CbcMac {
    /// Begins with a key for this mode of cipher block chaining.
    pub(super) fn new(key: &Arc<Key>, mode: Mode) -> Result<CbcMac> {
        // Such a context is the one of CBC encryption, so they share theirs.
        let mechanism = if mode == Mode::Cbc { CKM_AES_CBC } else { CKM_DES3_CBC };
        let slot = Slot { mechanism, purpose: Purpose::Encrypt, variant: 0 };
        CbcMac::with(key, Some(slot), mode, |key| {
            CipherCtx::new(mode, key.value()?, Direction::Encrypt, mode.block())
        })
    }

    fn with(
        key: &Arc<Key>,
        slot: Option<Slot>,
        mode: Mode,
        make: impl FnOnce(&Key) -> Result<CipherCtx>,
    ) -> Result<CbcMac> {
        let block = mode.block();
        let mut context = Checkout::new(key, slot, |_| Ok(()), make)?;
        let zero = [0; BLOCK];
        context.step(|context| context.start(zero.get(..block).unwrap_or_default()))?;
        Ok(CbcMac { context, block, held: zero, have: 0, chain: zero })
    }

    /// Takes in data.
    pub(super) fn update(&mut self, mut data: &[u8]) -> Result<()> {
        while !data.is_empty() {
            if self.have == self.block {
                let held = self.held;
                self.absorb(held.get(..self.block).unwrap_or_default())?;
                self.have = 0;
            }
            if self.have == 0 {
                let (blocks, rest) = data.split_at((data.len() - 1) / self.block * self.block);
                self.absorb(blocks)?;
                data = rest;
            }
            let (part, rest) = data.split_at(data.len().min(self.block - self.have));
            let place = self.held.get_mut(self.have..self.have + part.len());
            place.ok_or(Error::DeviceError)?.copy_from_slice(part);
            self.have += part.len();
            data = rest;
        }
        Ok(())
    }

    /// Fills what was taken in up to a whole block, with zeros.
    pub(super) fn pad(&mut self) {
        if self.have > 0 {
            self.held.iter_mut().skip(self.have).for_each(|byte| *byte = 0);
            self.have = self.block;
        }
    }

    /// The code: `last` gets the last block, filled up with zeros, and how many bytes it has.
    pub(super) fn finish(
        &mut self,
        last: impl FnOnce(&mut [u8; BLOCK], usize),
    ) -> Result<[u8; BLOCK]> {
        let have = self.have;
        self.held.iter_mut().skip(have).for_each(|byte| *byte = 0);
        last(&mut self.held, have);
        let held = self.held;
        self.absorb(held.get(..self.block).unwrap_or_default())?;
        self.have = 0;
        self.context.last(|_| Ok(()))?;
        Ok(self.chain)
    }

    fn absorb(&mut self, blocks: &[u8]) -> Result<()> {
        let mut scratch = [0; 64 * BLOCK];
        for part in blocks.chunks(scratch.len()) {
            let len = self.context.step(|context| context.update(part, &mut scratch))?;
            let last = len.checked_sub(self.block).and_then(|from| scratch.get(from..len));
            let chain = self.chain.get_mut(..self.block).ok_or(Error::DeviceError)?;
            chain.copy_from_slice(last.ok_or(Error::DeviceError)?);
        }
        Ok(())
    }
}

impl Code for CbcMac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        CbcMac::update(self, data)
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        let whole = CbcMac::finish(self, |_, _| {})?;
        code.copy_from_slice(whole.get(..code.len()).ok_or(Error::DeviceError)?);
        Ok(())
    }
}

impl Drop for CbcMac {
    fn drop(&mut self) {
        self.held.zeroize();
    }
}

/// AES-XCBC-MAC: a CBC-MAC under one derived key, whose last block is masked with another.
struct Extended {
    mac: CbcMac,
    /// The masks of a last block that is whole, and of one that was filled up.
    masks: Secret,
}

impl Extended {
    fn new(key: &Arc<Key>) -> Result<Extended> {
        if key.value()?.len() != BLOCK {
            return Err(Error::KeySizeRange);
        }
        let mut derived = Secret::zeroed(3 * BLOCK)?;
        let mut constants = [1; 3 * BLOCK];
        for (number, block) in (1..).zip(constants.chunks_mut(BLOCK)) {
            block.fill(number);
        }
        let mut codebook = CipherCtx::new(Mode::Ecb, key.value()?, Direction::Encrypt, 0)?;
        codebook.update(&constants, derived.expose_mut())?;
        let (first, masks) = derived.expose().split_at(BLOCK);
        let make = |_: &Key| CipherCtx::new(Mode::Cbc, first, Direction::Encrypt, BLOCK);
        let mac = CbcMac::with(key, None, Mode::Cbc, make)?;
        Ok(Extended { mac, masks: Secret::copy_of(masks)? })
    }
}

impl Code for Extended {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.mac.update(data)
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        let (whole, filled) = self.masks.expose().split_at(BLOCK);
        let last = self.mac.finish(|block, have| {
            let mask = if have == BLOCK { whole } else { filled };
            if let Some(byte) = block.get_mut(have) {
                *byte = 0x80;
            }
            block.iter_mut().zip(mask).for_each(|(byte, mask)| *byte ^= mask);
        })?;
        code.copy_from_slice(last.get(..code.len()).ok_or(Error::DeviceError)?);
        Ok(())
    }
}

/// The longest block, AES's.
const BLOCK: usize = 16;
