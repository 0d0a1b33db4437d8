// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The master key and seal slots made anew while the store is in use.

use super::check::check;
use super::desk::Desk;
use super::diagnostics::capture;
use super::failure::{Failure, Outcome};
use super::seals::{SealInfo, forgotten, info};
use super::tokens;
use crate::error::{Error, Result};
use crate::files;
use crate::seal::{self, Kind, MasterKey, Slot, Surroundings};
use crate::secret::Secret;
use crate::store::{Master, Reseal, Row};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a rotation of the master key did.
#[derive(Debug, Serialize)]
pub struct Rotated {
    /// The generation of the master key now.
    pub generation: u32,
    /// The generation of the store's keys now.
    pub store_keys: u32,
    /// Whether a rotation that was under way was brought to its end, and no other begun.
    pub resumed: bool,
    /// The seal slots, which open the new master key.
    pub slots: Vec<SealInfo>,
    /// Objects that were brought under new keys.
    pub objects: u64,
    /// Those of them that could not be opened and stay as they are.
    pub unreadable: u64,
    /// What did not come along and stays as it was, in words; none where everything did.
    pub left_behind: Option<String>,
    /// Whether the database's log, which still holds what was replaced, could be emptied.
    pub log_emptied: bool,
    /// Tokens whose own keys are those from before a compromise.
    pub exposed: Vec<String>,
}

/// How much is made anew.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// The master key: what is beneath it is wrapped again.
    MasterKey,
    /// Everything beneath it too.
    Everything,
    /// The same, although the store is not as it was written.
    EverythingDespiteFaults,
}

/// Who is asked for the passphrase of a seal slot that does not open otherwise.
pub type AskSlot<'a> = &'a mut dyn FnMut(&SealInfo) -> Outcome<Secret>;

/// A seal slot with what opens it.
struct Way {
    slot: Slot,
    around: Surroundings,
    secret: Secret,
}

impl Desk {
    /// Makes the master key anew, or as much more as is wanted. A rotation
    /// that was under way is brought to its end instead. `progress` is told how many objects of how
    /// many are done.
    pub fn rotate_master(
        &self,
        extent: Extent,
        ask: AskSlot<'_>,
        progress: &mut dyn FnMut(u64, u64),
    ) -> Outcome<Rotated> {
        let vault = &self.opened.vault;
        let cannot = |error| Failure::of("cannot rotate the master key", error);
        let mut resumed = vault.renewal_left().map_err(cannot)?.is_some();
        if !resumed {
            if extent == Extent::Everything {
                self.faultless()?;
            }
            resumed = !self.reseal(extent != Extent::MasterKey, ask)?;
        }
        let (objects, unreadable) = self.finish_renewal(progress).map_err(cannot)?;
        self.forget_former();
        if extent != Extent::MasterKey {
            self.library.renew_audit_after_compromise();
        }
        let whole = unreadable == 0 && !resumed && extent != Extent::EverythingDespiteFaults;
        let left_behind = if whole { None } else { self.left_behind(unreadable) };
        let (generation, store_keys) = vault.generations().map_err(cannot)?;
        let exposed = vault.exposed().map_err(cannot)?;
        let slots = self.seal_slots().map_err(cannot)?;
        Ok(Rotated {
            generation,
            store_keys,
            resumed,
            slots: slots.iter().map(info).collect(),
            objects,
            unreadable,
            left_behind,
            log_emptied: vault.fold_log().unwrap_or(false),
            exposed: exposed
                .iter()
                .map(tokens::info)
                .map(|token| token.selector().to_string())
                .collect(),
        })
    }

    /// What a rotation did not bring along: what it met, and what a look through the store finds, which
    /// knows also what one that was killed had met before.
    fn left_behind(&self, unreadable: u64) -> Option<String> {
        let some = |words: String| match unreadable {
            0 => words,
            some => format!("objects that could not be opened stay as they are ({some}); {words}"),
        };
        match check(self, &[]) {
            Ok(report) if report.unread.is_empty() => match report.faults.len() {
                0 if unreadable == 0 => None,
                faults => {
                    Some(some(format!("the store is not as it was written (faults: {faults})")))
                }
            },
            _ => Some(some("the store could not be looked through afterwards".to_string())),
        }
    }

