// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every table but that of tags (see `tags`), every column, every kind of change.

use crate::mutants::{self, Row, Table};
use crate::world::World;
use rusqlite::Connection;
use rusqlite::types::Value;
use std::path::PathBuf;

#[test]
fn named_values() {
    every_row(&["value"]);
}

#[test]
fn counters_seal_slots_and_the_roll() {
    every_row(&["number", "seal_slot", "roll"]);
}

#[test]
fn tokens() {
    every_row(&["token"]);
}

#[test]
fn objects() {
    every_row(&["object"]);
}

/// A table that nobody looks after here must not go unnoticed.
#[test]
fn all_tables_are_walked() {
    let world = World::new();
    let database = Connection::open(world.file("store.db")).unwrap();
    let names: Vec<String> =
        mutants::tables(&database).into_iter().map(|table| table.name).collect();
    assert_eq!(names, ["value", "number", "seal_slot", "token", "object", "tag", "roll"]);
}

struct Walk {
    world: World,
    table: Table,
    /// How many changes were seen to be detected.
    detected: usize,
}

fn every_row(names: &[&str]) {
    let world = World::new();
    let all = mutants::tables(&Connection::open(world.file("store.db")).unwrap());
    let tables = all.into_iter().filter(|table| names.contains(&table.name.as_str()));
    let mut walk = Walk {
        world,
        table: Table { name: String::new(), columns: vec![], key: vec![] },
        detected: 0,
    };
    for table in tables {
        walk.table = table;
        let rows = mutants::rows(&Connection::open(walk.file()).unwrap(), &walk.table);
        for at in 0..rows.len() {
            walk.columns(&rows, at);
            walk.whole(&rows, at);
        }
        let replayed = walk.replayed(&rows);
        assert!(walk.detected > 10 * rows.len(), "{} {replayed}", walk.detected);
    }
}

impl Walk {
    fn file(&self) -> PathBuf {
        self.world.file("store.db")
    }

    fn columns(&mut self, rows: &[Row], at: usize) {
        let row = &rows[at];
        for (place, column) in self.table.columns.clone().iter().enumerate() {
            let mut ways: Vec<(String, Value)> = mutants::alterations(&row[place])
                .into_iter()
                .map(|(way, value)| (way.to_string(), value))
                .collect();
            let other = rows.iter().find(|other| other[place] != row[place]);
            ways.extend(other.map(|other| ("another row's".to_string(), other[place].clone())));
            for from in ["older", "other"] {
                let kept = mutants::same(&self.world.kept(from).join("store.db"), &self.table, row);
                let kept = kept.filter(|kept| kept[place] != row[place]);
                ways.extend(kept.map(|kept| (format!("the {from} one"), kept[place].clone())));
            }
            for (way, value) in ways {
                self.world.reset();
                if mutants::set(&self.file(), &self.table, row, column, &value) {
                    self.judge(&format!("{column}: {way}"), row, Some((place, &value)));
                } else {
                    assert!(self.table.key.contains(column), "{column}: {way} is not taken");
                }
            }
        }
    }

    /// The row as a whole: deleted, twice, swapped with another, an older one, another store's.
    fn whole(&mut self, rows: &[Row], at: usize) {
        let row = rows[at].clone();
        self.world.reset();
        mutants::delete(&self.file(), &self.table, &row);
        self.judge("deleted", &row, None);
        let last = self.table.key.last().cloned().unwrap();
        let place = self.table.columns.iter().position(|column| *column == last).unwrap();
        let mut double = row.clone();
        double[place] = match &row[place] {
            Value::Integer(number) => Value::Integer(number + 1000),
            Value::Text(text) => Value::Text(format!("{text} 1000")),
            other => panic!("a key that is {other:?}"),
        };
        self.world.reset();
        mutants::put(&self.file(), &self.table, &double);
        self.judge("twice", &double, None);
        for from in ["older", "other"] {
            let kept = mutants::same(&self.world.kept(from).join("store.db"), &self.table, &row);
            if let Some(kept) = kept.filter(|kept| *kept != row) {
                self.world.reset();
                mutants::put(&self.file(), &self.table, &kept);
                self.judge(&format!("the {from} one put back"), &row, None);
            }
        }
        if let Some(next) = rows.get(at + 1).filter(|_| self.table.key.len() < row.len()) {
            self.world.reset();
            let exchange = |(own, other): (&Row, &Row)| -> Row {
                let keep = |column: &String| self.table.key.contains(column);
                let values = self.table.columns.iter().zip(own.iter().zip(other));
                values
                    .map(|(column, (own, other))| if keep(column) { own } else { other }.clone())
                    .collect()
            };
            for pair in [(&row, next), (next, &row)] {
                mutants::put(&self.file(), &self.table, &exchange(pair));
            }
            if next[..] != row[..] {
                self.judge_one_of("exchanged with the next", &[&row, next], None);
            }
        }
    }

    /// Rows of the older copy that are not there any more.
    fn replayed(&mut self, rows: &[Row]) -> usize {
        let older = Connection::open(self.world.kept("older").join("store.db")).unwrap();
        let key = |row: &Row| mutants::key(&self.table, row);
        let gone: Vec<Row> = mutants::rows(&older, &self.table)
            .into_iter()
            .filter(|old| !rows.iter().any(|row| key(row) == key(old)))
            .collect();
        drop(older);
        for old in &gone {
            self.world.reset();
            mutants::put(&self.file(), &self.table, old);
            self.judge("a row of before put back", old, None);
        }
        gone.len()
    }

    /// The change is named, or nothing opens at all and that is said; and nothing else is seen.
    fn judge(&mut self, how: &str, row: &Row, set: Option<(usize, &Value)>) {
        self.judge_one_of(how, &[row], set);
    }

    /// The same, where several rows were altered: one of them is named.
    fn judge_one_of(&mut self, how: &str, rows: &[&Row], set: Option<(usize, &Value)>) {
        let row = rows[0];
        let table = &self.table.name;
        let what = format!("{table} {:?}: {how}", mutants::key(&self.table, row).last());
        let checked = self.world.check(&[]);
        let mut after = row.clone();
        set.into_iter().for_each(|(place, value)| after[place] = value.clone());
        let named = rows.iter().copied().chain([&after]).any(|row| {
            let name = self.name(row);
            checked.names(table, &name) || (table == "object" && checked.names("tag", &name))
        });
        match checked.code {
            1 => assert!(named, "{what} is not named:\n{}", checked.said),
            2 => {
                let opens = rows.iter().any(|row| self.opens_the_store(row));
                assert!(opens, "{what}: not checked:\n{}", checked.said);
            }
            code => panic!("{what}: not detected ({code}):\n{}", checked.said),
        }
        self.world.nothing_else_is_seen(&what);
        self.detected += 1;
    }

    /// The name under which faults speak of a row.
    fn name(&self, row: &Row) -> String {
        let by = &self.table.key[0];
        let place = self.table.columns.iter().position(|column| column == by).unwrap();
        match &row[place] {
            Value::Integer(number) => number.to_string(),
            Value::Text(text) => text.clone(),
            Value::Blob(bytes) => hex::encode(bytes),
            other => format!("{other:?}"),
        }
    }

    /// Whether the store is opened by this row: without it there is nothing to check with.
    fn opens_the_store(&self, row: &Row) -> bool {
        match self.table.name.as_str() {
            "seal_slot" => true,
            "value" => {
                let Value::Text(name) = &row[0] else { return false };
                name == "store id" || name.starts_with("key ")
            }
            _ => false,
        }
    }
}
