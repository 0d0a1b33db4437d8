// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Options that several verbs take, and what is written behind them.

use super::pins::{Holder, Token};
use crate::admin::{Class, Format, KeyKind, USAGES};
use crate::codec::{DAY, day_of_date};
use clap::Args;
use std::path::PathBuf;

/// A token with its user logged in.
#[derive(Args)]
pub(in crate::cli) struct User {
    #[command(flatten)]
    pub(in crate::cli) token: Token,
    #[command(flatten)]
    pub(in crate::cli) holder: Holder,
}

/// As [`User`], or without a login.
#[derive(Args)]
pub(in crate::cli) struct Reader {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    /// Takes no PIN, and sees public keys and certificates alone
    #[arg(long, conflicts_with_all = ["user", "pin_file", "pin_env"])]
    pub(in crate::cli) public: bool,
}

/// An id, read.
#[derive(Clone)]
pub(in crate::cli) struct Id(pub(in crate::cli) Vec<u8>);

pub(in crate::cli) fn id(text: &str) -> Result<Id, String> {
    match hex::decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(Id(bytes)),
        _ => Err("an id is pairs of hexadecimal digits, such as 01 or a1b2".to_string()),
    }
}

pub(in crate::cli) fn class(text: &str) -> Result<Class, String> {
    let known = Class::ALL.iter().find(|(_, name, _)| *name == text);
    known.map(|(class, ..)| *class).ok_or_else(|| {
        let names: Vec<_> = Class::ALL.iter().map(|(_, name, _)| *name).collect();
        format!("the classes are {}", names.join(", "))
    })
}

pub(in crate::cli) fn usage(text: &str) -> Result<String, String> {
    match USAGES.iter().find(|usage| usage.name == text) {
        Some(usage) => Ok(usage.name.to_string()),
        None => {
            let names: Vec<_> = USAGES.iter().map(|usage| usage.name).collect();
            Err(format!("the usages are {}", names.join(", ")))
        }
    }
}

pub(in crate::cli) fn kind(text: &str) -> Result<KeyKind, String> {
    KeyKind::parse(text).map_err(|failure| failure.next)
}

pub(in crate::cli) fn format(text: &str) -> Result<Format, String> {
    match text {
        "pem" => Ok(Format::Pem),
        "der" => Ok(Format::Der),
        _ => Err("the formats are pem and der".to_string()),
    }
}

/// A date, as `CK_DATE` has it; empty for none.
pub(in crate::cli) fn date(text: &str) -> Result<Vec<u8>, String> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
    match day_of_date(&digits) {
        Some(_) if text.len() == 10 || text.len() == 8 => Ok(digits),
        _ if text == "none" => Ok(Vec::new()),
        _ => Err("a date is year, month and day, such as 2027-01-31, or 'none'".to_string()),
    }
}

/// A span, in seconds.
pub(in crate::cli) fn span(text: &str) -> Result<u64, String> {
    let wrong = || "a span is a number with h, d, w or y, such as 90d, or 'never'".to_string();
    if text == "never" {
        return Ok(0);
    }
    let units = [('h', 3600), ('d', DAY), ('w', 7 * DAY), ('y', 365 * DAY)];
    let unit = units.iter().find(|(letter, _)| text.ends_with(*letter)).ok_or_else(wrong)?;
    let number = text.trim_end_matches(unit.0).parse::<u64>().map_err(|_| wrong())?;
    let seconds = number.checked_mul(unit.1).filter(|seconds| (1..=LONGEST).contains(seconds));
    seconds.ok_or_else(wrong)
}

/// A label for people, `key=value`.
pub(in crate::cli) fn label(text: &str) -> Result<(String, String), String> {
    let well = |key: &str| !key.is_empty() && !key.contains(char::is_whitespace);
    match text.split_once('=') {
        Some((key, value)) if well(key) && !text.contains(char::is_control) => {
            Ok((key.to_string(), value.to_string()))
        }
        _ => Err("a label is key=value on one line, such as env=prod".to_string()),
    }
}

/// Whoever says why says something.
pub(in crate::cli) fn reason(text: &str) -> Result<String, String> {
    match text.trim() {
        "" => Err("a reason is some words, such as 'replaced by key 02'".to_string()),
        words => Ok(words.to_string()),
    }
}

/// The number of a seal slot, and a file: `2=FILE`.
pub(in crate::cli) fn slot_file(text: &str) -> Result<(u32, PathBuf), String> {
    let parts = text.split_once('=').and_then(|(slot, file)| Some((slot.parse().ok()?, file)));
    match parts {
        Some((slot, file)) if !file.is_empty() => Ok((slot, PathBuf::from(file))),
        _ => Err("the number of a seal slot and a file with its passphrase: 2=FILE".to_string()),
    }
}

/// A thousand years, in seconds.
const LONGEST: u64 = 1000 * 365 * DAY;