    /// What was altered could not be repaired after a rotation: what it was is not known under new keys.
    fn faultless(&self) -> Outcome<()> {
        let report = check(self, &[])?;
        if !report.unread.is_empty() {
            // What the disk does not give now would be lost under new keys.
            return Err(Failure::of(
                "cannot read all of the store, nothing was rotated",
                Error::Unread,
            ));
        }
        let faults = report.faults.len();
        if faults == 0 {
            return Ok(());
        }
        Err(Failure::new(
            format!("the store is not as it was written (faults: {faults}): nothing was rotated"),
            "'strongroom check' names what is wrong and 'check --repair' mends what it can; --force rotates \
             all the same, and what was altered stays so",
        ))
    }

    /// Puts a new master key in force, unless another process has just begun to make everything anew.
    fn reseal(&self, compromised: bool, ask: AskSlot<'_>) -> Outcome<bool> {
        let cannot = |error| Failure::of("cannot rotate the master key", error);
        let (rows, slots, _) = self.opened.unseal().map_err(cannot)?;
        // Whoever is asked may take their time: nothing is held meanwhile.
        let ways =
            slots.into_iter().map(|slot| self.way(slot, ask)).collect::<Outcome<Vec<_>>>()?;
        let directory = &self.opened.around.paths.directory;
        let _lock = files::lock_directory(directory).map_err(cannot)?;
        if self.opened.vault.renewal_left().map_err(cannot)?.is_some() {
            return Ok(false);
        }
        let (now, _, master) = self.opened.unseal().map_err(cannot)?;
        if !rows.iter().map(|row| &row.body).eq(now.iter().map(|row| &row.body)) {
            return Err(cannot(Error::DeviceRemoved));
        }
        let mut made = Vec::new();
        let put = self.put_master(&now, (&ways, &master), compromised, &mut made);
        if put.is_err() {
            self.forget_drafts(&made);
        }
        put.map(|()| true).map_err(cannot)
    }

    fn put_master(
        &self,
        before: &[Row],
        (ways, old): (&[Way], &MasterKey),
        compromised: bool,
        made: &mut Vec<Slot>,
    ) -> Result<()> {
        let vault = &self.opened.vault;
        let new = old.next()?;
        for Way { slot, around, secret } in ways {
            made.push(match compromised {
                true => seal::renew(slot, vault.id(), &new, around)?,
                false => seal::carry(slot, vault.id(), secret, &new)?,
            });
        }
        let row = |slot: &Slot| Row { id: i64::from(slot.id), body: slot.encode() };
        let after: Vec<_> = made.iter().map(row).collect();
        let masters = (
            Master { key: &old.key, generation: old.generation },
            Master { key: &new.key, generation: new.generation },
        );
        let reseal = Reseal { masters, before, after: &after };
        match compromised {
            true => vault.begin_renewal(&reseal),
            false => vault.renew_master(&reseal),
        }
    }

