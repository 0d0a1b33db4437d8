// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An object that is not as it was written, given up: what is left of it goes into a file first.

use super::check::{Bad, Discarded, check};
use super::desk::Desk;
use super::diagnostics::{capture, replay};
use super::failure::{Failure, Outcome};
use super::tokens::{TokenInfo, info};
use crate::error::{Error, Result};
use crate::files::{self, Access};
use crate::secret::Secret;
use crate::store;
use crate::types::Holder;
use std::path::{Path, PathBuf};

/// An object that may be given up.
pub struct Condemned {
    /// What is wrong with it, in words.
    pub what: String,
    /// The token that it is of; none where nobody wrote it, and it names no token that there is.
    pub token: Option<TokenInfo>,
    seen: store::Condemned,
}

impl Desk {
    /// The object of a number, if it may be given up: one that `check` names, for what it is itself.
    pub fn condemned(&self, number: i64) -> Outcome<Condemned> {
        let report = check(self, &[])?;
        if !report.unread.is_empty() {
            // What the disk does not give may be right.
            return Err(Failure::of("cannot read all of the store", Error::Unread));
        }
        let of = |table: &str| {
            let row = number.to_string();
            report.faults.iter().find(|bad| bad.table == table && bad.row == row)
        };
        let (found, said) = capture(|| self.library.condemned(number));
        let seen = match found {
            Err(Error::ActionProhibited | Error::ObjectHandleInvalid) => {
                return Err(not_condemned(number, of("object"), of("tag")));
            }
            Err(Error::Altered) => return Err(untold(number)),
            found => found.map_err(|error| {
                replay(&said);
                Failure::of(format!("cannot look at object {number}"), error)
            })?,
        };
        let token = seen.token.map(|id| self.token_of_object(id)).transpose()?.flatten();
        let what = match of("object") {
            Some(bad) => bad.what.clone(),
            None => format!("object {number}: {}", seen.wrong.name()),
        };
        Ok(Condemned { what, token, seen })
    }

    fn token_of_object(&self, id: i64) -> Outcome<Option<TokenInfo>> {
        let tokens = self.opened.vault.tokens();
        let tokens = tokens.map_err(|error| Failure::of("cannot read the tokens", error))?;
        match tokens.into_iter().find(|(token, _)| *token == id) {
            None => Ok(None),
            Some((_, Ok(token))) => Ok(Some(info(&token))),
            Some((_, Err(_))) => Err(Failure::new(
                format!("token {id}, which the object is of, is not as it was written either"),
                "restore a backup: with the token's record all its objects are out of reach",
            )),
        }
    }

    /// Gives it up: the security officer of its token does, with their PIN; what is left of it is in a
    /// file before it is removed.
    pub fn discard(&self, object: &Condemned, so_pin: Option<&Secret>) -> Outcome<Discarded> {
        let officer = match (&object.token, so_pin) {
            (Some(token), Some(pin)) => Some(self.log_in(token, &Holder::So, pin)?),
            _ => None,
        };
        let number = object.seen.id;
        let cannot = |error| Failure::of(format!("cannot discard object {number}"), error);
        let directory = &self.opened.around.paths.directory;
        // Who discards at the same time takes another name.
        let _lock = files::lock_directory(directory).map_err(cannot)?;
        let copy = keep(directory, number, &object.seen.text()).map_err(cannot)?;
        let session = officer.as_ref().map(|visit| visit.session);
        if let Err(error) = self.library.discard(session, &object.seen) {
            // A copy of what is there still is none; where that is not known it stays.
            if capture(|| self.library.condemned(number)).0.is_ok() {
                let _ = files::remove_if_there(&copy);
            }
            return Err(cannot(error));
        }
        Ok(Discarded {
            object: number,
            token: object.token.as_ref().map(|token| token.label.clone()).unwrap_or_default(),
            what: object.what.clone(),
            copy: copy.display().to_string(),
        })
    }
}

/// Writes what is left of an object into a file of the owner's alone, which nothing has had before.
fn keep(directory: &Path, number: i64, text: &str) -> Result<PathBuf> {
    let mut path = directory.join(format!("discarded-{number}.sql"));
    let mut again = 2;
    while files::is_there(&path).map_err(|error| files::complain("look at", &path, &error))? {
        path = directory.join(format!("discarded-{number}-{again}.sql"));
        again += 1;
    }
    if let Err(error) = files::create(&path, Access::for_group("")?, text.as_bytes()) {
        let _ = files::remove_if_there(&path);
        return Err(error);
    }
    files::sync_directory(directory).map(|()| path)
}

/// Why an object is not given up that has no fault of its own.
fn not_condemned(number: i64, object: Option<&Bad>, tags: Option<&Bad>) -> Failure {
    match (object, tags) {
        (None, None) => Failure::new(
            format!(
                "object {number} is as it was written, or there is none: nothing was discarded"
            ),
            "'strongroom check' names the objects that are not, by their numbers",
        ),
        (None, Some(_)) => Failure::new(
            format!("object {number} itself is as it was written: its search tags alone are not"),
            "'strongroom check --repair' makes them anew; --token and the PIN of its user open a private \
             object for it",
        ),
        (Some(_), _) => Failure::new(
            format!("object {number} is on the roll as it is: it was written so"),
            "nothing tells it from a good one: restore a backup",
        ),
    }
}

/// Where the roll was altered as well nothing is known of a row.
fn untold(number: i64) -> Failure {
    Failure::new(
        format!(
            "nothing tells whether object {number} is as it was written: the roll of objects, which \
             would, was altered as well, or there is none yet"
        ),
        "'strongroom check' names what is wrong; restore a backup",
    )
}
