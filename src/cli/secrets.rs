// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where PINs and passphrases come from: a file, an environment variable, or a prompt that shows
//! nothing. Never the command line: everyone on the machine can read that.

use super::failed;
use crate::admin::{Failure, Outcome, first_line, line_of};
use crate::secret::Secret;
use std::os::unix::ffi::OsStringExt;
use std::path::Path;

/// A secret from a file or variable; none where neither is named.
pub(super) fn named(file: Option<&Path>, variable: Option<&str>) -> Outcome<Option<Secret>> {
    match (file, variable) {
        (Some(file), _) => first_line(file).map(Some),
        (None, Some(name)) => from_variable(name).map(Some),
        (None, None) => Ok(None),
    }
}

/// An existing secret: named, or typed. `option` is the family of options that name it.
pub(super) fn existing(
    file: Option<&Path>,
    variable: Option<&str>,
    what: &str,
    option: &str,
) -> Outcome<Secret> {
    match named(file, variable)? {
        Some(secret) => Ok(secret),
        None => typed(&format!("{what}: "), what, option),
    }
}

/// A new secret: named, or typed twice.
pub(super) fn new(
    file: Option<&Path>,
    variable: Option<&str>,
    what: &str,
    option: &str,
) -> Outcome<Secret> {
    if let Some(secret) = named(file, variable)? {
        return Ok(secret);
    }
    let first = typed(&format!("{what}: "), what, option)?;
    let second = typed(&format!("{what}, once more: "), what, option)?;
    if first.expose() != second.expose() {
        return Err(failed("the two are not the same", "try again; nothing was changed"));
    }
    Ok(first)
}

/// A secret typed at the terminal, not shown.
pub(super) fn typed(prompt: &str, what: &str, option: &str) -> Outcome<Secret> {
    let line = rpassword::prompt_password(prompt).map_err(|error| {
        failed(
            format!("there is no terminal to ask for the {what} ({error})"),
            format!("name a file with --{option}-file or a variable with --{option}-env"),
        )
    })?;
    let secret = keep(line.into_bytes())?;
    if secret.is_empty() {
        return Err(failed(format!("no {what} was typed"), "try again; nothing was changed"));
    }
    Ok(secret)
}

fn from_variable(name: &str) -> Outcome<Secret> {
    let Some(value) = std::env::var_os(name) else {
        // Someone may have given a PIN for the name: only what looks like a name is shown.
        let plain = name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_')
            && !name.starts_with(|c: char| c.is_ascii_digit());
        return Err(failed(
            match plain {
                true => format!("the environment has no variable {name}"),
                false => "the environment has no variable of the name given".to_string(),
            },
            "the option takes the name of a variable, not a PIN; export the variable first",
        ));
    };
    line_of(keep(value.into_vec())?, &format!("the variable {name}"))
}

fn keep(bytes: Vec<u8>) -> Outcome<Secret> {
    Secret::take(bytes).map_err(|error| Failure::of("cannot keep a secret", error))
}
