// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether an object that was read is the latest of its number: an older row put back is authentic by
//! itself, and would bring back what the object was. It is held against the roll, of which a process
//! keeps what it has read for as long as nothing in the store changes.

use super::change::{altered, blamed};
use super::ring::{self, MARK, Ring};
use super::roll::{Line, Roll};
use super::state::State;
use super::vault::{STATE, Vault};
use super::{ObjectRow, Snapshot};
use crate::error::{Error, Result};

impl Vault {
    /// Reads an object, without its tags, if it is the latest; none when it is gone.
    pub(super) fn latest(&self, ring: &Ring, id: i64) -> Result<Option<ObjectRow>> {
        let Some(row) = self.store.object(id)? else { return Ok(None) };
        if self.kept_line(ring, id).is_some_and(|line| fits(&line, &row)) {
            return Ok(Some(row));
        }
        // Row and roll of one moment: the row may have changed since.
        let count = self.changes();
        let mut found = None;
        self.store.look(&mut |now| {
            found = now.untagged(id)?;
            found.as_ref().map_or(Ok(()), |row| self.hold(ring, now, row, count))
        })?;
        Ok(found)
    }

    /// The line of an object on the roll that is kept, if nothing has changed since that was read. The
    /// bucket with the line is read where it was not yet: what names its stamp stands, so that nothing
    /// above it need be opened again.
    fn kept_line(&self, ring: &Ring, id: i64) -> Option<Line> {
        let (count, stamp) = {
            let kept = self.latest.0.lock();
            let (count, roll) = kept.as_ref().filter(|(count, _)| self.is_at(*count))?;
            match roll.known(id) {
                None => (*count, roll.stamp(id)?),
                line => return line,
            }
        };
        let mut bucket = None;
        let look = self.store.look(&mut |now| {
            bucket = Some(Roll::bucket(self.seals(&ring.current), now, id, stamp)?);
            Ok(())
        });
        // Whatever is wrong is found, and told, by who opens all of it.
        let bucket = look.ok().and(bucket)?;
        let line = bucket.get(&id).copied();
        let mut kept = self.latest.0.lock();
        let (_, roll) =
            kept.as_mut().filter(|(now, _)| *now == count).filter(|_| self.is_at(count))?;
        roll.keep(id, bucket);
        line
    }

    fn is_at(&self, count: u64) -> bool {
        self.changes() == Some(count)
    }

    /// Holds a row against the roll of its moment, and keeps what was read of it.
    fn hold(
        &self,
        ring: &Ring,
        now: &dyn Snapshot,
        row: &ObjectRow,
        count: Option<u64>,
    ) -> Result<()> {
        if now.format()? == 1 {
            return Ok(());
        }
        if ring::generation(now.value(MARK)?)? != ring.generation() {
            // The caller begins again with the keys in force.
            ring.expire();
            return Err(Error::FunctionFailed);
        }
        let keys = ring.current.as_ref();
        let sealed = now.value(STATE)?.ok_or(Error::Altered)?;
        let state = State::open(&sealed, keys, &self.id)
            .map_err(|_| altered("the store's records of its state"))?;
        let before = self.latest.0.lock().take().map(|(_, roll)| roll);
        let listed = Roll::open(self.seals(keys), now, &state.objects).and_then(|mut roll| {
            before.into_iter().for_each(|before| roll.inherit(before));
            let line = roll.line(self.seals(keys), now, row.id)?;
            Ok((roll, line))
        });
        let (roll, line) = match listed {
            Err(Error::Altered) => {
                // Objects that are those of the set-hash are right, whatever became of the roll.
                let mut roll = Roll::build(ring.sides(state.cursor), now, &state.objects)
                    .map_err(blamed("the roll of objects, and an object as well,"))?;
                let line = roll.line(self.seals(keys), now, row.id)?;
                (roll, line)
            }
            listed => listed?,
        };
        if let Some(count) = count {
            *self.latest.0.lock() = Some((count, roll));
        }
        match line.is_some_and(|line| fits(&line, row)) {
            true => Ok(()),
            false => Err(altered(&format!("object {}", row.id))),
        }
    }
}

/// The revision is bound into the record: it says which of the object's states this is.
fn fits(line: &Line, row: &ObjectRow) -> bool {
    (line.token, line.private, line.revision, line.generation)
        == (row.token, row.private, row.revision, row.generation)
}
