// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The roll: which objects there are, and what each row is. The set-hash tells that a row is not the
//! one that was written; the roll tells which, and what of it.
//!
//! Sealed rows of three kinds, each naming the stamp of those below it: buckets list objects, pages
//! list buckets, and the top lists pages and is bound to the set-hash. So an older row put back opens
//! nowhere. A change reads and writes one row of each kind, however many objects there are.

use super::ring::Sides;
use super::state::{MAC, Sum, object_element};
use super::{ObjectRow, Row, RowKind, Snapshot, Transaction};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::primitive::{self, Mac};
use crate::secret::Secret;
use parking_lot::Mutex;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// What the roll has of one object.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) token: i64,
    pub(super) private: bool,
    pub(super) revision: u64,
    pub(super) generation: u32,
    /// What the row adds to the set-hash.
    pub(super) element: [u8; MAC],
    /// Digests of its parts, so that a part can be named: wrap, body, tags.
    pub(super) parts: [Part; 3],
}

/// A short keyed digest of a part of a row.
pub(super) type Part = [u8; 4];
/// Objects by number.
pub(super) type Bucket = BTreeMap<i64, Line>;
/// The stamps of the rows below one, by number.
type Stamps = BTreeMap<i64, u64>;

/// What roll rows rest under.
#[derive(Clone, Copy)]
pub(super) struct Seals<'a> {
    /// The state key.
    pub(super) key: &'a Secret,
    /// The identity of the store.
    pub(super) store: &'a [u8; 16],
}

/// The roll, as much of it as was needed; rows that are changed are written at the end, once.
pub(super) struct Roll {
    /// The highest number that an object has had.
    pub(super) last: i64,
    top: Stamps,
    pages: BTreeMap<i64, Stamps>,
    buckets: BTreeMap<i64, Bucket>,
    touched: BTreeSet<i64>,
    /// Whether it was made anew: nothing of what is there stays.
    fresh: bool,
}

/// The roll as a process has read it at a count of changes.
#[derive(Default)]
pub(super) struct Latest(pub(super) Mutex<Option<(u64, Roll)>>);

impl Line {
    pub(super) fn of(rows: &Mac, row: &ObjectRow) -> Result<Line> {
        Ok(Line {
            token: row.token,
            private: row.private,
            revision: row.revision,
            generation: row.generation,
            element: object_element(rows, row)?,
            parts: parts(rows, row)?,
        })
    }
}

impl Line {
    /// The line under new keys of an object that, as it is, is not what its line says: what was right of
    /// it, by its line under the old keys, stays right, and what was wrong stays wrong.
    pub(super) fn as_wrong_as(&self, is: &Line, listed: &Line) -> Line {
        let mut line = *listed;
        let pairs = line.parts.iter_mut().zip(&is.parts).zip(&self.parts);
        for ((part, _), new) in pairs.filter(|((part, is), _)| *part == *is) {
            *part = *new;
        }
        line
    }
}

/// The digests of the parts of a row.
pub(super) fn parts(rows: &Mac, row: &ObjectRow) -> Result<[Part; 3]> {
    let part = |name: &[u8], bytes: &[u8]| {
        let tag = rows.tag(&[b"part of object ", name, bytes])?;
        tag.first_chunk().copied().ok_or(Error::GeneralError)
    };
    Ok([part(b"wrap", &row.wrap)?, part(b"body", &row.body)?, part(b"tags", &row.tags.concat())?])
}

impl Roll {
    /// The roll of a store whose set-hash over objects is `sum`.
    pub(super) fn open(
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        sum: &Sum,
    ) -> Result<Roll> {
        let sealed = now.value(TOP)?.ok_or(Error::Altered)?;
        let record = seals.open(&top_context(seals, sum), &sealed)?;
        let mut reader = Reader::versioned(record.expose(), VERSION)?;
        let last = number(&mut reader)?;
        let top = stamps(&mut reader)?;
        reader.end()?;
        Ok(Roll { last, top, ..Roll::empty() })
    }

