// SPDX-License-Identifier: Apache-2.0 OR MIT
//! MACs, made and verified: what HMAC and CMAC have in common.

use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{MacCtx, MacKind, equal};
use super::ready::{Purpose, Slot};
use super::{Params, Row, Signer, Verifier};
use crate::error::{Error, Result};
use std::sync::Arc;

/// Begins a MAC.
pub(super) fn signer(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    kind: MacKind,
) -> Result<Box<dyn Signer>> {
    Ok(Box::new(Mac::new(row, key, params, kind)?))
}

/// Begins to verify a MAC.
pub(super) fn verifier(
    row: &Row,
    key: &Arc<Key>,
    params: &Params,
    kind: MacKind,
) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(Mac::new(row, key, params, kind)?))
}

struct Mac {
    context: Checkout<MacCtx>,
    len: usize,
}

impl Mac {
    fn new(row: &Row, key: &Arc<Key>, params: &Params, kind: MacKind) -> Result<Mac> {
        let len = match params {
            Params::None => kind.len(),
            Params::MacLength(len) if (1..=kind.len()).contains(len) => *len,
            _ => return Err(Error::MechanismParamInvalid),
        };
        // The whole code is computed whatever is asked for, so one context serves all lengths.
        let slot = Slot { mechanism: row.id, purpose: Purpose::Sign, variant: 0 };
        let make = |key: &Key| MacCtx::new(kind, key.value()?);
        Ok(Mac { context: Checkout::new(key, Some(slot), MacCtx::restart, make)?, len })
    }

    fn code(&mut self) -> Result<([u8; LONGEST], usize)> {
        let mut code = [0; LONGEST];
        self.context.last(|context| context.finish(&mut code))?;
        Ok((code, self.len))
    }
}

impl Signer for Mac {
    fn len(&self) -> usize {
        self.len
    }

    fn whole(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize> {
        Signer::update(self, data)?;
        Signer::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.context.step(|context| context.update(data))
    }

    fn finish(&mut self, signature: &mut [u8]) -> Result<usize> {
        let (code, len) = self.code()?;
        let code = code.get(..len).ok_or(Error::DeviceError)?;
        signature.get_mut(..len).ok_or(Error::BufferTooSmall)?.copy_from_slice(code);
        Ok(len)
    }
}

impl Verifier for Mac {
    fn whole(&mut self, data: &[u8], signature: &[u8]) -> Result<()> {
        Verifier::update(self, data)?;
        Verifier::finish(self, signature)
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        Signer::update(self, data)
    }

    fn finish(&mut self, signature: &[u8]) -> Result<()> {
        let (code, len) = self.code()?;
        if signature.len() != len {
            return Err(Error::SignatureLenRange);
        }
        match equal(code.get(..len).unwrap_or_default(), signature) {
            true => Ok(()),
            false => Err(Error::SignatureInvalid),
        }
    }
}

/// The longest code, HMAC-SHA-512's.
const LONGEST: usize = 64;
