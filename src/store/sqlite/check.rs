// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether a database is one that `mod.rs` made: its schema, the types of its columns, its indexes.
//! See there for who knows SQL.

use super::fault::is_unread;
use crate::store::fault::{Fault, Wrong};
use rusqlite::Connection;
use rusqlite::types::Value;
use std::collections::{BTreeMap, BTreeSet};

/// An entry of the schema: kind, name, table, definition.
type Entry = (String, String, String, String);

/// What is wrong with the database as such; `schema` makes the tables that it ought to have.
pub(super) fn faults(connection: &Connection, schema: &str) -> rusqlite::Result<Vec<Fault>> {
    let pristine = Connection::open_in_memory()?;
    pristine.execute_batch(schema)?;
    let mut found = schema_faults(&entries(&pristine)?, &entries(connection)?);
    // What one look cannot get through does not keep the others from looking.
    for part in [type_faults(connection, &pristine), integrity(connection), stray_tags(connection)]
    {
        match part {
            Ok(faults) => found.extend(faults),
            Err(error) if is_unread(&error) => found.push(Fault::unread("database", "")),
            Err(error) => {
                let what = format!("it cannot be read through: {error}");
                found.push(Fault::new("database", "", Wrong::Unreadable, what));
            }
        }
    }
    Ok(found)
}

/// Puts right what needs no key: drops what does not belong, makes indexes that are missing, and
/// builds all of them anew.
pub(super) fn mend(connection: &Connection, schema: &str) -> rusqlite::Result<()> {
    let pristine = Connection::open_in_memory()?;
    pristine.execute_batch(schema)?;
    let (right, there) = (entries(&pristine)?, entries(connection)?);
    for (kind, name, ..) in there.iter().filter(|entry| !right.contains(entry)) {
        if DROPPED.contains(&kind.as_str()) {
            let name = name.replace('"', "\"\"");
            connection.execute_batch(&format!("DROP {kind} IF EXISTS \"{name}\""))?;
        }
    }
    let there = entries(connection)?;
    for (.., sql) in right.iter().filter(|entry| entry.0 == "index" && !there.contains(entry)) {
        connection.execute_batch(sql)?;
    }
    connection.execute_batch(
        "REINDEX; DELETE FROM tag WHERE object NOT IN (SELECT id FROM object) \
         OR typeof(tag) <> 'blob' OR length(tag) <> 16",
    )
}

fn entries(connection: &Connection) -> rusqlite::Result<BTreeSet<Entry>> {
    let sql = "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema";
    let mut query = connection.prepare(sql)?;
    let entry = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?));
    query.query_map([], entry)?.collect()
}

fn schema_faults(right: &BTreeSet<Entry>, there: &BTreeSet<Entry>) -> Vec<Fault> {
    let gone = right.difference(there).map(|(kind, name, ..)| {
        let what = format!("the {kind} '{name}' is not there as it was made");
        Fault::new("sqlite_schema", name, Wrong::Gone, what).repairable(kind == "index")
    });
    let foreign = there.difference(right).map(|(kind, name, ..)| {
        let what = format!("the {kind} '{}' does not belong", name.escape_debug());
        let repairable = DROPPED.contains(&kind.as_str());
        Fault::new("sqlite_schema", name, Wrong::Foreign, what).repairable(repairable)
    });
    gone.chain(foreign).collect()
}

/// Values of another type than their column's: SQLite keeps any type in any column.
fn type_faults(connection: &Connection, pristine: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut found = Vec::new();
    for (_, table, ..) in entries(pristine)?.iter().filter(|entry| entry.0 == "table") {
        let columns = columns(pristine, table)?;
        let key =
            if table == "tag" { "object" } else { columns.keys().next().map_or("id", |_| "id") };
        let key = if columns.contains_key("name") { "name" } else { key };
        for (column, declared) in &columns {
            let sql = format!(
                "SELECT {key}, typeof({column}) FROM {table} WHERE typeof({column}) <> lower('{declared}')"
            );
            // A table that has not the column is named already, by its definition.
            let mut query = match connection.prepare(&sql) {
                Ok(query) => query,
                Err(error) if is_unread(&error) => return Err(error),
                Err(_) => continue,
            };
            let mut rows = query.query([])?;
            while let Some(row) = rows.next()? {
                let (row, kind) = (shown(&row.get(0)?), row.get::<_, String>(1)?);
                let what = format!("its column '{column}' holds {kind}, not {declared}");
                // A tag that is none goes; those of the object are made anew.
                let fault = Fault::new(table, row, Wrong::Unreadable, what);
                found.push(fault.repairable(table == "tag"));
            }
        }
    }
    Ok(found)
}

/// Columns with their types; INTEGER, BLOB or TEXT.
fn columns(pristine: &Connection, table: &str) -> rusqlite::Result<BTreeMap<String, String>> {
    let mut query =
        pristine.prepare(&format!("SELECT name, type FROM pragma_table_info('{table}')"))?;
    query.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?.collect()
}

fn shown(value: &Value) -> String {
    match value {
        Value::Null => "NULL".to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Real(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        Value::Blob(bytes) => hex::encode(bytes),
    }
}

/// What SQLite itself says.
fn integrity(connection: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut query = connection.prepare("PRAGMA integrity_check")?;
    let mut rows = query.query([])?;
    let mut found = Vec::new();
    while let Some(row) = rows.next()? {
        let line: String = row.get(0)?;
        // A value that is NULL is named with its row above.
        if line == "ok" || line.starts_with("NULL value") {
            continue;
        }
        if UNREAD.iter().any(|said| line.contains(said)) {
            found.push(Fault::unread("database", ""));
            continue;
        }
        let index = line.contains(" index ");
        let what = format!("SQLite says: {}", line.escape_debug());
        found.push(Fault::new("database", "", Wrong::Damaged, what).repairable(index));
    }
    Ok(found)
}

fn stray_tags(connection: &Connection) -> rusqlite::Result<Vec<Fault>> {
    let mut found = Vec::new();
    for (which, words) in [
        ("object NOT IN (SELECT id FROM object)", "of an object that is not there"),
        ("typeof(tag) = 'blob' AND length(tag) <> 16", "of a length that no tag has"),
    ] {
        let sql = format!("SELECT object, count(*) FROM tag WHERE {which} GROUP BY object");
        let mut query = connection.prepare(&sql)?;
        let mut rows = query.query([])?;
        while let Some(row) = rows.next()? {
            let (object, count) = (shown(&row.get(0)?), row.get::<_, i64>(1)?);
            let what = format!("{count} {words}");
            found.push(Fault::new("tag", object, Wrong::Foreign, what).repairable(true));
        }
    }
    Ok(found)
}

/// What SQLite says of a page that the system did not give it: 10 is its code for that, and a page that
/// is not there at all is told otherwise.
const UNREAD: &[&str] = &["unable to get the page. error code=10", "failed to get page"];
/// What can be dropped without losing a row.
const DROPPED: &[&str] = &["trigger", "view", "index"];
