// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rows in SQLite: write-ahead log, every commit durable. Nothing outside the three files `sqlite*`
//! knows SQL.
//!
//! One connection writes, behind a mutex; any number read, each taken from a pool for the length of
//! a call. A connection is never used by a forked child: the child opens its own.

use super::fault::Fault;
use super::sqlite_base::{
    APPLICATION, FIRST_FORMAT, FORMAT, ROLL, SCHEMA, connect, connect_reader, fault, schema,
};
use super::sqlite_check;
use super::{Named, ObjectRow, Row, RowKind, Snapshot, Store, Tag, Transaction, Turn, Visit};
use crate::error::{Error, Result};
use crate::files;
use parking_lot::Mutex;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OptionalExtension, params};
use std::path::{Path, PathBuf};

/// A store in one SQLite file.
pub struct Sqlite {
    path: PathBuf,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
}

impl Sqlite {
    /// Makes the tables in an empty file.
    pub fn create(path: &Path) -> Result<Sqlite> {
        let store = Sqlite::at(path);
        let connection = connect(path, true)?;
        connection.execute_batch(SCHEMA).map_err(fault)?;
        Open(&connection).upgrade()?;
        *store.writer.lock() = Some(connection);
        Ok(store)
    }

    /// Opens a store that was made before.
    pub fn open(path: &Path) -> Result<Sqlite> {
        // POSIX locks are the process's: two copies of SQLite with one file do not exclude each other.
        if files::is_open_here(path) {
            tracing::error!(
                "{} is open in this process already, by another copy of this library: load one copy",
                path.display()
            );
            return Err(Error::FunctionFailed);
        }
        let store = Sqlite::at(path);
        let format: i64 =
            store.read(|c| c.pragma_query_value(None, "user_version", |r| r.get(0)))?;
        let application: i64 =
            store.read(|c| c.pragma_query_value(None, "application_id", |r| r.get(0)))?;
        if application != APPLICATION || !(FIRST_FORMAT..=FORMAT).contains(&format) {
            tracing::error!(
                "{} is not a store of a format that this version reads (application {application}, \
                 format {format}); it was left as it is",
                path.display()
            );
            return Err(Error::TokenNotRecognized);
        }
        Ok(store)
    }

    /// Folds the write-ahead log of a new store into its file, and closes it.
    pub fn settle(self) -> Result<()> {
        let connection = self.writer.lock().take().ok_or(Error::GeneralError)?;
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(fault)?;
        connection.close().map_err(|(_, error)| fault(error))?;
        if busy == 0 { Ok(()) } else { Err(Error::FunctionFailed) }
    }

    fn at(path: &Path) -> Sqlite {
        Sqlite { path: path.to_path_buf(), writer: Mutex::new(None), readers: Mutex::default() }
    }

    /// Runs a query on a connection of the pool; one that failed is not put back.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let pooled = self.readers.lock().pop();
        let (connection, once) = match pooled {
            Some(connection) => (connection, false),
            None => connect_reader(&self.path)?,
        };
        let result = query(&connection).map_err(fault)?;
        if !once {
            self.readers.lock().push(connection);
        }
        Ok(result)
    }
}

impl Store for Sqlite {
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>> {
        self.read(|connection| value(connection, name))
    }

    fn rows(&self, kind: RowKind) -> Result<Vec<Row>> {
        self.read(|connection| rows(connection, kind))
    }

    fn token(&self, id: i64) -> Result<Option<Row>> {
        self.read(|connection| {
            let mut query = connection.prepare_cached("SELECT body FROM token WHERE id = ?1")?;
            query.query_row([id], |row| Ok(Row { id, body: row.get(0)? })).optional()
        })
    }

    fn object(&self, id: i64) -> Result<Option<ObjectRow>> {
        self.read(|connection| object(connection, id, false))
    }

    fn revision(&self, id: i64) -> Result<Option<u64>> {
        self.read(|connection| {
            let mut query =
                connection.prepare_cached("SELECT revision FROM object WHERE id = ?1")?;
            query.query_row([id], |row| row.get::<_, i64>(0)).optional()
        })
        .map(|revision| revision.map(|number| number as u64))
    }

