// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rows of the seal slots, whose records the seal reads and writes.

use super::ring;
use super::vault::Vault;
use super::{Row, RowKind};
use crate::error::{Error, Result};

impl Vault {
    /// The rows of the seal slots.
    pub fn seal_slots(&self) -> Result<Vec<Row>> {
        self.store.rows(RowKind::SealSlot)
    }

    /// Adds a seal slot whose record `make` builds for its number, the first that is `free`, with the
    /// master key of this generation; `DeviceRemoved` where it is not the one in force any more.
    pub fn add_seal_slot(
        &self,
        master: u32,
        free: impl Fn(i64) -> bool,
        make: impl Fn(i64) -> Result<Vec<u8>>,
    ) -> Result<i64> {
        self.change(|change| {
            if ring::master(change.tx)? != master {
                return Err(Error::DeviceRemoved);
            }
            let mut id = change.tx.next_id(RowKind::SealSlot)?;
            while !free(id) {
                id = change.tx.next_id(RowKind::SealSlot)?;
            }
            let row = Row { id, body: make(id)? };
            change.list(RowKind::SealSlot, &row)?;
            change.tx.put_row(RowKind::SealSlot, &row).map(|()| id)
        })
    }

    /// Puts another record in the place of a seal slot's; `DeviceRemoved` where it is not the one that
    /// the caller saw.
    pub fn replace_seal_slot(&self, old: &Row, new: &Row) -> Result<()> {
        self.change(|change| {
            let rows = change.tx.rows(RowKind::SealSlot)?;
            let now = rows.iter().find(|row| row.id == old.id);
            if now.is_none_or(|now| now.body != old.body) || new.id != old.id {
                return Err(Error::DeviceRemoved);
            }
            change.list(RowKind::SealSlot, new)?;
            change.tx.put_row(RowKind::SealSlot, new)
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
