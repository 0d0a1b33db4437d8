// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rows in SQLite: write-ahead log, every commit durable. Nothing outside this folder knows SQL.
//!
//! One connection writes, behind a mutex; any number read, each taken from a pool for the length of
//! a call. A connection is never used by a forked child: the child opens its own.

mod base;
mod check;
mod fault;
mod rows;

use super::counter::{FRESH, clock};
use super::{ObjectRow, Page, Row, RowKind, Snapshot, Store, Tag, Transaction, Turn};
use crate::error::{Error, Result};
use crate::files::{self, Identity};
use crate::mechanism::primitive;
use crate::secret::Unsignalled;
use base::{APPLICATION, FIRST_FORMAT, FORMAT, SCHEMA, connect, connect_reader, fold_log};
use fault::{fault, wait};
use parking_lot::Mutex;
use rows::{LAST_OBJECT, Open, object, page, rows, value};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OptionalExtension};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// A store in one SQLite file.
pub struct Sqlite {
    path: PathBuf,
    /// The file that was opened: its name may come to be another's.
    identity: Identity,
    writer: Mutex<Option<Connection>>,
    readers: Mutex<Vec<Connection>>,
    /// What tells whether others have committed something, and where its numbers begin.
    observer: Mutex<Option<(Connection, u64)>>,
    /// When a reader last saw the name in place, nanoseconds of the machine's monotonic clock.
    placed: AtomicU64,
}

impl Sqlite {
    /// Makes the tables in an empty file.
    pub fn create(path: &Path) -> Result<Sqlite> {
        let _limits = Unsignalled::begin();
        let store = Sqlite::at(path)?;
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
        let store = Sqlite::at(path)?;
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
        let _limits = Unsignalled::begin();
        let connection = self.writer.lock().take().ok_or(Error::GeneralError)?;
        let busy: i64 = connection
            .query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
            .map_err(fault)?;
        connection.close().map_err(|(_, error)| fault(error))?;
        if busy == 0 { Ok(()) } else { Err(Error::FunctionFailed) }
    }

    fn at(path: &Path) -> Result<Sqlite> {
        let Some(identity) = Identity::of(path) else { return Err(gone(path)) };
        let (path, writer, readers) = (path.to_path_buf(), Mutex::new(None), Mutex::default());
        let (observer, placed) = (Mutex::new(None), AtomicU64::new(0));
        Ok(Sqlite { path, identity, writer, readers, observer, placed })
    }

    /// Whether the name is still that of the file that was opened: what is written into another is
    /// lost to whoever opens the store by its name, and what is read there may be out of date.
    fn in_place(&self) -> Result<()> {
        if Identity::of(&self.path) == Some(self.identity) { Ok(()) } else { Err(gone(&self.path)) }
    }

    /// The same for reading: a look that was made a moment ago is as good as one of now, after which the
    /// file may be replaced just as well.
    fn in_place_lately(&self) -> Result<()> {
        let now = clock();
        if now.saturating_sub(self.placed.load(Ordering::Acquire)) >= FRESH.as_nanos() as u64 {
            self.in_place()?;
            self.placed.store(now, Ordering::Release);
        }
        Ok(())
    }

    /// Runs a query on a connection of the pool; one that failed is not put back.
    fn read<T>(&self, query: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        self.in_place_lately()?;
        let pooled = self.readers.lock().pop();
        // The first query of a connection may make the write-ahead log's index anew.
        let _limits = pooled.is_none().then(Unsignalled::begin);
        let (connection, once) = match pooled {
            Some(connection) => (connection, false),
            None => self.connect_reader()?,
        };
        let result = query(&connection).map_err(fault)?;
        if !once {
            self.readers.lock().push(connection);
        }
        Ok(result)
    }

    fn connect_reader(&self) -> Result<(Connection, bool)> {
        let opened = connect_reader(&self.path)?;
        // It may have been replaced while it was being opened.
        self.in_place().map(|()| opened)
    }

    fn connect_writer(&self) -> Result<Connection> {
        let connection = connect(&self.path, true)?;
        self.in_place().map(|()| connection)
    }

    /// One transaction on the connection that writes.
    fn transact(
        &self,
        connection: &Connection,
        change: &mut dyn FnMut(&dyn Transaction) -> Result<()>,
    ) -> Result<()> {
        self.begin(connection)?;
        let result = self
            .in_place()
            .and_then(|()| change(&Open(connection)))
            .and_then(|()| run(connection, "COMMIT").map_err(fault));
        if result.is_err() && !connection.is_autocommit() {
            // Where even this fails the connection is dropped, which rolls back as well.
            let _ = connection.execute_batch("ROLLBACK").map_err(fault);
        }
        // What went into a file that has lost its name meanwhile is not in the store.
        result.and_then(|()| self.in_place())
    }

    /// Waits while others write, as long as they get on.
    fn begin(&self, connection: &Connection) -> Result<()> {
        let begun = Instant::now();
        loop {
            match run(connection, "BEGIN IMMEDIATE") {
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && !files::waited_enough(begun, self.changes().symlink_metadata()) => {}
                done => return done.map_err(fault),
            }
        }
    }

    /// The file that whoever changes something writes.
    fn changes(&self) -> PathBuf {
        let directory = self.path.parent().unwrap_or(Path::new("/")).to_path_buf();
        files::Paths { directory }.changes()
    }

