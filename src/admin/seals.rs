// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Seal slots: listed, added, removed.

use super::desk::Desk;
use super::diagnostics::capture;
use super::failure::{Failure, Outcome};
use super::place::{no_store, store_exists};
use crate::config::Config;
use crate::error::Result;
use crate::seal::{self, Kind, Slot, Surroundings};
use crate::secret::Secret;
use crate::session::find_store;
use serde::Serialize;
use std::cell::Cell;

/// A seal slot, as a list shows it.
#[derive(Debug, Serialize)]
pub struct SealInfo {
    /// Its number.
    pub slot: u32,
    /// Its kind.
    pub kind: &'static str,
    /// What people call it.
    pub label: String,
    /// The generation of the master key that it opens.
    pub generation: u32,
}

/// The seal slots of a store, which need not open for this.
pub fn seals(config: &Config) -> Outcome<Vec<SealInfo>> {
    if !store_exists(config)? {
        return Err(no_store(config));
    }
    let closed = find_store(config, None).map_err(|error| {
        Failure::of(format!("cannot read the store {}", config.store.path.display()), error)
    })?;
    Ok(closed.ok_or_else(|| no_store(config))?.slots.iter().map(info).collect())
}

impl Desk {
    /// Adds a seal slot; `passphrase` is the new one where the kind takes one.
    pub fn add_seal(
        &self,
        kind: Kind,
        label: &str,
        passphrase: Option<Secret>,
    ) -> Outcome<SealInfo> {
        let (vault, around) = (&self.opened.vault, self.around(passphrase));
        let tried = Cell::new(None);
        // A file without a slot may be left over from an attempt that was interrupted, or the seal of
        // another copy of this store: it is left alone.
        let free = |id| !u32::try_from(id).is_ok_and(|id| around.paths.seal(id, 1).exists());
        let opened = self.opened.unseal();
        let (_, _, master) = opened.map_err(|e| Failure::of("cannot open the seal", e))?;
        let made = vault.add_seal_slot(master.generation, free, |id| {
            let id = u32::try_from(id).map_err(|_| crate::error::Error::DeviceMemory)?;
            tried.set(Some(id));
            let slot = seal::create(kind, id, label, vault.id(), &master, &around)?;
            Ok(slot.encode())
        });
        made.map_err(|error| {
            if let Some(id) = tried.get() {
                self.forget_draft(kind, id, &around);
            }
            Failure::of("cannot add the seal slot", error)
        })
        .map(|id| SealInfo {
            slot: id as u32,
            kind: kind.name(),
            label: label.to_string(),
            generation: master.generation,
        })
    }

    /// What a slot keeps outside the store must not outlive a slot that was not made: its number is
    /// the next slot's too.
    fn forget_draft(&self, kind: Kind, id: u32, around: &Surroundings) {
        let there = self.seal_slots().map(|slots| slots.iter().any(|slot| slot.id == id));
        if kind == Kind::File && there.is_ok_and(|there| !there) {
            let _ = std::fs::remove_file(around.paths.seal(id, 1));
        }
    }

    /// Removes a seal slot, never the last. Unless `force`d, another one must be seen to open: else
    /// this might be the last that does.
    pub fn remove_seal(&self, id: u32, force: bool) -> Outcome<SealInfo> {
        let slots = self.seal_slots().map_err(|e| Failure::of("cannot read the seal slots", e))?;
        let (mut chosen, rest): (Vec<_>, Vec<_>) =
            slots.into_iter().partition(|slot| slot.id == id);
        let Some(slot) = chosen.pop() else {
            let all: Vec<_> = rest.iter().map(|slot| slot.id.to_string()).collect();
            return Err(Failure::new(
                format!("there is no seal slot {id}"),
                format!("'strongroom seal list' shows them; their numbers are {}", all.join(", ")),
            ));
        };
        if rest.is_empty() {
            return Err(Failure::new(
                format!("seal slot {id} is the last one: without it nothing opens the store"),
                "add another first: 'strongroom seal add'",
            ));
        }
        let around = &self.opened.around;
        let (opens, _) = capture(|| seal::open(&rest, self.opened.vault.id(), around).is_ok());
        if !opens && !force {
            return Err(Failure::new(
                format!(
                    "none of the other seal slots opens with what is at hand, so slot {id} stays"
                ),
                "give the passphrase of another slot with --passphrase-file or --passphrase-env, or \
                 insist with --force",
            ));
        }
        let cannot = |error| Failure::of(format!("cannot remove seal slot {id}"), error);
        self.opened.vault.remove_seal_slot(i64::from(id)).map_err(cannot)?;
        forgotten(&slot, seal::remove(&slot, around));
        Ok(info(&slot))
    }

    pub(super) fn seal_slots(&self) -> Result<Vec<Slot>> {
        self.opened.vault.seal_slots()?.iter().map(|row| Slot::decode(&row.body)).collect()
    }

    pub(super) fn around(&self, passphrase: Option<Secret>) -> Surroundings {
        let around = &self.opened.around;
        Surroundings {
            paths: around.paths.clone(),
            access: around.access,
            passphrase_file: around.passphrase_file.clone(),
            passphrase,
            kdf: around.kdf.clone(),
        }
    }
}

/// Says where a secret that opens the store no more could not be removed. It is no error: the slot is as
/// it was asked to be, which doing it again would not find.
pub(super) fn forgotten(slot: &Slot, done: Result<()>) {
    if done.is_err() {
        tracing::error!(
            "seal slot {} is as you wished, but a file of its former secret may be left: remove it by \
             hand, because it opens older copies of the store",
            slot.id
        );
    }
}

pub(super) fn info(slot: &Slot) -> SealInfo {
    let (kind, label) = (slot.kind.name(), slot.label.clone());
    SealInfo { slot: slot.id, kind, label, generation: slot.generation }
}
