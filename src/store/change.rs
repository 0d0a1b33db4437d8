// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Changes: one transaction each, every row folded into the store's set-hash, all processes told.

use super::heads::{Heads, LIST};
use super::ring::{self, MARK, Ring, Sides, StoreKeys};
use super::roll::{Line, Roll, Seals};
use super::state::{MAC, State, object_element};
use super::token::Token;
use super::vault::{STATE, Vault};
use super::{ObjectRow, Row, RowKind, Snapshot, Tag, Transaction};
use crate::error::{Error, Result};
use std::cell::{Cell, RefCell};
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Vault {
    /// The state record and the list of tokens and seal slots, if they are those that were written. An
    /// altered seal slot is nobody's mishap: nothing is opened beside one. An altered token is refused
    /// where it is used, and the others go on.
    pub(super) fn known(
        &self,
        ring: &Ring,
        now: &(impl Snapshot + ?Sized),
    ) -> Result<(State, Heads)> {
        if ring::generation(now.value(MARK)?)? != ring.generation() {
            // The caller begins again with the keys in force.
            ring.expire();
            return Err(Error::FunctionFailed);
        }
        let keys = ring.current.as_ref();
        let sealed = now.value(STATE)?.unwrap_or_default();
        let known = State::open(&sealed, keys, &self.id).and_then(|state| {
            let heads = Heads::find((&keys.state, &self.id), &keys.rows, now, &state.heads)?;
            Ok((state, heads))
        });
        let (state, heads) = known.map_err(blamed("the store's records of its state"))?;
        let slots = now.rows(RowKind::SealSlot)?;
        for row in &slots {
            if !heads.has(&keys.rows, RowKind::SealSlot, row)? {
                return Err(altered(&format!("seal slot {}", row.id)));
            }
        }
        if slots.len() != heads.ids(RowKind::SealSlot).count() {
            return Err(altered("the list of seal slots"));
        }
        if state.cursor.is_none() && ring.previous.is_some() {
            self.let_go_of_previous(ring);
        }
        Ok((state, heads))
    }

    /// The token of a row, if it is the one that was written; by its own code, which an older row has
    /// as well.
    pub(super) fn read_token(&self, ring: &Ring, row: &Row) -> Result<Token> {
        Token::decode(row.id, self.authentic(ring, RowKind::Token, row)?)
    }

    /// The token of a row, if it is the one that was written last.
    pub(super) fn listed_token(&self, ring: &Ring, heads: &Heads, row: &Row) -> Result<Token> {
        if !heads.has(&ring.current.rows, RowKind::Token, row)? {
            return Err(altered(&format!("token {}", row.id)));
        }
        self.read_token(ring, row)
    }

    /// The row of a token.
    pub(super) fn token_row(&self, keys: &StoreKeys, id: i64, token: &Token) -> Result<Row> {
        let mut body = token.encode();
        let mac = self.row_mac(keys, RowKind::Token, id, &body)?;
        body.extend_from_slice(&mac);
        Ok(Row { id, body })
    }

    pub(super) fn seals<'a>(&'a self, keys: &'a StoreKeys) -> Seals<'a> {
        Seals { key: &keys.state, store: &self.id }
    }

    /// Runs changes as one transaction, recorded before it is durable, and tells all processes.
    pub(super) fn change<T>(&self, make: impl Fn(&Change<'_>) -> Result<T>) -> Result<T> {
        self.writing(|ring| self.change_with(ring, &make))
    }

    /// The same with these keys; where they are not in force any more nothing is changed.
    pub(super) fn change_with<T>(
        &self,
        ring: &Ring,
        make: impl Fn(&Change<'_>) -> Result<T>,
    ) -> Result<T> {
        self.changes.ready()?;
        let mut made = None;
        let mut mark = None;
        let result = self.store.write(&mut |tx| {
            let change = Change::begin(self, ring, tx)?;
            let value = make(&change)?;
            change.end()?;
            // Last, because all who read ask the database from here on until the change is through, or
            // the next one where this process is killed meanwhile; nobody sees anything of it before.
            mark = Some(self.changes.begin()?);
            made = Some(value);
            Ok(())
        });
        if let Some(mark) = mark {
            self.changes.end(mark);
        }
        result.and_then(|()| made.ok_or(Error::GeneralError))
    }
}

/// The changes of a transaction, each folded into the set-hash and noted on the roll.
pub(super) struct Change<'a> {
    vault: &'a Vault,
    pub(super) ring: &'a Ring,
    pub(super) tx: &'a dyn Transaction,
    pub(super) state: RefCell<State>,
    pub(super) heads: RefCell<Heads>,
    /// The keys that this change puts in force.
    pub(super) successor: RefCell<Option<Arc<StoreKeys>>>,
    /// None until it is needed, and for good where the database has none.
    roll: RefCell<Option<Roll>>,
    listed: bool,
    upkeep: Cell<bool>,
}

impl<'a> Change<'a> {
    fn begin(vault: &'a Vault, ring: &'a Ring, tx: &'a dyn Transaction) -> Result<Change<'a>> {
        let (state, heads) = vault.known(ring, tx)?;
        let (mut roll, mut listed) = (None, true);
        if tx.format()? == UNLISTED {
            // What was altered before there was a roll must not be written on it as right.
            roll = vault.first_roll(ring, tx, &state)?;
            listed = roll.is_some();
            if listed {
                tx.upgrade()?;
            }
        }
        let (state, heads) = (RefCell::new(state), RefCell::new(heads));
        let (roll, successor) = (RefCell::new(roll), RefCell::default());
        let upkeep = Cell::new(false);
        Ok(Change { vault, ring, tx, state, heads, successor, roll, listed, upkeep })
    }

    /// This change is none that is recorded: what the store keeps of itself, counts, attempts, what is
    /// moved and stays the same.
    pub(super) fn upkeep(&self) {
        self.upkeep.set(true);
    }

    /// The keys that what is written last in this change is under.
    fn keys(&self) -> Arc<StoreKeys> {
        self.successor.borrow().as_ref().unwrap_or(&self.ring.current).clone()
    }

    fn sides(&self) -> Sides<'_> {
        self.ring.sides(self.state.borrow().cursor)
    }

    /// The keys that an object of this number is under.
    pub(super) fn keys_of(&self, id: i64) -> &StoreKeys {
        self.sides().of(id)
    }

    fn end(&self) -> Result<()> {
        let (keys, id) = (self.keys(), &self.vault.id);
        let mut state = self.state.borrow_mut();
        state.revision += 1;
        if let Some(roll) = self.roll.borrow_mut().as_mut().filter(|roll| roll.changed()) {
            roll.write(self.vault.seals(&keys), self.tx, state.revision, &state.objects)?;
        }
        let heads = self.heads.borrow();
        let sum = heads.sum();
        if sum != state.heads {
            state.heads = sum;
            self.tx.set_value(LIST, &heads.seal(&keys.state, id)?)?;
        }
        if let Some(witness) = self.vault.witness.get() {
            let bound = state.audit.as_ref().map(|audit| audit.bound).unwrap_or_default();
            let now = witness.change(bound, state.revision, !self.upkeep.get())?;
            state.audit.iter_mut().for_each(|audit| audit.bound = now);
        }
        self.tx.set_value(STATE, &state.seal(&keys, id)?)
    }

    /// Works on the roll, where there is one. One that is not the one that was written is made anew, if
    /// the objects are those that were written: so every row is to be changed after its line, or before.
    pub(super) fn roll<T>(&self, act: impl Fn(&mut Roll) -> Result<T>) -> Result<Option<T>> {
        if !self.listed {
            return Ok(None);
        }
        let sum = self.state.borrow().objects;
        let mut held = self.roll.borrow_mut();
        let done = match held.as_mut() {
            Some(roll) => act(roll),
            None => Roll::open(self.seals(), self.tx, &sum).and_then(|roll| act(held.insert(roll))),
        };
        match done {
            Err(Error::Altered) => {
                tracing::warn!("the roll of objects was altered: it is made anew");
                let roll = Roll::build(self.sides(), self.tx, &sum)
                    .map_err(blamed("the roll of objects, and an object as well,"))?;
                act(held.insert(roll)).map(Some)
            }
            done => done.map(Some),
        }
    }

    fn seals(&self) -> Seals<'_> {
        self.vault.seals(&self.ring.current)
    }

    /// Puts the roll under the keys that this change puts in force.
    pub(super) fn carry_roll(&self) -> Result<()> {
        self.roll(|roll| roll.rewrite(self.seals(), self.tx)).map(drop)
    }

    fn fold(&self, element: &[u8; MAC]) {
        self.state.borrow_mut().objects.fold(element);
    }

    /// Lists a token or seal slot as it is from now on.
    pub(super) fn list(&self, kind: RowKind, row: &Row) -> Result<()> {
        self.heads.borrow_mut().put(&self.keys().rows, kind, row)
    }

    /// Strikes a seal slot off the list.
    pub(super) fn strike(&self, kind: RowKind, id: i64) {
        self.heads.borrow_mut().remove(kind, id);
    }

    /// A new number for an object, which none has had: whatever was done to the counter, the roll and
    /// the rows say what was used.
    pub(super) fn next_object_id(&self) -> Result<i64> {
        let listed = self.roll(|roll| Ok(roll.last))?;
        let last = match listed {
            Some(last) => last,
            None => self.tx.number("object")?.unwrap_or_default(),
        };
        let id = last.max(self.tx.last_object()?).checked_add(1).ok_or(Error::DeviceMemory)?;
        self.tx.set_number("object", id)?;
        Ok(id)
    }

    pub(super) fn put_object(&self, row: ObjectRow) -> Result<()> {
        let line = Line::of(&self.keys_of(row.id).rows, &row)?;
        self.roll(|roll| roll.set(self.seals(), self.tx, row.id, Some(line)))?;
        self.fold(&line.element);
        self.tx.put_object(&row)
    }

    /// Reads an object that is about to be replaced or deleted, and takes it out of the set-hash, if
    /// it is the one that was written.
    pub(super) fn take_object(&self, id: i64) -> Result<Option<ObjectRow>> {
        let Some(row) = self.tx.object(id)? else { return Ok(None) };
        let element = object_element(&self.keys_of(id).rows, &row)?;
        let line = self.roll(|roll| roll.line(self.seals(), self.tx, id))?;
        if line.is_some_and(|line| line.is_none_or(|line| line.element != element)) {
            return Err(altered(&format!("object {id}")));
        }
        self.roll(|roll| roll.set(self.seals(), self.tx, id, None))?;
        self.fold(&element);
        Ok(Some(row))
    }

    /// Puts an object under other keys, which says the same; `before` is its line as it was. One that is
    /// not on the roll as it stands stays a fault: nothing says that it was written so.
    pub(super) fn renew_object(
        &self,
        before: &Line,
        row: &ObjectRow,
        keys: &StoreKeys,
    ) -> Result<bool> {
        let listed = self.roll(|roll| roll.line(self.seals(), self.tx, row.id))?;
        let foreign = listed.is_some_and(|line| line.is_none());
        let mut line = Line::of(&keys.rows, row)?;
        let mut written = true;
        if let Some(listed) = listed.flatten() {
            written = listed.element == before.element;
            if !written {
                line = line.as_wrong_as(before, &listed);
            }
        }
        if !foreign {
            self.roll(|roll| roll.set(self.seals(), self.tx, row.id, Some(line)))?;
            if written {
                self.fold(&before.element);
                self.fold(&line.element);
            }
            self.tx.delete_object(row.id)?;
            self.tx.put_object(row)?;
        }
        Ok(written && !foreign)
    }

    /// Puts another wrap and body into the row of an object that was read in this transaction, if it is
    /// the one that was written.
    pub(super) fn reseal_object(&self, old: &ObjectRow, new: &ObjectRow) -> Result<()> {
        let element = object_element(&self.keys_of(old.id).rows, old)?;
        let listed = self.roll(|roll| roll.line(self.seals(), self.tx, old.id))?;
        if listed.is_some_and(|line| line.is_none_or(|line| line.element != element)) {
            return Err(altered(&format!("object {}", old.id)));
        }
        let line = Line::of(&self.keys_of(new.id).rows, new)?;
        self.roll(|roll| roll.set(self.seals(), self.tx, new.id, Some(line)))?;
        self.fold(&element);
        self.fold(&line.element);
        self.tx.reseal_object(new)
    }

    /// Deletes the objects of a token, with whatever was made of them.
    pub(super) fn delete_objects_of(&self, token: i64) -> Result<()> {
        let there = self.tx.objects_of(token)?;
        // One that cannot be read in full is made anew, or else nothing is deleted: what it did not list
        // would go as if nobody had written it, and stay in the sum.
        let lines = self.roll(|roll| roll.whole(self.seals(), self.tx))?;
        let Some(lines) = lines else {
            for id in there {
                self.take_object(id)?;
                self.tx.delete_object(id)?;
            }
            return Ok(());
        };
        let own = lines.iter().filter(|(_, line)| line.token == token);
        for (id, line) in own {
            self.roll(|roll| roll.set(self.seals(), self.tx, *id, None))?;
            self.fold(&line.element);
            self.tx.delete_object(*id)?;
        }
        // Rows that nobody wrote go as well.
        let mut foreign = there.into_iter().filter(|id| !lines.contains_key(id));
        foreign.try_for_each(|id| self.tx.delete_object(id))
    }

    /// Sets the tags of an object, if with them it is the one that was written.
    pub(super) fn set_tags(&self, id: i64, tags: &[Tag]) -> Result<Option<String>> {
        let Some(mut row) = self.tx.object(id)? else { return Ok(None) };
        row.tags = tags.to_vec();
        let element = object_element(&self.keys_of(id).rows, &row)?;
        let line = self.roll(|roll| roll.line(self.seals(), self.tx, id))?.flatten();
        if line.is_none_or(|line| line.element != element) {
            return Ok(None);
        }
        self.tx.put_tags(id, tags)?;
        Ok(Some(format!("object {id}: its tags were made anew from what it is")))
    }

    /// Makes the roll anew, if the objects are those that were written.
    pub(super) fn renew_roll(&self) -> Result<()> {
        let sum = self.state.borrow().objects;
        *self.roll.borrow_mut() = Some(Roll::build(self.sides(), self.tx, &sum)?);
        Ok(())
    }

    /// Writes the list of tokens and seal slots anew.
    pub(super) fn renew_heads(&self) -> Result<()> {
        let list = self.heads.borrow().seal(&self.keys().state, &self.vault.id)?;
        self.tx.set_value(LIST, &list)
    }

    pub(super) fn token(&self, id: i64) -> Result<Option<Token>> {
        let heads = self.heads.borrow();
        match self.tx.row(RowKind::Token, id)? {
            Some(row) => self.vault.listed_token(self.ring, &heads, &row).map(Some),
            None if heads.ids(RowKind::Token).any(|listed| listed == id) => {
                Err(altered(&format!("token {id}")))
            }
            None => Ok(None),
        }
    }

    pub(super) fn put_token(&self, id: i64, token: &Token) -> Result<()> {
        let row = self.vault.token_row(&self.ring.current, id, token)?;
        self.list(RowKind::Token, &row)?;
        self.tx.put_row(RowKind::Token, &row)
    }
}

impl Vault {
    /// The roll of a store that had none; none where an object was altered, which is not tried again.
    fn first_roll(&self, ring: &Ring, tx: &dyn Transaction, state: &State) -> Result<Option<Roll>> {
        if self.unlisted.load(Ordering::Relaxed) {
            return Ok(None);
        }
        match Roll::build(ring.sides(state.cursor), tx, &state.objects) {
            Ok(roll) => Ok(Some(roll)),
            Err(Error::Altered) => {
                altered("an object");
                self.unlisted.store(true, Ordering::Relaxed);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }
}

/// Makes of an error one that says what was altered; what surrounds the store is no alteration.
pub(super) fn blamed(what: &str) -> impl Fn(Error) -> Error + '_ {
    move |error| if error.is_of_surroundings() { error } else { altered(what) }
}

/// Says what was altered.
pub(super) fn altered(what: &str) -> Error {
    tracing::error!("{what} was altered: run 'strongroom check'");
    Error::Altered
}

/// The format of databases that have no roll.
const UNLISTED: i64 = 1;
