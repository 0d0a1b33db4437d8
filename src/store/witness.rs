// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What records changes before they are made, and what the store's state says of where that ended.

use super::vault::Vault;
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

/// The audit log of a store, as its state knows it.
pub struct Known {
    /// The key that it rests under.
    pub key: Secret,
    /// Where it ended at the last change.
    pub bound: Bound,
    /// The revision of the store.
    pub revision: u64,
}

impl Vault {
    /// Has changes recorded from now on; the first to be set stays.
    pub fn set_witness(&self, witness: std::sync::Arc<dyn Witness>) {
        let _ = self.witness.set(witness);
    }

    /// Has what is about to be done recorded, which changes no row.
    pub fn act(&self) -> Result<()> {
        self.witness.get().map_or(Ok(()), |witness| witness.act())
    }

    /// Whether this process may write the store.
    pub fn writable(&self) -> bool {
        self.changes.writable()
    }

    /// What the state says of the audit log; none in a store that has none yet.
    pub fn audit(&self) -> Result<Option<Known>> {
        self.reading(|ring| {
            let mut found = None;
            self.store.look(&mut |now| {
                let (state, _) = self.known(ring, now)?;
                let revision = state.revision;
                found = state.audit.map(|Audit { key, bound }| Known { key, bound, revision });
                Ok(())
            })?;
            Ok(found)
        })
    }

    /// The same, for the first time where there is none yet.
    pub fn begin_audit(&self) -> Result<Known> {
        if let Some(known) = self.audit()? {
            return Ok(known);
        }
        self.change(|change| {
            change.upkeep();
            let mut state = change.state.borrow_mut();
            if state.audit.is_none() {
                let (key, bound) = (primitive::random_secret(KEY)?, Bound::default());
                state.audit = Some(Audit { key, bound });
            }
            Ok(())
        })?;
        self.audit()?.ok_or(Error::GeneralError)
    }
}

const KEY: usize = 32;
const CODE: usize = 32;
