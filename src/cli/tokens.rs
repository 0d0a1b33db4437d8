// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom token`.

use super::arguments::{Common, TokenVerb};
use super::opening::open;
use super::output::{show, table, visible};
use crate::admin::{Outcome, PinInfo, TokenInfo};

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
    format!(
        "label       {}\nserial      {}\nslot        {}\nmade        {}\nuser PIN    {}\n\
         SO PIN      {}\nPIN length  at least {} bytes\nPIN lock    after {} wrong attempts\n",
        visible(&token.label),
        token.serial,
        token.slot,
        token.created,
        words(&token.user_pin),
        words(&token.so_pin),
        token.min_pin_length,
        token.max_failures,
    )
}

fn words(pin: &PinInfo) -> String {
    match pin.state {
        "good" | "unset" | "locked" => pin.state.to_string(),
        _ => format!("{} left", pin.attempts_left),
    }
}
