// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What those who look after the audit log do with it. Another chain begins when those who may check it
//! are others, when somebody asks for one, and where the head was lost.

use super::Library;
use super::auditors::Chain;
use super::journal::Journal;
use crate::call;
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
        if let Err(error) = self.renew_audit() {
            tracing::error!(
                "the audit log's chain could not be begun anew ({error}): 'strongroom audit renew' does it"
            );
        }
    }

    /// Goes on with an audit log whose head is lost, by another chain. `FunctionFailed` where it is not
    /// lost.
    pub fn rejoin_audit(&self) -> Result<Chain> {
        let (journal, vault) = self.log_of_store()?;
        journal.rejoin(&vault)
    }

    /// Records what all processes have counted, before the log is read.
    pub fn sweep_audit(&self) -> Result<()> {
        self.journal.get().map_or(Ok(()), |journal| journal.sweep())
    }

    /// Signs how the audit log stands now, and returns the note.
    pub fn audit_checkpoint(&self) -> Result<String> {
        self.journal.get().ok_or(Error::TokenNotPresent)?.checkpoint()
    }

    /// Records that somebody showed who they are by their PIN, or failed to, without a session.
    pub fn note_login(&self, token: &str, subject: &str, done: Result<()>) -> Result<()> {
        let (journal, _) = self.log_of_store()?;
        let _act = call::act("login");
        call::on_token(token);
        call::subject(subject);
        match done {
            Ok(()) => journal.note("CKR_OK"),
            Err(error) => journal.note(error.name()),
        }
    }

    fn log_of_store(&self) -> Result<(Arc<Journal>, Arc<Vault>)> {
        let journal = self.journal.get().cloned();
        journal.zip(self.vault.lock().clone()).ok_or(Error::TokenNotPresent)
    }
}
