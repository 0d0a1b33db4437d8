// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The audit log, as those read it who have its files: found, filtered, followed. No PIN is asked for
//! and no store is opened.

use crate::admin::failure::{Failure, Outcome};
use crate::audit::note::read_verifier;
use crate::audit::{Filter, Line, Reading, Record};
use crate::config::Config;
use serde::Serialize;
use std::path::Path;

/// A log that is there.
pub struct Trail {
    pub(super) reading: Reading,
}

/// Whose signatures on checkpoints to believe.
#[derive(Debug, Serialize)]
pub struct LogKey {
    /// The key's name, which is the log's origin.
    pub name: String,
    /// The verifier key of C2SP signed-note.
    pub verifier: String,
    #[serde(skip)]
    pub(super) public: [u8; 32],
}

/// Records that were asked for.
pub struct Selection {
    lines: crate::audit::reading::Lines,
    filter: Filter,
    reading: Reading,
}

/// What comes next of them.
pub enum Found {
    /// A record, as its line says it.
    Record(Box<Record>, Line),
    /// A line that is no record; where it is.
    Stray(String),
}

impl Trail {
    /// The log of the store, or the copy of one that is named.
    pub fn find(config: &Config, copy: Option<&Path>) -> Outcome<Trail> {
        let own = config.store.path.join("audit");
        let directory = copy.unwrap_or(&own);
        let there = directory.try_exists().map_err(|error| {
            Failure::new(
                format!("cannot look for an audit log in {}: {error}", directory.display()),
                "run this as the store's owner or with its group",
            )
        })?;
        match there {
            true => Ok(Trail { reading: Reading::at(directory) }),
            false => Err(Failure::new(
                format!("there is no audit log in {}", directory.display()),
                "--store or STRONGROOM_STORE name another store, --log a copy of a log",
            )),
        }
    }

    /// Whose signatures on its checkpoints to believe: what it says itself.
    pub fn key(&self) -> Outcome<LogKey> {
        let line = self.reading.verifier().map_err(|error| self.cannot("read the key", error))?;
        let (name, public) = read_verifier(&line).map_err(|_| {
            Failure::new(
                format!("'verifier' in {} is no verifier key", self.place()),
                "compare it with the one that was published; restore it from a backup",
            )
        })?;
        Ok(LogKey { name, verifier: line.trim_end().to_string(), public })
    }

    /// The records that a filter fits, in their order.
    pub fn select(&self, filter: Filter) -> Outcome<Selection> {
        let lines = self.reading.lines(filter.after.saturating_add(1));
        let lines = lines.map_err(|error| self.cannot("read", error))?;
        Ok(Selection { lines, filter, reading: self.reading.clone() })
    }

    pub(super) fn place(&self) -> String {
        self.reading.directory().display().to_string()
    }

    pub(super) fn cannot(&self, what: &str, error: crate::error::Error) -> Failure {
        Failure::of(format!("cannot {what} of the audit log in {}", self.place()), error)
    }
}

impl Selection {
    /// The next of them; none where there is no more for now.
    pub fn next_found(&mut self) -> Outcome<Option<Found>> {
        loop {
            let line = self.lines.next_line().map_err(|error| {
                let place = self.reading.directory().display();
                Failure::of(format!("cannot read the audit log in {place}"), error)
            })?;
            let Some(line) = line else { return Ok(None) };
            match line.record() {
                None => return Ok(Some(Found::Stray(self.place_of(&line)))),
                Some(record) if self.filter.fits(&record) => {
                    return Ok(Some(Found::Record(Box::new(record), line)));
                }
                Some(_) => {}
            }
        }
    }

    fn place_of(&self, line: &Line) -> String {
        format!("{}:{}", self.reading.segment(line.segment).display(), line.number)
    }
}
