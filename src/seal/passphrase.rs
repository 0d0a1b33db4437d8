// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Seal slots of kind `passphrase`: Argon2id (RFC 9106) over a passphrase that was typed, or that
//! rests in a file or in the service manager's credential directory.

use super::{KEY, Protector, Surroundings};
use crate::codec::{Reader, Writer};
use crate::config::{Kdf, MAX_PIN, variable};
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::primitive;
use crate::secret::{Secret, on_clean_stack};
use std::path::{Path, PathBuf};

pub(super) struct Passphrase;

impl Protector for Passphrase {
    fn create(&self, _: u32, around: &Surroundings) -> Result<(Secret, Vec<u8>)> {
        let Some(passphrase) = &around.passphrase else { return Err(Error::ArgumentsBad) };
        protect(passphrase, &around.kdf)
    }

    fn renew(&self, _: u32, _: &[u8], around: &Surroundings) -> Result<(Secret, Vec<u8>)> {
        protect(&kept(around)?.ok_or(Error::ArgumentsBad)?, &around.kdf)
    }

    fn find(&self, _: u32, parameters: &[u8], around: &Surroundings) -> Result<Option<Secret>> {
        let mut reader = Reader::new(parameters);
        let salt: [u8; SALT] = reader.array()?;
        let kdf = Kdf { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? };
        reader.end()?;
        let passphrase = kept(around)?;
        passphrase.map(|passphrase| stretch(passphrase.expose(), &salt, &kdf)).transpose()
    }

    fn remove(&self, _: u32, _: &[u8], _: &Surroundings) -> Result<()> {
        Ok(())
    }

    fn forget_former(&self, _: u32, _: &[u8], _: &Surroundings) -> Result<()> {
        Ok(())
    }
}

/// A secret of a passphrase, with a new salt.
fn protect(passphrase: &Secret, kdf: &Kdf) -> Result<(Secret, Vec<u8>)> {
    let mut salt = [0; SALT];
    primitive::random(&mut salt)?;
    let Kdf { memory_kib, passes, lanes } = *kdf;
    let parameters = Writer::default().raw(&salt).u32(memory_kib).u32(passes).u32(lanes).finish();
    Ok((stretch(passphrase.expose(), &salt, kdf)?, parameters))
}

/// The passphrase that is at hand: typed, or where an unattended process finds it.
fn kept(around: &Surroundings) -> Result<Option<Secret>> {
    match &around.passphrase {
        Some(typed) => typed.duplicate().map(Some),
        None => {
            let sources = sources(around);
            let file = sources.iter().find(|file| file.exists());
            file.map(|file| read(file, around)).transpose()
        }
    }
}

/// A key from a PIN or passphrase, at the cost that `kdf` says.
pub fn stretch(passphrase: &[u8], salt: &[u8], kdf: &Kdf) -> Result<Secret> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};
    // Parameters come from records: a forged one must not make us allocate without bound.
    let work = u64::from(kdf.memory_kib) * u64::from(kdf.passes);
    if kdf.memory_kib > LARGEST_KIB || work > MOST_WORK || kdf.lanes > 64 {
        return Err(Error::DeviceError);
    }
    let params = Params::new(kdf.memory_kib, kdf.passes, kdf.lanes, Some(KEY))
        .map_err(|_| Error::DeviceError)?;
    let mut blocks = Vec::new();
    blocks.try_reserve_exact(params.block_count()).map_err(|_| Error::HostMemory)?;
    blocks.resize_with(params.block_count(), Block::default);
    let argon = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    let key = Secret::with(KEY, |out| {
        on_clean_stack(|| argon.hash_password_into_with_memory(passphrase, salt, out, &mut blocks))
            .map_err(|_| Error::FunctionFailed)
    });
    use zeroize::Zeroize;
    blocks.iter_mut().for_each(Zeroize::zeroize);
    key
}

/// Where an unattended process finds the passphrase, the first that exists.
fn sources(around: &Surroundings) -> Vec<PathBuf> {
    let credentials = variable("CREDENTIALS_DIRECTORY")
        .map(|directory| Path::new(&directory).join("strongroom-passphrase"));
    around.passphrase_file.iter().cloned().chain(credentials).collect()
}

/// The first line of a file that nobody else can read, without its end.
fn read(path: &Path, around: &Surroundings) -> Result<Secret> {
    let mut secret = Secret::zeroed(MAX_PIN + 2)?;
    let len = files::read(path, around.access, secret.expose_mut())?;
    let line = secret.expose().iter().take(len).take_while(|byte| !matches!(byte, b'\r' | b'\n'));
    let len = line.count();
    secret.truncate(len);
    Ok(secret)
}

const SALT: usize = 16;
/// 4 GiB.
const LARGEST_KIB: u32 = 4 << 20;
/// Memory times passes, KiB: some minutes, not hours.
const MOST_WORK: u64 = 16 << 20;
