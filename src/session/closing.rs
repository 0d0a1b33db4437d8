// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How sessions end: closed by the application, or because their token is not there any more.

use super::slot::Slot;
use super::{Library, Session, open};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Library {
    /// Closes a session: its objects are destroyed, and with the last one the login ends.
    pub fn close_session(&self, handle: u64) -> Result<()> {
        let session = self.sessions.remove(handle).ok_or(Error::SessionHandleInvalid)?;
        session.close();
        Ok(())
    }

    /// Closes all sessions with a token.
    pub fn close_all_sessions(&self, slot: CK_SLOT_ID) -> Result<()> {
        // A token that nobody has initialised has no sessions to close.
        let Some(slot) = self.slot(slot)? else { return Ok(()) };
        self.close_sessions(&slot);
        Ok(())
    }

    /// A session with a token that is still there.
    pub(super) fn alive(&self, handle: u64) -> Result<Arc<Session>> {
        let session = self.session(handle)?;
        let there = session.slot.present();
        self.noticed(&session, there).map(|()| session)
    }

    /// With a token that another process made anew all its sessions are gone: they are closed by the call
    /// that notices, which answers that its own is (section 5.1.2).
    pub(super) fn noticed<T>(&self, session: &Arc<Session>, result: Result<T>) -> Result<T> {
        if matches!(result, Err(Error::DeviceRemoved)) && session.slot.known.is_gone() {
            self.close_sessions(&session.slot);
        }
        result
    }

    pub(super) fn close_sessions(&self, slot: &Arc<Slot>) {
        for (handle, session) in self.sessions.all() {
            if Arc::ptr_eq(&session.slot, slot) && self.sessions.remove(handle).is_some() {
                session.close();
            }
        }
    }
}

impl Session {
    pub(super) fn close(&self) {
        let mut state = self.state.lock();
        state.cancel(CK_FLAGS::MAX);
        state.closed = true;
        state.footing.tallies.end(&self.journal);
        drop(state);
        let _transition = self.slot.transition.lock();
        self.slot.close_session(self.handle);
        let count = if self.read_write { &self.slot.read_write } else { &self.slot.read_only };
        count.fetch_sub(1, Ordering::AcqRel);
        // Section 5.6: closing the last session logs the application out.
        if open(&self.slot.read_write) + open(&self.slot.read_only) == 0 {
            self.journal.login_ends(self);
            self.slot.log_out();
        }
    }
}
