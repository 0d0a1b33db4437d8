// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PINs and users, as lists show them.

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
