// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The check of a whole store.

use super::desk::Desk;
use super::failure::{Failure, Outcome};
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
    /// What is wrong, one line each.
    pub faults: Vec<String>,
}

/// Reads and authenticates every record of the store.
pub fn check(desk: &Desk) -> Outcome<Report> {
    let (verdict, _) = super::diagnostics::capture(|| desk.opened.vault.check());
    let verdict = verdict.map_err(|error| Failure::of("cannot check the store", error))?;
    Ok(Report {
        store: desk.config().store.path.display().to_string(),
        tokens: verdict.tokens,
        objects: verdict.objects,
        faults: verdict.faults,
    })
}
