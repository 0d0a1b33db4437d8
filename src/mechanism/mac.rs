// SPDX-License-Identifier: Apache-2.0 OR MIT
//! MACs, made and verified: what all of them have in common.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{MacCtx, MacKind, equal};
use super::ready::{Purpose, Slot};
use super::{Params, Row, Signer, Verifier};
use crate::error::{Error, Result};
use smallvec::SmallVec;
use std::sync::Arc;

/// A code being computed.
pub(super) trait Code: Send {
    /// One part of the data.
    fn update(&mut self, data: &[u8]) -> Result<()>;
    /// Fills `code` with the first bytes of the code; it is no longer than the whole.
    fn finish(&mut self, code: &mut [u8]) -> Result<()>;
}

/// Begins a MAC.
pub(super) fn signer(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    kind: MacKind,
) -> Result<Box<dyn Signer>> {
    Ok(Box::new(keyed(row, key, params, kind)?))
}

/// Begins to verify a MAC.
pub(super) fn verifier(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    kind: MacKind,
) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(keyed(row, key, params, kind)?))
}

fn keyed(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    kind: MacKind,
) -> Result<Mac<Checkout<MacCtx>>> {
    let len = length(params, kind.len(), kind.len())?;
    // The whole code is computed whatever is asked for, so one context serves all lengths. (A key
    // of Poly1305 is for one message, and OpenSSL begins no second with it.)
    let slot = Slot { mechanism: row.id, purpose: Purpose::Sign, variant: 0 };
    let slot = (!matches!(kind, MacKind::Poly1305)).then_some(slot);
    let make = |key: &Key| MacCtx::new(kind, key.value()?);
    Ok(Mac::new(Checkout::new(key, slot, MacCtx::restart, make)?, len))
}

/// The length asked for, bytes: `usual` without a parameter, at most `longest` with one.
pub(super) fn length(params: &Params, usual: usize, longest: usize) -> Result<usize> {
    match params {
        Params::None => Ok(usual),
        Params::MacLength(len) if (1..=longest).contains(len) => Ok(*len),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// A code of so many bytes, made or compared.
pub(super) struct Mac<C> {
    code: C,
    len: usize,
}

impl<C: Code> Mac<C> {
    /// `len` is at most the length of the whole code.
    pub(super) fn new(code: C, len: usize) -> Mac<C> {
        Mac { code, len }
    }
}

impl<C: Code> Signer for Mac<C> {
    fn len(&self) -> usize {
        self.len
    }

    fn whole(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize> {
        self.code.update(data)?;
        Signer::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.code.update(data)
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize> {
        self.code.finish(signature.get_mut(..self.len).ok_or(Error::BufferTooSmall)?)?;
        Ok(self.len)
    }
}

impl<C: Code> Verifier for Mac<C> {
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        self.code.update(data)?;
        Verifier::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.code.update(data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        if signature.len() != self.len {
            return Err(Error::SignatureLenRange);
        }
        let mut code: SmallVec<[u8; LONGEST]> = SmallVec::from_elem(0, self.len);
        self.code.finish(&mut code)?;
        if equal(&code, signature) { Ok(()) } else { Err(Error::SignatureInvalid) }
    }
}

impl Code for Checkout<MacCtx> {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.step(|context| context.update(data))
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        let mut whole = [0; LONGEST];
        self.last(|context| context.finish(&mut whole))?;
        code.copy_from_slice(whole.get(..code.len()).ok_or(Error::DeviceError)?);
        Ok(())
    }
}

/// The longest code of OpenSSL's here, HMAC-SHA-512's.
const LONGEST: usize = 64;
