// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the vault does about the audit log: has changes recorded, and says where the log ended.

use super::bound::{Audit, Bound, KEY, Witness};
use super::vault::Vault;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;

/// The audit log of a store, as its state knows it.
pub struct Known {
    /// The key that it rests under.
    pub key: Secret,
    /// Those that it may rest under yet.
    pub former: Vec<Secret>,
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
                found = state.audit.map(|Audit { key, former, bound }| Known {
                    key,
                    former,
                    bound,
                    revision,
                });
                Ok(())
            })?;
            Ok(found)
        })
    }

    /// The generation of the store's keys in force: another key of the log comes with another only.
    pub fn keys_in_force(&self) -> Result<u32> {
        Ok(self.ring()?.generation())
    }

    /// What the state says of the audit log, for the first time where there is none yet.
    pub fn begin_audit(&self) -> Result<Known> {
        if let Some(known) = self.audit()? {
            return Ok(known);
        }
        self.change(|change| {
            change.upkeep();
            let mut state = change.state.borrow_mut();
            if state.audit.is_none() {
                let (key, bound) = (primitive::random_secret(KEY)?, Bound::default());
                state.audit = Some(Audit { key, former: Vec::new(), bound });
            }
            Ok(())
        })?;
        self.audit()?.ok_or(Error::GeneralError)
    }

    /// Erases the keys that the log rested under before this one, which all of it is under now. Where
    /// another is in force meanwhile, nothing is done.
    pub fn end_audit_renewal(&self, now: &Secret) -> Result<()> {
        self.change(|change| {
            change.upkeep();
            let mut state = change.state.borrow_mut();
            let audit = state.audit.as_mut();
            let audit = audit.filter(|audit| primitive::equal(audit.key.expose(), now.expose()));
            audit.into_iter().for_each(|audit| audit.former.clear());
            Ok(())
        })
    }
}
