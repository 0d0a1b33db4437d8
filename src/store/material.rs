// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The material of private keys, sealed once more under the use key of the token; and deposits by who
//! makes keys and may not use them.

use super::keys::{KEY, Keys, TokenKeys, UseKey, UseSide};
use super::uses::{altered, deposit_context};
use super::vault::Vault;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::kem::{self, Decapsulator};
use crate::mechanism::primitive;
use crate::secret::Secret;

impl Vault {
    /// Seals the material of a key for those who use keys: under the use key, or by deposit where the
    /// caller has none. None where the token has no use key.
    pub fn seal_material(&self, keys: &Keys, material: &Secret) -> Result<Option<Vec<u8>>> {
        self.seal_under(&keys.uuid, &keys.current().uses, material)
    }

    /// Opens the material of a key; none where the caller does not have the use key. `KeysRenewed` where
    /// it rests under one that is gone by now, or under one that the caller has not read yet.
    pub fn open_material(&self, keys: &Keys, blob: &[u8]) -> Result<Option<Secret>> {
        let held = keys.current();
        if held.uses.key.is_none() {
            return Ok(None);
        }
        self.open_under(&keys.uuid, &held, blob).map(Some)
    }

    /// The material of a key under the use key of now. The caller has both.
    pub(super) fn renew_material(
        &self,
        uuid: &[u8; 16],
        held: &TokenKeys,
        blob: &[u8],
    ) -> Result<Vec<u8>> {
        let material = self.open_under(uuid, held, blob)?;
        self.seal_under(uuid, &held.uses, &material)?.ok_or(Error::GeneralError)
    }

    fn seal_under(
        &self,
        uuid: &[u8; 16],
        side: &UseSide,
        material: &Secret,
    ) -> Result<Option<Vec<u8>>> {
        let (generation, material) = (side.generation, material.expose());
        let mut blob = Writer::versioned(VERSION);
        blob.u32(generation);
        if let Some(uses) = &side.key {
            let context = self.material_context(uuid, generation, DIRECT, &[]);
            blob.u8(DIRECT).raw(&primitive::seal(&uses.key, &context, material)?);
            return Ok(Some(blob.finish()));
        }
        let Some(public) = &side.public else { return Ok(None) };
        let (ciphertext, shared) = kem::encapsulate(public)?;
        let context = self.material_context(uuid, generation, DEPOSIT, &ciphertext);
        let key = deposit_key(&shared, &context)?;
        blob.u8(DEPOSIT).bytes(&ciphertext).raw(&primitive::seal(&key, &context, material)?);
        Ok(Some(blob.finish()))
    }

    fn open_under(&self, uuid: &[u8; 16], held: &TokenKeys, blob: &[u8]) -> Result<Secret> {
        let (generation, mut reader) = begun(blob)?;
        let side = held.use_side(generation).ok_or(Error::KeysRenewed)?;
        let uses = side.key.as_ref().ok_or(Error::KeysRenewed)?;
        let opened = match reader.u8()? {
            DIRECT => {
                let context = self.material_context(uuid, generation, DIRECT, &[]);
                primitive::open(&uses.key, &context, reader.rest())
            }
            DEPOSIT => {
                let ciphertext = reader.bytes()?;
                let context = self.material_context(uuid, generation, DEPOSIT, ciphertext);
                let shared = self.opener(uuid, side, uses)?.decapsulate(ciphertext)?;
                primitive::open(&deposit_key(&shared, &context)?, &context, reader.rest())
            }
            _ => return Err(Error::TokenNotRecognized),
        };
        opened.map_err(|_| {
            tracing::error!("the material of a key was altered: run 'strongroom check'");
            Error::DeviceError
        })
    }

    fn opener<'a>(
        &self,
        uuid: &[u8; 16],
        side: &UseSide,
        uses: &'a UseKey,
    ) -> Result<&'a Decapsulator> {
        if let Some(opener) = uses.opener.get() {
            return Ok(opener);
        }
        let context = deposit_context(b"strongroom deposit seed", &self.id, uuid, side.generation);
        let seed = primitive::open(&uses.key, &context, &side.seed).map_err(altered)?;
        let opener = Decapsulator::new(&seed)?;
        Ok(uses.opener.get_or_init(|| opener))
    }

    /// What material is bound to. The record that carries it binds it to its object; a copy carries it
    /// over as it is.
    fn material_context(
        &self,
        uuid: &[u8; 16],
        generation: u32,
        form: u8,
        ciphertext: &[u8],
    ) -> Vec<u8> {
        Writer::versioned(FIRST_VERSION)
            .raw(b"strongroom material")
            .raw(&self.id)
            .raw(uuid)
            .u32(generation)
            .u8(form)
            .bytes(ciphertext)
            .finish()
    }
}

/// Which use key sealed material rests under.
pub fn material_generation(blob: &[u8]) -> Result<u32> {
    begun(blob).map(|(generation, _)| generation)
}

/// The generation of sealed material, and a reader behind it. The first format did not say: there was
/// one.
fn begun(blob: &[u8]) -> Result<(u32, Reader<'_>)> {
    let (version, mut reader) = Reader::of_versions(blob, FIRST_VERSION..=VERSION)?;
    let generation = if version == FIRST_VERSION { 1 } else { reader.u32()? };
    Ok((generation, reader))
}

/// The key of one deposit.
fn deposit_key(shared: &Secret, context: &[u8]) -> Result<Secret> {
    primitive::hkdf_sha256(shared.expose(), &[], context, KEY)
}

/// The format of sealed material; and the oldest that is read, which the contexts here are of.
const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;
/// Sealed under the use key.
const DIRECT: u8 = 1;
/// Sealed under a key shared with the holders of the use key.
const DEPOSIT: u8 = 2;
