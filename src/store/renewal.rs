// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The master key made anew, and after a compromise all that is beneath it, while the store is in use.
//!
//! The first change puts the new master key, new store keys and the few head rows in force, and keeps
//! the previous store keys under the new master key. Then objects are brought over in ascending
//! order, a bounded number a change; the state record says how far. The last change erases the
//! previous keys. A process that is killed leaves a store that is whole, and any other goes on.

use super::bound::Audit;
use super::change::Change;
use super::ring::{self, Bag, Master, Ring, StoreKeys};
use super::roll::Line;
use super::token::Token;
use super::vault::{Vault, same_rows};
use super::{ObjectRow, Row, RowKind, Snapshot};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result, where_right};
use crate::mechanism::primitive;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A new master key for the seal slots that are there.
pub struct Reseal<'a> {
    /// The master key in force, and the one after it.
    pub masters: (Master<'a>, Master<'a>),
    /// The rows of the seal slots as they are: others are not touched.
    pub before: &'a [Row],
    /// The same slots with the new master key.
    pub after: &'a [Row],
}

/// How far keys are made anew.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// Objects that this step brought over.
    pub done: usize,
    /// Those of them that could not be opened: they stay as they are.
    pub unreadable: usize,
    /// Whether nothing is left to do.
    pub complete: bool,
}

/// A token that there was when everything was made anew, with the generations of its keys then.
pub(super) struct Exposed {
    id: i64,
    uuid: [u8; 16],
    generation: u32,
    /// Of the use key, 0 where it has none.
    uses: u32,
}

impl Vault {
    /// The generations of the master key and of the store's keys.
    pub fn generations(&self) -> Result<(u32, u32)> {
        self.reading(|ring| {
            let mut master = 0;
            self.store.look(&mut |now| {
                master = ring::master(now)?;
                Ok(())
            })?;
            Ok((master, ring.generation()))
        })
    }

    /// How many objects are still under the previous keys; none where keys are not being made anew.
    pub fn renewal_left(&self) -> Result<Option<u64>> {
        self.reading(|ring| {
            let mut left = None;
            self.store.look(&mut |now| {
                if let Some(cursor) = self.known(ring, now)?.0.cursor {
                    left = Some(now.count_above(cursor)?);
                }
                Ok(())
            })?;
            Ok(left)
        })
    }

    /// Puts the store's keys under a new master key, in one change. `DeviceRemoved` where the seal
    /// slots are not those that the caller saw.
    pub fn renew_master(&self, reseal: &Reseal<'_>) -> Result<()> {
        self.change(|change| {
            same_seal(change, reseal)?;
            put_slots(change, reseal.after)?;
            ring::carry(change.tx, &self.id, reseal.masters, false)
        })
    }

    /// Begins to make everything beneath the master key anew: from the end of this change on, new keys
    /// are in force. `DeviceRemoved` as for [`Vault::renew_master`], `ActionProhibited` where the last
    /// time is not through yet.
    pub fn begin_renewal(&self, reseal: &Reseal<'_>) -> Result<()> {
        self.writing(|ring| {
            let keys = self.change_with(ring, |change| self.put_in_force(change, reseal))?;
            self.install(Ring::new(keys, Some(ring.current.clone())));
            Ok(())
        })
    }

