// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Contexts that are set up and waiting: the reason why the second signature of a key fetches
//! nothing, parses nothing and allocates next to nothing.

use super::Direction;
use super::ossl::{CipherCtx, MacCtx, MdCtx, PkeyCtx};
use cryptoki_sys::CK_MECHANISM_TYPE;
use parking_lot::Mutex;

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
    pub(super) fn take(&self, slot: Slot) -> Option<T> {
        let mut waiting = self.0.lock();
        let at = waiting.iter().rposition(|(kept, _)| *kept == slot)?;
        Some(waiting.swap_remove(at).1)
    }

    /// Gives a context back. Where too many wait already it is dropped, outside the lock.
    pub(super) fn put(&self, slot: Slot, context: T) {
        let mut waiting = self.0.lock();
        if waiting.len() < LIMIT {
            waiting.push((slot, context));
            return;
        }
        drop(waiting);
        drop(context);
    }
}

/// How many contexts of a kind wait at most with one key: more than threads usually use a key at
/// once.
const LIMIT: usize = 32;
