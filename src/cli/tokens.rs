// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom token`.

use super::arguments::{Common, TokenVerb};
use super::opening::open;
use super::output::{show, table, visible};
use super::pins::officer;
use crate::admin::{Outcome, PinInfo, TokenInfo, check_mode};
use crate::types::Holder;

pub(super) fn run(common: &Common, verb: &TokenVerb) -> Outcome<()> {
    let desk = open(common)?;
    match verb {
        TokenVerb::List => {
            let tokens = desk.tokens()?;
            show(common, &tokens, || list(&tokens))
        }
        TokenVerb::Info(wanted) => {
            let token = desk.token(wanted.token.as_deref())?;
            show(common, &token, || detail(&token))
        }
        TokenVerb::Mode { mode, lift, token, so_pin } => {
            let lifted = check_mode((*mode).into(), lift)?;
            let token = desk.token(token.token.as_deref())?;
            desk.log_in(&token, &Holder::So, &officer(so_pin, &token)?)?.lift(lifted)?;
            let token = desk.token(Some(&token.serial))?;
            show(common, &token, || {
                format!("token '{}' is {}\n", visible(&token.label), mode_of(&token))
            })
        }
    }
}

fn list(tokens: &[TokenInfo]) -> String {
    let row = |token: &TokenInfo| {
        let (user, so) = (words(&token.user_pin), words(&token.so_pin));
        vec![token.slot.to_string(), token.label.clone(), token.serial.clone(), user, so]
    };
    let rows: Vec<_> = tokens.iter().map(row).collect();
    table(&["SLOT", "LABEL", "SERIAL", "USER PIN", "SO PIN"], &rows)
}

pub(super) fn detail(token: &TokenInfo) -> String {
    let mut text = format!(
        "label       {}\nserial      {}\nslot        {}\nmade        {}\nmode        {}\n\
         separation  {}\nuser PIN    {}\nSO PIN      {}\nPIN length  at least {} bytes\n\
         PIN lock    after {} wrong attempts\n",
        visible(&token.label),
        token.serial,
        token.slot,
        token.created,
        mode_of(token),
        token.separation,
        words(&token.user_pin),
        words(&token.so_pin),
        token.min_pin_length,
        token.max_failures,
    );
    text.push_str(&format!("keys        {}\n", keys_of(token)));
    for user in &token.users {
        let (name, pin) = (visible(&user.name), words(&user.pin));
        text.push_str(&format!("user        {name} ({}), PIN {pin}\n", user.role));
    }
    text
}

/// Which generation of its keys a token has.
fn keys_of(token: &TokenInfo) -> String {
    let keys = &token.keys;
    let renewed = match keys.renewed.as_str() {
        "" => String::new(),
        renewed => format!(", renewed {renewed}"),
    };
    let under_way = if keys.rotation == "none" { "" } else { "; a rotation is under way" };
    format!("generation {}{renewed}{under_way}", keys.token_key)
}

/// The mode of a token, with what is lifted.
fn mode_of(token: &TokenInfo) -> String {
    match token.lifted.as_slice() {
        [] => token.mode.to_string(),
        lifted => format!("{}; lifted: {}", token.mode, lifted.join(", ")),
    }
}

/// How a PIN stands, in words.
pub(super) fn words(pin: &PinInfo) -> String {
    match pin.state {
        "good" | "unset" | "locked" => pin.state.to_string(),
        _ => format!("{} left", pin.attempts_left),
    }
}
