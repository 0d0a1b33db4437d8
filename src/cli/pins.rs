// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom pin`.

use super::arguments::{Common, NewPin, PinVerb, SoPin, UserPin};
use super::opening::open;
use super::output::{show, visible};
use super::secrets;
use crate::admin::{Outcome, TokenInfo};
use crate::secret::Secret;
use crate::types::Role;

pub(super) fn run(common: &Common, verb: &PinVerb) -> Outcome<()> {
    let desk = open(common)?;
    match verb {
        PinVerb::Change { token, so, pin, so_pin, new } => {
            let token = desk.token(token.token.as_deref())?;
            let (role, whose, old) = match so {
                true => (Role::So, "SO PIN", officer(so_pin, &token)?),
                false => (Role::User, "user PIN", user(pin, &token)?),
            };
            desk.change_pin(&token, role, &old, &fresh(new, whose)?)?;
            changed(common, &desk.token(Some(&token.serial))?, whose, "changed")
        }
        PinVerb::Unblock { token, so_pin, new } => {
            let token = desk.token(token.token.as_deref())?;
            let officer = desk.log_in(&token, Role::So, &officer(so_pin, &token)?)?;
            officer.set_user_pin(&fresh(new, "user PIN")?)?;
            drop(officer);
            changed(common, &desk.token(Some(&token.serial))?, "user PIN", "set")
        }
    }
}

/// The user's PIN.
pub(super) fn user(named: &UserPin, token: &TokenInfo) -> Outcome<Secret> {
    let prompt = format!("User PIN of token '{}'", visible(&token.label));
    secrets::existing(named.pin_file.as_deref(), named.pin_env.as_deref(), &prompt, "pin")
}

/// The security officer's PIN.
pub(super) fn officer(named: &SoPin, token: &TokenInfo) -> Outcome<Secret> {
    let prompt = format!("SO PIN of token '{}'", visible(&token.label));
    secrets::existing(named.so_pin_file.as_deref(), named.so_pin_env.as_deref(), &prompt, "so-pin")
}

fn fresh(named: &NewPin, whose: &str) -> Outcome<Secret> {
    let (file, variable) = (named.new_pin_file.as_deref(), named.new_pin_env.as_deref());
    secrets::new(file, variable, &format!("New {whose}"), "new-pin")
}

fn changed(common: &Common, token: &TokenInfo, whose: &str, done: &str) -> Outcome<()> {
    show(common, token, || format!("{whose} of token '{}' {done}\n", visible(&token.label)))
}
