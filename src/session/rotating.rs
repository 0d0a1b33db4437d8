// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys of a token renewed, by whoever is logged in and may: batch by batch, so that others work
//! meanwhile.

use super::slot::Slot;
use super::{Library, material};
use crate::error::{Error, Result};
use crate::policy::Group;
use crate::store::Plan;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What renewing the keys of a token came to.
pub struct Rotated {
    /// The generation of the token's key.
    pub generation: u32,
    /// Whether everything beneath was renewed too.
    pub whole: bool,
    /// Whether what was overwritten is out of the write-ahead log too.
    pub folded: bool,
}

impl Library {
    /// Renews the token key; `whole` renews the use key and everything beneath the two besides, data
    /// included. A rotation that is under way is brought to its end first, whoever began it; where that
    /// is all that was asked for, nothing else is done. `tell` hears how many objects are done, of how
    /// many.
    ///
    /// `UserNotLoggedIn` where the caller may not, or does not have the keys that it takes;
    /// `FunctionFailed` where there are PINs that keys cannot be renewed for.
    pub fn rotate_token_key(
        &self,
        handle: u64,
        whole: bool,
        tell: &mut dyn FnMut(u64, u64),
    ) -> Result<Rotated> {
        let group = if whole { Group::RenewAll } else { Group::RenewTokenKey };
        let session = self.admitted(handle, group)?;
        let (slot, keys) = (&session.slot, session.slot.login_keys()?);
        loop {
            let now = SystemTime::now().duration_since(UNIX_EPOCH);
            let now = now.map_or(0, |now| now.as_secs());
            let plan = slot.vault.begin_rotation(&slot.token, &keys, whole, now)?;
            carry_out(slot, &plan, tell)?;
            if plan.whole || !whole {
                if plan.whole {
                    self.renew_audit_after_compromise();
                }
                let (generation, whole) = (plan.generation, plan.whole);
                return Ok(Rotated { generation, whole, folded: folded(slot)? });
            }
        }
    }
}

/// Brings everything to the keys of now, and ends the rotation.
fn carry_out(slot: &Slot, plan: &Plan, tell: &mut dyn FnMut(u64, u64)) -> Result<()> {
    let (mut done, all) = (0, plan.left as u64);
    tell(0, all);
    loop {
        let mut after = 0;
        loop {
            let begun = Instant::now();
            let step = (after, BATCH);
            match slot.vault.rotate_some(&slot.token, plan, step, material::renew) {
                Ok(None) => break,
                Ok(Some((last, some))) => {
                    after = last;
                    done += some as u64;
                    tell(done.min(all), all);
                }
                // Another process may have brought it to its end.
                Err(Error::KeysRenewed) if slot.vault.rotation_over(&slot.token, plan)? => {
                    return Ok(());
                }
                Err(Error::KeysRenewed) => {
                    tracing::error!(
                        "an object rests under no key of the token: run 'strongroom check'"
                    );
                    return Err(Error::Altered);
                }
                Err(error) => return Err(error),
            }
            // Who waits for the store looks now and then whether it is free: it must be. And who uses
            // keys is to go on as before: a rotation takes a quarter of one processor.
            std::thread::sleep((begun.elapsed() * RESTS).clamp(SHORTEST, LONGEST));
        }
        // What was written behind our back by who carries material over is found by another round.
        if slot.vault.end_rotation(&slot.token, plan)? {
            return Ok(());
        }
    }
}

/// Empties the write-ahead log, unless others read for long.
fn folded(slot: &Slot) -> Result<bool> {
    for _ in 0..FOLDS {
        if slot.vault.fold_log()? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Objects a transaction.
const BATCH: usize = 256;
/// How much longer than a transaction the rest after it is.
const RESTS: u32 = 3;
const SHORTEST: Duration = Duration::from_millis(3);
const LONGEST: Duration = Duration::from_millis(150);
/// How often emptying the log is tried.
const FOLDS: usize = 5;
