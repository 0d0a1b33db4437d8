// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is wrong with a policy, where, and what to do about it. It imports nothing of the crate.

use serde::Serialize;
use std::ops::Range;

/// One thing that is wrong with a policy.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub next: String,
}

/// Collects what is wrong with a text.
pub(super) struct Faults<'a> {
    text: &'a str,
    found: Vec<Fault>,
}

impl<'a> Faults<'a> {
    pub(super) fn of(text: &'a str) -> Faults<'a> {
        Faults { text, found: Vec::new() }
    }

    /// Adds one, at the place where the bytes `span` begin.
    pub(super) fn add(
        &mut self,
        span: &Range<usize>,
        what: impl Into<String>,
        next: impl Into<String>,
    ) {
        let (line, column) = place(self.text, span.start);
        self.found.push(Fault { line, column, what: what.into(), next: next.into() });
    }

    /// What was found, in the order of the text.
    pub(super) fn all(mut self) -> Vec<Fault> {
        self.found.sort_by_key(|fault| (fault.line, fault.column));
        self.found.truncate(MOST);
        self.found
    }

    /// Refuses, if anything was found.
    pub(super) fn end(self) -> Result<(), Vec<Fault>> {
        if self.found.is_empty() { Ok(()) } else { Err(self.all()) }
    }
}

/// Line and column of a byte of a text.
pub(super) fn place(text: &str, at: usize) -> (usize, usize) {
    let before = text.get(..at).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    (line, column)
}

/// More than so many are told when these are mended.
const MOST: usize = 20;
