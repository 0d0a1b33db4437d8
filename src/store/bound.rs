// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the store's state says of its audit log: the key that it rests under, and where it ended; and what
//! records changes before they are made.

use crate::codec::{Filler, Reader};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
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
    /// Those that it may rest under yet, oldest first: after a compromise until all is under the key.
    pub(super) former: Vec<Secret>,
    /// Where it ended at the last change.
    pub(super) bound: Bound,
}

impl Audit {
    pub(super) fn encode(audit: Option<&Audit>, record: &mut Filler<'_>) -> Result<()> {
        match audit {
            None => record.u8(0).map(drop),
            Some(Audit { key, former, bound }) => {
                if former.is_empty() {
                    record.u8(ONE_KEY)?;
                } else {
                    let many = u8::try_from(former.len()).map_err(|_| Error::GeneralError)?;
                    record.u8(MANY_KEYS)?.u8(many)?;
                }
                former.iter().try_for_each(|former| record.raw(former.expose()).map(drop))?;
                record.raw(key.expose())?.u64(bound.seq)?.raw(&bound.mac).map(drop)
            }
        }
    }

    pub(super) fn length(audit: Option<&Audit>) -> usize {
        let keys = |former: usize| usize::from(former > 0) + (former + 1) * KEY;
        1 + audit.map_or(0, |audit| keys(audit.former.len()) + 8 + CODE)
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<Audit>> {
        let many = match reader.u8()? {
            0 => return Ok(None),
            ONE_KEY => 0,
            MANY_KEYS => reader.u8()?,
            _ => return Err(Error::DeviceError),
        };
        let mut key = || Secret::copy_of(reader.raw(KEY)?);
        let former = (0..many).map(|_| key()).collect::<Result<_>>()?;
        let key = key()?;
        let bound = Bound { seq: reader.u64()?, mac: reader.array()? };
        Ok(Some(Audit { key, former, bound }))
    }

    /// Puts another key in force. `ActionProhibited` where that was done too often without the log ever
    /// coming under it.
    pub(super) fn renew(&mut self) -> Result<()> {
        if self.former.len() >= MOST_FORMER {
            tracing::error!("the audit log never came under its new keys: mend it first");
            return Err(Error::ActionProhibited);
        }
        let key = primitive::random_secret(KEY)?;
        self.former.push(std::mem::replace(&mut self.key, key));
        Ok(())
    }
}

/// The length of the key, bytes.
pub(super) const KEY: usize = 32;
const CODE: usize = 32;
/// What stands before the keys.
const ONE_KEY: u8 = 1;
const MANY_KEYS: u8 = 2;
const MOST_FORMER: usize = 16;
