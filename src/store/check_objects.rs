// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects held against the roll: which row is not the one that was written, and what of it.

use super::check::{Examination, Fix};
use super::fault::{Fault, Wrong};
use super::objects::tag_of;
use super::ring::StoreKeys;
use super::roll::{Bucket, Line, Roll, parts};
use super::state::{State, Sum, object_element};
use super::{ObjectRow, RowKind, Snapshot, Tag};
use crate::error::{Error, Result, where_right};
use std::collections::BTreeSet;

/// The roll as far as it can be read.
struct Listed {
    lines: Bucket,
    /// Whether objects may be missing from it: a row of it was altered, or there is none.
    partial: bool,
}

impl Examination<'_> {
    /// All objects; `state` is none where the state record was altered.
    pub(super) fn objects(&mut self, now: &dyn Snapshot, state: Option<&State>) -> Result<()> {
        let listed = self.roll(now, state)?;
        let mut sum = Sum::default();
        let mut seen = BTreeSet::new();
        now.each_object(&mut |id, row| {
            self.verdict.objects += 1;
            seen.insert(id);
            match row {
                Ok(row) => {
                    sum.fold(&object_element(&self.keys_of(id).rows, &row)?);
                    self.object(&listed, &row)
                }
                Err(Error::Unread) => {
                    self.fault(Fault::unread("object", id));
                    Ok(())
                }
                Err(error) if error.is_of_surroundings() => Err(error),
                Err(_) => {
                    self.unreadable(id);
                    Ok(())
                }
            }
        })?;
        for (id, line) in listed.lines.iter().filter(|(id, _)| !seen.contains(id)) {
            let what = format!("gone: it was an object of token {}", line.token);
            // What is left of it is no fault of its own.
            let left = |fault: &Fault| fault.table == "tag" && fault.row == id.to_string();
            self.verdict.faults.retain(|fault| !left(fault));
            self.fault(Fault::new("object", id, Wrong::Gone, what));
        }
        let whole = state.is_none_or(|state| state.objects == sum);
        if !whole && !self.names("object") && !self.names("tag") {
            let what = "objects were altered, removed, added or put back from an older copy; the roll, \
                        which would tell which, was altered as well";
            self.fault(Fault::new("value", "state", Wrong::Altered, what));
        }
        Ok(())
    }

    fn roll(&mut self, now: &dyn Snapshot, state: Option<&State>) -> Result<Listed> {
        let mut listed = Listed { lines: Bucket::new(), partial: true };
        let (Some(state), true) = (state, now.format()? > 1) else { return Ok(listed) };
        let seals = self.vault.seals(&self.ring.current);
        let Some(mut roll) = where_right(Roll::open(seals, now, &state.objects))? else {
            let what = "it is not the one that was written with these objects";
            self.fix(Fault::new("value", "roll", Wrong::Altered, what), Fix::Roll);
            return Ok(listed);
        };
        let mut bad = Vec::new();
        let (lines, rows) = roll.all(seals, now, &mut |row, error| bad.push((row, error)));
        (listed.lines, listed.partial) = (lines, !bad.is_empty());
        let there: BTreeSet<i64> = now.ids(RowKind::Roll)?.into_iter().collect();
        for (row, error) in bad {
            if error == Error::Unread {
                self.fault(Fault::unread("roll", row));
                continue;
            }
            let (kind, what) = match there.contains(&row) {
                true => (Wrong::Altered, "it is not the one that was written last"),
                false => (Wrong::Gone, "it is gone"),
            };
            self.fix(Fault::new("roll", row, kind, what), Fix::Roll);
        }
        for row in there.difference(&rows) {
            let what = "nobody wrote it";
            self.fix(Fault::new("roll", row, Wrong::Foreign, what), Fix::Roll);
        }
        self.number("object", now.number("object")?.unwrap_or_default(), roll.last);
        Ok(listed)
    }

    /// The keys of the store that an object is under.
    fn keys_of(&self, id: i64) -> &StoreKeys {
        self.ring.sides(self.cursor).of(id)
    }

    fn unreadable(&mut self, id: i64) {
        // Its columns and tags have been looked at by themselves.
        let named = |fault: &Fault| {
            ["object", "tag"].contains(&fault.table.as_str()) && fault.row == id.to_string()
        };
        if !self.verdict.faults.iter().any(named) {
            let what = "its row cannot be read: a number or a flag is none that was ever written";
            self.fault(Fault::new("object", id, Wrong::Unreadable, what));
        }
    }

    fn object(&mut self, listed: &Listed, row: &ObjectRow) -> Result<()> {
        let element = object_element(&self.keys_of(row.id).rows, row)?;
        let Some(line) = listed.lines.get(&row.id) else {
            if !listed.partial {
                let what = "nobody wrote it: it is not on the roll";
                self.fault(Fault::new("object", row.id, Wrong::Foreign, what));
            } else if matches!(self.opened(row), Opened::Refused) {
                let what = "its record is not one that was written here";
                self.fault(Fault::new("object", row.id, Wrong::Altered, what));
            }
            return Ok(());
        };
        if line.element != element {
            return self.differs(listed, line, row);
        }
        match self.opened(row) {
            Opened::Refused => {
                let what = "it is as it was written, but does not open: it is of another token, or was \
                            written wrongly";
                self.fault(Fault::new("object", row.id, Wrong::Altered, what));
            }
            Opened::Tags(tags) if tags != row.tags => {
                let what = "they are as they were written, but not those of the object";
                self.fault(Fault::new("tag", row.id, Wrong::Altered, what));
            }
            Opened::Tags(_) | Opened::Hidden => {}
        }
        Ok(())
    }

    /// What of an object is not as it was written.
    fn differs(&mut self, listed: &Listed, line: &Line, row: &ObjectRow) -> Result<()> {
        let now = parts(&self.keys_of(row.id).rows, row)?;
        let same = |at: usize| now.get(at) == line.parts.get(at);
        let [wrap, body, tags] = [same(0), same(1), same(2)];
        let columns: Vec<String> = [
            ("token", row.token, line.token),
            ("private", row.private.into(), line.private.into()),
            ("revision", row.revision as i64, line.revision as i64),
            ("generation", row.generation.into(), line.generation.into()),
        ]
        .into_iter()
        .filter(|(_, is, was)| is != was)
        .map(|(name, is, was)| format!("{name} {is}, which was {was}"))
        .collect();
        if !tags {
            self.tags(line, row)?;
        }
        if wrap && body && columns.is_empty() {
            return Ok(());
        }
        if row.revision < line.revision && !(wrap && body) {
            let what = format!(
                "an older copy, of its change {}; the last was {}",
                row.revision, line.revision
            );
            self.fault(Fault::new("object", row.id, Wrong::Older, what));
            return Ok(());
        }
        let mut what: Vec<String> = columns;
        for (same, name, at) in [(wrap, "its wrapped key", 0), (body, "its body", 1)] {
            let from = (!same).then(|| whose(listed, row.id, at, &now)).flatten();
            match from {
                Some(other) => what.push(format!("{name}, which is that of object {other}")),
                None if !same => what.push(name.to_string()),
                None => {}
            }
        }
        let what = format!("altered: {}", what.join("; "));
        self.fault(Fault::new("object", row.id, Wrong::Altered, what));
        Ok(())
    }

    /// The tags of an object are not those that were written: what they should be, if that can be known.
    fn tags(&mut self, line: &Line, row: &ObjectRow) -> Result<()> {
        let written = |tags: &[Tag]| {
            let probe =
                ObjectRow { wrap: Vec::new(), body: Vec::new(), tags: tags.to_vec(), ..*row };
            Ok::<bool, Error>(
                parts(&self.keys_of(row.id).rows, &probe)?.get(2) == line.parts.get(2),
            )
        };
        let mut right = match self.opened(&as_listed(row, line)) {
            Opened::Tags(tags) if written(&tags)? => Some(tags),
            _ => None,
        };
        for at in 0..row.tags.len() {
            let mut fewer = row.tags.clone();
            fewer.remove(at);
            if right.is_none() && written(&fewer)? {
                right = Some(fewer);
            }
        }
        let Some(right) = right else {
            let what = "they are not those that were written; with the PIN of the object's token \
                        (--token) they can be made anew";
            self.fault(Fault::new("tag", row.id, Wrong::Altered, what));
            return Ok(());
        };
        let missing = right.iter().filter(|tag| !row.tags.contains(tag)).count();
        let more = row.tags.iter().filter(|tag| !right.contains(tag)).count();
        let what = format!("{missing} are missing, {more} too many");
        self.fix(Fault::new("tag", row.id, Wrong::Altered, what), Fix::Tags(row.id, right));
        Ok(())
    }

    /// Opens an object with what is at hand, and makes its tags.
    fn opened(&self, row: &ObjectRow) -> Opened {
        let Some((_, uuid)) = self.uuids.iter().find(|(id, _)| *id == row.token) else {
            // Its token was altered itself, and is named.
            return Opened::Hidden;
        };
        let keys = self.checking.keys.iter().find(|keys| keys.uuid == *uuid);
        let held = keys.map(|keys| keys.current());
        if row.private && held.as_ref().is_none_or(|held| held.token.is_none()) {
            return Opened::Hidden;
        }
        let record = self.vault.unseal(self.ring, uuid, row, held.as_deref());
        let named = record.and_then(|record| (self.checking.tags)(keys.copied(), &record));
        let tags = named.and_then(|named| {
            let tags =
                named.iter().map(|(id, value)| tag_of(self.keys_of(row.id), uuid, *id, value));
            let mut tags = tags.collect::<Result<Vec<Tag>>>()?;
            tags.sort_unstable();
            tags.dedup();
            Ok(tags)
        });
        match tags {
            Ok(tags) => Opened::Tags(tags),
            // The token's keys were renewed again and again since this look at the store began, or memory
            // ran out: nothing is known of the object.
            Err(error) if error.is_of_surroundings() => Opened::Hidden,
            Err(_) => Opened::Refused,
        }
    }
}

/// What opening an object tells.
enum Opened {
    /// The tags that it ought to have.
    Tags(Vec<Tag>),
    /// It needs a PIN.
    Hidden,
    /// It does not open.
    Refused,
}

/// A row with the columns that it had when it was written.
fn as_listed(row: &ObjectRow, line: &Line) -> ObjectRow {
    ObjectRow {
        id: row.id,
        token: line.token,
        private: line.private,
        revision: line.revision,
        generation: line.generation,
        wrap: row.wrap.clone(),
        body: row.body.clone(),
        tags: Vec::new(),
    }
}

/// Which other object has this part.
fn whose(listed: &Listed, id: i64, part: usize, now: &[[u8; 4]; 3]) -> Option<i64> {
    let part_of = |line: &Line| line.parts.get(part).copied();
    let mut others = listed.lines.iter().filter(|(other, _)| **other != id);
    others.find(|(_, line)| part_of(line) == now.get(part).copied()).map(|(other, _)| *other)
}
