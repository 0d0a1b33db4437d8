// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether the rows are those that were written.

use super::state::{State, Sum, heads, object_element};
use super::vault::{STATE, Vault};
use super::{RowKind, Snapshot};
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
    /// Reads and authenticates everything that needs no PIN, and recomputes the set-hashes, as the
    /// store is at one moment.
    pub fn check(&self) -> Result<Verdict> {
        let mut verdict = Verdict { objects: 0, tokens: 0, faults: Vec::new() };
        self.store.look(&mut |now| self.examine(now, &mut verdict))?;
        Ok(verdict)
    }

    fn examine(&self, now: &dyn Snapshot, verdict: &mut Verdict) -> Result<()> {
        let mut uuids = Vec::new();
        for row in now.rows(RowKind::Token)? {
            verdict.tokens += 1;
            match self.read_token(&row) {
                Ok(token) => {
                    if self.open_policy(&token, now).is_err() {
                        verdict.faults.push(format!("token {}: its policy was altered", row.id));
                    }
                    if self.open_ledger(&token, now).is_err() {
                        verdict.faults.push(format!("token {}: its ledger was altered", row.id));
                    }
                    uuids.push((row.id, token.uuid));
                }
                Err(_) => verdict.faults.push(format!("token {}: its record was altered", row.id)),
            }
        }
        let mut objects = Sum::default();
        now.each_object(&mut |id, row| {
            verdict.objects += 1;
            let Ok(row) = row else {
                verdict.faults.push(format!("object {id}: its row cannot be read"));
                return Ok(());
            };
            objects.fold(&object_element(&self.rows, &row)?);
            match uuids.iter().find(|(id, _)| *id == row.token) {
                None => verdict.faults.push(format!("object {}: its token is not there", row.id)),
                Some((_, uuid)) if !row.private && self.unseal(uuid, &row, None).is_err() => {
                    verdict.faults.push(format!("object {}: its record was altered", row.id));
                }
                Some(_) => {}
            }
            Ok(())
        })?;
        let sealed = now.value(STATE)?.ok_or(Error::TokenNotRecognized)?;
        let Ok(kept) = State::open(&sealed, &self.state_key, &self.id) else {
            verdict.faults.push("the store's state record was altered".to_string());
            return Ok(());
        };
        let heads = heads(&self.rows, now)?;
        for (what, whole) in
            [("tokens or seal slots", kept.heads == heads), ("objects", kept.objects == objects)]
        {
            if !whole {
                verdict.faults.push(format!(
                    "the {what} are not those that were written: one was altered, removed, added or \
                     put back from an older copy"
                ));
            }
        }
        Ok(())
    }
}
