// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The chain of records: each is authenticated by a key that is gone once it is written, so that who
//! comes by the key of today cannot write the records of yesterday.

use crate::error::Result;
use crate::mechanism::primitive::{self, Ratchet};
use crate::secret::Secret;

/// The key of the next record.
pub struct ChainKey(Secret);

impl ChainKey {
    /// A new chain's first key.
    pub fn random() -> Result<ChainKey> {
        primitive::random_secret(KEY).map(ChainKey)
    }

    /// A key that was kept.
    pub fn of(key: Secret) -> ChainKey {
        ChainKey(key)
    }

    /// The key itself: to be encapsulated for an auditor, or kept in the head.
    pub fn expose(&self) -> &[u8] {
        self.0.expose()
    }

    /// The code of the next record, after one with the code `previous`, and the key of the one after.
    pub fn tag(
        &self,
        with: &mut Ratchet,
        previous: &[u8; MAC],
        text: &[u8],
    ) -> Result<([u8; MAC], ChainKey)> {
        let (tag, next) = with.tag_and_next(&self.0, &[previous, text], NEXT)?;
        Ok((tag, ChainKey(next)))
    }

    /// The key after `steps` records.
    pub fn skip(self, with: &mut Ratchet, steps: u64) -> Result<ChainKey> {
        let mut key = self;
        for _ in 0..steps {
            key = key.tag(with, &[0; MAC], &[])?.1;
        }
        Ok(key)
    }
}

/// The lengths of codes and keys, bytes.
pub const MAC: usize = 32;
pub(super) const KEY: usize = 32;
/// What makes the next key of a key.
const NEXT: &[u8] = b"strongroom audit next";