    /// The roll of the objects that are there, if they are those of the set-hash.
    pub(super) fn build(
        sides: Sides<'_>,
        now: &(impl Snapshot + ?Sized),
        sum: &Sum,
    ) -> Result<Roll> {
        let mut roll = Roll { fresh: true, ..Roll::empty() };
        let mut found = Sum::default();
        now.each_object(&mut |id, row| {
            let line = Line::of(&sides.of(id).rows, &row?)?;
            found.fold(&line.element);
            roll.last = roll.last.max(id);
            roll.touched.insert(id.div_euclid(OBJECTS));
            roll.buckets.entry(id.div_euclid(OBJECTS)).or_default().insert(id, line);
            Ok(())
        })?;
        // The counter alone knows of numbers whose objects are gone.
        roll.last = roll.last.max(now.number("object")?.unwrap_or_default());
        if found == *sum { Ok(roll) } else { Err(Error::Altered) }
    }

    /// What is listed of an object.
    pub(super) fn line(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        id: i64,
    ) -> Result<Option<Line>> {
        self.load(seals, now, id.div_euclid(OBJECTS)).map(|bucket| bucket.get(&id).copied())
    }

    /// The same, of what has been read already.
    pub(super) fn known(&self, id: i64) -> Option<Line> {
        self.buckets.get(&id.div_euclid(OBJECTS))?.get(&id).copied()
    }

    /// The stamp of the bucket that an object is in, if the page that says so has been read.
    pub(super) fn stamp(&self, id: i64) -> Option<u64> {
        let number = id.div_euclid(OBJECTS);
        self.pages.get(&number.div_euclid(BUCKETS))?.get(&number).copied()
    }

    /// The bucket with an object, if it is the one with this stamp.
    pub(super) fn bucket(
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        id: i64,
        stamp: u64,
    ) -> Result<Bucket> {
        let number = id.div_euclid(OBJECTS);
        decode_bucket(&get(seals, now, number, stamp)?, number)
    }

    /// Keeps a bucket with an object that was read with the stamp that this roll has of it.
    pub(super) fn keep(&mut self, id: i64, bucket: Bucket) {
        self.make_room();
        self.buckets.insert(id.div_euclid(OBJECTS), bucket);
    }

    /// Takes over what an earlier roll had read and is still the same.
    pub(super) fn inherit(&mut self, before: Roll) {
        if before.fresh || !before.touched.is_empty() {
            return;
        }
        let stale = |page: &&i64| {
            let stamp = self.top.get(page);
            stamp.is_none() || stamp != before.top.get(page)
        };
        let stale: Vec<i64> = before.pages.keys().filter(stale).copied().collect();
        (self.pages, self.buckets) = (before.pages, before.buckets);
        for page in stale {
            self.pages.remove(&page);
            for number in page * BUCKETS..(page + 1) * BUCKETS {
                self.buckets.remove(&number);
            }
        }
        self.make_room();
    }

    /// Those with the lowest numbers go first: who looks at all looks at them in ascending order.
    fn make_room(&mut self) {
        while self.buckets.len() >= KEPT {
            self.buckets.pop_first();
        }
    }

    /// Lists an object, or strikes it off.
    pub(super) fn set(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        id: i64,
        line: Option<Line>,
    ) -> Result<()> {
        let number = id.div_euclid(OBJECTS);
        let bucket = self.load(seals, now, number)?;
        match line {
            Some(line) => drop(bucket.insert(id, line)),
            None => drop(bucket.remove(&id)),
        }
        self.last = self.last.max(id);
        self.touched.insert(number);
        Ok(())
    }

    /// Writes what was changed. The stamp is one that no row has had: the store's new revision.
    pub(super) fn write(
        &mut self,
        seals: Seals<'_>,
        tx: &dyn Transaction,
        stamp: u64,
        sum: &Sum,
    ) -> Result<()> {
        if std::mem::take(&mut self.fresh) {
            tx.clear_roll()?;
        }
        let mut pages = BTreeSet::new();
        for number in std::mem::take(&mut self.touched) {
            let body = self.buckets.get(&number).map(encode_bucket).unwrap_or_default();
            let page = number.div_euclid(BUCKETS);
            let empty = self.buckets.get(&number).is_none_or(Bucket::is_empty);
            put(seals, tx, number, (!empty).then_some(&body), stamp)?;
            note(self.page(seals, tx, page)?, number, (!empty).then_some(stamp));
            pages.insert(page);
        }
        for number in pages {
            let page = self.page(seals, tx, number)?;
            let (body, empty) = (encode_stamps(page), page.is_empty());
            put(seals, tx, row_of_page(number), (!empty).then_some(&body), stamp)?;
            note(&mut self.top, number, (!empty).then_some(stamp));
        }
        let mut record = Writer::versioned(VERSION);
        let record = record.u64(self.last as u64).raw(&encode_stamps(&self.top)).finish();
        let sealed = primitive::seal(seals.key, &top_context(seals, sum), &record)?;
        tx.set_value(TOP, &sealed)
    }

