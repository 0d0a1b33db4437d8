// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Saved states of digests, as a token keeps them.
//!
//! OpenSSL 3.6 does not write a digest's state out, so a copy of it stays here and the application
//! gets a random name for it. The name is all that leaves: nothing of what was digested is in it, and
//! one that was not given out names nothing. A token keeps a bounded number; the oldest go first.

use crate::error::{Error, Result};
use crate::mechanism::{Digester, Row, primitive};
use cryptoki_sys::*;
use std::collections::BTreeMap;

/// The states that a token keeps.
#[derive(Default)]
pub(super) struct Saved {
    states: BTreeMap<u64, Digest>,
    next: u64,
}

/// The state of a digest.
pub(super) struct Digest {
    /// The part of the name that cannot be guessed.
    pub(super) secret: [u8; SECRET],
    /// The state of the session it was saved in (`CKS_*`): a session in another does not take it.
    pub(super) session: CK_STATE,
    /// By which mechanism.
    pub(super) row: &'static Row,
    pub(super) run: Box<dyn Digester>,
    /// Whether data went in.
    pub(super) fed: bool,
}

impl Saved {
    /// Keeps a state and writes its name.
    pub(super) fn keep(&mut self, digest: Digest, name: &mut [u8]) -> Result<usize> {
        let (number, secret) = name.split_at_mut_checked(NUMBER).ok_or(Error::BufferTooSmall)?;
        number.copy_from_slice(&self.next.to_be_bytes());
        secret.copy_from_slice(&digest.secret);
        self.states.insert(self.next, digest);
        self.next += 1;
        if self.states.len() > MOST {
            self.states.pop_first();
        }
        Ok(LEN)
    }

    /// The state of a name.
    pub(super) fn find(&self, name: &[u8]) -> Option<&Digest> {
        let (number, secret) = name.split_first_chunk::<NUMBER>()?;
        let digest = self.states.get(&u64::from_be_bytes(*number))?;
        primitive::equal(&digest.secret, secret).then_some(digest)
    }
}

const NUMBER: usize = 8;
pub(super) const SECRET: usize = 32;
/// The length of a name, bytes.
pub(super) const LEN: usize = NUMBER + SECRET;
/// How many states a token keeps: many more than clients clone digests at once.
const MOST: usize = 4096;
