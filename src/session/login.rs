// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Logging in and out, and PINs.

use super::slot::Slot;
use super::{Library, Session, State, open};
use crate::call;
use crate::config::Separation;
use crate::error::{Error, Result};
use crate::policy::Group;
use crate::safety::Lifted;
use crate::types::{Holder, Role};
use cryptoki_sys::*;
use std::sync::Arc;

impl Library {
    /// `C_Login`: the security officer, the user, a named user who gives `name:PIN`, or whoever is
    /// logged in once more for the operation at hand.
    pub fn login(&self, handle: u64, user: CK_USER_TYPE, pin: &[u8]) -> Result<()> {
        self.login_holder(handle, user, pin, None)
    }

    /// `C_LoginUser`. A name that no user has is answered as a wrong PIN is, so that names are nothing
    /// to be guessed.
    pub fn login_user(
        &self,
        handle: u64,
        user: CK_USER_TYPE,
        pin: &[u8],
        name: &[u8],
    ) -> Result<()> {
        self.login_holder(handle, user, pin, Some(name).filter(|name| !name.is_empty()))
    }

    fn login_holder(
        &self,
        handle: u64,
        user: CK_USER_TYPE,
        pin: &[u8],
        name: Option<&[u8]>,
    ) -> Result<()> {
        let session = self.alive(handle)?;
        let slot = &session.slot;
        slot.end_void_login()?;
        let named = name.map(|name| Holder::Named(String::from_utf8_lossy(name).into_owned()));
        let (holder, pin) = match user {
            CKU_SO => (named.unwrap_or(Holder::So), pin),
            CKU_USER => match named {
                Some(named) => (named, pin),
                None => slot.now()?.whose(pin),
            },
            CKU_CONTEXT_SPECIFIC => {
                return self.with_state(handle, |session, state| {
                    reauthenticate(session, state, named, pin)
                });
            }
            _ => return Err(Error::UserTypeInvalid),
        };
        call::subject(&shown(slot, &holder)?);
        may_log_in(slot, user, &holder)?;
        if user == CKU_SO && holder != Holder::So {
            // The security officer has no name.
            return Err(Error::PinIncorrect);
        }
        let keys = slot.vault.open_token(&slot.token, &holder, pin)?;
        // Testing a PIN takes its time: what held before may not hold now.
        let _transition = slot.transition.lock();
        self.has_session(handle)?;
        may_log_in(slot, user, &holder)?;
        slot.vault.act()?;
        let audits = keys.audit_seed().is_some();
        slot.log_in(&slot.now()?, holder, keys)?;
        if audits {
            // An older version may have left them without the pair that it takes.
            self.heed_auditors();
        }
        Ok(())
    }

    /// `C_Logout`.
    pub fn logout(&self, handle: u64) -> Result<()> {
        let session = self.session(handle)?;
        let _transition = session.slot.transition.lock();
        if session.slot.role().is_none() {
            return Err(Error::UserNotLoggedIn);
        }
        // What takes rights away is done even where it cannot be recorded.
        let recorded = session.slot.vault.act();
        session.slot.log_out();
        self.end_without_key(&session.slot);
        recorded
    }

    /// Ends the operations whose keys went out of reach, so that nothing of the keys stays in memory. A
    /// session that is in a call is left alone: its next call ends them.
    fn end_without_key(&self, slot: &Arc<Slot>) {
        for (_, session) in self.sessions.all() {
            if Arc::ptr_eq(&session.slot, slot) {
                // Sessions are locked before slots elsewhere, so this must not wait.
                session.state.try_lock().iter_mut().for_each(|state| state.end_over());
            }
        }
    }

