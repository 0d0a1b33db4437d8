// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of a whole store, and what can be put right in it.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
use super::pins::Visit;
use crate::audit::Mismatch;
use crate::config::Config;
use crate::error::Error;
use crate::files;
use crate::session::mend_counter;
use crate::store::{Fault, Verdict, Wrong};
use serde::Serialize;

/// What a check found.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The store's directory.
    pub store: String,
    /// Tokens read.
    pub tokens: usize,
    /// Objects read.
    pub objects: usize,
    /// The tokens whose private objects were opened.
    pub opened: Vec<String>,
    /// Whether the roll of objects is there, which tells of every row whether it is the one written.
    pub roll: bool,
    /// What is no fault of a row: seal slots that do not open, where another did.
    pub notes: Vec<String>,
    /// What was put right.
    pub repaired: Vec<String>,
    /// The object that was given up before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub discarded: Option<Discarded>,
    /// What is wrong, and was not put right.
    pub faults: Vec<Bad>,
    /// What could not be read because the disk failed, or something else around the store: what it is is
    /// not known.
    pub unread: Vec<String>,
}

/// A row that is not as it was written.
#[derive(Debug, Serialize)]
pub struct Bad {
    /// The table it is in.
    pub table: String,
    /// Its number or name.
    pub row: String,
    /// `altered`, `gone`, `older`, `foreign`, `unreadable` or `damaged`.
    pub fault: &'static str,
    /// Row and fault, in words.
    pub what: String,
    /// Whether `check --repair` puts it right.
    pub repairable: bool,
}

/// An object that was given up.
#[derive(Debug, Serialize)]
pub struct Discarded {
    /// Its number.
    pub object: i64,
    /// The label of its token; empty where it was of none.
    pub token: String,
    /// What was wrong with it, in words.
    pub what: String,
    /// The file that keeps what was left of it.
    pub copy: String,
}

impl From<&Fault> for Bad {
    fn from(fault: &Fault) -> Bad {
        Bad {
            table: fault.table.clone(),
            row: fault.row.clone(),
            fault: fault.kind.name(),
            what: fault.to_string(),
            repairable: fault.repairable,
        }
    }
}

/// Reads and authenticates every record of the store, with the contents of the private objects of the
/// tokens that are visited.
pub fn check(desk: &Desk, visits: &[Visit<'_>]) -> Outcome<Report> {
    let examine = || {
        let (verdict, _) = super::diagnostics::capture(|| desk.library.check(&sessions(visits)));
        verdict.map_err(|error| Failure::of("cannot check the store", error))
    };
    let first = examine()?;
    if first.faults.iter().all(|fault| fault.kind == Wrong::Unread) {
        return Ok(report(desk, visits, &first));
    }
    // SQLite calls a database malformed, or a row none, whose page the disk did not give. So the disk is
    // asked; where it gives everything, what is found once more is so.
    let paths = &desk.opened.around.paths;
    let whole = [paths.database(), paths.log()].iter().all(|path| files::can_be_read(path));
    match whole {
        true => Ok(report(desk, visits, &examine()?)),
        false => Err(Failure::of("cannot check the store", Error::Unread)),
    }
}

/// The same, after what can be made anew from what is authentic was made anew.
pub fn repair(desk: &Desk, visits: &[Visit<'_>]) -> Outcome<Report> {
    let (done, _) = super::diagnostics::capture(|| desk.library.repair(&sessions(visits)));
    let done = done.map_err(|error| Failure::of("cannot repair the store", error))?;
    check(desk, visits).map(|report| Report { repaired: done, ..report })
}

/// Makes the file of the change counter anew where it is missing or too short, which must be before the
/// store is opened; says what was done.
pub fn repair_counter(config: &Config) -> Outcome<Option<String>> {
    let made = mend_counter(config)
        .map_err(|error| Failure::of("cannot make the file 'changes' anew", error))?;
    Ok(made.then(|| "the file 'changes': made anew".to_string()))
}

fn report(desk: &Desk, visits: &[Visit<'_>], verdict: &Verdict) -> Report {
    let (mut unread, mut faults) = (Vec::new(), Vec::new());
    for fault in &verdict.faults {
        match fault.kind {
            Wrong::Unread => unread.push(fault.to_string()),
            _ => faults.push(Bad::from(fault)),
        }
    }
    match audit(desk) {
        Ok(bad) => faults.extend(bad),
        Err(error) => {
            unread.push(format!("the audit log: it could not be read ({})", error.name()))
        }
    }
    Report {
        store: desk.config().store.path.display().to_string(),
        tokens: verdict.tokens,
        objects: verdict.objects,
        opened: visits.iter().map(|visit| visit.token.label.clone()).collect(),
        roll: !verdict.unlisted,
        notes: desk.said.clone(),
        repaired: Vec::new(),
        discarded: None,
        faults,
        unread,
    }
}

/// What does not go together between the store and its audit log.
fn audit(desk: &Desk) -> Result<Option<Bad>, Error> {
    let (compared, _) = super::diagnostics::capture(|| desk.library.compare_audit());
    let (row, fault, what) = match compared {
        Ok(None) => return Ok(None),
        Ok(Some(Mismatch::LogOlder(records))) => (
            "log",
            "older",
            format!(
                "the audit log ends {records} records before the one that the store was bound to"
            ),
        ),
        Ok(Some(Mismatch::LogOther)) => {
            let what = "the audit log is another than the one that the store was bound to";
            ("log", "foreign", what.to_string())
        }
        Ok(Some(Mismatch::StoreOlder)) => {
            let what = "the store is an older copy: its audit log has seen later revisions of it";
            ("store", "older", what.to_string())
        }
        Err(error) if error.is_of_surroundings() => return Err(error),
        Err(error) => {
            ("log", "unreadable", format!("the audit log cannot be read ({})", error.name()))
        }
    };
    let what = format!("audit {row}: {what}");
    Ok(Some(Bad { table: "audit".into(), row: row.into(), fault, what, repairable: false }))
}

fn sessions(visits: &[Visit<'_>]) -> Vec<u64> {
    visits.iter().map(|visit| visit.session).collect()
}
