// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asks whoever is at the terminal whether they are sure of what cannot be undone.

use super::failed;
use super::output::{say, visible};
use crate::admin::Outcome;
use std::io::{BufRead, IsTerminal};

/// Shows what it is about, and has its name typed: `what` is what the name is.
pub(super) fn confirm(about: &[String], verb: &str, (what, name): (&str, &str)) -> Outcome<()> {
    let stdin = std::io::stdin();
    if !stdin.is_terminal() {
        return Err(failed(
            format!("there is no terminal to ask whether to {verb} it"),
            "add --yes if you are sure",
        ));
    }
    about.iter().for_each(|line| say(line));
    say(&format!("This cannot be undone. Type the {what} ({}) to {verb} it:", visible(name)));
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    match read {
        Ok(_) if line.trim_end_matches(['\r', '\n']) == name => Ok(()),
        _ => Err(failed(
            format!("that is not the {what}: nothing was done"),
            "be sure, and try again",
        )),
    }
}
