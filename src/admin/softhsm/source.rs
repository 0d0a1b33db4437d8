// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SoftHSM2's directory of tokens: found, chosen, unlocked. It imports `files`, `record`,
//! `database` and `unlock`, and `failure` of the room above.

use super::database::{self, Broken};
use super::files;
use super::record::{Fault, Record};
use super::unlock::TokenKey;
use crate::admin::failure::{Failure, Outcome};
use crate::error::Error;
use crate::secret::Secret;
use std::path::{Path, PathBuf};

/// A token of SoftHSM2, with its objects as they lie on disk.
pub struct Source {
    /// Its label.
    pub label: String,
    /// Its serial number.
    pub serial: String,
    /// Its objects, with what to call each.
    pub(super) objects: Vec<(String, Result<Record, Fault>)>,
    /// What the user PIN opens; none where none is set.
    kept: Option<Vec<u8>>,
}

impl Source {
    /// The token in this directory of tokens (or the token's own directory) that has this label or
    /// serial number; the only one where neither is said.
    pub fn find(tokens: &Path, label: Option<&str>, serial: Option<&str>) -> Outcome<Source> {
        let mut found = Vec::new();
        let mut broken = Vec::new();
        for directory in candidates(tokens)? {
            match read(&directory) {
                Ok(Some(token)) => found.push(token),
                Ok(None) => {}
                Err(failure) => broken.push(failure),
            }
        }
        let all = names(&found);
        let fits = |token: &Source| {
            label.is_none_or(|label| token.label == label)
                && serial.is_none_or(|serial| token.serial == serial)
        };
        let mut fitting: Vec<_> = found.into_iter().filter(fits).collect();
        match (fitting.pop(), fitting.is_empty()) {
            (Some(only), true) if broken.is_empty() || label.or(serial).is_some() => Ok(only),
            // Which of them is meant cannot be known while one cannot be read.
            (Some(_), true) | (None, _) if !broken.is_empty() => Err(broken.remove(0)),
            (Some(_), _) => Err(Failure::new(
                format!("{} holds several such tokens", tokens.display()),
                format!("choose one with --token LABEL or --serial NUMBER: {all}"),
            )),
            (None, _) if all.is_empty() => Err(Failure::new(
                format!("{} holds no SoftHSM2 token", tokens.display()),
                "name the directory that 'directories.tokendir' in softhsm2.conf names",
            )),
            (None, _) => Err(Failure::new(
                format!("{} holds no such token", tokens.display()),
                format!("it holds {all}"),
            )),
        }
    }

    /// Whether there is a user PIN: without one there is nothing private.
    pub fn takes_pin(&self) -> bool {
        self.kept.is_some()
    }

    /// The key of its values.
    pub(super) fn unlock(&self, pin: &Secret) -> Outcome<TokenKey> {
        let label = &self.label;
        let kept = self.kept.as_deref().ok_or_else(|| {
            Failure::new(
                format!(
                    "the SoftHSM2 token '{label}' has no user PIN, so nothing private is in it"
                ),
                "choose another with --token or --serial",
            )
        })?;
        TokenKey::open(kept, pin).map_err(|error| match error {
            Error::PinIncorrect => Failure::new(
                format!("the user PIN of the SoftHSM2 token '{label}' is wrong"),
                "try again: this counts no attempts and locks nothing; the SO PIN does not serve here",
            ),
            Error::DataInvalid => Failure::new(
                format!("what the SoftHSM2 token '{label}' keeps for its user PIN is damaged"),
                "restore its directory from a backup, and import that",
            ),
            other => Failure::of("cannot open the SoftHSM2 token", other),
        })
    }
}

/// The directory itself where it is a token's, else those in it.
fn candidates(tokens: &Path) -> Outcome<Vec<PathBuf>> {
    let names = files::names(tokens)?;
    if names.iter().any(|name| name == TOKEN_FILE || name == DATABASE) {
        return Ok(vec![tokens.to_path_buf()]);
    }
    let within = names.iter().map(|name| tokens.join(name));
    Ok(within.filter(|path| path.is_dir()).collect())
}