    fn find(&self, token: i64, private: bool, tags: &[Tag]) -> Result<Vec<i64>> {
        // The tags come most selective first: the first finds candidates, the others sift them.
        let sql = match tags.len() {
            0 => "SELECT id FROM object WHERE token = ?1 AND private <= ?2 ORDER BY id".to_string(),
            count => {
                let join = |n: usize| {
                    let value = n + 3;
                    format!(
                        " CROSS JOIN tag t{n} ON t{n}.tag = ?{value} AND t{n}.object = t0.object"
                    )
                };
                let joins = (1..count).map(join).collect::<Vec<_>>().concat();
                format!(
                    "SELECT o.id FROM tag t0{joins} CROSS JOIN object o ON o.id = t0.object \
                     WHERE t0.tag = ?3 AND o.token = ?1 AND o.private <= ?2"
                )
            }
        };
        self.read(|connection| {
            let mut query = connection.prepare_cached(&sql)?;
            let (token, private) = (token, i64::from(private));
            let fixed = [&token as &dyn rusqlite::ToSql, &private];
            let given = tags.iter().map(|tag| tag as &dyn rusqlite::ToSql);
            let all: smallvec::SmallVec<[&dyn rusqlite::ToSql; 8]> =
                fixed.into_iter().chain(given).collect();
            query.query_map(all.as_slice(), |row| row.get(0))?.collect()
        })
    }

    fn look(&self, look: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        let mut result = Ok(());
        self.read(|connection| {
            let moment = connection.unchecked_transaction()?;
            result = look(&Open(&moment));
            moment.finish()
        })?;
        result
    }

    /// SQLite keeps a table of the locks that the process holds, and a child that inherits the table
    /// inherits none of the locks: with no connection open the table is empty.
    fn rest(&self) {
        let writer = self.writer.lock().take();
        for connection in self.readers.lock().drain(..).chain(writer) {
            // The write-ahead log is not folded into the database for this: it is soon opened again.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn turn(&self) -> Result<Turn> {
        // Not the database itself: closing a descriptor of it would drop SQLite's locks.
        let directory = self.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        files::lock(&files::Paths { directory }.changes()).map(Turn)
    }

    fn write(&self, change: &mut dyn FnMut(&dyn Transaction) -> Result<()>) -> Result<()> {
        let mut guard = self.writer.lock();
        let connection = match guard.take() {
            Some(connection) => connection,
            None => connect(&self.path, true)?,
        };
        connection.execute_batch("BEGIN IMMEDIATE").map_err(fault)?;
        let result = change(&Open(&connection))
            .and_then(|()| connection.execute_batch("COMMIT").map_err(fault));
        if result.is_err() && !connection.is_autocommit() {
            // Where even this fails the connection is dropped, which rolls back as well.
            connection.execute_batch("ROLLBACK").map_err(fault)?;
        }
        *guard = Some(connection);
        result
    }
}

/// A transaction in progress.
struct Open<'a>(&'a Connection);

impl Open<'_> {
    fn run(&self, sql: &str, values: impl rusqlite::Params) -> Result<()> {
        let mut statement = self.0.prepare_cached(sql).map_err(fault)?;
        statement.execute(values).map(drop).map_err(fault)
    }

    /// Numbers grow for ever, so that an old one never names a new row.
    fn number(&self, name: &str) -> Result<i64> {
        self.run(
            "INSERT INTO number (name, last) VALUES (?1, 1) \
             ON CONFLICT (name) DO UPDATE SET last = last + 1",
            [name],
        )?;
        let mut query =
            self.0.prepare_cached("SELECT last FROM number WHERE name = ?1").map_err(fault)?;
        query.query_row([name], |row| row.get(0)).map_err(fault)
    }
}