    /// Brings everything under the new keys, if that is not done yet. Others have the store between two
    /// steps for as long as a step took.
    fn finish_renewal(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<(u64, u64)> {
        let (mut done, mut unreadable) = (0, 0);
        let Some(all) = self.opened.vault.renewal_left()? else { return Ok((0, 0)) };
        loop {
            let begun = Instant::now();
            let step = self.opened.vault.continue_renewal(STEP)?;
            done += step.done as u64;
            unreadable += step.unreadable as u64;
            progress(done, all.max(done));
            if step.complete {
                return Ok((done, unreadable));
            }
            std::thread::sleep(begun.elapsed().clamp(SHORTEST_REST, LONGEST_REST));
        }
    }

    /// What opens a slot: what is at hand, or else what someone is asked for.
    fn way(&self, slot: Slot, ask: AskSlot<'_>) -> Outcome<Way> {
        let given = self.opened.around.passphrase.as_ref().map(Secret::duplicate).transpose();
        let given = given.map_err(|error| Failure::of("cannot keep a secret", error))?;
        let at_hand = if given.is_some() { vec![given, None] } else { vec![None] };
        for passphrase in at_hand {
            if let Some(way) = self.try_way(&slot, passphrase) {
                return Ok(way.over(slot));
            }
        }
        let shown = info(&slot);
        let name = format!("seal slot {} ({}, '{}')", shown.slot, shown.kind, shown.label);
        if slot.kind == Kind::File {
            let file = slot.file(&self.opened.around.paths).ok().flatten().unwrap_or_default();
            return Err(Failure::new(
                format!("{name} does not open: {} is not its secret or not there", file.display()),
                format!(
                    "restore that file, or give the slot up first: 'strongroom seal remove --slot {}'",
                    shown.slot
                ),
            ));
        }
        let next = format!(
            "give its passphrase with --slot-passphrase-file {0}=FILE, or remove the slot first: \
             'strongroom seal remove --slot {0}'",
            shown.slot
        );
        let asked = ask(&shown).map_err(|failure| {
            Failure::new(
                format!("{name} does not open with what is at hand: {}", failure.what),
                &next,
            )
        })?;
        match self.try_way(&slot, Some(asked)) {
            Some(way) => Ok(way.over(slot)),
            None => Err(Failure::new(format!("{name} does not open with that passphrase"), next)),
        }
    }

    fn try_way(&self, slot: &Slot, passphrase: Option<Secret>) -> Option<Opening> {
        let around = self.around(passphrase);
        let opened = capture(|| seal::open_one(slot, self.opened.vault.id(), &around)).0;
        let (secret, _) = opened.ok().flatten()?;
        Some(Opening { around, secret })
    }

    /// Gives one seal slot another secret: a new file, or the new `passphrase`.
    pub fn rotate_seal(&self, id: u32, passphrase: Option<Secret>) -> Outcome<SealInfo> {
        let slot = self.seal_slot(id)?;
        let cannot = |error| Failure::of(format!("cannot rotate seal slot {id}"), error);
        let around = self.around(passphrase);
        let _lock = files::lock_directory(&around.paths.directory).map_err(cannot)?;
        let (rows, slots, master) = self.opened.unseal().map_err(cannot)?;
        let found = rows.iter().zip(slots).find(|(_, now)| now.id == slot.id);
        let (row, slot) = found.ok_or_else(|| cannot(Error::DeviceRemoved))?;
        let vault = &self.opened.vault;
        let new = seal::renew(&slot, vault.id(), &master, &around).map_err(cannot)?;
        let put = vault.replace_seal_slot(row, &Row { id: row.id, body: new.encode() });
        if put.is_err() {
            self.forget_drafts(std::slice::from_ref(&new));
        }
        put.map_err(cannot)?;
        forgotten(&new, seal::forget_former(&new, &around));
        Ok(info(&new))
    }

    /// A seal slot by its number.
    pub fn seal_slot(&self, id: u32) -> Outcome<Slot> {
        let slots = self.seal_slots().map_err(|e| Failure::of("cannot read the seal slots", e))?;
        let all: Vec<_> = slots.iter().map(|slot| slot.id.to_string()).collect();
        slots.into_iter().find(|slot| slot.id == id).ok_or_else(|| {
            Failure::new(
                format!("there is no seal slot {id}"),
                format!("'strongroom seal list' shows them; their numbers are {}", all.join(", ")),
            )
        })
    }

    /// Removes the files of secrets whose slots were not written after all. They open nothing.
    fn forget_drafts(&self, made: &[Slot]) {
        let paths = &self.opened.around.paths;
        let Ok(kept) = self.seal_slots() else { return };
        let kept: Vec<_> = kept.iter().filter_map(|slot| slot.file(paths).ok().flatten()).collect();
        for file in made.iter().filter_map(|slot| slot.file(paths).ok().flatten()) {
            if !kept.contains(&file) {
                let _ = files::remove_if_there(&file);
            }
        }
    }

    /// Removes the files of secrets that slots had before: whoever was interrupted left them.
    fn forget_former(&self) {
        let around = &self.opened.around;
        let Ok(_lock) = files::lock_directory(&around.paths.directory) else { return };
        for slot in self.seal_slots().unwrap_or_default() {
            forgotten(&slot, seal::forget_former(&slot, around));
        }
    }
}

/// What opened a slot.
struct Opening {
    around: Surroundings,
    secret: Secret,
}

impl Opening {
    fn over(self, slot: Slot) -> Way {
        Way { slot, around: self.around, secret: self.secret }
    }
}

/// Objects of one step: some thousandths of a second.
const STEP: usize = 128;
const SHORTEST_REST: Duration = Duration::from_millis(1);
const LONGEST_REST: Duration = Duration::from_millis(50);
