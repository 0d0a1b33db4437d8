// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of a store: with the keys of whoever is logged in, private objects are opened too.

use super::{Library, material};
use crate::audit::Mismatch;
use crate::call;
use crate::error::{Error, Result};
use crate::object;
use crate::policy::Group;
use crate::secret::Secret;
use crate::store::{Checking, Condemned, Keys, Vault, Verdict};
use std::sync::Arc;

impl Library {
    /// Reads and authenticates everything; with the logins of these sessions the contents of private
    /// objects too.
    pub fn check(&self, sessions: &[u64]) -> Result<Verdict> {
        self.checking(sessions, |vault, checking| vault.check(checking))
    }

    /// Puts right what can be made anew from what is authentic, and says what was done.
    pub fn repair(&self, sessions: &[u64]) -> Result<Vec<String>> {
        self.checking(sessions, |vault, checking| vault.repair(checking))
    }

    /// An object that is not as it was written, to be given up: as [`Vault::condemned`] has it.
    pub fn condemned(&self, object: i64) -> Result<Condemned> {
        self.vault()?.ok_or(Error::TokenNotPresent)?.condemned(object)
    }

    /// Gives up an object: in the session of the security officer of its token, who could make the whole
    /// token anew; one of no token that there is, in none.
    pub fn discard(&self, officer: Option<u64>, object: &Condemned) -> Result<()> {
        let vault = self.vault()?.ok_or(Error::TokenNotPresent)?;
        match officer {
            Some(session) => {
                let session = self.admitted(session, Group::Discard)?;
                if object.token != Some(session.slot.token.id) {
                    return Err(Error::UserNotLoggedIn);
                }
            }
            None if vault.tokens()?.iter().any(|(id, _)| object.token == Some(*id)) => {
                return Err(Error::UserNotLoggedIn);
            }
            None => {}
        }
        let _act = call::act(DISCARDED);
        call::subject(&format!("object {}: {}", object.id, object.wrong.name()));
        vault.discard(object)
    }

    /// What does not go together between the store and its audit log.
    pub fn compare_audit(&self) -> Result<Option<Mismatch>> {
        let Some(vault) = self.vault()? else { return Ok(None) };
        self.journal.get().map_or(Ok(None), |journal| journal.compared(&vault))
    }

    fn checking<T>(
        &self,
        sessions: &[u64],
        run: impl FnOnce(&Vault, &Checking<'_>) -> Result<T>,
    ) -> Result<T> {
        let vault = self.vault()?.ok_or(Error::TokenNotPresent)?;
        let mut held: Vec<Arc<Keys>> = Vec::new();
        for session in sessions {
            held.extend(self.session(*session)?.slot.user_keys());
        }
        let keys: Vec<&Keys> = held.iter().map(Arc::as_ref).collect();
        let tags = |keys: Option<&Keys>, record: &Secret| {
            let object = material::read(&vault, keys, record)?;
            let tags = object::tagged(object.attributes());
            Ok(tags.map(|(id, value)| (id as u64, value)).collect())
        };
        run(&vault, &Checking { keys: &keys, tags: &tags })
    }
}

/// The record of an object that its owner gave up.
const DISCARDED: &str = "object.discarded";
