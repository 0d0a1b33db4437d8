// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Seal slots of kind `passphrase`: Argon2id (RFC 9106) over a passphrase that was typed, or that
//! rests in a file or in the service manager's credential directory.

use super::{KEY, Protector, Surroundings};
use crate::codec::{Reader, Writer};
use crate::config::{Kdf, MAX_PIN};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::io::Read;
use std::path::{Path, PathBuf};

pub(super) struct Passphrase;

impl Protector for Passphrase {
    fn create(&self, _: u32, around: &Surroundings) -> Result<(Secret, Vec<u8>)> {
        let Some(passphrase) = &around.passphrase else { return Err(Error::ArgumentsBad) };
        let mut salt = [0; SALT];
        primitive::random(&mut salt)?;
        let Kdf { memory_kib, passes, lanes } = around.kdf;
        let parameters =
            Writer::default().raw(&salt).u32(memory_kib).u32(passes).u32(lanes).finish();
        Ok((stretch(passphrase.expose(), &salt, &around.kdf)?, parameters))
    }

    fn find(&self, _: u32, parameters: &[u8], around: &Surroundings) -> Result<Option<Secret>> {
        let mut reader = Reader::new(parameters);
        let salt: [u8; SALT] = reader.array()?;
        let kdf = Kdf { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        reader.end()?;
        let kept = match &around.passphrase {
            Some(typed) => Some(typed.duplicate()?),
            None => {
                sources(around).iter().find(|file| file.exists()).map(|f| read(f)).transpose()?
            }
        };
        kept.map(|passphrase| stretch(passphrase.expose(), &salt, &kdf)).transpose()
    }

    fn remove(&self, _: u32, _: &Surroundings) -> Result<()> {
        Ok(())
    }
}

/// A key from a PIN or passphrase, at the cost that `kdf` says.
pub fn stretch(passphrase: &[u8], salt: &[u8], kdf: &Kdf) -> Result<Secret> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    // Parameters come from records: a forged one must not make us allocate without bound.
    if kdf.memory_kib > LARGEST_KIB || kdf.passes > 1 << 16 || kdf.lanes > 64 {
        return Err(Error::DeviceError);
    }
    let params = Params::new(kdf.memory_kib, kdf.passes, kdf.lanes, Some(KEY))
        .map_err(|_| Error::DeviceError)?;
    let mut blocks = vec![Block::default(); params.block_count()];
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let key = Secret::with(KEY, |out| {
        argon
            .hash_password_into_with_memory(passphrase, salt, out, &mut blocks)
            .map_err(|_| Error::FunctionFailed)
    });
    use zeroize::Zeroize;
    blocks.iter_mut().for_each(Zeroize::zeroize);
    key
}

/// Where an unattended process finds the passphrase, the first that exists.
fn sources(around: &Surroundings) -> Vec<PathBuf> {
    let credentials = std::env::var_os("CREDENTIALS_DIRECTORY")
        .map(|directory| Path::new(&directory).join("strongroom-passphrase"));
    around.passphrase_file.iter().cloned().chain(credentials).collect()
}

/// The first line of a file, without its end.
fn read(path: &Path) -> Result<Secret> {
    let mut file = std::fs::File::open(path).map_err(|error| {
        tracing::error!("cannot read the passphrase from {}: {error}", path.display());
        Error::DeviceError
    })?;
    let mut secret = Secret::zeroed(MAX_PIN + 2)?;
    let mut len = 0;
    while let Some(rest) = secret.expose_mut().get_mut(len..).filter(|rest| !rest.is_empty()) {
        match file.read(rest).map_err(|_| Error::DeviceError)? {
            0 => break,
            more => len += more,
        }
    }
    let line = secret.expose().iter().take(len).take_while(|byte| !matches!(byte, b'\r' | b'\n'));
    let len = line.count();
    secret.truncate(len);
    Ok(secret)
}

const SALT: usize = 16;
/// 4 GiB.
const LARGEST_KIB: u32 = 4 << 20;
