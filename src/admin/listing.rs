// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PINs, users and keys of a token, as lists show them.

use super::moment::utc;
use crate::store::{Strikes, Token};
use crate::types::{Holder, Role};
use serde::Serialize;

/// How a PIN stands.
#[derive(Clone, Debug, Serialize)]
pub struct PinInfo {
    /// `unset`, `good`, `low` (there were wrong attempts), `last` (one more locks it), `locked`.
    pub state: &'static str,
    /// Wrong attempts left before it is locked.
    pub attempts_left: u32,
}

/// A named user, as a list shows them.
#[derive(Clone, Debug, Serialize)]
pub struct UserInfo {
    /// The name.
    pub name: String,
    /// `operator`, `manager`, `auditor` or `custodian`.
    pub role: &'static str,
    /// How their PIN stands.
    pub pin: PinInfo,
}

/// The keys of a token, as a list shows them.
#[derive(Clone, Debug, Serialize)]
pub struct KeyInfo {
    /// Which token key it is, from 1.
    pub token_key: u32,
    /// Which use key it is, from 1; 0 where the token has none.
    pub use_key: u32,
    /// When the token key was renewed last, UTC; empty where it never was.
    pub renewed: String,
    /// `none`; `plain` or `compromised` while they are being renewed.
    pub rotation: &'static str,
    /// Whose PINs are of an older form: keys cannot be renewed for them before they have logged in once.
    pub not_renewable: Vec<String>,
}

/// The keys of a token.
pub(super) fn keys(token: &Token) -> KeyInfo {
    KeyInfo {
        token_key: token.generation,
        use_key: token.use_generation(),
        renewed: if token.renewed == 0 { String::new() } else { utc(token.renewed) },
        rotation: match token.rotating() {
            None => "none",
            Some(false) => "plain",
            Some(true) => "compromised",
        },
        not_renewable: token.not_renewable().iter().map(whose).collect(),
    }
}

/// The users of a token.
pub(super) fn users(token: &Token) -> Vec<UserInfo> {
    let info = |name: &String, role: Role| UserInfo {
        name: name.clone(),
        role: role.name(),
        pin: pin(token, &Holder::Named(name.clone())),
    };
    token.users.iter().map(|user| info(&user.name, user.role)).collect()
}

/// How the PIN of a holder stands.
pub(super) fn pin(token: &Token, holder: &Holder) -> PinInfo {
    let state = match token.strikes(holder) {
        _ if *holder == Holder::User && !token.user_pin_set() => "unset",
        Strikes::None => "good",
        Strikes::Some => "low",
        Strikes::Last => "last",
        Strikes::Locked => "locked",
    };
    PinInfo { state, attempts_left: token.attempts_left(holder) }
}

/// What a PIN is called.
pub(super) fn whose(holder: &Holder) -> String {
    match holder {
        Holder::So => "SO PIN".to_string(),
        Holder::User => "user PIN".to_string(),
        Holder::Named(name) => format!("PIN of '{}'", name.escape_debug()),
    }
}
