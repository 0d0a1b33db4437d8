// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Named users: what the command does with them. The security officer is logged in; where they do not
//! have the keys that a user's PIN is to wrap, someone who has them helps with their own PIN.

use super::Library;
use super::slot::Slot;
use crate::call;
use crate::error::Result;
use crate::policy::Group;
use crate::store::Keys;
use crate::types::{Holder, Role};
use std::sync::Arc;

/// Someone who helps with their PIN.
pub struct Helper<'a> {
    /// Who.
    pub holder: Holder,
    /// Their PIN.
    pub pin: &'a [u8],
}

impl Library {
    /// Adds a named user. `ArgumentsBad` where the name is not good or taken; `UserNotLoggedIn` where
    /// nobody here has the keys that the role needs.
    pub fn add_user(
        &self,
        handle: u64,
        (name, role): (&str, Role),
        pin: &[u8],
        helper: Option<&Helper<'_>>,
    ) -> Result<()> {
        let session = self.admitted(handle, Group::UserPin)?;
        let slot = &session.slot;
        call::subject(name);
        let keys = keys(slot, helper)?;
        slot.vault.add_user(slot.token.id, (name, role), &keys, pin, &self.config)?;
        self.heed_auditors();
        Ok(())
    }

    /// Gives a user another PIN, which unlocks it: a named one, or the one without a name.
    pub fn reset_user(
        &self,
        handle: u64,
        holder: &Holder,
        pin: &[u8],
        helper: Option<&Helper<'_>>,
    ) -> Result<()> {
        let session = self.admitted(handle, Group::UserPin)?;
        let slot = &session.slot;
        let whose = if let Holder::Named(name) = holder { name } else { Role::User.name() };
        call::subject(whose);
        let (id, keys) = (slot.token.id, keys(slot, helper)?);
        match holder {
            Holder::Named(name) => slot.vault.reset_user(id, name, &keys, pin, &self.config)?,
            Holder::So | Holder::User => {
                slot.vault.set_pin(id, &Holder::User, &keys, pin, &self.config)?;
            }
        }
        self.heed_auditors();
        Ok(())
    }

    /// Removes a named user. `ArgumentsBad` where there is none of that name.
    pub fn remove_user(&self, handle: u64, name: &str) -> Result<()> {
        let session = self.admitted(handle, Group::UserPin)?;
        let slot = &session.slot;
        call::subject(name);
        slot.vault.remove_user(slot.token.id, slot.login_keys()?.as_ref(), name)?;
        self.heed_auditors();
        Ok(())
    }
}

fn keys(slot: &Slot, helper: Option<&Helper<'_>>) -> Result<Arc<Keys>> {
    match helper {
        None => slot.login_keys(),
        Some(helper) => {
            slot.vault.open_token(&slot.token, &helper.holder, helper.pin).map(Arc::new)
        }
    }
}