impl Snapshot for Open<'_> {
    fn value(&self, name: &str) -> Result<Option<Vec<u8>>> {
        value(self.0, name).map_err(fault)
    }

    fn rows(&self, kind: RowKind) -> Result<Vec<Row>> {
        rows(self.0, kind).map_err(fault)
    }

    fn row(&self, kind: RowKind, id: i64) -> Result<Option<Row>> {
        let sql = match kind {
            RowKind::SealSlot => "SELECT body FROM seal_slot WHERE id = ?1",
            RowKind::Token => "SELECT body FROM token WHERE id = ?1",
            RowKind::Roll => "SELECT body FROM roll WHERE id = ?1",
        };
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_row([id], |row| Ok(Row { id, body: row.get(0)? })).optional().map_err(fault)
    }

    fn ids(&self, kind: RowKind) -> Result<Vec<i64>> {
        let sql = format!("SELECT id FROM {} ORDER BY id", table(kind));
        let mut query = self.0.prepare_cached(&sql).map_err(fault)?;
        query.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(fault)
    }

    fn number(&self, name: &str) -> Result<Option<i64>> {
        let sql = "SELECT last FROM number WHERE name = ?1";
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_row([name], |row| row.get(0)).optional().map_err(fault)
    }

    fn names(&self, table: Named) -> Result<Vec<String>> {
        let sql = match table {
            Named::Value => "SELECT CAST(name AS TEXT) FROM value",
            Named::Number => "SELECT CAST(name AS TEXT) FROM number",
        };
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_map([], |row| row.get(0)).and_then(Iterator::collect).map_err(fault)
    }

    fn faults(&self) -> Result<Vec<Fault>> {
        let schema = schema(self.format()?);
        sqlite_check::faults(self.0, &schema).map_err(fault)
    }

    fn format(&self) -> Result<i64> {
        let mut query = self.0.prepare_cached("PRAGMA user_version").map_err(fault)?;
        query.query_row([], |row| row.get(0)).map_err(fault)
    }

    fn untagged(&self, id: i64) -> Result<Option<ObjectRow>> {
        object(self.0, id, false).map_err(fault)
    }

    fn each_object(&self, visit: Visit<'_>) -> Result<()> {
        let mut query = self.0.prepare("SELECT id FROM object ORDER BY id").map_err(fault)?;
        let ids = query.query_map([], |row| row.get(0)).map_err(fault)?;
        for id in ids {
            let id = id.map_err(fault)?;
            let row = object(self.0, id, true).map_err(fault);
            visit(id, row.and_then(|row| row.ok_or(Error::DeviceError)))?;
        }
        Ok(())
    }
}

