// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The material of private keys, sealed once more under the use key of the token; and deposits by who
//! makes keys and may not use them.

use super::keys::{Deposit, KEY, Keys, UseKey};
use super::token::{Token, Uses};
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
        let material = material.expose();
        let mut blob = Writer::versioned(VERSION);
        if let Some(uses) = &keys.uses {
            let context = self.material_context(keys, DIRECT, &[]);
            blob.u8(DIRECT).raw(&primitive::seal(&uses.key, &context, material)?);
            return Ok(Some(blob.finish()));
        }
        let Some(deposit) = &keys.deposit else { return Ok(None) };
        let (ciphertext, shared) = kem::encapsulate(&deposit.public)?;
        let context = self.material_context(keys, DEPOSIT, &ciphertext);
        let key = deposit_key(&shared, &context)?;
        blob.u8(DEPOSIT).bytes(&ciphertext).raw(&primitive::seal(&key, &context, material)?);
        Ok(Some(blob.finish()))
    }

    /// Opens the material of a key; none where the caller does not have the use key.
    pub fn open_material(&self, keys: &Keys, blob: &[u8]) -> Result<Option<Secret>> {
        let Some(uses) = &keys.uses else { return Ok(None) };
        let mut reader = Reader::versioned(blob, VERSION)?;
        let opened = match reader.u8()? {
            DIRECT => {
                let context = self.material_context(keys, DIRECT, &[]);
                primitive::open(&uses.key, &context, reader.rest())
            }
            DEPOSIT => {
                let ciphertext = reader.bytes()?;
                let context = self.material_context(keys, DEPOSIT, ciphertext);
                let shared = self.opener(keys, uses)?.decapsulate(ciphertext)?;
                primitive::open(&deposit_key(&shared, &context)?, &context, reader.rest())
            }
            _ => return Err(Error::TokenNotRecognized),
        };
        opened.map(Some).map_err(|_| {
            tracing::error!("the material of a key was altered: run 'strongroom check'");
            Error::DeviceError
        })
    }

    /// A new use key for a token, with the pair for deposits; and how the token's record keeps it.
    pub(super) fn fresh_uses(&self, token: &Token, keys: &mut Keys) -> Result<Uses> {
        let uses = UseKey::new(primitive::random_secret(KEY)?);
        let (public, seed) = kem::generate()?;
        let token_key = keys.token.as_ref().ok_or(Error::GeneralError)?;
        keys.use_generation = token.use_generation() + 1;
        let (public_context, seed_context) = self.deposit_contexts(keys);
        let record = Uses {
            generation: keys.use_generation,
            public: primitive::seal(&token_key.key, &public_context, &public)?,
            seed: primitive::seal(&uses.key, &seed_context, seed.expose())?,
        };
        keys.uses = Some(uses);
        Ok(record)
    }

    /// Where deposits go: authentic, because it rests sealed under the token key.
    pub(super) fn deposit(&self, token: &Token, keys: &Keys) -> Result<Option<Deposit>> {
        let (Some(uses), Some(token_key)) = (&token.uses, &keys.token) else { return Ok(None) };
        let (context, _) = self.deposit_contexts(keys);
        let public = primitive::open(&token_key.key, &context, &uses.public).map_err(altered)?;
        Ok(Some(Deposit { public: public.expose().to_vec(), seed: uses.seed.clone() }))
    }

    fn opener<'a>(&self, keys: &Keys, uses: &'a UseKey) -> Result<&'a Decapsulator> {
        if let Some(opener) = uses.opener.get() {
            return Ok(opener);
        }
        let deposit = keys.deposit.as_ref().ok_or(Error::DeviceError)?;
        let (_, context) = self.deposit_contexts(keys);
        let seed = primitive::open(&uses.key, &context, &deposit.seed).map_err(altered)?;
        let opener = Decapsulator::new(&seed)?;
        Ok(uses.opener.get_or_init(|| opener))
    }

    /// What material is bound to. The record that carries it binds it to its object; a copy carries it
    /// over as it is.
    fn material_context(&self, keys: &Keys, form: u8, ciphertext: &[u8]) -> Vec<u8> {
        Writer::versioned(VERSION)
            .raw(b"strongroom material")
            .raw(&self.id)
            .raw(&keys.uuid)
            .u32(keys.use_generation)
            .u8(form)
            .bytes(ciphertext)
            .finish()
    }

    fn deposit_contexts(&self, keys: &Keys) -> (Vec<u8>, Vec<u8>) {
        let context = |name: &[u8]| {
            let mut writer = Writer::versioned(VERSION);
            writer.raw(name).raw(&self.id).raw(&keys.uuid).u32(keys.use_generation).finish()
        };
        (context(b"strongroom deposit key"), context(b"strongroom deposit seed"))
    }
}

/// The key of one deposit.
fn deposit_key(shared: &Secret, context: &[u8]) -> Result<Secret> {
    primitive::hkdf_sha256(shared.expose(), &[], context, KEY)
}

fn altered(_: Error) -> Error {
    tracing::error!("the keys for deposits were altered: run 'strongroom check'");
    Error::DeviceError
}

/// The format of sealed material, and of the contexts here.
const VERSION: u8 = 1;
/// Sealed under the use key.
const DIRECT: u8 = 1;
/// Sealed under a key shared with the holders of the use key.
const DEPOSIT: u8 = 2;
