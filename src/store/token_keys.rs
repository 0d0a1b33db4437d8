// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys read anew when the token's were renewed: by whoever is logged in, without a PIN. It imports
//! `super::{keys, shares, token, uses, vault}` and what all of this room may.

use super::keys::{Holds, KEY, Keys, Own, TokenKeys};
use super::shares::{self, Which};
use super::token::Token;
use super::vault::Vault;
use crate::codec::Writer;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::sync::Arc;

impl Vault {
    /// The keys as a token's record has them; read anew where they were renewed. `UserNotLoggedIn` where
    /// the holder has another PIN by now, or is there no more.
    pub(super) fn token_keys_at(&self, keys: &Keys, token: &Token) -> Result<Arc<TokenKeys>> {
        let held = keys.current();
        let later = held.generation > token.generation;
        if is_of(&held, token) || later || held.token.is_none() {
            return Ok(held);
        }
        let own = keys.own().ok_or(Error::UserNotLoggedIn)?;
        let held = Arc::new(self.token_keys_of(token, &own)?);
        keys.renew(held.clone());
        Ok(held)
    }

    /// The same for who may have no keys.
    pub(super) fn maybe_token_keys_at(
        &self,
        keys: Option<&Keys>,
        token: &Token,
    ) -> Result<Option<Arc<TokenKeys>>> {
        keys.map(|keys| self.token_keys_at(keys, token)).transpose()
    }

    /// Reads keys anew after what they should open did not.
    pub(super) fn read_anew(&self, keys: &Keys, token: i64) -> Result<()> {
        let now = self.token(token)?.filter(|now| now.uuid == keys.uuid);
        self.token_keys_at(keys, &now.ok_or(Error::DeviceRemoved)?).map(drop)
    }

    /// The keys that are sealed to a pair.
    pub(super) fn token_keys_of(&self, token: &Token, own: &Own) -> Result<TokenKeys> {
        let record = token.pin(&own.holder).filter(|_| token.role(&own.holder) == Some(own.role));
        let held = record.and_then(|record| Some((record.holds?, record.shares.as_ref()?)));
        let (holds, shares) = held.ok_or(Error::UserNotLoggedIn)?;
        let context = token.pair_context(&self.id, (&own.holder, own.role), holds);
        let open = |which, generation| shares.open(&own.seed, &context, (which, generation));
        let opened = open(Which::Token, token.generation)
            .and_then(|token_key| Ok((token_key, open(Which::Use, token.use_generation())?)));
        let (token_key, use_key) = opened.map_err(|_| {
            tracing::warn!(
                "the keys of the token were renewed, and whoever is logged in has another PIN by now: \
                 log in again"
            );
            Error::UserNotLoggedIn
        })?;
        self.token_keys(token, token_key, use_key)
    }

    /// A held around keys, with what the token's record has besides.
    pub(super) fn token_keys(
        &self,
        token: &Token,
        token_key: Option<Secret>,
        use_key: Option<Secret>,
    ) -> Result<TokenKeys> {
        let uses = self.use_side(token, token_key.as_ref(), use_key)?;
        let mut held = TokenKeys::alone(token.generation, token_key, uses);
        if let (Some(rotation), Some(key)) = (&token.rotation, &held.token) {
            let context = self.former_context(token);
            let former = primitive::open(key, &context, &rotation.token);
            held.previous = Some(former.map_err(shares::altered)?);
            let former = rotation.uses.as_ref();
            let side = former.map(|former| self.former_side(token, former, &held.uses));
            held.previous_uses = side.transpose()?;
        }
        Ok(held)
    }

    /// What a PIN opened that wraps the keys themselves.
    pub(super) fn token_keys_within(
        &self,
        token: &Token,
        holds: Holds,
        wrapped: &Secret,
    ) -> Result<TokenKeys> {
        let len = if holds == Holds::Both { 2 * KEY } else { KEY };
        let (first, second) = wrapped.expose().split_at_checked(KEY).ok_or(Error::DeviceError)?;
        if wrapped.len() != len {
            return Err(Error::DeviceError);
        }
        let key = |held: bool, bytes| held.then(|| Secret::copy_of(bytes)).transpose();
        let token_key = key(holds != Holds::Nothing, first)?;
        self.token_keys(token, token_key, key(holds == Holds::Both, second)?)
    }

    /// What the token key before is bound to, where a rotation keeps it under the one now.
    pub(super) fn former_context(&self, token: &Token) -> Vec<u8> {
        Writer::versioned(3)
            .raw(b"strongroom former token key")
            .raw(&self.id)
            .raw(&token.uuid)
            .u32(token.generation)
            .finish()
    }
}

/// Whether these are the keys that a token's record has now.
fn is_of(held: &TokenKeys, token: &Token) -> bool {
    held.generation == token.generation
        && held.uses.generation == token.use_generation()
        && held.previous.is_some() == token.rotation.is_some()
}
