// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A ready context in use: taken out of its key's pool, and given back in a known state alone.

use super::Direction;
use super::key::Key;
use super::ossl::{CipherCtx, Mode};
use super::ready::{Keep, Purpose, Slot};
use crate::error::{Error, Result};
use cryptoki_sys::CK_MECHANISM_TYPE;
use std::sync::Arc;

/// A context in the hands of one operation. It goes back to its key when it is dropped in a known
/// state: unused, or after an operation that ended well. After a failure, or in the middle of a
/// message, it is thrown away.
pub(super) struct Checkout<T: Keep> {
    key: Arc<Key>,
    slot: Option<Slot>,
    known: bool,
    context: Option<T>,
}

impl<T: Keep> Checkout<T> {
    /// Takes a waiting context of the key and starts it again, or makes one. Without a slot the
    /// context serves this operation alone.
    pub(super) fn new(
        key: &Arc<Key>,
        slot: Option<Slot>,
        restart: impl FnOnce(&mut T) -> Result<()>,
        make: impl FnOnce(&Key) -> Result<T>,
    ) -> Result<Checkout<T>> {
        let waiting = slot.and_then(|slot| T::pool(key.ready()).take(slot));
        let context = match waiting {
            Some(mut context) => {
                restart(&mut context)?;
                context
            }
            None => make(key)?,
        };
        Ok(Checkout { key: Arc::clone(key), slot, known: true, context: Some(context) })
    }

    /// The key.
    pub(super) fn key(&self) -> &Key {
        &self.key
    }

    /// Does a step in the middle of a message.
    pub(super) fn step<R>(&mut self, step: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        self.known = false;
        step(self.context.as_mut().ok_or(Error::DeviceError)?)
    }

    /// Does the last step of a message.
    pub(super) fn last<R>(&mut self, step: impl FnOnce(&mut T) -> Result<R>) -> Result<R> {
        let result = self.step(step)?;
        self.known = true;
        Ok(result)
    }

    /// The context, to ask it something.
    pub(super) fn peek(&self) -> Option<&T> {
        self.context.as_ref()
    }
}

impl Checkout<CipherCtx> {
    /// A context that needs the key alone, for initialisation vectors of `iv_len` bytes; kept among those
    /// of this mechanism and variant.
    pub(super) fn cipher(
        key: &Arc<Key>,
        (mechanism, variant): (CK_MECHANISM_TYPE, u64),
        (mode, direction): (Mode, Direction),
        iv_len: usize,
    ) -> Result<Checkout<CipherCtx>> {
        let slot = Slot { mechanism, purpose: Purpose::of(direction), variant };
        let make = |key: &Key| CipherCtx::new(mode, key.value()?, direction, iv_len);
        Checkout::new(key, Some(slot), |_| Ok(()), make)
    }
}

impl<T: Keep> Drop for Checkout<T> {
    fn drop(&mut self) {
        if let (true, Some(slot), Some(context)) = (self.known, self.slot, self.context.take()) {
            T::pool(self.key.ready()).put(slot, context);
        }
    }
}