    fn put_in_force(&self, change: &Change<'_>, reseal: &Reseal<'_>) -> Result<Arc<StoreKeys>> {
        same_seal(change, reseal)?;
        if change.state.borrow().cursor.is_some() {
            return Err(Error::ActionProhibited);
        }
        let (tx, old) = (change.tx, change.ring.current.as_ref());
        let generation = old.generation.checked_add(1).ok_or(Error::GeneralError)?;
        let bag: Bag = ring::next(tx, &self.id, reseal.masters.0)?;
        let new = Arc::new(StoreKeys::of(generation, &bag)?);
        change.carry_roll()?;
        ring::carry(tx, &self.id, reseal.masters, true)?;
        ring::put(tx, &self.id, reseal.masters.1, (generation, &bag))?;
        // From here on rows are listed as they are under the new keys.
        *change.successor.borrow_mut() = Some(new.clone());
        put_slots(change, reseal.after)?;
        let exposed = self.carry_tokens(change, (old, &new))?;
        let exposed = primitive::seal(&new.state, &self.exposed_context(), &exposed)?;
        tx.set_value(EXPOSED, &exposed)?;
        let mut state = change.state.borrow_mut();
        // The log comes under it as soon as it is written.
        state.audit.iter_mut().try_for_each(Audit::renew)?;
        state.cursor = Some(0);
        Ok(new)
    }

    /// Brings over the tokens' records with all that belongs to them; which tokens there are, for the
    /// record of those whose own keys are exposed. A token that was altered stays as it is: it would be
    /// listed as if it had not been.
    fn carry_tokens(
        &self,
        change: &Change<'_>,
        (old, new): (&StoreKeys, &StoreKeys),
    ) -> Result<Vec<u8>> {
        let mut exposed = Writer::versioned(VERSION);
        let listed = change.heads.borrow().clone();
        for id in listed.ids(RowKind::Token) {
            let row = where_right(change.tx.row(RowKind::Token, id))?.flatten();
            let Some(row) = row else { continue };
            let mut token = match self.listed_token(change.ring, &listed, &row) {
                Err(Error::Altered) => continue,
                token => token?,
            };
            exposed.u64(row.id as u64).raw(&token.uuid);
            exposed.u32(token.generation).u32(token.use_generation());
            token.each_pin(&self.id, |pin, context| pin.carry(context, (&old.pin, &new.pin)))?;
            self.carry_policy(change.tx, &token, (old, new))?;
            self.carry_ledger(change.tx, &token, (old, new))?;
            let row = self.token_row(new, row.id, &token)?;
            change.list(RowKind::Token, &row)?;
            change.tx.put_row(RowKind::Token, &row)?;
        }
        Ok(exposed.finish())
    }

    /// Brings the next objects over, at most `limit`; after the last, erases the previous keys.
    pub fn continue_renewal(&self, limit: usize) -> Result<Progress> {
        let progress = self.change(|change| {
            change.upkeep();
            self.bring_over(change, limit)
        })?;
        if progress.complete {
            let current = self.any_keys();
            self.install(Ring::new(current, None));
        }
        Ok(progress)
    }

    fn bring_over(&self, change: &Change<'_>, limit: usize) -> Result<Progress> {
        let mut progress = Progress { done: 0, unreadable: 0, complete: true };
        let Some(cursor) = change.state.borrow().cursor else { return Ok(progress) };
        let (tx, new) = (change.tx, change.ring.current.as_ref());
        let old = change.ring.previous.as_deref().ok_or(Error::GeneralError)?;
        let mut uuids = BTreeMap::new();
        for id in tx.ids(RowKind::Token)? {
            // The objects of a token that was altered stay as they are.
            if let Some(Some(token)) = where_right(change.token(id))? {
                uuids.insert(id, token.uuid);
            }
        }
        let ids = tx.objects_above(cursor, limit)?;
        progress.done = ids.len();
        progress.complete = ids.len() < limit;
        for id in ids {
            // A row that is none stays: it is on the roll, and in the sum, as it was. One that the disk did
            // not give is not given up for that.
            match where_right(tx.object(id))?.flatten() {
                Some(row) => {
                    let before = Line::of(&old.rows, &row)?;
                    let (row, whole) = self.carry_object(row, &uuids, (old, new))?;
                    let written = change.renew_object(&before, &row, new)?;
                    progress.unreadable += usize::from(!whole || !written);
                }
                None => progress.unreadable += 1,
            }
            change.state.borrow_mut().cursor = Some(id);
        }
        if progress.complete {
            change.state.borrow_mut().cursor = None;
            ring::erase_previous(tx)?;
        }
        Ok(progress)
    }

