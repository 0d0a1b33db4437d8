// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `mod.rs` and `check.rs` stand on: connections, and the schema of each format.

use super::fault::{fault, wait, wait_briefly};
use crate::error::Result;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::path::Path;
use std::time::Duration;

/// A connection; one that does not write refuses to.
pub(super) fn connect(path: &Path, write: bool) -> Result<Connection> {
    open(path, OpenFlags::SQLITE_OPEN_READ_WRITE).and_then(|opened| settled(opened, write))
}

/// A connection for reading; and whether it is good for one call alone, because it takes the file for
/// one that nobody changes.
pub(super) fn connect_reader(path: &Path) -> Result<(Connection, bool)> {
    if !frozen(path) {
        return connect(path, false).map(|opened| (opened, false));
    }
    // Without a log, and where none can be made, SQLite reads a database that it is told not to lock.
    let escape = |byte: &u8| match byte {
        b'/' | b'-' | b'.' | b'_' => char::from(*byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(*byte).to_string(),
        byte => format!("%{byte:02x}"),
    };
    let name: String = path.as_os_str().as_encoded_bytes().iter().map(escape).collect();
    let uri = format!("file:{name}?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    open(Path::new(&uri), flags)
        .and_then(|opened| settled(opened, false))
        .map(|opened| (opened, true))
}

/// Whether this process sees the file on a file system that is mounted for reading, and no write-ahead
/// log beside it: then nobody here writes, and whoever writes elsewhere has a log.
fn frozen(path: &Path) -> bool {
    let mut log = path.as_os_str().to_os_string();
    log.push("-wal");
    let read_only = |path| {
        rustix::fs::statvfs(path)
            .is_ok_and(|found| found.f_flag.contains(rustix::fs::StatVfsMountFlags::RDONLY))
    };
    std::fs::symlink_metadata(log).is_err() && read_only(path)
}

fn open(path: &Path, flags: OpenFlags) -> Result<Connection> {
    let always = OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_NOFOLLOW;
    Connection::open_with_flags(path, flags | always).map_err(fault)
}

fn settled(opened: Connection, write: bool) -> Result<Connection> {
    opened.busy_handler(Some(wait)).map_err(fault)?;
    opened.set_prepared_statement_cache_capacity(64);
    // The schema is data like any other: a trigger or view that someone put there is not run.
    for (setting, on) in [
        (DbConfig::SQLITE_DBCONFIG_ENABLE_TRIGGER, false),
        (DbConfig::SQLITE_DBCONFIG_ENABLE_VIEW, false),
        (DbConfig::SQLITE_DBCONFIG_TRUSTED_SCHEMA, false),
        (DbConfig::SQLITE_DBCONFIG_DEFENSIVE, true),
        // Queries are planned for whatever is bound: else each is planned anew when something else is.
        (DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true),
    ] {
        opened.set_db_config(setting, on).map_err(fault)?;
    }
    // Deleted rows are overwritten; what SQLite sorts stays in memory.
    opened
        .execute_batch("PRAGMA secure_delete = ON; PRAGMA temp_store = MEMORY;")
        .map_err(fault)?;
    if write {
        // FULL: a commit that was acknowledged survives a power cut. The log is folded into the
        // database every 4,000 pages, so that this costs next to nothing per commit.
        opened
            .execute_batch(
                "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; \
                 PRAGMA wal_autocheckpoint = 4000;",
            )
            .map_err(fault)?;
    } else {
        opened.execute_batch("PRAGMA query_only = ON;").map_err(fault)?;
    }
    Ok(opened)
}

/// Folds the write-ahead log into the database and empties it; whether that was possible. Who reads holds
/// it up, and while it waits for them it holds up who writes: never for long.
pub(super) fn fold_log(connection: &Connection) -> rusqlite::Result<bool> {
    connection.busy_handler(Some(wait_briefly))?;
    let fold = || {
        let sql = "PRAGMA wal_checkpoint(TRUNCATE)";
        connection.query_row(sql, [], |row| row.get::<_, i64>(0))
    };
    let mut busy = fold();
    for _ in 0..10 {
        if !matches!(busy, Ok(1)) {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        busy = fold();
    }
    connection.busy_handler(Some(wait))?;
    busy.map(|busy| busy == 0)
}

/// The schema of a format, as it is made.
pub(super) fn schema(format: i64) -> String {
    let roll = if format > FIRST_FORMAT { ROLL } else { "" };
    format!("{SCHEMA}{roll}")
}

/// "Strm", so that file(1) and a person with sqlite3 see whose database this is.
pub(super) const APPLICATION: i64 = 0x5374_726d;
pub(super) const FIRST_FORMAT: i64 = 1;
pub(super) const FORMAT: i64 = 2;
/// What the second format has more than the first.
pub(super) const ROLL: &str = "CREATE TABLE roll (id INTEGER PRIMARY KEY, body BLOB NOT NULL)";
pub(super) const SCHEMA: &str = "
BEGIN;
PRAGMA application_id = 0x5374726d;
CREATE TABLE value (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
CREATE TABLE number (name TEXT PRIMARY KEY, last INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE seal_slot (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE token (id INTEGER PRIMARY KEY, body BLOB NOT NULL);
CREATE TABLE object (
    id INTEGER PRIMARY KEY,
    token INTEGER NOT NULL,
    private INTEGER NOT NULL,
    revision INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    wrap BLOB NOT NULL,
    body BLOB NOT NULL
);
CREATE INDEX object_token ON object (token, private);
CREATE TABLE tag (tag BLOB NOT NULL, object INTEGER NOT NULL, PRIMARY KEY (tag, object)) WITHOUT ROWID;
CREATE INDEX tag_object ON tag (object);
COMMIT;
";
