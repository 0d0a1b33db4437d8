// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token's record says of its policy.

use crate::codec::{Reader, Writer};
use crate::error::Result;

/// What a token's record says of its policy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RulesHead {
    /// Counts the policies that were set; 0 where none was.
    pub version: u64,
    /// The SHA-256 of its text.
    pub digest: [u8; 32],
    /// Counts the changes of the ledger; 0 where there is none.
    pub ledger: u64,
    /// The latest time that was noted, seconds since 1970.
    pub seen: u64,
}

impl RulesHead {
    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.u64(self.version).raw(&self.digest).u64(self.ledger).u64(self.seen);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<RulesHead> {
        Ok(RulesHead {
            version: reader.u64()?,
            digest: reader.array()?,
            ledger: reader.u64()?,
            seen: reader.u64()?,
        })
    }
}
