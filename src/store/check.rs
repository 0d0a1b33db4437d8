// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether the rows are those that were written.

use super::RowKind;
use super::state::{State, object_element, row_element};
use super::vault::{STATE, Vault};
use crate::error::{Error, Result};

/// What `check` found.
pub struct Verdict {
    /// How many objects it read.
    pub objects: usize,
    /// How many tokens.
    pub tokens: usize,
    /// What is wrong, one line each; empty where nothing is.
    pub faults: Vec<String>,
}

impl Vault {
    /// Reads and authenticates everything that needs no PIN, and recomputes the set-hash.
    pub fn check(&self) -> Result<Verdict> {
        let mut verdict = Verdict { objects: 0, tokens: 0, faults: Vec::new() };
        let mut state = State::default();
        let mut uuids = Vec::new();
        for row in self.store.rows(RowKind::Token)? {
            verdict.tokens += 1;
            match self.read_token(&row) {
                Ok(token) => uuids.push((row.id, token.uuid)),
                Err(_) => verdict.faults.push(format!("token {}: its record was altered", row.id)),
            }
            state.fold(&row_element(&self.rows, RowKind::Token, &row)?);
        }
        for row in self.store.rows(RowKind::SealSlot)? {
            state.fold(&row_element(&self.rows, RowKind::SealSlot, &row)?);
        }
        self.store.each_object(&mut |row| {
            verdict.objects += 1;
            state.fold(&object_element(&self.rows, &row)?);
            match uuids.iter().find(|(id, _)| *id == row.token) {
                None => verdict.faults.push(format!("object {}: its token is not there", row.id)),
                Some((_, uuid)) if !row.private && self.unseal(uuid, &row, None).is_err() => {
                    verdict.faults.push(format!("object {}: its record was altered", row.id));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        let sealed = self.store.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        match State::open(&sealed, &self.state_key, &self.id) {
            Ok(kept) if kept.sum == state.sum => {}
            Ok(_) => verdict.faults.push(
                "the rows are not those that were written: one was altered, removed, added or put \
                 back from an older copy"
                    .to_string(),
            ),
            Err(_) => verdict.faults.push("the store's state record was altered".to_string()),
        }
        Ok(verdict)
    }
}
