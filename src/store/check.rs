// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether the rows are those that were written, and what is wrong with each that is not.

use super::change::Change;
use super::fault::{Fault, Wrong};
use super::heads::{Heads, LIST};
use super::keys::Keys;
use super::renewal::EXPOSED;
use super::ring::{self, Ring};
use super::roll::TOP;
use super::state::State;
use super::vault::{STATE, Vault, WRITTEN};
use super::{Named, RowKind, Snapshot, Tag, ledger, policy};
use crate::error::{Error, Result, where_right};
use crate::secret::Secret;
use std::collections::BTreeSet;

/// What a check may use.
pub struct Checking<'a> {
    /// What PINs opened: the private objects of these tokens are opened too.
    pub keys: &'a [&'a Keys],
    /// Reads the record of an object, and says what it is searched by.
    pub tags: &'a ReadTags<'a>,
}

/// Reads a record, with the keys of its token where a PIN opened them: types and values.
pub type ReadTags<'a> = dyn Fn(Option<&Keys>, &Secret) -> Result<Vec<(u64, Vec<u8>)>> + 'a;

/// One part of a check.
type Part<'a> = &'a dyn Fn(&mut Examination<'_>) -> Result<()>;

/// What a check found.
#[derive(Default)]
pub struct Verdict {
    /// How many objects it read.
    pub objects: usize,
    /// How many tokens.
    pub tokens: usize,
    /// What is wrong; empty where nothing is.
    pub faults: Vec<Fault>,
    /// Whether the database has no roll yet: which rows are bad cannot be told of all.
    pub unlisted: bool,
    fixes: Vec<Fix>,
}

/// What can be put right, and how.
pub(super) enum Fix {
    /// The tags of an object.
    Tags(i64, Vec<Tag>),
    /// A counter of numbers.
    Number(&'static str, i64),
    /// The roll is made anew.
    Roll,
    /// The list of tokens and seal slots is written anew.
    Heads,
    /// The database's own structures.
    Database,
}

/// A check under way.
pub(super) struct Examination<'a> {
    pub(super) vault: &'a Vault,
    pub(super) ring: &'a Ring,
    /// How far the store's keys were made anew, while they are.
    pub(super) cursor: Option<i64>,
    pub(super) checking: &'a Checking<'a>,
    pub(super) verdict: Verdict,
    /// The tokens whose records are right.
    pub(super) uuids: Vec<(i64, [u8; 16])>,
}

impl Vault {
    /// Reads and authenticates everything, as the store is at one moment: of private objects the
    /// contents too, where a PIN opened them.
    pub fn check(&self, checking: &Checking<'_>) -> Result<Verdict> {
        self.reading(|ring| {
            let mut verdict = Verdict::default();
            self.store.look(&mut |now| {
                verdict = self.examine(ring, now, checking)?;
                Ok(())
            })?;
            Ok(verdict)
        })
    }

    /// Puts right what can be made anew from what is authentic; keys and the records of tokens are never
    /// touched. Returns what was done.
    pub fn repair(&self, checking: &Checking<'_>) -> Result<Vec<String>> {
        let mut verdict = self.check(checking)?;
        let mut done: Vec<String> = Vec::new();
        if verdict.fixes.iter().any(|fix| matches!(fix, Fix::Database)) {
            self.store.write(&mut |tx| tx.mend())?;
            done.push(
                "the database: what did not belong was dropped, indexes were built anew".into(),
            );
            verdict = self.check(checking)?;
        }
        if verdict.fixes.iter().all(|fix| matches!(fix, Fix::Database)) {
            return Ok(done);
        }
        let made = self.change(|change| {
            // Tags first: the roll can be made anew of objects alone that are right.
            let tags = |fix: &&Fix| matches!(fix, Fix::Tags(..));
            let (first, then): (Vec<_>, Vec<_>) = verdict.fixes.iter().partition(tags);
            let fixes = first.into_iter().chain(then);
            fixes.filter_map(|fix| change.fix(fix).transpose()).collect::<Result<Vec<String>>>()
        })?;
        done.extend(made.into_iter().collect::<BTreeSet<_>>());
        Ok(done)
    }

    fn examine(&self, ring: &Ring, now: &dyn Snapshot, checking: &Checking<'_>) -> Result<Verdict> {
        let verdict = Verdict { unlisted: now.format()? == 1, ..Verdict::default() };
        let (uuids, cursor) = (Vec::new(), None);
        let mut check = Examination { vault: self, ring, cursor, checking, verdict, uuids };
        match now.faults() {
            Ok(faults) => faults.into_iter().for_each(|fault| match fault.repairable {
                true => check.fix(fault, Fix::Database),
                false => check.fault(fault),
            }),
            Err(error) => check.stopped(error, "cannot be read through")?,
        }
        let state = check.state(now)?;
        check.cursor = state.as_ref().and_then(|state| state.cursor);
        let parts: [Part<'_>; 3] =
            [&|check| check.heads(now, state.as_ref()), &|check| check.values(now), &|check| {
                check.objects(now, state.as_ref())
            }];
        for part in parts {
            if let Err(error) = part(&mut check) {
                check.stopped(error, "cannot be read: restore a backup")?;
            }
        }
        Ok(check.verdict)
    }
}

impl Examination<'_> {
    pub(super) fn fault(&mut self, fault: Fault) {
        self.verdict.faults.push(fault);
    }

    pub(super) fn fix(&mut self, fault: Fault, fix: Fix) {
        self.verdict.faults.push(fault.repairable(true));
        self.verdict.fixes.push(fix);
    }

    /// Whether something of this table was found to be wrong.
    pub(super) fn names(&self, table: &str) -> bool {
        self.verdict.faults.iter().any(|fault| fault.table == table)
    }

    pub(super) fn number(&mut self, name: &'static str, is: i64, was: i64) {
        if is != was {
            let what = format!("it is {is}; the last number given was {was}");
            let fault = Fault::new("number", name, Wrong::Altered, what);
            self.fix(fault, Fix::Number(name, was));
        }
    }

    /// A part ended early: what could not be read is said, and the other parts go on. Where memory ran
    /// out or another process had the store nothing is said.
    fn stopped(&mut self, error: Error, what: &str) -> Result<()> {
        let fault = match error {
            Error::Unread => Fault::unread("database", ""),
            error if error.is_of_surroundings() => return Err(error),
            _ => Fault::new("database", "", Wrong::Unreadable, what),
        };
        if !self.names("database") {
            self.fault(fault);
        }
        Ok(())
    }

    fn state(&mut self, now: &dyn Snapshot) -> Result<Option<State>> {
        let sealed = where_right(now.value(STATE))?.flatten().unwrap_or_default();
        let state = State::open(&sealed, &self.ring.current, &self.vault.id).ok();
        if state.is_none() {
            let what = "it is not one that was written: nothing tells which rows are the latest";
            self.fault(Fault::new("value", STATE, Wrong::Altered, what));
        }
        Ok(state)
    }

    /// Tokens and seal slots.
    fn heads(&mut self, now: &dyn Snapshot, state: Option<&State>) -> Result<()> {
        let vault = self.vault;
        let keys = (&self.ring.current.state, &vault.id[..]);
        let written = state.map(|state| where_right(Heads::written(keys, now, &state.heads)));
        let written = written.transpose()?.flatten();
        let as_they_are = Heads::of(&self.ring.current.rows, now)?;
        let whole = state.is_some_and(|state| state.heads == as_they_are.sum());
        if state.is_some() && written.is_none() && !self.verdict.unlisted {
            let fault =
                Fault::new("value", LIST, Wrong::Altered, "it is not the one that was written");
            if whole { self.fix(fault, Fix::Heads) } else { self.fault(fault) }
        }
        if let Some(heads) = written.as_ref().filter(|_| !self.verdict.unlisted) {
            let is = now.number("seal_slot")?.unwrap_or_default();
            self.number("seal_slot", is, heads.last_slot());
        }
        for kind in [RowKind::Token, RowKind::SealSlot] {
            self.rows(now, kind, written.as_ref())?;
        }
        if state.is_some() && !whole && !self.names("token") && !self.names("seal_slot") {
            let what = "tokens or seal slots were altered, removed, added or put back from an older \
                        copy; the list that would tell which was altered as well";
            self.fault(Fault::new("value", LIST, Wrong::Altered, what));
        }
        Ok(())
    }

    fn rows(&mut self, now: &dyn Snapshot, kind: RowKind, heads: Option<&Heads>) -> Result<()> {
        let table = if kind == RowKind::Token { "token" } else { "seal_slot" };
        let mut seen = BTreeSet::new();
        for id in now.ids(kind)? {
            seen.insert(id);
            self.verdict.tokens += usize::from(kind == RowKind::Token);
            let Some(row) = where_right(now.row(kind, id))?.flatten() else {
                // Its column is named among the faults of the database.
                continue;
            };
            let own = kind == RowKind::SealSlot || self.vault.read_token(self.ring, &row).is_ok();
            let last =
                heads.map(|heads| heads.has(&self.ring.current.rows, kind, &row)).transpose()?;
            let listed = heads.is_none_or(|heads| heads.ids(kind).any(|listed| listed == id));
            let fault = match (own, last, listed) {
                (_, Some(false), false) => Some((Wrong::Foreign, "nobody wrote it")),
                (false, ..) => Some((Wrong::Altered, "its record was altered")),
                (true, Some(false), true) if kind == RowKind::Token => Some((
                    Wrong::Older,
                    "an older record was put back, with PIN attempts and settings as they were",
                )),
                (true, Some(false), true) => {
                    Some((Wrong::Altered, "it was altered, or an older one was put back"))
                }
                _ => None,
            };
            match fault {
                Some((wrong, what)) => self.fault(Fault::new(table, id, wrong, what)),
                None if kind == RowKind::Token => self.token(now, &row)?,
                None => {}
            }
        }
        let listed: Vec<i64> = heads.map(|heads| heads.ids(kind).collect()).unwrap_or_default();
        for id in listed.into_iter().filter(|id| !seen.contains(id)) {
            self.fault(Fault::new(table, id, Wrong::Gone, "it is gone"));
        }
        Ok(())
    }

    /// What belongs to a token whose record is right.
    fn token(&mut self, now: &dyn Snapshot, row: &super::Row) -> Result<()> {
        let (keys, token) = (&self.ring.current, self.vault.read_token(self.ring, row)?);
        let holder = self.checking.keys.iter().find(|keys| keys.uuid == token.uuid);
        // Who may not read the keys of now sees as much as without.
        drop(holder.map(|holder| self.vault.token_keys_at(holder, &token)));
        self.uuids.push((token.id, token.uuid));
        let policy = where_right(self.vault.open_policy(keys, &token, now))?.is_some();
        let ledger = where_right(self.vault.open_ledger(keys, &token, now))?.is_some();
        let parts = [
            (policy, "policy", policy::name(token.id)),
            (ledger, "ledger", ledger::name(token.id)),
        ];
        for (_, part, name) in parts.into_iter().filter(|(good, ..)| !good) {
            let what = format!(
                "the {part} of token {} was altered: it is gone, or not the one that was written last",
                token.id
            );
            self.fault(Fault::new("value", name, Wrong::Altered, what));
        }
        Ok(())
    }

    /// Named values and counters that nobody wrote.
    fn values(&mut self, now: &dyn Snapshot) -> Result<()> {
        let tokens = now.ids(RowKind::Token)?;
        for name in now.names(Named::Value)? {
            let of = |token: &i64| [policy::name(*token), ledger::name(*token)].contains(&name);
            let known = [TOP, LIST].contains(&name.as_str()) || WRITTEN.contains(&name.as_str());
            let (generation, renewing) = (self.ring.generation(), self.cursor.is_some());
            let key = ring::is_key(&name, generation, renewing);
            let exposed = name == EXPOSED && generation > ring::FIRST;
            if exposed && where_right(self.vault.exposed_record(self.ring, now))?.is_none() {
                let what = "it is not the one that was written: which tokens are to be rotated is not known";
                self.fault(Fault::new("value", &name, Wrong::Altered, what));
            }
            if !known && !key && !exposed && !tokens.iter().any(of) {
                self.fault(Fault::new("value", name, Wrong::Foreign, "nobody wrote it"));
            }
        }
        for name in now.names(Named::Number)? {
            if !["object", "seal_slot"].contains(&name.as_str()) {
                self.fault(Fault::new("number", name, Wrong::Foreign, "nobody wrote it"));
            }
        }
        Ok(())
    }
}

impl Change<'_> {
    /// Makes one thing anew; nothing where it was put right meanwhile.
    fn fix(&self, fix: &Fix) -> Result<Option<String>> {
        match fix {
            Fix::Tags(id, tags) => self.set_tags(*id, tags),
            Fix::Number(name, last) => {
                self.tx.set_number(name, *last)?;
                Ok(Some(format!("counter '{name}': set to {last}")))
            }
            Fix::Roll => {
                self.renew_roll()?;
                Ok(Some("the roll of objects: made anew from the objects, which are right".into()))
            }
            Fix::Heads => {
                self.renew_heads()?;
                Ok(Some("the list of tokens and seal slots: made anew from them".into()))
            }
            Fix::Database => Ok(None),
        }
    }
}
