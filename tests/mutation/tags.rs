// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every row of the table of search tags, altered in every way. A row of each object is altered at once, and
//! each object judged by itself: those that have other tags than were written are named, the others are not,
//! and no search returns what does not match.

use crate::mutants::{self, Row, Table};
use crate::world::World;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What is done to a row.
#[derive(Debug)]
enum Way {
    Set(&'static str, Value),
    Delete,
    Put(Row),
}

/// A row, and what is done to it.
type Step<'a> = (&'a Row, &'a Way);
/// The tags of each object, by the name under which faults speak of it.
type Tags = BTreeMap<String, BTreeSet<String>>;

#[test]
fn every_tag_of_every_object() {
    let walk = Walk::new();
    let mut detected: BTreeMap<String, usize> = BTreeMap::new();
    for at in 0..walk.of.values().map(Vec::len).max().unwrap() {
        let some: Vec<&Row> = walk.of.values().filter_map(|rows| rows.get(at)).collect();
        let ways: Vec<_> = some.iter().map(|row| walk.ways(row)).collect();
        for way in 0..ways.iter().map(Vec::len).max().unwrap() {
            let pairs = some.iter().zip(&ways);
            let round = pairs.filter_map(|(row, ways)| Some((*row, ways.get(way)?))).collect();
            for row in walk.rounds(&format!("tag {at} of each, way {way}"), round) {
                *detected.entry(row).or_default() += 1;
            }
        }
        // Each object gets the tag of the next.
        let next = some.iter().cycle().skip(1).take(some.len());
        let given: Vec<_> = next.map(|next| Way::Set("tag", next[0].clone())).collect();
        let round = some.iter().copied().zip(&given).collect();
        walk.rounds(&format!("tag {at} of each, the next one's"), round);
    }
    for row in &walk.rows {
        let all = walk.ways(row);
        let taken = all.iter().filter(|way| walk.is_taken(row, way)).count();
        assert!(taken > 14, "{row:?}: {all:?}");
        // Where a row went in the same round, another may have taken its place besides.
        let ways = detected.get(&key(row)).copied().unwrap_or_default();
        assert!(ways >= taken, "{row:?}: {ways} of {taken} ways were detected");
    }
}

#[test]
fn tags_of_before_put_back() {
    let walk = Walk::new();
    let older = walk.world.kept("older").join("store.db");
    let mut of: BTreeMap<String, Vec<Way>> = BTreeMap::new();
    for row in mutants::rows(&Connection::open(older).unwrap(), &walk.table) {
        if !walk.rows.contains(&row) {
            of.entry(name(&row[1])).or_default().push(Way::Put(row));
        }
    }
    let destroyed = of.keys().any(|object| !walk.of.contains_key(object));
    assert!(of.len() > 4 && destroyed, "of objects that changed, and of one that is gone: {of:?}");
    let any = &walk.rows[0];
    for at in 0..of.values().map(Vec::len).max().unwrap() {
        let ways: Vec<&Way> = of.values().filter_map(|ways| ways.get(at)).collect();
        let count = ways.len();
        let round = ways.into_iter().map(|way| (any, way)).collect();
        assert_eq!(walk.rounds(&format!("put back, {at}"), round).len(), count);
    }
}

struct Walk {
    world: World,
    table: Table,
    rows: Vec<Row>,
    /// The rows of each object.
    of: BTreeMap<String, Vec<Row>>,
    right: Tags,
}

impl Walk {
    fn new() -> Walk {
        let world = World::new();
        let file = world.file("store.db");
        let database = Connection::open(&file).unwrap();
        let mut tables = mutants::tables(&database).into_iter();
        let table = tables.find(|table| table.name == "tag").unwrap();
        assert_eq!(table.columns, ["tag", "object"]);
        let rows = mutants::rows(&database, &table);
        let mut of: BTreeMap<String, Vec<Row>> = BTreeMap::new();
        for row in &rows {
            of.entry(name(&row[1])).or_default().push(row.clone());
        }
        assert!(of.len() > 6, "of so few objects: {of:?}");
        let right = tags(&file);
        Walk { world, table, rows, of, right }
    }

