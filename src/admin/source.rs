// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Small files that may hold secrets, read into secret memory.

use super::failure::{Failure, Outcome};
use crate::config::MAX_PIN;
use crate::secret::Secret;
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// A whole file of at most 64 KiB: more than any key or certificate needs.
pub fn read_small(path: &Path) -> Outcome<Secret> {
    let content = read(path, LARGEST + 1)?;
    if content.len() > LARGEST {
        return Err(Failure::new(
            format!("{} is longer than {LARGEST} bytes", path.display()),
            "name a file that holds one key or one certificate",
        ));
    }
    Ok(content)
}

/// The first line of a file, without its end: a PIN or passphrase.
pub fn first_line(path: &Path) -> Outcome<Secret> {
    // Two more than the longest, for the end of its line.
    line_of(read(path, MAX_PIN + 2)?, &path.display().to_string())
}

/// The first line of what was read `from` somewhere.
pub fn line_of(mut content: Secret, from: &str) -> Outcome<Secret> {
    let line = content.expose().iter().take_while(|byte| !matches!(byte, b'\r' | b'\n'));
    let len = line.count();
    content.truncate(len);
    match len {
        0 => Err(Failure::new(
            format!("{from} holds nothing on its first line"),
            "put the PIN or passphrase there",
        )),
        1..=MAX_PIN => Ok(content),
        _ => Err(Failure::new(
            format!("the first line of {from} is longer than {MAX_PIN} bytes"),
            "no PIN or passphrase is that long; is it the right one?",
        )),
    }
}

fn read(path: &Path, most: usize) -> Outcome<Secret> {
    let cannot = |error: &dyn std::fmt::Display| {
        Failure::new(
            format!("cannot read {}: {error}", path.display()),
            "name a file that exists and that you may read",
        )
    };
    let mut file = File::open(path).map_err(|error| cannot(&error))?;
    let mut content = Secret::zeroed(most).map_err(|error| cannot(&error))?;
    let mut len = 0;
    while let Some(rest) = content.expose_mut().get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|error| cannot(&error))? {
            0 => break,
            more => len += more,
        }
    }
    content.truncate(len);
    Ok(content)
}

const LARGEST: usize = 64 * 1024;
