// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Named users of a token: listed, added, removed, given another PIN.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::pins::Visit;
use super::tokens::TokenInfo;
use crate::call;
use crate::error::Error;
use crate::secret::Secret;
use crate::session::Helper;
use crate::store::good_name;
use crate::types::{Holder, Role};

/// The role of this name.
pub fn role(name: &str) -> Option<Role> {
    Role::NAMED.iter().copied().find(|role| role.name() == name)
}

/// Whether a user may be called so.
pub fn check_user_name(name: &str) -> Outcome<()> {
    if good_name(name) {
        return Ok(());
    }
    Err(Failure::new(
        format!("'{}' cannot be the name of a user", name.escape_debug()),
        "a name has 1 to 32 bytes, no colon, no blank at either end and no control characters",
    ))
}

impl TokenInfo {
    /// The role of a user of this name.
    pub fn user_role(&self, name: &str) -> Outcome<Role> {
        let found = self.users.iter().find(|user| user.name == name);
        found.and_then(|user| role(user.role)).ok_or_else(|| {
            Failure::new(
                format!("token '{}' has no user '{}'", self.label, name.escape_debug()),
                format!("'strongroom user list --token {}' lists its users", self.selector()),
            )
        })
    }

    /// Whether it takes someone who has the token's keys, beside the security officer, to set a PIN for
    /// this role.
    pub fn takes_two(&self, role: Role) -> bool {
        let first = role == Role::User && self.user_pin.state == "unset";
        self.separation == "strict" && role != Role::Custodian && !first
    }
}

impl Desk {
    /// Someone who helps must be known before their PIN is asked for.
    pub fn check_helper(&self, token: &TokenInfo, helper: &Holder) -> Outcome<()> {
        match helper {
            Holder::Named(name) => token.user_role(name).map(drop),
            Holder::So | Holder::User => Ok(()),
        }
    }
}

impl Visit<'_> {
    /// The security officer adds a user.
    pub fn add_user(
        &self,
        (name, role): (&str, Role),
        pin: &Secret,
        helper: Option<(&Holder, &Secret)>,
    ) -> Outcome<()> {
        check_user_name(name)?;
        if self.token().users.iter().any(|user| user.name == name) {
            return Err(Failure::new(
                format!("token '{}' has a user '{name}' already", self.token().label),
                "choose another name, or remove that user first",
            ));
        }
        if !self.token().use_key && matches!(role, Role::Manager | Role::Auditor) {
            return Err(Failure::new(
                format!(
                    "token '{}' was made before keys were kept apart from their attributes: a {} of \
                     it could read them",
                    self.token().label,
                    role.name()
                ),
                "make a token anew with 'strongroom init', and move the keys there",
            ));
        }
        self.check_new(pin)?;
        let help = helper.map(|(holder, pin)| helping(holder, pin));
        self.library()
            .add_user(self.session, (name, role), pin.expose(), help.as_ref())
            .map_err(|error| self.not_done(format!("cannot add '{name}'"), helper, error))
    }

    /// The security officer gives a user another PIN.
    pub fn reset_user(
        &self,
        holder: &Holder,
        pin: &Secret,
        helper: Option<(&Holder, &Secret)>,
    ) -> Outcome<()> {
        self.check_new(pin)?;
        let help = helper.map(|(holder, pin)| helping(holder, pin));
        self.library()
            .reset_user(self.session, holder, pin.expose(), help.as_ref())
            .map_err(|error| self.not_done("cannot set the PIN".to_string(), helper, error))
    }

    /// The security officer removes a user.
    pub fn remove_user(&self, name: &str) -> Outcome<()> {
        self.token().user_role(name)?;
        self.library()
            .remove_user(self.session, name)
            .map_err(|error| Failure::of(format!("cannot remove '{name}'"), error))
    }

    fn not_done(&self, what: String, helper: Option<(&Holder, &Secret)>, error: Error) -> Failure {
        call::fail(error);
        let token = self.token();
        match (error, helper) {
            (Error::UserNotLoggedIn, _) => Failure::new(
                format!("{what}: nobody here has the keys that the PIN is to open"),
                format!(
                    "the security officer of the strict token '{}' has none: an operator gives \
                     their PIN as well, with --as NAME",
                    token.label
                ),
            ),
            (
                Error::PinIncorrect | Error::PinLocked | Error::UserPinNotInitialized,
                Some(helper),
            ) => self.desk.refused(token, helper.0, error),
            _ => Failure::of(what, error),
        }
    }
}

fn helping<'a>(holder: &Holder, pin: &'a Secret) -> Helper<'a> {
    Helper { holder: holder.clone(), pin: pin.expose() }
}