    /// Every line, if every row of the roll can be read.
    pub(super) fn whole(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
    ) -> Result<Bucket> {
        let mut first = None;
        let (lines, _) = self.all(seals, now, &mut |_, error| {
            first.get_or_insert(error);
        });
        first.map_or(Ok(lines), Err)
    }

    /// Every line, and the numbers of the roll's rows; `fault` is told of rows that are not those that
    /// were written, or could not be read.
    pub(super) fn all(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        fault: &mut dyn FnMut(i64, Error),
    ) -> (Bucket, BTreeSet<i64>) {
        let (mut lines, mut rows) = (Bucket::new(), BTreeSet::new());
        let pages: Vec<i64> = self.top.keys().copied().collect();
        for page in pages {
            rows.insert(row_of_page(page));
            let stamps = match self.page(seals, now, page) {
                Ok(stamps) => stamps,
                Err(error) => {
                    fault(row_of_page(page), error);
                    // What the page lists is not known: none of its buckets is one too many.
                    rows.extend(page * BUCKETS..(page + 1) * BUCKETS);
                    continue;
                }
            };
            let buckets: Vec<i64> = stamps.keys().copied().collect();
            for number in buckets {
                rows.insert(number);
                match self.load(seals, now, number) {
                    Ok(bucket) => lines.extend(bucket.iter().map(|(id, line)| (*id, *line))),
                    Err(error) => fault(number, error),
                }
            }
        }
        (lines, rows)
    }

    /// Reads all of it, to be written anew under other keys. What its lines say stays.
    pub(super) fn rewrite(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
    ) -> Result<()> {
        let pages: Vec<i64> = self.top.keys().copied().collect();
        for page in pages {
            let buckets: Vec<i64> = self.page(seals, now, page)?.keys().copied().collect();
            for number in buckets {
                self.load(seals, now, number)?;
            }
        }
        self.touched = self.buckets.keys().copied().collect();
        (self.top, self.pages, self.fresh) = (Stamps::new(), BTreeMap::new(), true);
        Ok(())
    }

    /// Whether there is something to write.
    pub(super) fn changed(&self) -> bool {
        self.fresh || !self.touched.is_empty()
    }

    /// The roll of a store without objects.
    pub(super) fn empty() -> Roll {
        let (top, pages, buckets) = (Stamps::new(), BTreeMap::new(), BTreeMap::new());
        Roll { last: 0, top, pages, buckets, touched: BTreeSet::new(), fresh: false }
    }

    fn load(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        number: i64,
    ) -> Result<&mut Bucket> {
        let known = self.buckets.contains_key(&number);
        if !known {
            let stamp = self.page(seals, now, number.div_euclid(BUCKETS))?.get(&number).copied();
            let bucket = match stamp {
                Some(stamp) => decode_bucket(&get(seals, now, number, stamp)?, number)?,
                None => Bucket::new(),
            };
            self.buckets.insert(number, bucket);
        }
        self.buckets.get_mut(&number).ok_or(Error::GeneralError)
    }

    fn page(
        &mut self,
        seals: Seals<'_>,
        now: &(impl Snapshot + ?Sized),
        number: i64,
    ) -> Result<&mut Stamps> {
        let place = match self.pages.entry(number) {
            Entry::Occupied(known) => return Ok(known.into_mut()),
            Entry::Vacant(place) => place,
        };
        let Some(stamp) = self.top.get(&number).copied() else {
            return Ok(place.insert(Stamps::new()));
        };
        let record = get(seals, now, row_of_page(number), stamp)?;
        let mut reader = Reader::new(record.expose());
        let page = stamps(&mut reader)?;
        reader.end()?;
        Ok(place.insert(page))
    }
}

