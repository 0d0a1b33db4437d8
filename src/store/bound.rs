// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the store's state says of its audit log: the key that it rests under, and where it ended; and what
//! records changes before they are made.

use crate::codec::{Filler, Reader};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// What records changes before they are made.
pub trait Witness: Send + Sync {
    /// A change is about to be made durable that makes this the store's revision; `written` is whether
    /// it is one that is recorded. Returns where the record ends. Where it fails the change is not made.
    fn change(&self, bound: Bound, revision: u64, written: bool) -> Result<Bound>;
    /// Something is about to be done that changes no row. Where it fails it is not done.
    fn act(&self) -> Result<()>;
}

/// Where the audit log ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bound {
    /// How many records there were; 0 where nothing was bound yet.
    pub seq: u64,
    /// The code of the last of them.
    pub mac: [u8; CODE],
}

/// What the store's state says of its audit log.
pub(super) struct Audit {
    /// The key that the log rests under.
    pub(super) key: Secret,
    /// Where it ended at the last change.
    pub(super) bound: Bound,
}

impl Audit {
    pub(super) fn encode(audit: Option<&Audit>, record: &mut Filler<'_>) -> Result<()> {
        match audit {
            None => record.u8(0).map(drop),
            Some(Audit { key, bound }) => {
                record.u8(1)?.raw(key.expose())?.u64(bound.seq)?.raw(&bound.mac).map(drop)
            }
        }
    }

    pub(super) fn length(audit: Option<&Audit>) -> usize {
        1 + audit.map_or(0, |_| KEY + 8 + CODE)
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<Audit>> {
        match reader.u8()? {
            0 => Ok(None),
            1 => {
                let key = Secret::copy_of(reader.raw(KEY)?)?;
                Ok(Some(Audit { key, bound: Bound { seq: reader.u64()?, mac: reader.array()? } }))
            }
            _ => Err(Error::DeviceError),
        }
    }
}

/// The length of the key, bytes.
pub(super) const KEY: usize = 32;
const CODE: usize = 32;