    /// `C_InitPIN`: the security officer sets the user's PIN; on a strict token the first alone.
    pub fn init_pin(&self, handle: u64, pin: &[u8]) -> Result<()> {
        let session = self.admitted(handle, Group::UserPin)?;
        let (slot, keys) = (&session.slot, session.slot.login_keys()?);
        let vault = &slot.vault;
        call::subject(Role::User.name());
        match slot.token.separation {
            Separation::Standard => {
                vault.set_pin(slot.token.id, &Holder::User, &keys, pin, &self.config)
            }
            Separation::Strict => vault.set_first_pin(slot.token.id, &keys, pin, &self.config),
        }
    }

    /// The security officer lifts these safeguards of the token, and puts all others back. No function
    /// of the specification does this: the command does.
    pub fn lift(&self, handle: u64, lifted: Lifted) -> Result<()> {
        let session = self.admitted(handle, Group::UserPin)?;
        let slot = &session.slot;
        call::subject(&lifted.names().collect::<Vec<_>>().join(" "));
        slot.vault.lift(slot.token.id, slot.login_keys()?.as_ref(), lifted)
    }

    /// `C_SetPIN`: whoever is logged in, or else the user, changes the PIN.
    pub fn set_pin(&self, handle: u64, old: &[u8], new: &[u8]) -> Result<()> {
        let session = self.alive(handle)?;
        if !session.read_write {
            return Err(Error::SessionReadOnly);
        }
        let slot = &session.slot;
        slot.end_void_login()?;
        let (holder, old) = match slot.login() {
            None => slot.now()?.whose(old),
            Some(login) => {
                let old = own_pin(&login.holder, old);
                (login.holder, old)
            }
        };
        call::subject(&shown(slot, &holder)?);
        let keys = match slot.vault.open_token(&slot.token, &holder, old) {
            // The list of codes for this call has none for a PIN that was never set.
            Err(Error::UserPinNotInitialized) => Err(Error::PinIncorrect),
            other => other,
        }?;
        slot.vault.set_pin(slot.token.id, &holder, &keys, new, &self.config)?;
        slot.logins.rekey(&holder, keys);
        self.heed_auditors();
        Ok(())
    }
}

/// What the log calls a holder. A name that no user has may be anything, a PIN as well: it is not said.
fn shown(slot: &Slot, holder: &Holder) -> Result<String> {
    Ok(match holder {
        Holder::So => Role::So.name().to_string(),
        Holder::User => Role::User.name().to_string(),
        Holder::Named(name) if slot.now()?.role(holder).is_some() => name.clone(),
        Holder::Named(_) => "unknown".to_string(),
    })
}

/// Whether a holder may log in beside who is there.
fn may_log_in(slot: &Slot, user: CK_USER_TYPE, holder: &Holder) -> Result<()> {
    match slot.login() {
        Some(now) if now.holder == *holder => Err(Error::UserAlreadyLoggedIn),
        Some(_) => Err(Error::UserAnotherAlreadyLoggedIn),
        None if user == CKU_SO && open(&slot.read_only) > 0 => Err(Error::SessionReadOnlyExists),
        None => Ok(()),
    }
}

/// The PIN of a user who may have given it as `name:PIN`.
fn own_pin<'a>(holder: &Holder, pin: &'a [u8]) -> &'a [u8] {
    let Holder::Named(name) = holder else { return pin };
    let rest = pin.strip_prefix(name.as_bytes()).and_then(|rest| rest.strip_prefix(b":"));
    rest.unwrap_or(pin)
}

/// Section 4.9: the PIN of whoever is logged in again, for the one operation that waits for it.
fn reauthenticate(
    session: &Session,
    state: &mut State,
    named: Option<Holder>,
    pin: &[u8],
) -> Result<()> {
    let waiting = state.waiting().ok_or(Error::OperationNotInitialized)?;
    let slot = &session.slot;
    let holder = slot.login().map_or(Holder::User, |login| login.holder);
    call::subject(&shown(slot, &holder)?);
    if named.is_some_and(|named| named != holder) {
        return Err(Error::PinIncorrect);
    }
    match slot.vault.open_token(&slot.token, &holder, own_pin(&holder, pin)) {
        Ok(_) => {
            slot.vault.act()?;
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
