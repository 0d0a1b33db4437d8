// SPDX-License-Identifier: Apache-2.0 OR MIT
//! SoftHSM2's database of a token, read from the bytes of its file: no lock is taken and no journal
//! made, since SQLite sees a copy in memory. It imports `record` alone.

use super::record::{Fault, Record, Value, array, mechanism_blob};
use rusqlite::types::ValueRef;
use rusqlite::{Connection, MAIN_DB};
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Why a database is none: SQLite cannot read it, or it has not these tables.
pub(super) struct Broken(pub(super) String);

impl From<rusqlite::Error> for Broken {
    fn from(error: rusqlite::Error) -> Broken {
        Broken(error.to_string())
    }
}

/// The token's own record, and its objects, by number.
pub(super) type Rows = BTreeMap<i64, Result<Record, Fault>>;

/// Every object of the database. The first is the token itself.
pub(super) fn read(file: &[u8]) -> Result<Rows, Broken> {
    let mut file = Zeroizing::new(file.to_vec());
    // A file that was kept with a write-ahead log says so in its header; in memory there is none.
    file.get_mut(VERSIONS).into_iter().flatten().for_each(|version| *version = 1);
    let mut connection = Connection::open_in_memory()?;
    connection.deserialize_read_exact(MAIN_DB, file.as_slice(), file.len(), true)?;
    connection.execute_batch("PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;")?;
    let sound: String = connection.query_row("PRAGMA quick_check(1)", [], |row| row.get(0))?;
    if sound != "ok" {
        return Err(Broken(sound));
    }
    let mut rows = Rows::new();
    let mut objects = connection.prepare("SELECT id FROM object ORDER BY id")?;
    for id in objects.query_map([], |row| row.get(0))? {
        rows.insert(id?, Ok(Record::default()));
    }
    for table in TABLES {
        fill(&connection, table, &mut rows)?;
    }
    Ok(rows)
}

fn fill(connection: &Connection, table: &str, rows: &mut Rows) -> Result<(), Broken> {
    let mut all = connection.prepare(&format!("SELECT object_id, type, value FROM {table}"))?;
    let mut all = all.query([])?;
    while let Some(row) = all.next()? {
        let (object, id): (i64, i64) = (row.get(0)?, row.get(1)?);
        let id = u64::from_ne_bytes(id.to_ne_bytes());
        // What belongs to no object was left behind by one that is gone.
        let Some(slot) = rows.get_mut(&object) else { continue };
        let Ok(record) = slot else { continue };
        match value(table, id, row.get_ref(2)?) {
            Ok(value) if !record.0.contains_key(&id) => {
                record.0.insert(id, value);
            }
            Ok(_) => *slot = Err(Fault::Twice(id)),
            Err(fault) => *slot = Err(fault),
        }
    }
    Ok(())
}

fn value(table: &str, id: u64, value: ValueRef<'_>) -> Result<Value, Fault> {
    match (table, value) {
        ("attribute_boolean", ValueRef::Integer(flag)) => Ok(Value::Flag(flag != 0)),
        ("attribute_integer", ValueRef::Integer(number)) => {
            Ok(Value::Number(u64::from_ne_bytes(number.to_ne_bytes())))
        }
        ("attribute_binary", ValueRef::Blob(bytes)) if id == ALLOWED_MECHANISMS => {
            mechanism_blob(bytes)
        }
        ("attribute_binary", ValueRef::Blob(bytes)) => {
            Ok(Value::Bytes(Zeroizing::new(bytes.to_vec())))
        }
        // An empty blob is bound as none.
        ("attribute_binary", ValueRef::Null) if id == ALLOWED_MECHANISMS => mechanism_blob(&[]),
        ("attribute_binary", ValueRef::Null) => Ok(Value::Bytes(Zeroizing::default())),
        ("attribute_array", ValueRef::Blob(bytes)) => array(bytes),
        ("attribute_array", ValueRef::Null) => array(&[]),
        _ => Err(Fault::Form(id)),
    }
}

/// The number of the record of the token itself.
pub(super) const TOKEN: i64 = 1;

const TABLES: [&str; 4] =
    ["attribute_boolean", "attribute_integer", "attribute_binary", "attribute_array"];
/// Where the header of a SQLite file says how it is written and read.
const VERSIONS: std::ops::Range<usize> = 18..20;
const ALLOWED_MECHANISMS: u64 = 0x4000_0600;
