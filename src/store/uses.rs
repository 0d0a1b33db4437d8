// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Use keys made, and what a holder has of one. It imports `super::{keys, token, vault}` and what all of
//! this room may.

use super::keys::{KEY, UseKey, UseSide};
use super::rotation::Former;
use super::token::{Token, Uses};
use super::vault::Vault;
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::mechanism::kem;
use crate::mechanism::primitive;
use crate::secret::Secret;

impl Vault {
    /// A new use key for a token, with the pair for deposits; and how the token's record keeps it.
    pub(super) fn fresh_uses(&self, token: &Token, token_key: &Secret) -> Result<(Uses, UseSide)> {
        let key = primitive::random_secret(KEY)?;
        let (public, seed) = kem::generate()?;
        let generation = token.use_generation() + 1;
        let seed = primitive::seal(&key, &self.seed_context(token, generation), seed.expose())?;
        let context = self.public_context(token, generation);
        let sealed = primitive::seal(token_key, &context, &public)?;
        let record = Uses { generation, public: sealed, seed: seed.clone() };
        let key = Some(UseKey::new(key));
        Ok((record, UseSide { generation, key, public: Some(public), seed }))
    }

    /// What a holder has of a token's use key. Where deposits go is authentic, because it rests sealed
    /// under the token key.
    pub(super) fn use_side(
        &self,
        token: &Token,
        token_key: Option<&Secret>,
        key: Option<Secret>,
    ) -> Result<UseSide> {
        let Some(uses) = &token.uses else { return Ok(UseSide::default()) };
        let public = token_key.map(|token_key| {
            let context = self.public_context(token, uses.generation);
            primitive::open(token_key, &context, &uses.public).map_err(altered)
        });
        let public = public.transpose()?.map(|public| public.expose().to_vec());
        let (generation, key) = (uses.generation, key.map(UseKey::new));
        Ok(UseSide { generation, key, public, seed: uses.seed.clone() })
    }

    /// The place of deposits under another token key.
    pub(super) fn moved_public(
        &self,
        token: &Token,
        uses: &Uses,
        (old, new): (&Secret, &Secret),
    ) -> Result<Vec<u8>> {
        let context = self.public_context(token, uses.generation);
        let public = primitive::open(old, &context, &uses.public).map_err(altered)?;
        primitive::seal(new, &context, public.expose())
    }

    /// What a rotation leaves of the use key before.
    pub(super) fn former(&self, token: &Token, old: &UseSide, new: &Secret) -> Result<Former> {
        let key = old.key.as_ref().ok_or(Error::UserNotLoggedIn)?;
        let context = self.former_use_context(token, old.generation);
        Ok(Former {
            key: primitive::seal(new, &context, key.key.expose())?,
            seed: old.seed.clone(),
        })
    }

    /// What a holder has of the use key before; the key where they have the one now.
    pub(super) fn former_side(
        &self,
        token: &Token,
        former: &Former,
        now: &UseSide,
    ) -> Result<UseSide> {
        let generation = now.generation.checked_sub(1).ok_or(Error::DeviceError)?;
        let key = now.key.as_ref().map(|now| {
            let context = self.former_use_context(token, generation);
            primitive::open(&now.key, &context, &former.key).map_err(altered)
        });
        let key = key.transpose()?.map(UseKey::new);
        Ok(UseSide { generation, key, public: None, seed: former.seed.clone() })
    }

    /// What the seed of the pair for deposits is bound to.
    pub(super) fn seed_context(&self, token: &Token, generation: u32) -> Vec<u8> {
        deposit_context(b"strongroom deposit seed", &self.id, &token.uuid, generation)
    }

    fn public_context(&self, token: &Token, generation: u32) -> Vec<u8> {
        deposit_context(b"strongroom deposit key", &self.id, &token.uuid, generation)
    }

    fn former_use_context(&self, token: &Token, generation: u32) -> Vec<u8> {
        deposit_context(b"strongroom former use key", &self.id, &token.uuid, generation)
    }
}

/// What the keys for deposits, and a use key on its way out, are bound to.
pub(super) fn deposit_context(
    name: &[u8],
    store: &[u8; 16],
    uuid: &[u8; 16],
    generation: u32,
) -> Vec<u8> {
    Writer::versioned(VERSION).raw(name).raw(store).raw(uuid).u32(generation).finish()
}

pub(super) fn altered(_: Error) -> Error {
    tracing::error!("the keys for deposits were altered: run 'strongroom check'");
    Error::DeviceError
}

const VERSION: u8 = 1;
