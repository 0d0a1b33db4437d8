// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An object that is not as it was written, given up by its owner: what rests of it, to be kept, and its
//! removal. Nothing that is right goes, and nothing that could merely not be read: what is removed is held
//! against the roll, and read to its last byte, in the transaction that removes it. It imports `super::{roll,
//! vault}` and what all of this room may.

use super::fault::Wrong;
use super::roll::{Line, Roll, parts};
use super::vault::Vault;
use super::{Cell, ObjectRow, Remains, Snapshot};
use crate::error::{Error, Result};
use crate::mechanism::primitive::Mac;
use std::fmt::Write as _;

/// An object that is not as it was written, as it was seen.
pub struct Condemned {
    /// Its number.
    pub id: i64,
    /// The token that it was written for; of one that nobody wrote, the one that it names, if any.
    pub token: Option<i64>,
    /// What is wrong with it.
    pub wrong: Wrong,
    remains: Remains,
}

impl Vault {
    /// An object that may be given up. `ActionProhibited` where it is as it was written, or its tags alone
    /// are not, which can be made anew; `ObjectHandleInvalid` where there is none and never was; `Altered`
    /// where nothing tells what was written.
    pub fn condemned(&self, id: i64) -> Result<Condemned> {
        self.reading(|ring| {
            let mut found = Err(Error::GeneralError);
            self.store.look(&mut |now| {
                let (state, _) = self.known(ring, now)?;
                if now.format()? == UNLISTED {
                    return Err(unlisted());
                }
                let seals = self.seals(&ring.current);
                let mut roll = Roll::open(seals, now, &state.objects)?;
                let line = roll.line(seals, now, id)?;
                found = judged(&ring.sides(state.cursor).of(id).rows, now, id, line);
                Ok(())
            })?;
            found
        })
    }

    /// Removes it, if it is still what was seen; else `DeviceRemoved`.
    pub fn discard(&self, seen: &Condemned) -> Result<()> {
        let id = seen.id;
        self.change(|change| {
            let seals = self.seals(&change.ring.current);
            let line = change.roll(|roll| roll.line(seals, change.tx, id))?;
            let line = line.ok_or_else(unlisted)?;
            let now = judged(&change.keys_of(id).rows, change.tx, id, line)?;
            if now.remains != seen.remains || now.wrong != seen.wrong {
                return Err(Error::DeviceRemoved);
            }
            if let Some(line) = line {
                change.roll(|roll| roll.set(seals, change.tx, id, None))?;
                // What was written leaves the sum; what is there instead never was in it.
                change.state.borrow_mut().objects.fold(&line.element);
            }
            change.tx.delete_object(id)
        })
    }
}

impl Condemned {
    /// What rests of it as statements of SQL, which a person can read and SQLite can put back.
    pub fn text(&self) -> String {
        let mut text = format!("-- strongroom discarded row, version {VERSION}\n");
        // Writing to a string does not fail.
        let _ = writeln!(text, "-- object {}: {}", self.id, self.wrong.name());
        if !self.remains.row.is_empty() {
            let columns = self.remains.row.iter().map(|(name, _)| quoted(name));
            let values = self.remains.row.iter().map(|(_, cell)| literal(cell));
            let (columns, values): (Vec<_>, Vec<_>) = (columns.collect(), values.collect());
            let (columns, values) = (columns.join(", "), values.join(", "));
            let _ = writeln!(text, "INSERT INTO object ({columns}) VALUES ({values});");
        }
        for tag in &self.remains.tags {
            let tag = literal(tag);
            let _ = writeln!(text, "INSERT INTO tag (tag, object) VALUES ({tag}, {});", self.id);
        }
        text
    }
}

/// What an object is beside its line on the roll.
fn judged(
    rows: &Mac,
    now: &(impl Snapshot + ?Sized),
    id: i64,
    line: Option<Line>,
) -> Result<Condemned> {
    // All of it is read first: what the disk does not give is nobody's alteration.
    let remains = now.remains(id)?;
    let row = match now.untagged(id) {
        Err(Error::Altered) => None,
        row => row?,
    };
    let wrong = match (&line, remains.row.is_empty()) {
        (None, true) => return Err(Error::ObjectHandleInvalid),
        (Some(_), true) => Wrong::Gone,
        (None, false) => Wrong::Foreign,
        (Some(line), false) => differs(rows, line, row.as_ref())?,
    };
    let named = remains.row.iter().find(|(name, _)| name == "token").map(|(_, cell)| cell);
    let named = match named {
        Some(Cell::Integer(token)) => Some(*token),
        _ => None,
    };
    let token = line.map(|line| line.token).or(named);
    Ok(Condemned { id, token, wrong, remains })
}

/// What is wrong with a row that was written; tags can be made anew, and are no fault of the row.
fn differs(rows: &Mac, line: &Line, row: Option<&ObjectRow>) -> Result<Wrong> {
    let Some(row) = row else { return Ok(Wrong::Unreadable) };
    let is = (row.token, row.private, row.revision, row.generation);
    let was = (line.token, line.private, line.revision, line.generation);
    let [wrap, body, _] = parts(rows, row)?;
    let [wrap_was, body_was, _] = line.parts;
    match (is == was, wrap == wrap_was && body == body_was) {
        (true, true) => Err(Error::ActionProhibited),
        (_, false) if row.revision < line.revision => Ok(Wrong::Older),
        _ => Ok(Wrong::Altered),
    }
}

/// Without a roll the sum alone tells that something is wrong, and not which row.
fn unlisted() -> Error {
    tracing::error!("the store has no roll of objects: nothing tells which row was altered");
    Error::Altered
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// A value as SQL writes it.
fn literal(cell: &Cell) -> String {
    match cell {
        Cell::Null => "NULL".to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Real(number) if number.is_finite() => format!("{number:?}"),
        Cell::Real(number) => if *number > 0.0 { "9e999" } else { "-9e999" }.to_string(),
        Cell::Text(bytes) => format!("CAST(X'{}' AS TEXT)", hex::encode(bytes)),
        Cell::Blob(bytes) => format!("X'{}'", hex::encode(bytes)),
    }
}

/// The format of what is kept.
const VERSION: u8 = 1;
/// The format of databases that have no roll.
const UNLISTED: i64 = 1;
