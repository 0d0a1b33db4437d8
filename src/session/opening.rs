// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Opening and making stores: where files, seal and store meet.

use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{self, Access, Paths};
use crate::mechanism::primitive;
use crate::seal::{self, MasterKey, Slot, Surroundings};
use crate::secret::{Secret, Unsignalled};
use crate::store::{Counter, Row, Sqlite, Unseal, Vault};
use std::path::PathBuf;
use std::sync::Arc;

/// An open store, and what its seal slots can be changed with.
pub struct Opened {
    /// The store.
    pub vault: Arc<Vault>,
    /// Where its seal slots draw on.
    pub around: Arc<Surroundings>,
}

impl Opened {
    /// The seal slots, as rows and read, and the master key: found anew, because another process may
    /// have made another since the store was opened.
    pub fn unseal(&self) -> Result<(Vec<Row>, Vec<Slot>, MasterKey)> {
        let rows = self.vault.seal_slots()?;
        let slots = read_slots(&rows)?;
        let master = seal::open(&slots, self.vault.id(), &self.around)?;
        Ok((rows, slots, master))
    }
}

/// A store that is there and has not been opened.
pub struct Closed {
    /// The identity of the store.
    pub id: [u8; 16],
    /// The ways to its master key.
    pub slots: Vec<Slot>,
    store: Sqlite,
    around: Surroundings,
}

/// Finds the store of a configuration; none where there is none yet.
pub fn find_store(config: &Config, passphrase: Option<Secret>) -> Result<Option<Closed>> {
    let around = surroundings(config, passphrase)?;
    match files::is_there(&around.paths.database()) {
        Ok(true) => {}
        Ok(false) => return Ok(None),
        Err(error) => {
            let directory = around.paths.directory.display();
            tracing::error!("cannot look into {directory}: {error}; give this user the right to");
            return Err(Error::DeviceError);
        }
    }
    files::check_directory(&around.paths.directory, around.access)?;
    // The descriptor is let go before SQLite opens the file: closing one later would drop the
    // process's locks on it (POSIX advisory locks belong to process and file, not to descriptor).
    drop(files::open(&around.paths.database(), around.access)?);
    for companion in around.paths.companions() {
        files::check_file(&companion, around.access)?;
    }
    let store = Sqlite::open(&database(&around.paths)?)?;
    let (id, rows) = Vault::sealed_by(&store)?;
    let slots = read_slots(&rows)?;
    Ok(Some(Closed { id, slots, store, around }))
}

/// Opens the store of a configuration; none where there is none yet. `passphrase` is one that
/// someone typed, for a seal slot that wants it.
pub fn open_store(config: &Config, passphrase: Option<Secret>) -> Result<Option<Opened>> {
    let Some(closed) = find_store(config, passphrase)? else { return Ok(None) };
    let Closed { store, around, .. } = closed;
    let around = Arc::new(around);
    let changes = Counter::open(&around.paths.changes(), around.access)?;
    let kept = around.clone();
    let unseal: Unseal = Box::new(move |id, rows| {
        let master = seal::open(&read_slots(rows)?, id, &kept)?;
        Ok((master.key, master.generation))
    });
    let vault = Vault::open(Box::new(store), unseal, changes, seal::stretch)?;
    Ok(Some(Opened { vault: Arc::new(vault), around }))
}

fn read_slots(rows: &[Row]) -> Result<Vec<Slot>> {
    rows.iter().map(|row| Slot::decode(&row.body)).collect()
}

