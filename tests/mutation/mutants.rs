// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ways to alter a row, made from the schema that the database itself has.

use rusqlite::types::Value;
use rusqlite::{Connection, params_from_iter};
use std::path::Path;

/// A table: its columns, and those that name a row.
#[derive(Debug)]
pub struct Table {
    pub name: String,
    pub columns: Vec<String>,
    pub key: Vec<String>,
}

/// A row, its values in the order of the columns.
pub type Row = Vec<Value>;

/// The tables of a database.
pub fn tables(database: &Connection) -> Vec<Table> {
    let mut query =
        database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").unwrap();
    let names: Vec<String> = query.query_map([], |row| row.get(0)).unwrap().flatten().collect();
    let table = |name: String| {
        let info = format!("SELECT name, pk FROM pragma_table_info('{name}')");
        let mut query = database.prepare(&info).unwrap();
        let row = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        let all: Vec<(String, i64)> = query.query_map([], row).unwrap().flatten().collect();
        let key = all.iter().filter(|(_, pk)| *pk > 0).map(|(name, _)| name.clone()).collect();
        Table { name, columns: all.into_iter().map(|(name, _)| name).collect(), key }
    };
    names.into_iter().map(table).collect()
}

pub fn rows(database: &Connection, table: &Table) -> Vec<Row> {
    let sql = format!("SELECT {} FROM {} ORDER BY 1, 2", table.columns.join(", "), table.name);
    let mut query = database.prepare(&sql).unwrap();
    let count = table.columns.len();
    let row = |row: &rusqlite::Row<'_>| (0..count).map(|at| row.get(at)).collect();
    query.query_map([], row).unwrap().collect::<Result<_, _>>().unwrap()
}

/// The row with the same key in another database.
pub fn same(database: &Path, table: &Table, row: &Row) -> Option<Row> {
    let database = Connection::open(database).unwrap();
    rows(&database, table).into_iter().find(|other| key(table, other) == key(table, row))
}

pub fn key(table: &Table, row: &Row) -> Vec<Value> {
    let keyed = table.columns.iter().zip(row).filter(|(column, _)| table.key.contains(column));
    keyed.map(|(_, value)| value.clone()).collect()
}

/// How a value may be altered by itself.
pub fn alterations(value: &Value) -> Vec<(&'static str, Value)> {
    let others = [
        ("nothing", Value::Null),
        ("zero", Value::Integer(0)),
        ("text", Value::Text("x".into())),
        ("no bytes", Value::Blob(Vec::new())),
    ];
    let mut all = match value {
        Value::Blob(bytes) if !bytes.is_empty() => {
            let flip = |at: usize| {
                let mut bytes = bytes.clone();
                bytes[at] ^= 1;
                Value::Blob(bytes)
            };
            vec![
                ("the first bit", flip(0)),
                ("a bit in the middle", flip(bytes.len() / 2)),
                ("the last bit", flip(bytes.len() - 1)),
                ("truncated", Value::Blob(bytes[..bytes.len() - 1].to_vec())),
                ("extended", Value::Blob([&bytes[..], &[0]].concat())),
            ]
        }
        Value::Integer(number) => vec![
            ("one more", Value::Integer(number.wrapping_add(1))),
            ("one less", Value::Integer(number.wrapping_sub(1))),
            ("a high bit", Value::Integer(number ^ (1 << 40))),
            ("the largest", Value::Integer(i64::MAX)),
            ("the smallest", Value::Integer(i64::MIN)),
        ],
        Value::Text(text) => vec![
            ("another text", Value::Text(format!("{text}x"))),
            ("a text cut short", Value::Text(text[..text.len() - 1].into())),
        ],
        _ => Vec::new(),
    };
    all.extend(others);
    all.retain(|(_, other)| other != value);
    all
}

/// Sets a column of a row; false where the database itself does not take it.
pub fn set(database: &Path, table: &Table, row: &Row, column: &str, value: &Value) -> bool {
    let sql = format!("UPDATE {} SET {column} = ? WHERE {}", table.name, matching(table));
    let values = || std::iter::once(value.clone()).chain(key(table, row));
    let mut connection = Connection::open(database).unwrap();
    if connection.execute(&sql, params_from_iter(values())).is_ok() {
        return true;
    }
    // Who edits files is not held by constraints.
    connection.execute_batch("PRAGMA writable_schema = ON").unwrap();
    let loosen = "UPDATE sqlite_schema SET sql = replace(sql, ' NOT NULL', '') WHERE name = ?1";
    connection.execute(loosen, [&table.name]).unwrap();
    connection = Connection::open(database).unwrap();
    connection.execute(&sql, params_from_iter(values())) == Ok(1)
}

pub fn delete(database: &Path, table: &Table, row: &Row) {
    let sql = format!("DELETE FROM {} WHERE {}", table.name, matching(table));
    let connection = Connection::open(database).unwrap();
    assert_eq!(connection.execute(&sql, params_from_iter(key(table, row))), Ok(1));
}

/// Puts a row in, in the place of one with its key.
pub fn put(database: &Path, table: &Table, row: &Row) {
    let marks = vec!["?"; row.len()].join(", ");
    let sql = format!(
        "INSERT OR REPLACE INTO {} ({}) VALUES ({marks})",
        table.name,
        table.columns.join(", ")
    );
    let connection = Connection::open(database).unwrap();
    assert_eq!(connection.execute(&sql, params_from_iter(row)), Ok(1));
}

fn matching(table: &Table) -> String {
    table.key.iter().map(|column| format!("{column} IS ?")).collect::<Vec<_>>().join(" AND ")
}
