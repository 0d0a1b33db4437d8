// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Another chain of the audit log, for its auditors of now; and how to go on where the log's head is lost.

use crate::admin::desk::Desk;
use crate::admin::failure::{Failure, Outcome};
use crate::error::Error;
use serde::Serialize;

/// A chain that was begun.
#[derive(Debug, Serialize)]
pub struct Renewed {
    /// The number of the record that says so.
    pub seq: u64,
    /// Who can check what comes after it.
    pub auditors: Vec<String>,
    /// Whether the head was lost, so that nothing vouches for what came before.
    pub broken: bool,
}

impl Desk {
    /// Begins another chain of the audit log; with `lost`, behind a log whose head is lost.
    pub fn renew_audit(&self, lost: bool) -> Outcome<Renewed> {
        let cannot = |error| Failure::of("cannot begin another chain of the audit log", error);
        let chain = match lost {
            true => self.library.rejoin_audit().map_err(|error| match error {
                Error::FunctionFailed => Failure::new(
                    "the head of the audit log is not lost",
                    "'strongroom audit renew' begins another chain, which the one of now vouches for",
                ),
                error => cannot(error),
            })?,
            false => {
                // Before it is done, as all that is recorded.
                self.opened.vault.act().map_err(cannot)?;
                self.library.renew_audit().map_err(cannot)?
            }
        };
        if lost {
            self.opened.vault.act().map_err(cannot)?;
        }
        let auditors = chain.auditors.iter().map(|name| shown(name)).collect();
        Ok(Renewed { seq: chain.seq, auditors, broken: lost })
    }
}

/// An auditor, as they are called in the log.
fn shown(name: &str) -> String {
    match name.split_once('/') {
        None => name.to_string(),
        Some((token, "")) => format!("security officer of token {token}"),
        Some((token, user)) => format!("{user} of token {token}"),
    }
}
