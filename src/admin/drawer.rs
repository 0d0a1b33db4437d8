// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The directory `watch/` of a store: small files of what was seen and summed. All of it can be made
//! anew from the audit log; nothing secret is in it.

use super::diagnostics::capture;
use super::failure::{Failure, Outcome};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::files::{self, Access};
use rustix::fs::{FlockOperation, flock};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;

/// The directory.
pub(super) struct Drawer {
    directory: PathBuf,
    access: Access,
    /// Whether a group shares the store.
    shared: bool,
}

/// What the last verification of the log found.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Verified {
    /// When it was: RFC 3339, UTC.
    pub time: String,
    /// Whether nothing was wrong.
    pub sound: bool,
    /// How many records are as they were written.
    pub records: u64,
}

impl Drawer {
    pub(super) fn of(config: &Config) -> Outcome<Drawer> {
        let access = Access::for_group(&config.store.group);
        let access = access.map_err(|error| Failure::of("cannot use the store", error))?;
        let shared = !config.store.group.is_empty();
        Ok(Drawer { directory: config.store.path.join("watch"), access, shared })
    }

    /// What was put there; none where there is nothing that can be used.
    pub(super) fn get<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let path = self.directory.join(name);
        if !files::is_there(&path).unwrap_or(false) {
            return None;
        }
        let (file, _) = files::open(&path, self.access).ok()?;
        let mut text = String::new();
        file.take(MOST).read_to_string(&mut text).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// Makes the directory. Root, who may write everywhere, leaves nothing of its own in the store of
    /// somebody else, who could not write there any more.
    fn make(&self) -> Result<()> {
        let store = self.directory.parent().and_then(|store| store.metadata().ok());
        let owner = store.map(|store| store.uid());
        if !self.shared && owner != Some(rustix::process::geteuid().as_raw()) {
            return Err(Error::TokenWriteProtected);
        }
        files::make_directory(&self.directory, self.access)
    }

    /// Puts something there, whole: nobody reads half of it.
    pub(super) fn put<T: Serialize>(&self, name: &str, what: &T) -> Result<()> {
        let text = serde_json::to_string(what).map_err(|_| Error::GeneralError)?;
        self.make()?;
        let temporary = self.directory.join(format!("new-{name}-{}", std::process::id()));
        files::remove_if_there(&temporary)?;
        files::create(&temporary, self.access, text.as_bytes())?;
        let path = self.directory.join(name);
        std::fs::rename(&temporary, &path)
            .map_err(|error| files::complain("rename", &path, &error))?;
        files::sync_directory(&self.directory)
    }

    /// Holds off others of the same kind until the file is dropped; none where there is one already.
    pub(super) fn alone(&self, name: &str) -> Result<Option<File>> {
        self.make()?;
        let path = self.directory.join(name);
        if !files::is_there(&path).unwrap_or(true) {
            // Another that is faster makes the same.
            let _ = files::create(&path, self.access, b"");
        }
        let (file, _) = files::open(&path, self.access)?;
        Ok(flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok().then_some(file))
    }
}

/// Keeps what a verification of the store's log found, for metrics and alarms, where whoever verifies may
/// write the store; whether that was so.
pub fn keep_verified(config: &Config, sound: bool, records: u64) -> bool {
    let verified = Verified { time: jiff::Timestamp::now().to_string(), sound, records };
    let keep = || Drawer::of(config).is_ok_and(|drawer| drawer.put(VERIFIED, &verified).is_ok());
    capture(keep).0
}

/// The file of the last verification.
pub(super) const VERIFIED: &str = "verified";
/// The longest file that is read, bytes.
const MOST: u64 = 256 << 20;
