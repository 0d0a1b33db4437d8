// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may check the chain of the audit log: those whom the configuration names, and the auditors of all
//! tokens; where there is neither, the security officers.
//!
//! An officer could make an auditor of themselves at any time, and uses no keys: so a store on which
//! nobody has thought of auditors has a log that somebody can check, and nobody checks it who could not
//! else. With the first auditor the officers are none any more.

use crate::audit::{Auditor, Keeper};
use crate::config;
use crate::error::Result;
use crate::store::Vault;
use crate::types::Holder;

/// A chain that was begun.
pub struct Chain {
    /// The number of the record that says so.
    pub seq: u64,
    /// For whom its first key is kept.
    pub auditors: Vec<String>,
}

/// Who has a pair for it in the store.
pub(super) struct Auditors {
    users: Vec<Auditor>,
    officers: Vec<Auditor>,
}

impl Auditors {
    /// As the tokens' records have them. An error where one is not as it was written.
    pub(super) fn of(vault: &Vault) -> Result<Auditors> {
        let mut found = Auditors { users: Vec::new(), officers: Vec::new() };
        for one in vault.auditing()? {
            match one.holder {
                Holder::So => {
                    found.officers.push(Auditor::of_token(&one.token, "", one.public));
                }
                Holder::User => {}
                Holder::Named(name) => {
                    found.users.push(Auditor::of_token(&one.token, &name, one.public));
                }
            }
        }
        Ok(found)
    }

    /// For whom the next chain is.
    pub(super) fn chosen(self, settings: &config::Audit) -> Result<Vec<Auditor>> {
        let outside = settings.auditors.iter().map(|path| Auditor::read(path));
        let mut chosen = outside.collect::<Result<Vec<_>>>()?;
        chosen.extend(self.users);
        Ok(if chosen.is_empty() { self.officers } else { chosen })
    }

    /// Whether a chain that is kept for these is for others than it should be. Whom the configuration
    /// names is no reason to begin another: each program may have another configuration.
    pub(super) fn differ(&self, kept: &[Keeper]) -> Result<bool> {
        let outside = kept.iter().any(|keeper| !keeper.is_user());
        let wanted = match self.users.is_empty() {
            false => self.users.as_slice(),
            true if outside => &[],
            true => self.officers.as_slice(),
        };
        let mut wanted = wanted.iter().map(Auditor::keeper).collect::<Result<Vec<_>>>()?;
        wanted.sort();
        Ok(!kept.iter().filter(|keeper| keeper.is_user()).eq(&wanted))
    }
}
