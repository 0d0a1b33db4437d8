// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Seal slots of kind `file`: 32 random bytes in a file beside the store. It protects copies and
//! backups of the database; who has the whole directory has the master key.

use super::{KEY, Protector, Surroundings};
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::primitive;
use crate::secret::Secret;

pub(super) struct File;

impl Protector for File {
    fn create(&self, id: u32, around: &Surroundings) -> Result<(Secret, Vec<u8>)> {
        let secret = primitive::random_secret(KEY)?;
        if around.paths.seal(id).exists() {
            let path = around.paths.seal(id);
            tracing::error!("{} is there already: move it away first", path.display());
        }
        files::create(&around.paths.seal(id), around.access, secret.expose())?;
        files::sync_directory(&around.paths.directory)?;
        Ok((secret, Vec::new()))
    }

    fn find(&self, id: u32, _: &[u8], around: &Surroundings) -> Result<Option<Secret>> {
        let path = around.paths.seal(id);
        if !path.exists() {
            tracing::error!("the seal file {} is missing: restore it", path.display());
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

    fn remove(&self, id: u32, around: &Surroundings) -> Result<()> {
        let path = around.paths.seal(id);
        // Overwritten first: where the file system writes in place, the old secret is gone.
        if let Ok((mut file, true)) = files::open(&path, around.access) {
            use std::io::Write;
            let _ = file.write_all(&[0; KEY]).and_then(|()| file.sync_all());
        }
        std::fs::remove_file(&path).map_err(|_| Error::DeviceError)?;
        files::sync_directory(&around.paths.directory)
    }
}