impl Seals<'_> {
    fn open(&self, context: &[u8], sealed: &[u8]) -> Result<Secret> {
        primitive::open(self.key, context, sealed).map_err(|_| Error::Altered)
    }
}

fn note(stamps: &mut Stamps, number: i64, stamp: Option<u64>) {
    match stamp {
        Some(stamp) => drop(stamps.insert(number, stamp)),
        None => drop(stamps.remove(&number)),
    }
}

fn put(
    seals: Seals<'_>,
    tx: &dyn Transaction,
    id: i64,
    body: Option<&Vec<u8>>,
    stamp: u64,
) -> Result<()> {
    let Some(body) = body else { return tx.delete_row(RowKind::Roll, id) };
    let body = primitive::seal(seals.key, &context(seals, id, stamp), body)?;
    tx.put_row(RowKind::Roll, &Row { id, body })
}

fn get(seals: Seals<'_>, now: &(impl Snapshot + ?Sized), id: i64, stamp: u64) -> Result<Secret> {
    let row = now.row(RowKind::Roll, id)?.ok_or(Error::Altered)?;
    seals.open(&context(seals, id, stamp), &row.body)
}

/// Pages have the numbers below zero.
fn row_of_page(number: i64) -> i64 {
    -1 - number
}

fn context(seals: Seals<'_>, id: i64, stamp: u64) -> Vec<u8> {
    let mut writer = Writer::versioned(VERSION);
    writer.raw(b"strongroom roll").raw(seals.store).u64(id as u64).u64(stamp).finish()
}

fn top_context(seals: Seals<'_>, sum: &Sum) -> Vec<u8> {
    let mut writer = Writer::versioned(VERSION);
    writer.raw(b"strongroom roll top").raw(seals.store).raw(sum.bytes()).finish()
}

fn encode_bucket(bucket: &Bucket) -> Vec<u8> {
    let mut writer = Writer::default();
    for (id, line) in bucket {
        writer.u8(id.rem_euclid(OBJECTS) as u8).u64(line.token as u64).u8(u8::from(line.private));
        writer.u64(line.revision).u32(line.generation).raw(&line.element);
        writer.raw(line.parts.as_flattened());
    }
    writer.finish()
}

fn decode_bucket(record: &Secret, number: i64) -> Result<Bucket> {
    let mut bucket = Bucket::new();
    for line in record.expose().chunks(LINE) {
        let mut reader = Reader::new(line);
        let id = number * OBJECTS + i64::from(reader.u8()?);
        let line = Line {
            token: reader.u64()? as i64,
            private: reader.u8()? != 0,
            revision: reader.u64()?,
            generation: reader.u32()?,
            element: reader.array()?,
            parts: [reader.array()?, reader.array()?, reader.array()?],
        };
        reader.end()?;
        bucket.insert(id, line);
    }
    Ok(bucket)
}

fn encode_stamps(stamps: &Stamps) -> Vec<u8> {
    let mut writer = Writer::default();
    writer.u32(stamps.len() as u32);
    for (number, stamp) in stamps {
        writer.u64(*number as u64).u64(*stamp);
    }
    writer.finish()
}

fn stamps(reader: &mut Reader<'_>) -> Result<Stamps> {
    let count = reader.u32()?;
    (0..count).map(|_| Ok((number(reader)?, reader.u64()?))).collect()
}

fn number(reader: &mut Reader<'_>) -> Result<i64> {
    reader.u64().map(|number| number as i64)
}

/// The name of the top among the named values.
pub(super) const TOP: &str = "roll";
const VERSION: u8 = 1;
/// Objects of a bucket, so that two full ones fit a page of the database; and buckets of a page.
const OBJECTS: i64 = 30;
const BUCKETS: i64 = 64;
/// Buckets that a process keeps, at most: some two megabytes.
const KEPT: usize = 1024;
/// The length of a line in a bucket, bytes.
const LINE: usize = 1 + 8 + 1 + 8 + 4 + MAC + 12;
