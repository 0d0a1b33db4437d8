// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom pin`.

use super::arguments::{Common, Helper, Holder, NewPin, PinVerb, SoPin};
use super::opening::open;
use super::output::{show, visible};
use super::{failed, secrets};
use crate::admin::{Desk, Outcome, TokenInfo};
use crate::secret::Secret;
use crate::types::{Holder as Whose, Role};

pub(super) fn run(common: &Common, verb: &PinVerb) -> Outcome<()> {
    let desk = open(common)?;
    match verb {
        PinVerb::Change { token, so, holder: named, so_pin, new } => {
            let token = desk.token(token.token.as_deref())?;
            let (whose, old) = match so {
                true => (Whose::So, officer(so_pin, &token)?),
                false => holder(named, &token)?,
            };
            let words = words(&whose);
            desk.change_pin(&token, &whose, &old, &fresh(new, &words)?)?;
            changed(common, &desk.token(Some(&token.serial))?, &words, "changed")
        }
        PinVerb::Unblock { token, so_pin, helper: help, new } => {
            let token = desk.token(token.token.as_deref())?;
            let officer = desk.log_in(&token, &Whose::So, &officer(so_pin, &token)?)?;
            match helper(&desk, help, &token, Role::User)? {
                None => officer.set_user_pin(&fresh(new, "user PIN")?)?,
                Some((by, pin)) => {
                    let new = fresh(new, "user PIN")?;
                    officer.reset_user(&Whose::User, &new, Some((&by, &pin)))?;
                }
            }
            drop(officer);
            changed(common, &desk.token(Some(&token.serial))?, "user PIN", "set")
        }
    }
}

/// Who is to log in, with their PIN.
pub(super) fn holder(named: &Holder, token: &TokenInfo) -> Outcome<(Whose, Secret)> {
    let whose = named.user.clone().map_or(Whose::User, Whose::Named);
    let prompt = prompt(&whose, token);
    let (file, variable) = (named.pin.pin_file.as_deref(), named.pin.pin_env.as_deref());
    Ok((whose, secrets::existing(file, variable, &prompt, "pin")?))
}

/// Who helps the security officer to set a PIN for this role, with their PIN; none where it takes no
/// help.
pub(super) fn helper(
    desk: &Desk,
    named: &Helper,
    token: &TokenInfo,
    role: Role,
) -> Outcome<Option<(Whose, Secret)>> {
    if !token.takes_two(role) && named.helper.is_none() {
        return Ok(None);
    }
    let whose = match (&named.helper, role) {
        (Some(name), _) => Whose::Named(name.clone()),
        (None, Role::User) => {
            return Err(failed(
                format!(
                    "the security officer of the strict token '{}' cannot set the user PIN alone",
                    visible(&token.label)
                ),
                "an operator helps with their PIN: --as NAME, and --pin-file or --pin-env",
            ));
        }
        (None, _) => Whose::User,
    };
    desk.check_helper(token, &whose)?;
    let prompt = prompt(&whose, token);
    let (file, variable) = (named.pin.pin_file.as_deref(), named.pin.pin_env.as_deref());
    Ok(Some((whose, secrets::existing(file, variable, &prompt, "pin")?)))
}

fn prompt(whose: &Whose, token: &TokenInfo) -> String {
    let words = words(whose);
    let words = if *whose == Whose::User { "User PIN" } else { words.as_str() };
    format!("{words} of token '{}'", visible(&token.label))
}

fn words(whose: &Whose) -> String {
    match whose {
        Whose::So => "SO PIN".to_string(),
        Whose::User => "user PIN".to_string(),
        Whose::Named(name) => format!("PIN of '{}'", visible(name)),
    }
}

/// The security officer's PIN.
pub(super) fn officer(named: &SoPin, token: &TokenInfo) -> Outcome<Secret> {
    let prompt = format!("SO PIN of token '{}'", visible(&token.label));
    secrets::existing(named.so_pin_file.as_deref(), named.so_pin_env.as_deref(), &prompt, "so-pin")
}

pub(super) fn fresh(named: &NewPin, whose: &str) -> Outcome<Secret> {
    let (file, variable) = (named.new_pin_file.as_deref(), named.new_pin_env.as_deref());
    secrets::new(file, variable, &format!("New {whose}"), "new-pin")
}

fn changed(common: &Common, token: &TokenInfo, whose: &str, done: &str) -> Outcome<()> {
    show(common, token, || format!("{whose} of token '{}' {done}\n", visible(&token.label)))
}