impl Transaction for Open<'_> {
    fn set_value(&self, name: &str, value: &[u8]) -> Result<()> {
        self.run("INSERT OR REPLACE INTO value (name, value) VALUES (?1, ?2)", params![name, value])
    }

    fn remove_value(&self, name: &str) -> Result<()> {
        self.run("DELETE FROM value WHERE name = ?1", [name])
    }

    fn next_id(&self, kind: RowKind) -> Result<i64> {
        self.number(table(kind))
    }

    fn put_row(&self, kind: RowKind, row: &Row) -> Result<()> {
        let sql = match kind {
            RowKind::SealSlot => "INSERT OR REPLACE INTO seal_slot (id, body) VALUES (?1, ?2)",
            RowKind::Token => "INSERT OR REPLACE INTO token (id, body) VALUES (?1, ?2)",
            RowKind::Roll => "INSERT OR REPLACE INTO roll (id, body) VALUES (?1, ?2)",
        };
        self.run(sql, params![row.id, row.body])
    }

    fn delete_row(&self, kind: RowKind, id: i64) -> Result<()> {
        match kind {
            RowKind::SealSlot => self.run("DELETE FROM seal_slot WHERE id = ?1", [id]),
            RowKind::Token => self.run("DELETE FROM token WHERE id = ?1", [id]),
            RowKind::Roll => self.run("DELETE FROM roll WHERE id = ?1", [id]),
        }
    }

    fn object(&self, id: i64) -> Result<Option<ObjectRow>> {
        object(self.0, id, true).map_err(fault)
    }

    fn objects_of(&self, token: i64) -> Result<Vec<i64>> {
        let mut query =
            self.0.prepare_cached("SELECT id FROM object WHERE token = ?1").map_err(fault)?;
        let ids = query.query_map([token], |row| row.get(0));
        ids.and_then(Iterator::collect).map_err(fault)
    }

    fn last_object(&self) -> Result<i64> {
        let sql = "SELECT coalesce(max(id), 0) FROM object";
        let mut query = self.0.prepare_cached(sql).map_err(fault)?;
        query.query_row([], |row| row.get(0)).map_err(fault)
    }

    fn put_object(&self, row: &ObjectRow) -> Result<()> {
        self.run(
            "INSERT INTO object (id, token, private, revision, generation, wrap, body) \
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            params![
                row.id,
                row.token,
                row.private,
                row.revision as i64,
                row.generation,
                row.wrap,
                row.body
            ],
        )?;
        for tag in &row.tags {
            self.run(
                "INSERT OR IGNORE INTO tag (tag, object) VALUES (?1, ?2)",
                params![tag, row.id],
            )?;
        }
        Ok(())
    }

    fn delete_object(&self, id: i64) -> Result<()> {
        self.run("DELETE FROM tag WHERE object = ?1", [id])?;
        self.run("DELETE FROM object WHERE id = ?1", [id])
    }

    fn put_tags(&self, id: i64, tags: &[Tag]) -> Result<()> {
        self.run("DELETE FROM tag WHERE object = ?1", [id])?;
        tags.iter().try_for_each(|tag| {
            self.run("INSERT INTO tag (tag, object) VALUES (?1, ?2)", params![tag, id])
        })
    }

    fn set_number(&self, name: &str, last: i64) -> Result<()> {
        self.run("INSERT OR REPLACE INTO number (name, last) VALUES (?1, ?2)", params![name, last])
    }

    fn upgrade(&self) -> Result<()> {
        self.0.execute_batch(ROLL).map_err(fault)?;
        self.0.pragma_update(None, "user_version", FORMAT).map_err(fault)
    }

    fn mend(&self) -> Result<()> {
        sqlite_check::mend(self.0, &schema(self.format()?)).map_err(fault)
    }

    fn clear_roll(&self) -> Result<()> {
        self.run("DELETE FROM roll", [])
    }
}

fn value(connection: &Connection, name: &str) -> rusqlite::Result<Option<Vec<u8>>> {
    let mut query = connection.prepare_cached("SELECT value FROM value WHERE name = ?1")?;
    query.query_row([name], |row| row.get(0)).optional()
}

fn table(kind: RowKind) -> &'static str {
    match kind {
        RowKind::SealSlot => "seal_slot",
        RowKind::Token => "token",
        RowKind::Roll => "roll",
    }
}

fn rows(connection: &Connection, kind: RowKind) -> rusqlite::Result<Vec<Row>> {
    let sql = format!("SELECT id, body FROM {} ORDER BY id", table(kind));
    let mut query = connection.prepare_cached(&sql)?;
    query.query_map([], |row| Ok(Row { id: row.get(0)?, body: row.get(1)? }))?.collect()
}

/// One object; its tags are read only where a caller needs them (they are not on the hot path).
fn object(connection: &Connection, id: i64, tags: bool) -> rusqlite::Result<Option<ObjectRow>> {
    let mut query = connection.prepare_cached(
        "SELECT token, private, revision, generation, wrap, body FROM object WHERE id = ?1",
    )?;
    let found = query
        .query_row([id], |row| {
            Ok(ObjectRow {
                id,
                token: row.get(0)?,
                private: match row.get::<_, i64>(1)? {
                    0 => false,
                    1 => true,
                    other => return Err(rusqlite::Error::IntegralValueOutOfRange(1, other)),
                },
                revision: row.get::<_, i64>(2)? as u64,
                generation: row.get(3)?,
                wrap: row.get(4)?,
                body: row.get(5)?,
                tags: Vec::new(),
            })
        })
        .optional()?;
    let Some(mut row) = found else { return Ok(None) };
    if !tags {
        return Ok(Some(row));
    }
    let mut query =
        connection.prepare_cached("SELECT tag FROM tag WHERE object = ?1 ORDER BY tag")?;
    row.tags = query.query_map([id], |row| row.get(0))?.collect::<rusqlite::Result<_>>()?;
    Ok(Some(row))
}