    /// All that is done to a row by itself.
    fn ways(&self, row: &Row) -> Vec<Way> {
        let mut ways = Vec::new();
        for (at, column) in ["tag", "object"].into_iter().enumerate() {
            let values = mutants::alterations(&row[at]).into_iter().map(|(_, value)| value);
            let other = self.rows.iter().find(|other| other[at] != row[at]);
            let all = values.chain(other.map(|other| other[at].clone()));
            ways.extend(all.map(|value| Way::Set(column, value)));
        }
        ways.push(Way::Delete);
        let Value::Integer(object) = row[1] else { panic!("{row:?}") };
        ways.push(Way::Put(vec![row[0].clone(), Value::Integer(object + 1000)]));
        ways
    }

    /// Whether the database takes it: it takes no object that is none, and no row twice.
    fn is_taken(&self, row: &Row, way: &Way) -> bool {
        let Way::Set(column, value) = way else { return true };
        let mut after = row.clone();
        after[usize::from(*column == "object")] = value.clone();
        *value != Value::Null && !self.rows.contains(&after)
    }

    /// Alters rows, in as few rounds as will do: what would become the row that another became, or takes the
    /// place of one that went, waits for the next. The names of the rows whose alteration was detected.
    fn rounds(&self, what: &str, mut waiting: Vec<Step<'_>>) -> Vec<String> {
        let mut detected = Vec::new();
        loop {
            let (more, left) = self.round(what, &waiting);
            detected.extend(more);
            // What the database does not take by itself either.
            if left.is_empty() || left.len() == waiting.len() {
                return detected;
            }
            waiting = left;
        }
    }

    /// Alters rows of the store as it was written, and judges what comes of it; the names of the rows whose
    /// alteration was detected, and what the database did not take.
    fn round<'a>(&self, what: &str, round: &[Step<'a>]) -> (Vec<String>, Vec<Step<'a>>) {
        self.world.reset();
        let file = self.world.file("store.db");
        let (done, left): (Vec<_>, Vec<_>) = round.iter().partition(|(row, way)| match way {
            Way::Set(column, value) => mutants::set(&file, &self.table, row, column, value),
            Way::Delete => {
                mutants::delete(&file, &self.table, row);
                true
            }
            Way::Put(row) => {
                mutants::put(&file, &self.table, row);
                true
            }
        });
        if done.is_empty() {
            return (Vec::new(), left);
        }
        let after = tags(&file);
        let differs = |object: &String| self.right.get(object) != after.get(object);
        let wrong: BTreeSet<&String> =
            self.right.keys().chain(after.keys()).filter(|object| differs(object)).collect();
        if wrong.is_empty() {
            // The tags are those that were written: alike ones changed places.
            return (Vec::new(), round.to_vec());
        }
        let checked = self.world.check(&[]);
        assert_eq!(checked.code, 1, "{what}: {}", checked.said);
        for object in self.right.keys().chain(after.keys()) {
            let named = checked.names("tag", object) || checked.names("object", object);
            assert_eq!(named, wrong.contains(object), "{what}: {object}: {}", checked.said);
        }
        self.world.nothing_else_is_found(what);
        // Of a row that was put in, the object that it is of now. What another row made up for waits too.
        let (judged, even): (Vec<_>, Vec<_>) = done.into_iter().partition(|(row, way)| match way {
            Way::Put(put) => wrong.contains(&name(&put[1])),
            _ => wrong.contains(&name(&row[1])),
        });
        let left = left.into_iter().chain(even).collect();
        (judged.into_iter().map(|(row, _)| key(row)).collect(), left)
    }
}

fn tags(file: &Path) -> Tags {
    let database = Connection::open(file).unwrap();
    let mut query = database.prepare("SELECT object, tag FROM tag").unwrap();
    let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
    let mut all = Tags::new();
    for pair in query.query_map([], row).unwrap() {
        let (object, tag): (Value, Value) = pair.unwrap();
        all.entry(name(&object)).or_default().insert(name(&tag));
    }
    all
}

fn key(row: &Row) -> String {
    format!("{} {}", name(&row[0]), name(&row[1]))
}

/// As faults name a value.
fn name(value: &Value) -> String {
    match value {
        Value::Integer(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex::encode(bytes),
        other => format!("{other:?}"),
    }
}