/// Makes the file of the change counter anew where it is missing, and as long as it must be where it is
/// too short; whether it did. Nobody may be using the store.
pub fn mend_counter(config: &Config) -> Result<bool> {
    let around = surroundings(config, None)?;
    let path = around.paths.changes();
    if !files::is_there(&around.paths.database()).unwrap_or(false) {
        return Ok(false);
    }
    files::check_directory(&around.paths.directory, around.access)?;
    let _lock = files::lock_directory(&around.paths.directory)?;
    if std::fs::symlink_metadata(&path).is_err() {
        files::create(&path, around.access, &[0; Counter::LENGTH])?;
        return files::sync_directory(&around.paths.directory).map(|()| true);
    }
    let (file, writable) = files::open(&path, around.access)?;
    let length = file.metadata().map_or(0, |found| found.len());
    if !writable || length >= Counter::LENGTH as u64 {
        return Ok(false);
    }
    file.set_len(Counter::LENGTH as u64).map_err(|_| Error::DeviceMemory).map(|()| true)
}

/// Makes the store of a configuration, with one seal slot of this kind, and opens it. Where another
/// process is making it, waits and opens what that made.
pub fn create_store(
    config: &Config,
    kind: seal::Kind,
    passphrase: Option<Secret>,
) -> Result<Opened> {
    let _limits = Unsignalled::begin();
    let around = surroundings(config, passphrase)?;
    files::make_directory(&around.paths.directory, around.access)?;
    let lock = files::lock_directory(&around.paths.directory)?;
    if !files::is_there(&around.paths.database()).unwrap_or(true) {
        make(&around, kind)?;
    }
    drop(lock);
    let typed = around.passphrase.as_ref().map(Secret::duplicate).transpose()?;
    open_store(config, typed)?.ok_or(Error::DeviceError)
}

/// Builds the store under a name of its own and gives it its true name last: a store that was
/// interrupted while it was made was never there. The draft is made first and goes last, so that a
/// seal file beside no draft is known to be a store's whose database is missing: it is not touched.
fn make(around: &Surroundings, kind: seal::Kind) -> Result<()> {
    let paths = &around.paths;
    let draft = paths.directory.join("store.draft");
    let journals =
        ["wal", "shm"].map(|suffix| paths.directory.join(format!("store.draft-{suffix}")));
    if draft.exists() {
        for leftover in [&paths.seal(1, 1), &paths.changes()].into_iter().chain(&journals) {
            files::remove_if_there(leftover)?;
        }
        files::remove_if_there(&draft)?;
    } else if paths.seal(1, 1).exists() {
        tracing::error!(
            "{} is there without its database: restore store.db beside it, or move it away if that \
             store is given up",
            paths.seal(1, 1).display()
        );
        return Err(Error::DeviceError);
    }
    files::remove_if_there(&paths.changes())?;
    files::create(&draft, around.access, &[])?;
    files::sync_directory(&paths.directory)?;
    let mut id = [0; 16];
    primitive::random(&mut id)?;
    let master = MasterKey::generate()?;
    let slot = seal::create(kind, 1, kind.name(), &id, &master, around)?;
    files::create(&paths.changes(), around.access, &[0; Counter::LENGTH])?;
    let store = Sqlite::create(&draft)?;
    Vault::initialise(&store, id, &master.key, &Row { id: 1, body: slot.encode() })?;
    store.settle()?;
    for journal in &journals {
        files::remove_if_there(journal)?;
    }
    std::fs::rename(&draft, paths.database())
        .map_err(|error| files::complain("rename", &draft, &error))?;
    files::sync_directory(&paths.directory)
}

fn surroundings(config: &Config, passphrase: Option<Secret>) -> Result<Surroundings> {
    let file = &config.store.passphrase_file;
    Ok(Surroundings {
        paths: Paths { directory: config.store.path.clone() },
        access: Access::for_group(&config.store.group)?,
        passphrase_file: (!file.as_os_str().is_empty()).then(|| file.clone()),
        passphrase,
        kdf: config.kdf.clone(),
    })
}

/// SQLite refuses links anywhere in the name it is given, so the directory's own are resolved.
fn database(paths: &Paths) -> Result<PathBuf> {
    let directory = paths.directory.canonicalize().map_err(|_| Error::DeviceError)?;
    Ok(Paths { directory }.database())
}
