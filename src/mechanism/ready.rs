// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Contexts that are set up and waiting: the reason why the second signature of a key fetches
//! nothing, parses nothing and allocates next to nothing.

use super::Direction;
use super::key::Key;
use super::ossl::{CipherCtx, MacCtx, MdCtx, PkeyCtx};
use crate::error::{Error, Result};
use cryptoki_sys::CK_MECHANISM_TYPE;
use parking_lot::Mutex;
use std::sync::Arc;

/// What a context was set up for: it serves exactly the operations with the same slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slot {
    /// The mechanism.
    pub mechanism: CK_MECHANISM_TYPE,
    /// What it is used for.
    pub purpose: Purpose,
    /// The parameters that are part of the set-up, packed; contexts whose parameters do not fit
    /// are not kept.
    pub variant: u64,
}

/// What a context is used for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// Signing or making a MAC, and verifying a MAC.
    Sign,
    /// Verifying a signature.
    Verify,
    /// Encrypting.
    Encrypt,
    /// Decrypting.
    Decrypt,
}

impl Purpose {
    /// The purpose of a cipher in one direction.
    pub(super) fn of(direction: Direction) -> Purpose {
        match direction {
            Direction::Encrypt => Purpose::Encrypt,
            Direction::Decrypt => Purpose::Decrypt,
        }
    }
}

/// The contexts of one key that nobody uses at the moment. Each operation takes one out and gives
/// it back when it ended well, so threads that use the same key never share one.
#[derive(Default)]
pub(super) struct Ready {
    asymmetric: Pool<Asymmetric>,
    cipher: Pool<CipherCtx>,
    mac: Pool<MacCtx>,
}

/// An asymmetric operation, with the digest before it where there is one.
pub(super) struct Asymmetric {
    /// The operation on the key.
    pub pkey: PkeyCtx,
    /// The digest of the message.
    pub md: Option<MdCtx>,
}

/// A kind of context that is kept.
pub(super) trait Keep: Sized {
    /// Where those of a key wait.
    fn pool(ready: &Ready) -> &Pool<Self>;
}

impl Keep for Asymmetric {
    fn pool(ready: &Ready) -> &Pool<Asymmetric> {
        &ready.asymmetric
    }
}

impl Keep for CipherCtx {
    fn pool(ready: &Ready) -> &Pool<CipherCtx> {
        &ready.cipher
    }
}

impl Keep for MacCtx {
    fn pool(ready: &Ready) -> &Pool<MacCtx> {
        &ready.mac
    }
}

/// Contexts of one kind. The lock is held for a push or a pop.
pub(super) struct Pool<T>(Mutex<Vec<(Slot, T)>>);

impl<T> Default for Pool<T> {
    fn default() -> Pool<T> {
        Pool(Mutex::new(Vec::new()))
    }
}

impl<T> Pool<T> {
    /// Takes out a context; the one given back last, whose memory is likely warm.
    fn take(&self, slot: Slot) -> Option<T> {
        let mut waiting = self.0.lock();
        let at = waiting.iter().rposition(|(kept, _)| *kept == slot)?;
        Some(waiting.swap_remove(at).1)
    }

    /// Gives a context back. Where too many wait already it is dropped, outside the lock.
    fn put(&self, slot: Slot, context: T) {
        let mut waiting = self.0.lock();
        if waiting.len() < LIMIT {
            waiting.push((slot, context));
            return;
        }
        drop(waiting);
        drop(context);
    }
}

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

impl<T: Keep> Drop for Checkout<T> {
    fn drop(&mut self) {
        if let (true, Some(slot), Some(context)) = (self.known, self.slot, self.context.take()) {
            T::pool(self.key.ready()).put(slot, context);
        }
    }
}

/// How many contexts of a kind wait at most with one key: more than threads usually use a key at
/// once.
const LIMIT: usize = 32;
