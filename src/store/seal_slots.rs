// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the seal slots, whose records the seal reads and writes.

use super::vault::Vault;
use super::{Row, RowKind};
use crate::error::{Error, Result};

impl Vault {
    /// The rows of the seal slots.
    pub fn seal_slots(&self) -> Result<Vec<Row>> {
        self.store.rows(RowKind::SealSlot)
    }

    /// Adds a seal slot whose record `make` builds for its number, the first that is `free`.
    pub fn add_seal_slot(
        &self,
        free: impl Fn(i64) -> bool,
        make: impl Fn(i64) -> Result<Vec<u8>>,
    ) -> Result<i64> {
        self.change(|change| {
            let mut id = change.tx.next_id(RowKind::SealSlot)?;
            while !free(id) {
                id = change.tx.next_id(RowKind::SealSlot)?;
            }
            let row = Row { id, body: make(id)? };
            change.list(RowKind::SealSlot, &row)?;
            change.tx.put_row(RowKind::SealSlot, &row).map(|()| id)
        })
    }

    /// Removes a seal slot; never the last.
    pub fn remove_seal_slot(&self, id: i64) -> Result<()> {
        self.change(|change| {
            let rows = change.tx.rows(RowKind::SealSlot)?;
            if rows.len() < 2 || !rows.iter().any(|row| row.id == id) {
                return Err(Error::ActionProhibited);
            }
            change.strike(RowKind::SealSlot, id);
            change.tx.delete_row(RowKind::SealSlot, id)
        })
    }
}