/// The token in a directory; none where it is no token's.
fn read(directory: &Path) -> Outcome<Option<Source>> {
    if let Some(file) = files::whole(&directory.join(DATABASE), LARGEST_DATABASE)? {
        return from_database(directory, &file).map(Some);
    }
    let path = directory.join(TOKEN_FILE);
    let Some(file) = files::whole(&path, LARGEST_OBJECT)? else { return Ok(None) };
    let record = Record::read(&file).map_err(|fault| damaged(&path, &words(fault)))?;
    let mut objects = Vec::new();
    for name in files::names(directory)? {
        let name = name.to_string_lossy().into_owned();
        if !name.ends_with(OBJECT) || name == TOKEN_FILE {
            continue;
        }
        // One that was destroyed since the directory was read is no longer to be carried.
        if let Some(file) = files::whole(&directory.join(&name), LARGEST_OBJECT)? {
            objects.push((name, Record::read(&file)));
        }
    }
    source(&path, &record, objects).map(Some)
}

fn from_database(directory: &Path, file: &[u8]) -> Outcome<Source> {
    let path = directory.join(DATABASE);
    for pending in ["-journal", "-wal"] {
        let beside = directory.join(format!("{DATABASE}{pending}"));
        if files::whole(&beside, LARGEST_DATABASE)?.is_some_and(|journal| !journal.is_empty()) {
            return Err(Failure::new(
                format!("{} holds a change that is not finished", beside.display()),
                "end the applications that use the token, list it once with SoftHSM2 (softhsm2-util \
                 --show-slots), which finishes the change, and try again",
            ));
        }
    }
    let mut rows = database::read(file).map_err(|Broken(why)| damaged(&path, &why))?;
    let record = match rows.remove(&database::TOKEN) {
        Some(Ok(record)) => record,
        Some(Err(fault)) => return Err(damaged(&path, &words(fault))),
        None => return Err(damaged(&path, "it has no record of the token")),
    };
    let named = rows.into_iter().map(|(number, row)| (format!("object {number}"), row));
    source(&path, &record, named.collect())
}

fn source(
    path: &Path,
    record: &Record,
    objects: Vec<(String, Result<Record, Fault>)>,
) -> Outcome<Source> {
    let text = |id| {
        let bytes = record.bytes(id).ok_or_else(|| damaged(path, "it does not name the token"))?;
        Ok(String::from_utf8_lossy(bytes).trim_end_matches([' ', '\0']).to_string())
    };
    Ok(Source {
        label: text(TOKEN_LABEL)?,
        serial: text(TOKEN_SERIAL)?,
        objects,
        kept: record.bytes(USER_PIN).filter(|kept| !kept.is_empty()).map(<[u8]>::to_vec),
    })
}

fn damaged(path: &Path, why: &str) -> Failure {
    Failure::new(
        format!("{} cannot be read as SoftHSM2 writes it: {why}", path.display()),
        "if an application is just writing it, try again; else restore it from a backup",
    )
}

/// Why a record is none.
pub(super) fn words(fault: Fault) -> String {
    match fault {
        Fault::Empty => "it is empty: made, and never written".to_string(),
        Fault::Short => "it ends inside a value: half written, or cut off".to_string(),
        Fault::Form(form) => format!("a value has form {form:#x}, which no known version writes"),
        Fault::Twice(id) => format!("attribute {id:#x} is there twice"),
    }
}

fn names(tokens: &[Source]) -> String {
    let name = |token: &Source| {
        format!("'{}' (serial {})", token.label.escape_debug(), token.serial.escape_debug())
    };
    tokens.iter().map(name).collect::<Vec<_>>().join(", ")
}

const TOKEN_FILE: &str = "token.object";
const OBJECT: &str = ".object";
const DATABASE: &str = "sqlite3.db";
/// A token's own attributes, in the vendor's range.
const TOKEN_LABEL: u64 = 0x8000_5349;
const TOKEN_SERIAL: u64 = 0x8000_534a;
const USER_PIN: u64 = 0x8000_534d;
/// More than any key, certificate or data object that a store takes, bytes.
const LARGEST_OBJECT: u64 = 16 << 20;
const LARGEST_DATABASE: u64 = 256 << 20;