    /// The same on the connection that is there, or a new one; one that cannot end its transaction is
    /// dropped.
    fn write_on(
        &self,
        writer: &mut Option<Connection>,
        change: &mut dyn FnMut(&dyn Transaction) -> Result<()>,
    ) -> Result<()> {
        let connection = match writer.take() {
            Some(connection) => connection,
            None => self.connect_writer()?,
        };
        let result = self.transact(&connection, change);
        if connection.is_autocommit() {
            self.fold_if_long(&connection);
            *writer = Some(connection);
        }
        result
    }

    fn let_go_of_readers(&self) {
        self.readers.lock().clear();
        drop(self.observer.lock().take());
    }

    /// Folds a write-ahead log that readers have kept from being folded for long, which takes a moment
    /// without any: they come and go, and one that stays is not waited for.
    fn fold_if_long(&self, connection: &Connection) {
        let mut log = self.path.clone().into_os_string();
        log.push("-wal");
        if std::fs::symlink_metadata(log).is_ok_and(|log| log.len() > LONG_LOG) {
            let _ = connection.busy_handler(Some(fault::wait_briefly));
            let _ = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            let _ = connection.busy_handler(Some(wait));
        }
    }
}

impl Drop for Sqlite {
    fn drop(&mut self) {
        // The last connection folds the write-ahead log into the database.
        let _limits = Unsignalled::begin();
        drop(self.writer.lock().take());
        self.let_go_of_readers();
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

    fn page(&self, of: (i64, bool), tags: &[Tag], part: &Page) -> Result<Vec<i64>> {
        self.read(|connection| page(connection, of, tags, part))
    }

    fn last_object(&self) -> Result<i64> {
        self.read(|connection| {
            let mut query = connection.prepare_cached(LAST_OBJECT)?;
            query.query_row([], |row| row.get(0))
        })
    }

    fn version(&self) -> Result<Option<u64>> {
        self.in_place_lately()?;
        let mut observer = self.observer.lock();
        let (connection, first) = match observer.take() {
            Some(known) => known,
            None => {
                let _limits = Unsignalled::begin();
                match self.connect_reader()? {
                    (_, true) => return Ok(None),
                    (connection, false) => (connection, first_version()?),
                }
            }
        };
        let version = data_version(&connection).map_err(fault)?;
        *observer = Some((connection, first));
        Ok(Some(first.wrapping_add(version as u64)))
    }

    fn look(&self, look: &mut dyn FnMut(&dyn Snapshot) -> Result<()>) -> Result<()> {
        let mut result = Ok(());
        self.read(|connection| {
            run(connection, "BEGIN")?;
            result = look(&Open(connection));
            run(connection, "COMMIT")
        })?;
        result
    }

    /// SQLite keeps a table of the locks that the process holds, and a child that inherits the table
    /// inherits none of the locks: with no connection open the table is empty.
    fn rest(&self) {
        let _limits = Unsignalled::begin();
        let writer = self.writer.lock().take();
        let observer = self.observer.lock().take().map(|(connection, _)| connection);
        for connection in self.readers.lock().drain(..).chain(writer).chain(observer) {
            // The write-ahead log is not folded into the database for this: it is soon opened again.
            let _ = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        }
    }

    fn turn(&self) -> Result<Turn> {
        // Not the database itself: closing a descriptor of it would drop SQLite's locks.
        files::lock(&self.changes()).map(Turn)
    }

    fn write(&self, change: &mut dyn FnMut(&dyn Transaction) -> Result<()>) -> Result<()> {
        self.in_place()?;
        let mut guard = self.writer.lock();
        let _limits = Unsignalled::begin();
        let mut begun = false;
        let result = self.write_on(&mut guard, &mut |tx| {
            begun = true;
            change(tx)
        });
        if begun || !matches!(result, Err(Error::TokenWriteProtected)) {
            return result;
        }
        // What SQLite could open for reading alone it goes on reading for as long as any connection
        // stands, though the cause be gone: all is opened anew.
        drop(guard.take());
        self.let_go_of_readers();
        self.write_on(&mut guard, change)
    }

    fn fold_log(&self) -> Result<bool> {
        self.in_place()?;
        let mut guard = self.writer.lock();
        let _limits = Unsignalled::begin();
        let connection = match guard.take() {
            Some(connection) => connection,
            None => self.connect_writer()?,
        };
        let folded = fold_log(&connection);
        *guard = Some(connection);
        folded.map_err(fault)
    }
}

/// Runs a statement that is parsed once.
fn run(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// SQLite's number of what others have committed, which each connection counts for itself.
fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

/// Drawn, so that no two connections come to the same number.
fn first_version() -> Result<u64> {
    let mut drawn = [0; 8];
    primitive::random(&mut drawn)?;
    Ok(u64::from_ne_bytes(drawn))
}

fn gone(path: &Path) -> Error {
    tracing::error!(
        "{} was removed or replaced while this program had it open: put it back, or restart the \
         program to use what is there now",
        path.display()
    );
    Error::DeviceRemoved
}

/// A write-ahead log that is four times as long as it is folded at, bytes.
const LONG_LOG: u64 = 4 * 4000 * 4096;
