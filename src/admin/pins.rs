// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sessions with a token, and its PINs.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::listing::whose;
use super::tokens::{TokenInfo, check_pin};
use crate::call;
use crate::error::Error;
use crate::safety::Lifted;
use crate::secret::Secret;
use crate::session::{Library, slot_id};
use crate::types::Holder;
use cryptoki_sys::*;

/// A read/write session with a token; it ends when dropped.
pub struct Visit<'a> {
    pub(super) desk: &'a Desk,
    pub(super) token: TokenInfo,
    pub(super) session: u64,
}

impl Drop for Visit<'_> {
    fn drop(&mut self) {
        // While it is known who it was.
        if let Some(error) = call::failure() {
            self.library().failed(error);
        }
        // Nothing to be done about a session that is gone already.
        let _ = self.library().close_session(self.session);
    }
}

impl Desk {
    /// A session without login: it sees public objects alone.
    pub fn enter(&self, token: &TokenInfo) -> Outcome<Visit<'_>> {
        let session =
            self.library.open_session(slot_id(token.id), CKF_SERIAL_SESSION | CKF_RW_SESSION);
        let session =
            session.map_err(|e| Failure::of(format!("cannot use token '{}'", token.label), e))?;
        Ok(Visit { desk: self, token: token.clone(), session })
    }

    /// A session with someone logged in.
    pub fn log_in(&self, token: &TokenInfo, holder: &Holder, pin: &Secret) -> Outcome<Visit<'_>> {
        let (user, name) = match holder {
            Holder::So => (CKU_SO, ""),
            Holder::User => (CKU_USER, ""),
            Holder::Named(name) => (CKU_USER, name.as_str()),
        };
        let visit = self.enter(token)?;
        let act = call::act(LOGIN);
        let done = self.library.login_user(visit.session, user, pin.expose(), name.as_bytes());
        if let Err(error) = done {
            self.library.failed(error);
            drop(act);
            return Err(self.refused(token, holder, error));
        }
        Ok(visit)
    }

    /// Why a PIN was not taken, and who can help.
    pub(super) fn refused(&self, token: &TokenInfo, holder: &Holder, error: Error) -> Failure {
        call::fail(error);
        let label = &token.label;
        let whose = whose(holder);
        let now = || self.opened.vault.token(token.id).ok().flatten();
        if now().is_some_and(|now| now.role(holder).is_none()) {
            return Failure::new(
                format!("token '{label}' has no such user, or the PIN is wrong"),
                format!("'strongroom user list --token {}' lists its users", token.selector()),
            );
        }
        let left = || now().map_or(0, |token| token.attempts_left(holder));
        let locked = |what: &str| {
            let what = format!("the {whose} of token '{label}' {what}");
            Failure::new(what, unlocking(token, holder))
        };
        match error {
            Error::PinIncorrect => match left() {
                0 => locked("is wrong, and is locked now"),
                1 => Failure::new(
                    format!("the {whose} of token '{label}' is wrong; 1 attempt is left"),
                    "be sure of the next: a wrong one locks the PIN",
                ),
                left => Failure::new(
                    format!("the {whose} of token '{label}' is wrong; {left} attempts are left"),
                    "try again",
                ),
            },
            Error::PinLocked => locked("is locked"),
            Error::UserPinNotInitialized => Failure::new(
                format!("token '{label}' has no user PIN yet"),
                format!(
                    "the security officer sets it: 'strongroom pin unblock --token {}'",
                    token.selector()
                ),
            ),
            other => Failure::of(format!("cannot log in to token '{label}'"), other),
        }
    }

    /// Changes a PIN by itself.
    pub fn change_pin(
        &self,
        token: &TokenInfo,
        holder: &Holder,
        old: &Secret,
        new: &Secret,
    ) -> Outcome<()> {
        let visit = self.log_in(token, holder, old)?;
        visit.check_new(new)?;
        self.library
            .set_pin(visit.session, old.expose(), new.expose())
            .map_err(|error| Failure::of("cannot change the PIN", error))
    }
}

/// Who can unlock a PIN.
fn unlocking(token: &TokenInfo, holder: &Holder) -> String {
    let token = token.selector();
    match holder {
        Holder::User => {
            format!("the security officer sets a new one: 'strongroom pin unblock --token {token}'")
        }
        Holder::Named(name) => format!(
            "the security officer sets a new one: 'strongroom user reset {} --token {token}'",
            name.escape_debug()
        ),
        Holder::So => {
            "nobody can unlock it; the user's PIN goes on working, but a lost one can no \
                       longer be replaced: move the keys to a new token"
                .to_string()
        }
    }
}

impl Visit<'_> {
    /// The security officer sets the user's PIN, which unlocks it.
    pub fn set_user_pin(&self, new: &Secret) -> Outcome<()> {
        self.check_new(new)?;
        self.library()
            .init_pin(self.session, new.expose())
            .map_err(|error| Failure::of("cannot set the user PIN", error))
    }

    /// The security officer lifts these safeguards of the token, and puts all others back.
    pub fn lift(&self, lifted: Lifted) -> Outcome<()> {
        self.library()
            .lift(self.session, lifted)
            .map_err(|error| Failure::of("cannot change the mode of the token", error))
    }

    /// The token.
    pub fn token(&self) -> &TokenInfo {
        &self.token
    }

    pub(super) fn library(&self) -> &Library {
        &self.desk.library
    }

    pub(super) fn check_new(&self, pin: &Secret) -> Outcome<()> {
        check_pin(pin, self.token.min_pin_length as usize, "PIN")
    }
}

/// The record of who logs in for a verb.
const LOGIN: &str = "login";
