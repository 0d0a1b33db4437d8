// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Seal slots of kind `file`: 32 random bytes in a file beside the store. It protects copies and
//! backups of the database; who has the whole directory has the master key.

use super::{KEY, Protector, Surroundings};
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::files::{self, Paths};
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::path::{Path, PathBuf};

pub(super) struct File;

impl Protector for File {
    fn create(&self, id: u32, around: &Surroundings) -> Result<(Secret, Vec<u8>)> {
        let path = around.paths.seal(id, FIRST);
        if path.exists() {
            tracing::error!("{} is there already: move it away first", path.display());
        }
        make(&path, around).map(|secret| (secret, Vec::new()))
    }

    fn renew(
        &self,
        id: u32,
        parameters: &[u8],
        around: &Surroundings,
    ) -> Result<(Secret, Vec<u8>)> {
        // A file that is there already is of one who was interrupted before the slot's row was written,
        // or opens another copy of the database: it is not touched.
        let mut next = number(parameters)?;
        let path = loop {
            next = next.checked_add(1).ok_or(Error::GeneralError)?;
            let path = around.paths.seal(id, next);
            if !path.exists() {
                break path;
            }
        };
        make(&path, around).map(|secret| (secret, Writer::default().u32(next).finish()))
    }

    fn find(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<Option<Secret>> {
        let path = path(&around.paths, id, parameters)?;
        if !path.exists() {
            tracing::error!(
                "the seal file {} is missing: restore it{}",
                path.display(),
                former(id, parameters, around)
            );
            return Ok(None);
        }
        // One byte more than a key, so that a longer file is seen to be wrong.
        let mut secret = Secret::zeroed(KEY + 1)?;
        if files::read(&path, around.access, secret.expose_mut())? != KEY {
            tracing::error!("the seal file {} does not hold {KEY} bytes", path.display());
            return Err(Error::TokenNotRecognized);
        }
        secret.truncate(KEY);
        Ok(Some(secret))
    }

    fn remove(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<()> {
        wipe(&path(&around.paths, id, parameters)?, around)?;
        files::sync_directory(&around.paths.directory)
    }

    fn forget_former(&self, id: u32, parameters: &[u8], around: &Surroundings) -> Result<()> {
        for number in FIRST..number(parameters)? {
            wipe(&around.paths.seal(id, number), around)?;
        }
        files::sync_directory(&around.paths.directory)
    }
}

/// The file of a slot: each secret that it ever had has a name of its own, so that which one is in
/// force changes with the slot's row, and with nothing else.
pub(super) fn path(paths: &Paths, id: u32, parameters: &[u8]) -> Result<PathBuf> {
    Ok(paths.seal(id, number(parameters)?))
}

/// Which of the slot's secrets it is: the first is not numbered in the row.
fn number(parameters: &[u8]) -> Result<u32> {
    if parameters.is_empty() {
        return Ok(FIRST);
    }
    let mut reader = Reader::new(parameters);
    let number = reader.u32()?;
    reader.end()?;
    if number > FIRST { Ok(number) } else { Err(Error::DeviceError) }
}

fn make(path: &Path, around: &Surroundings) -> Result<Secret> {
    let secret = primitive::random_secret(KEY)?;
    files::create(path, around.access, secret.expose())?;
    files::sync_directory(&around.paths.directory)?;
    Ok(secret)
}

/// Overwritten first: where the file system writes in place, the old secret is gone.
fn wipe(path: &Path, around: &Surroundings) -> Result<()> {
    if !path.exists() {
        return Ok(());
    }
    if let Ok((mut file, true)) = files::open(path, around.access) {
        use std::io::Write;
        let _ = file.write_all(&[0; KEY]).and_then(|()| file.sync_all());
    }
    files::remove_if_there(path)
}

/// What to say of the file of a former secret that is there in place of the right one.
fn former(id: u32, parameters: &[u8], around: &Surroundings) -> String {
    let right = number(parameters).unwrap_or(FIRST);
    let old = (FIRST..right).map(|number| around.paths.seal(id, number)).find(|old| old.exists());
    old.map_or(String::new(), |old| {
        format!(" ({} is from before this slot was rotated, and opens it no more)", old.display())
    })
}

const FIRST: u32 = 1;
