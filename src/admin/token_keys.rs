// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys of tokens renewed, and which generation of them there is.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::listing::KeyInfo;
use super::pins::Visit;
use super::tokens::{TokenInfo, info};
use crate::error::Error;
use serde::Serialize;

/// The keys of a token, with what is left to do of a rotation.
#[derive(Debug, Serialize)]
pub struct Generations {
    /// The label of the token.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its keys.
    pub keys: KeyInfo,
    /// How many objects a rotation under way has not come to yet.
    pub left: usize,
}

/// What renewing the keys of a token came to.
#[derive(Debug, Serialize)]
pub struct RotatedKeys {
    /// The label of the token.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// The generation of its key.
    pub generation: u32,
    /// Whether everything beneath was renewed too.
    pub compromised: bool,
    /// Whether what was overwritten is out of the write-ahead log too.
    pub log_emptied: bool,
}

impl Desk {
    /// Which generations of keys the tokens have.
    pub fn generations(&self) -> Outcome<Vec<Generations>> {
        let fault = |error| Failure::of("cannot read the tokens", error);
        let vault = &self.opened.vault;
        let mut rows = Vec::new();
        for (_, token) in vault.tokens().map_err(fault)? {
            // One that was altered has no keys to speak of: 'check' names it.
            let Ok(token) = token else { continue };
            let TokenInfo { label, serial, keys, .. } = info(&token);
            let left = token.rotating().map(|_| vault.behind(&token)).transpose().map_err(fault)?;
            rows.push(Generations { label, serial, keys, left: left.unwrap_or_default() });
        }
        Ok(rows)
    }
}

impl Visit<'_> {
    /// Renews the token key; with everything beneath it where it is `compromised`. `tell` hears how many
    /// objects are done, of how many.
    pub fn rotate_token_key(
        &self,
        compromised: bool,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Outcome<RotatedKeys> {
        let token = self.desk.token(Some(&self.token().serial))?;
        let label = token.label.clone();
        if token.keys.rotation == "none" && !token.keys.not_renewable.is_empty() {
            return Err(not_renewable(&token));
        }
        let rotated = self.library().rotate_token_key(self.session, compromised, tell);
        let rotated = rotated.map_err(|error| match error {
            Error::UserNotLoggedIn => not_theirs(&token, compromised),
            Error::Altered => stopped(&token),
            error => Failure::of(format!("cannot renew the keys of token '{label}'"), error),
        })?;
        Ok(RotatedKeys {
            label,
            serial: token.serial,
            generation: rotated.generation,
            compromised: rotated.whole,
            log_emptied: rotated.folded,
        })
    }
}

fn not_renewable(token: &TokenInfo) -> Failure {
    Failure::new(
        format!(
            "the keys of token '{}' cannot be renewed yet: an older version wrote the {}",
            token.label,
            token.keys.not_renewable.join(" and the ")
        ),
        "whose PIN it is logs in once, or changes it ('strongroom pin change'); or the security officer \
         sets another ('strongroom pin unblock', 'strongroom user reset') or removes the user",
    )
}

/// An object that is not as it was written is not brought over as if it were.
fn stopped(token: &TokenInfo) -> Failure {
    let cannot = format!("cannot renew the keys of token '{}'", token.label);
    let next = format!(
        "'strongroom check' names the object by its number: restore a backup; or where its tags alone are \
         wrong, 'strongroom check --repair --token {}'; or give it up, 'strongroom check --discard NUMBER'. \
         Then run this again: it goes on where it stopped (docs/recovery.md)",
        token.selector()
    );
    Failure { next, ..Failure::of(cannot, Error::Altered) }
}

fn not_theirs(token: &TokenInfo, compromised: bool) -> Failure {
    let under_way = token.keys.rotation == "compromised";
    let (what, next) = match compromised || under_way {
        true => (
            "with everything beneath them",
            "it takes the use key: the user, an operator, or the security officer of a standard token",
        ),
        false => (
            "",
            "it takes the token key: the user, an operator, a manager, or the security officer of a \
             standard token",
        ),
    };
    let what = format!("this user cannot renew the keys of token '{}' {what}", token.label);
    Failure::new(what.trim_end(), format!("{next}; --user names another user"))
}
