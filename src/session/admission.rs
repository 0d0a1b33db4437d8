// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who is let in: the one place that asks the table of roles, and sees that a login still stands.

use super::logins::Login;
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::policy::Group;
use crate::store::{Keys, Token};
use crate::types::{Holder, Role};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Slot {
    /// The token's record as it is now.
    pub(super) fn now(&self) -> Result<Token> {
        self.known.same(&self.vault, &self.token)
    }

    /// Refuses a caller whose token another process has made anew.
    pub(super) fn present(&self) -> Result<()> {
        self.known.present(&self.vault, &self.token)
    }

    /// Who is logged in.
    pub(super) fn login(&self) -> Option<Login> {
        self.logins.login()
    }

    /// What they are there for.
    pub(super) fn role(&self) -> Option<Role> {
        self.logins.role()
    }

    /// What the PIN of whoever is logged in opened.
    pub(super) fn login_keys(&self) -> Result<Arc<Keys>> {
        self.login().map(|login| login.keys).ok_or(Error::UserNotLoggedIn)
    }

    /// The same, if they see private objects.
    pub(super) fn user_keys(&self) -> Option<Arc<Keys>> {
        self.login().filter(|login| login.role.sees_private()).map(|login| login.keys)
    }

    /// Refuses a caller whose role may not call these functions, and one whose login is void.
    pub(super) fn admit(&self, group: Group) -> Result<()> {
        if self.end_void_login()? && !group.open() {
            return Err(Error::UserNotLoggedIn);
        }
        group.check(self.logins.caller())
    }

    /// Refuses a caller whose role may not do this with such an object.
    pub(super) fn admit_object(&self, group: Group, on_token: bool) -> Result<()> {
        group.check_object(self.logins.caller(), on_token)
    }

    /// Ends the login of a user whom another process has removed.
    pub(super) fn end_void_login(&self) -> Result<bool> {
        if self.logins.stands(&self.vault, self.token.id)? {
            return Ok(false);
        }
        let _transition = self.transition.lock();
        if self.logins.stands(&self.vault, self.token.id)? {
            return Ok(false);
        }
        tracing::warn!("the user who was logged in has been removed, or has another PIN by now");
        self.log_out();
        Ok(true)
    }

    /// Logs a holder in, as the token's record has them now.
    pub(super) fn log_in(&self, token: &Token, holder: Holder, keys: Keys) -> Result<()> {
        let role = self.logins.set(token, holder, keys).ok_or(Error::PinIncorrect)?;
        self.epoch.fetch_add(1, Ordering::AcqRel);
        self.user.store(role.sees_private(), Ordering::Release);
        Ok(())
    }
}
