// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What those who look after the audit log do with it. Another chain begins when those who may check it
//! are others, when somebody asks for one, and where the head was lost.

use super::Library;
use super::auditors::Chain;
use super::journal::Journal;
use crate::error::{Error, Result};
use crate::store::Vault;
use std::sync::Arc;

impl Library {
    /// Begins another chain where the auditors of the store are others than those of now. It is no
    /// error of the call at hand where that fails: the next one that asks does it.
    pub(super) fn heed_auditors(&self) {
        if let Ok((journal, vault)) = self.log_of_store() {
            journal.heed_auditors(&vault);
        }
    }

    /// Begins another chain of the audit log.
    pub fn renew_audit(&self) -> Result<Chain> {
        let (journal, vault) = self.log_of_store()?;
        journal.renew(&vault)
    }

    /// The same after a compromise, which is no error of what it goes with where it fails.
    pub fn renew_audit_after_compromise(&self) {
        let renewed = self.log_of_store().and_then(|(journal, vault)| journal.renew_key(&vault));
        if let Err(error) = renewed {
            tracing::error!(
                "the audit log could not be brought under a new key and chain ({error}): 'strongroom audit \
                 renew' does it"
            );
        }
    }

    /// Goes on with an audit log whose head is lost, by another chain. `FunctionFailed` where it is not
    /// lost.
    pub fn rejoin_audit(&self) -> Result<Chain> {
        let (journal, vault) = self.log_of_store()?;
        journal.rejoin(&vault)
    }

    fn log_of_store(&self) -> Result<(Arc<Journal>, Arc<Vault>)> {
        let journal = self.journal.get().cloned();
        journal.zip(self.vault.lock().clone()).ok_or(Error::TokenNotPresent)
    }
}
