// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token: checked, shown, set, explained.

use super::failure::{Failure, Outcome};
use crate::policy::rules::{Fault, Rules};
use serde::Serialize;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A policy that can be set.
pub struct Proposal {
    /// Its text.
    pub text: String,
    /// What it says.
    pub rules: Rules,
}

/// What a check of a file found.
#[derive(Debug, Serialize)]
pub struct Checked {
    /// The file.
    pub file: String,
    /// How many rules it has.
    pub rules: usize,
    /// What is wrong with it.
    pub faults: Vec<Fault>,
}

/// Reads a policy from a file, and says what is wrong with it.
pub fn check_policy(file: &Path) -> Outcome<(Checked, Option<Proposal>)> {
    let name = file.display().to_string();
    let text = read(file).map_err(|error| {
        Failure::new(
            format!("cannot read {name}: {error}"),
            "name a file of UTF-8 text that exists and that you may read",
        )
    })?;
    Ok(match Rules::parse(&text) {
        Ok(rules) => {
            let checked = Checked { file: name, rules: rules.rules().len(), faults: Vec::new() };
            (checked, Some(Proposal { text, rules }))
        }
        Err(faults) => (Checked { file: name, rules: 0, faults }, None),
    })
}

/// A file, or so much of it as shows that it is too long.
fn read(file: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    File::open(file)?.take(MOST).read_to_string(&mut text)?;
    Ok(text)
}

/// More than the longest policy, bytes.
const MOST: u64 = 2 << 20;