    /// An object as it rests under the new keys, with the same revision: what it says is the same. The
    /// flag says whether it could be opened; one that could not stays as unreadable as it is.
    fn carry_object(
        &self,
        mut row: ObjectRow,
        uuids: &BTreeMap<i64, [u8; 16]>,
        (old, new): (&StoreKeys, &StoreKeys),
    ) -> Result<(ObjectRow, bool)> {
        let tags = row.tags.iter().map(|tag| old.carry_tag(tag, new));
        row.tags = tags.collect::<Result<_>>()?;
        row.tags.sort_unstable();
        if row.private {
            // Its record is under the token's keys.
            return Ok((row, true));
        }
        let Some(uuid) = uuids.get(&row.token) else { return Ok((row, false)) };
        let whole = self.reseal_object(&mut row, uuid, (old, new));
        match whole {
            Ok(()) => Ok((row, true)),
            Err(Error::Altered) => Ok((row, false)),
            Err(error) => Err(error),
        }
    }

    /// The tokens whose own keys were there when everything beneath the master key was made anew last,
    /// and are still in use: who had the old keys and a PIN has theirs.
    pub fn exposed(&self) -> Result<Vec<Token>> {
        let then = self.reading(|ring| {
            let mut then = Vec::new();
            self.store.look(&mut |now| {
                then = self.exposed_record(ring, now)?;
                Ok(())
            })?;
            Ok(then)
        })?;
        let tokens = self.tokens()?.into_iter().filter_map(|(_, token)| token.ok());
        let still = |token: &Token| {
            // A plain rotation of its keys leaves the use key.
            let same = |then: &Exposed| {
                let kept = token.generation <= then.generation
                    || (then.uses > 0 && token.use_generation() <= then.uses);
                (then.id, then.uuid) == (token.id, token.uuid) && kept
            };
            then.iter().any(same)
        };
        Ok(tokens.filter(still).collect())
    }

    /// The tokens that there were.
    pub(super) fn exposed_record(&self, ring: &Ring, now: &dyn Snapshot) -> Result<Vec<Exposed>> {
        let mut then = Vec::new();
        let Some(sealed) = now.value(EXPOSED)? else { return Ok(then) };
        let opened = primitive::open(&ring.current.state, &self.exposed_context(), &sealed);
        let opened = opened.map_err(|_| Error::Altered)?;
        let mut reader = Reader::versioned(opened.expose(), VERSION)?;
        while let Ok(id) = reader.u64() {
            let (uuid, generation, uses) = (reader.array()?, reader.u32()?, reader.u32()?);
            then.push(Exposed { id: id as i64, uuid, generation, uses });
        }
        Ok(then)
    }

    /// Empties the database's log, which holds what was replaced until then; whether that was possible
    /// while others read.
    pub fn fold_log(&self) -> Result<bool> {
        self.store.fold_log()
    }

    fn exposed_context(&self) -> Vec<u8> {
        Writer::versioned(VERSION).raw(b"strongroom exposed tokens").raw(&self.id).finish()
    }
}

/// Puts the rows of seal slots in the place of others.
fn put_slots(change: &Change<'_>, rows: &[Row]) -> Result<()> {
    rows.iter().try_for_each(|row| {
        change.list(RowKind::SealSlot, row)?;
        change.tx.put_row(RowKind::SealSlot, row)
    })
}

/// The seal must still be the one that the caller saw.
fn same_seal(change: &Change<'_>, reseal: &Reseal<'_>) -> Result<()> {
    let now = change.tx.rows(RowKind::SealSlot)?;
    let master = ring::master(change.tx)?;
    if same_rows(reseal.before, &now) && master == reseal.masters.0.generation {
        return Ok(());
    }
    Err(Error::DeviceRemoved)
}

/// The tokens that there were when everything was made anew last.
pub(super) const EXPOSED: &str = "exposed";
const VERSION: u8 = 1;
