// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the command, which reads the audit log itself, has the library do with it.

use super::Library;
use crate::call;
use crate::error::{Error, Result};

/// What the watch over the log says of an alarm.
pub struct Told<'a> {
    /// The serial number of the token whose policy has it.
    pub token: &'a str,
    /// Its name.
    pub name: &'a str,
    /// The number of the record that raised it, and the delivery that is meant.
    pub subject: String,
    /// How it went: the name of a `CKR_*`.
    pub outcome: &'a str,
}

impl Library {
    /// Records what the watch over the log does: `op` about an alarm of a token, which the record
    /// `seq` raised.
    pub fn note_watch(&self, op: &'static str, alarm: &Told<'_>) -> Result<()> {
        let Some(journal) = self.journal.get() else { return Ok(()) };
        let _act = call::act(op);
        call::on_token(alarm.token);
        call::denied_by("alarm", alarm.name);
        call::subject(&alarm.subject);
        journal.note(alarm.outcome)
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
        let journal = self.journal.get().ok_or(Error::TokenNotPresent)?;
        let _act = call::act("login");
        call::on_token(token);
        call::subject(subject);
        match done {
            Ok(()) => journal.note("CKR_OK"),
            Err(error) => journal.note(error.name()),
        }
    }
}
