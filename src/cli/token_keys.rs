// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom rotate token-key` and `rotate status`.

use super::arguments::{Common, TokenKey};
use super::opening::open;
use super::output::{say, show, table, visible};
use super::pins::{holder, officer};
use super::progress::Progress;
use crate::admin::{Generations, Outcome, RotatedKeys};
use crate::types::Holder as Whose;

pub(super) fn rotate(common: &Common, wanted: &TokenKey) -> Outcome<()> {
    let desk = open(common)?;
    let token = desk.token(wanted.token.token.as_deref())?;
    let (whose, pin) = match wanted.so {
        true => (Whose::So, officer(&wanted.so_pin, &token)?),
        false => holder(&wanted.holder, &token)?,
    };
    let visit = desk.log_in(&token, &whose, &pin)?;
    let mut bar = Progress::new("objects");
    let done = visit.rotate_token_key(wanted.compromised, &mut |done, all| bar.at(done, all));
    drop(bar);
    let done = done?;
    if !done.log_emptied {
        say(
            "strongroom: what was overwritten is in the write-ahead log still: it goes when no program \
             reads the store for a moment",
        );
    }
    show(common, &done, || summary(&done))
}

pub(super) fn status(common: &Common) -> Outcome<()> {
    let tokens = open(common)?.generations()?;
    show(common, &tokens, || list(&tokens))
}

fn summary(done: &RotatedKeys) -> String {
    let what =
        if done.compromised { "token key, use key and all private objects" } else { "token key" };
    let (label, generation) = (visible(&done.label), done.generation);
    format!("{what} of token '{label}' renewed: generation {generation}\n")
}

fn list(tokens: &[Generations]) -> String {
    let row = |token: &Generations| {
        let keys = &token.keys;
        let never = keys.renewed.is_empty();
        let rotation = match keys.rotation {
            "none" => "-".to_string(),
            kind => format!("{kind}, {} objects left", token.left),
        };
        vec![
            token.label.clone(),
            keys.token_key.to_string(),
            if keys.use_key == 0 { "-".to_string() } else { keys.use_key.to_string() },
            if never { "never".to_string() } else { keys.renewed.clone() },
            rotation,
        ]
    };
    let head = ["TOKEN", "TOKEN KEY", "USE KEY", "RENEWED", "UNDER WAY"];
    table(&head, &tokens.iter().map(row).collect::<Vec<_>>())
}
