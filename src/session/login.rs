// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logging in and out, and PINs.

use super::slot::Slot;
use super::{Library, Session, State, open};
use crate::error::{Error, Result};
use crate::safety::Lifted;
use crate::types::Role;
use cryptoki_sys::*;

impl Library {
    /// `C_Login`: the security officer, the user, or the user once more for the operation at hand.
    pub fn login(&self, handle: u64, user: CK_USER_TYPE, pin: &[u8]) -> Result<()> {
        let role = match user {
            CKU_SO => Role::So,
            CKU_USER => Role::User,
            CKU_CONTEXT_SPECIFIC => {
                return self
                    .with_state(handle, |session, state| reauthenticate(session, state, pin));
            }
            _ => return Err(Error::UserTypeInvalid),
        };
        let session = self.session(handle)?;
        let slot = &session.slot;
        may_log_in(slot, role)?;
        let key = slot.vault.open_token(&slot.token, role, pin)?;
        // Testing a PIN takes its time: what held before may not hold now.
        let _transition = slot.transition.lock();
        self.has_session(handle)?;
        may_log_in(slot, role)?;
        slot.log_in(role, key);
        Ok(())
    }

    /// `C_LoginUser`. A token here has no users but the one of `C_Login`, who has no name: whoever
    /// gives one is told what a wrong PIN is told, so that names are nothing to be guessed.
    pub fn login_user(
        &self,
        handle: u64,
        user: CK_USER_TYPE,
        pin: &[u8],
        name: &[u8],
    ) -> Result<()> {
        if name.is_empty() {
            return self.login(handle, user, pin);
        }
        let session = self.session(handle)?;
        match user {
            CKU_SO => may_log_in(&session.slot, Role::So)?,
            CKU_USER => may_log_in(&session.slot, Role::User)?,
            CKU_CONTEXT_SPECIFIC => self.with_state(handle, |_, state| {
                state.waiting().map(drop).ok_or(Error::OperationNotInitialized)
            })?,
            _ => return Err(Error::UserTypeInvalid),
        }
        Err(Error::PinIncorrect)
    }

    /// `C_Logout`.
    pub fn logout(&self, handle: u64) -> Result<()> {
        let session = self.session(handle)?;
        let _transition = session.slot.transition.lock();
        if session.slot.role().is_none() {
            return Err(Error::UserNotLoggedIn);
        }
        session.slot.log_out();
        Ok(())
    }

    /// `C_InitPIN`: the security officer sets the user's PIN.
    pub fn init_pin(&self, handle: u64, pin: &[u8]) -> Result<()> {
        let session = self.session(handle)?;
        let slot = &session.slot;
        if slot.role() != Some(Role::So) {
            return Err(Error::UserNotLoggedIn);
        }
        let key = slot.login_key().ok_or(Error::UserNotLoggedIn)?;
        slot.vault.set_pin(slot.token.id, Role::User, &key, pin, &self.config)
    }

    /// The security officer lifts these safeguards of the token, and puts all others back. No function
    /// of the specification does this: the command does.
    pub fn lift(&self, handle: u64, lifted: Lifted) -> Result<()> {
        let session = self.session(handle)?;
        let slot = &session.slot;
        if slot.role() != Some(Role::So) {
            return Err(Error::UserNotLoggedIn);
        }
        let key = slot.login_key().ok_or(Error::UserNotLoggedIn)?;
        slot.vault.lift(slot.token.id, &key, lifted)
    }

    /// `C_SetPIN`: whoever is logged in, or else the user, changes the PIN.
    pub fn set_pin(&self, handle: u64, old: &[u8], new: &[u8]) -> Result<()> {
        let session = self.session(handle)?;
        if !session.read_write {
            return Err(Error::SessionReadOnly);
        }
        let slot = &session.slot;
        let role = slot.role().unwrap_or(Role::User);
        let key = match slot.vault.open_token(&slot.token, role, old) {
            // The list of codes for this call has none for a PIN that was never set.
            Err(Error::UserPinNotInitialized) => Err(Error::PinIncorrect),
            other => other,
        }?;
        slot.vault.set_pin(slot.token.id, role, &key, new, &self.config)
    }
}

/// Whether a role may log in beside who is there.
fn may_log_in(slot: &Slot, role: Role) -> Result<()> {
    match slot.role() {
        Some(now) if now == role => Err(Error::UserAlreadyLoggedIn),
        Some(_) => Err(Error::UserAnotherAlreadyLoggedIn),
        None if role == Role::So && open(&slot.read_only) > 0 => Err(Error::SessionReadOnlyExists),
        None => Ok(()),
    }
}

/// Section 4.9: the PIN again, for the one operation that waits for it.
fn reauthenticate(session: &Session, state: &mut State, pin: &[u8]) -> Result<()> {
    let waiting = state.waiting().ok_or(Error::OperationNotInitialized)?;
    let slot = &session.slot;
    match slot.vault.open_token(&slot.token, Role::User, pin) {
        Ok(_) => {
            *waiting = false;
            Ok(())
        }
        Err(Error::PinLocked) => {
            let _transition = slot.transition.lock();
            slot.log_out();
            Err(Error::PinLocked)
        }
        Err(error) => Err(error),
    }
}
