// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The key that signs checkpoints: kept sealed, and its public half for all to read.

use super::head::Seals;
use super::lines;
use super::note;
use super::segments::{Place, put_anew};
use crate::error::{Error, Result};
use crate::files;
use crate::mechanism::ed25519::Signer;
use crate::mechanism::primitive;
use crate::secret::Secret;

/// Makes the key of a new log.
pub(super) fn make(place: &Place, seals: &Seals) -> Result<()> {
    let seed = primitive::random_secret(32)?;
    let public = Signer::new(&seed)?.public();
    let key = seals.derive(SIGNER, &[])?;
    put_anew(place, &place.signer(), &primitive::seal(&key, SIGNER, seed.expose())?)?;
    let line = note::verifier(&note::origin(&place.store), &public)? + "\n";
    put_anew(place, &place.verifier(), line.as_bytes())
}

/// Whether there is a key, and what others believe is of it.
pub(super) fn is_there(place: &Place, key: &Secret) -> bool {
    let there = place.signer().try_exists().unwrap_or(false);
    let line = there.then(|| verifier(place, key).ok()).flatten();
    let kept = lines::small(&place.verifier(), LONGEST as u64).ok();
    line.is_some_and(|line| kept.is_some_and(|kept| kept.trim_ascii() == line.as_bytes()))
}

/// Opens the key.
pub(super) fn open(place: &Place, seals: &Seals) -> Result<Signer> {
    let mut sealed = [0; LONGEST];
    let length = files::read(&place.signer(), place.access, &mut sealed)?;
    unseal(place, seals, sealed.get(..length).ok_or(Error::DeviceError)?)
}

/// Brings the key from former keys of the log under the one of now; where it is under none of them,
/// nothing is done.
pub(super) fn bring(place: &Place, seals: &Seals, former: &[Secret]) -> Result<()> {
    let mut sealed = [0; LONGEST];
    let length = files::read(&place.signer(), place.access, &mut sealed)?;
    let sealed = sealed.get(..length).ok_or(Error::DeviceError)?;
    if seed(seals, sealed).is_ok() {
        return Ok(());
    }
    for former in former {
        let Ok(seed) = seed(&Seals::new(former, place.store)?, sealed) else { continue };
        let key = seals.derive(SIGNER, &[])?;
        let temporary = place.directory.join("new-signer");
        put_anew(place, &temporary, &primitive::seal(&key, SIGNER, seed.expose())?)?;
        std::fs::rename(&temporary, place.signer())
            .map_err(|error| files::complain("replace", &place.signer(), &error))?;
        return files::sync_directory(&place.directory);
    }
    Ok(())
}

fn seed(seals: &Seals, sealed: &[u8]) -> Result<Secret> {
    primitive::open(&seals.derive(SIGNER, &[])?, SIGNER, sealed)
}

fn unseal(place: &Place, seals: &Seals, sealed: &[u8]) -> Result<Signer> {
    let seed = seed(seals, sealed).map_err(|_| {
        tracing::error!("{} was altered: restore a backup", place.signer().display());
        Error::DeviceError
    })?;
    Signer::new(&seed)
}

/// What to check checkpoints with, as the sealed key has it: the file beside it may have been altered.
/// Whoever may read it may look: the log may be a copy.
pub fn verifier(place: &Place, key: &Secret) -> Result<String> {
    let sealed = lines::small(&place.signer(), LONGEST as u64).map_err(|_| Error::DeviceError)?;
    let signer = unseal(place, &Seals::new(key, place.store)?, &sealed)?;
    note::verifier(&note::origin(&place.store), &signer.public())
}

const SIGNER: &[u8] = b"strongroom audit signer";
/// More than it is, bytes.
const LONGEST: usize = 256;
