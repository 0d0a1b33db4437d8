// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A token's keys renewed while others work: begun, gone on with batch by batch, ended. Each step is one
//! transaction, and what was done stands in the store: whoever has the keys goes on from there.

use super::ObjectRow;
use super::change::{Change, altered};
use super::keys::{KEY, Keys, TokenKeys, UseSide};
use super::objects::{body_context, own_key, seal_under, wrap_own};
use super::rotation::{Former, Rotation};
use super::shares::{self, Which};
use super::token::{Token, Uses};
use super::vault::Vault;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use std::sync::Arc;

/// A rotation that is under way.
pub struct Plan {
    /// Whether everything beneath the token's keys is renewed too.
    pub whole: bool,
    /// The generation that is to be everywhere.
    pub generation: u32,
    /// How many objects are yet to be brought to it.
    pub left: usize,
    held: Arc<TokenKeys>,
}

/// What puts the material in a record under another key: the record, and what does it to the material.
pub type Rematerial = fn(&Secret, &dyn Fn(&[u8]) -> Result<Vec<u8>>) -> Result<Secret>;

impl Vault {
    /// Begins to renew the keys of a token at the time `now`, seconds since 1970; or goes on with a
    /// rotation that is under way, whoever began it. `whole` is everything beneath: data included.
    /// `UserNotLoggedIn` where the caller does not have the keys that it takes, `FunctionFailed` where
    /// there are PINs that keys cannot be renewed for ([`Token::not_renewable`]).
    pub fn begin_rotation(
        &self,
        token: &Token,
        keys: &Keys,
        whole: bool,
        now: u64,
    ) -> Result<Plan> {
        let whole = self.change(|change| {
            let mut token = change.current(token)?;
            let held = self.token_keys_at(keys, &token)?;
            if let Some(rotation) = &token.rotation {
                enough(&held, rotation.whole)?;
                return Ok(rotation.whole);
            }
            enough(&held, whole)?;
            if !token.not_renewable().is_empty() {
                return Err(Error::FunctionFailed);
            }
            self.renew_keys(&mut token, &held, whole)?;
            token.renewed = now;
            change.put_token(token.id, &token)?;
            Ok(whole)
        })?;
        self.plan(token, keys, whole)
    }

    /// Brings at most so many objects above the number `after` to the keys of now. The number of the last
    /// that was looked at; none where there are none left above.
    pub fn rotate_some(
        &self,
        token: &Token,
        plan: &Plan,
        (after, most): (i64, usize),
        rematerial: Rematerial,
    ) -> Result<Option<(i64, usize)>> {
        let mut ids = Vec::new();
        self.store.look(&mut |now| {
            ids = now.behind(token.id, plan.generation, after, most)?;
            Ok(())
        })?;
        let Some(last) = ids.last().copied() else { return Ok(None) };
        // The slow part is done before the store is locked.
        let mut fresh = Vec::new();
        for id in ids {
            let Some(old) = self.store.object(id)? else { continue };
            if old.generation != plan.generation {
                let new = self.resealed(token, plan, &old, rematerial)?;
                fresh.push((old, new));
            }
        }
        let done = self.change(|change| {
            change.upkeep();
            self.still(change, token, plan)?;
            let mut done = 0;
            for (seen, new) in &fresh {
                done += usize::from(put(change, seen, new)?);
            }
            Ok(done)
        })?;
        Ok(Some((last, done)))
    }

    /// Ends a rotation, if no object rests under the keys before: they are erased then. Whether it is
    /// ended.
    pub fn end_rotation(&self, token: &Token, plan: &Plan) -> Result<bool> {
        self.change(|change| {
            let mut now = change.current(token)?;
            if now.generation != plan.generation || now.rotation.is_none() {
                // Another process was faster.
                return Ok(true);
            }
            if !change.tx.behind(token.id, plan.generation, 0, 1)?.is_empty() {
                return Ok(false);
            }
            now.rotation = None;
            change.put_token(token.id, &now)?;
            Ok(true)
        })
    }

    /// Whether a rotation is over, by whoever ended it.
    pub fn rotation_over(&self, token: &Token, plan: &Plan) -> Result<bool> {
        let now = self.token(token.id)?.filter(|now| now.uuid == token.uuid);
        let now = now.ok_or(Error::DeviceRemoved)?;
        Ok(now.generation != plan.generation || now.rotation.is_none())
    }

    /// How many objects of a token are yet to be brought to the keys of now.
    pub fn behind(&self, token: &Token) -> Result<usize> {
        let mut left = 0;
        self.store.look(&mut |now| {
            left = now.behind(token.id, token.generation, 0, usize::MAX >> 1)?.len();
            Ok(())
        })?;
        Ok(left)
    }

    fn plan(&self, token: &Token, keys: &Keys, whole: bool) -> Result<Plan> {
        let now = self.token(token.id)?.filter(|now| now.uuid == token.uuid);
        let now = now.ok_or(Error::DeviceRemoved)?;
        let held = self.token_keys_at(keys, &now)?;
        Ok(Plan { whole, generation: held.generation, left: self.behind(&now)?, held })
    }

    /// Puts new keys into a token's record, sealed to everyone who holds them.
    fn renew_keys(&self, token: &mut Token, held: &TokenKeys, whole: bool) -> Result<()> {
        let old = held.token.as_ref().ok_or(Error::UserNotLoggedIn)?;
        let new = primitive::random_secret(KEY)?;
        let (from, to) = (token.generation, next(token.generation)?);
        let uses = match (&token.uses, whole) {
            (Some(_), true) => Some(self.fresh_uses(token, &new)?),
            _ => None,
        };
        for holder in token.holders() {
            let role = token.role(&holder).ok_or(Error::GeneralError)?;
            let holds = token.pin(&holder).and_then(|pin| pin.holds).ok_or(Error::GeneralError)?;
            let context = token.pair_context(&self.id, (&holder, role), holds);
            let shares = token.pin_mut(&holder).and_then(|pin| pin.shares.as_mut());
            let Some(shares) = shares else { continue };
            let keys = ((from, old), (to, &new));
            shares.renew(&context, Which::Token, keys.0, keys.1).map_err(shares::altered)?;
            if let (Some(was), Some((_, side))) = (&held.uses.key, &uses) {
                let is = side.key.as_ref().ok_or(Error::GeneralError)?;
                let was = (held.uses.generation, &was.key);
                let is = (side.generation, &is.key);
                shares.renew(&context, Which::Use, was, is).map_err(shares::altered)?;
            }
        }
        let former =
            uses.as_ref().map(|(_, side)| self.former_of(token, held, side)).transpose()?;
        token.uses = match (uses, token.uses.take()) {
            (Some((uses, _)), _) => Some(uses),
            (None, Some(uses)) => {
                let public = self.moved_public(token, &uses, (old, &new))?;
                Some(Uses { public, ..uses })
            }
            (None, None) => None,
        };
        token.generation = to;
        let sealed = primitive::seal(&new, &self.former_context(token), old.expose())?;
        token.rotation = Some(Rotation { whole, token: sealed, uses: former });
        Ok(())
    }

    fn former_of(&self, token: &Token, held: &TokenKeys, side: &UseSide) -> Result<Former> {
        let new = side.key.as_ref().ok_or(Error::GeneralError)?;
        self.former(token, &held.uses, &new.key)
    }

    /// An object under the keys of now: its own key wrapped anew, or all of it sealed anew.
    fn resealed(
        &self,
        token: &Token,
        plan: &Plan,
        old: &ObjectRow,
        rematerial: Rematerial,
    ) -> Result<ObjectRow> {
        let mut new = ObjectRow {
            id: old.id,
            token: old.token,
            private: old.private,
            // Nothing that anyone sees has changed: who is about to change it does not come too late.
            revision: old.revision,
            generation: plan.generation,
            wrap: Vec::new(),
            body: Vec::new(),
            tags: Vec::new(),
        };
        let context = body_context(&self.id, &token.uuid, old);
        let renewed = |generation| plan.held.token_key(generation).ok_or(Error::KeysRenewed);
        let (from, to) = (renewed(old.generation)?, renewed(plan.generation)?);
        let altered = |_| altered(&format!("object {}", old.id));
        let own = own_key(from, old, &context).map_err(altered)?;
        if !plan.whole {
            wrap_own(to, &mut new, &context, &own)?;
            new.body.clone_from(&old.body);
            return Ok(new);
        }
        let record = primitive::open(&own, &context, &old.body).map_err(altered)?;
        let renew = |blob: &[u8]| self.renew_material(&token.uuid, &plan.held, blob);
        seal_under(to, &mut new, &context, &rematerial(&record, &renew)?)?;
        Ok(new)
    }

    /// The rotation may be over by now, and another may have begun.
    fn still(&self, change: &Change<'_>, token: &Token, plan: &Plan) -> Result<()> {
        let now = change.current(token)?;
        let still = now.generation == plan.generation && now.rotation.is_some();
        if still { Ok(()) } else { Err(Error::KeysRenewed) }
    }
}

/// Puts an object under the keys of now, if it is still the one that was seen.
fn put(change: &Change<'_>, seen: &ObjectRow, new: &ObjectRow) -> Result<bool> {
    let Some(old) = change.tx.object(seen.id)? else { return Ok(false) };
    let same = old.revision == seen.revision
        && old.generation == seen.generation
        && old.wrap == seen.wrap
        && old.body == seen.body;
    if !same {
        return Ok(false);
    }
    let new = ObjectRow {
        wrap: new.wrap.clone(),
        body: new.body.clone(),
        tags: old.tags.clone(),
        ..*new
    };
    change.reseal_object(&old, &new)?;
    Ok(true)
}

/// Whether a caller has what a rotation takes.
fn enough(held: &TokenKeys, whole: bool) -> Result<()> {
    let uses = !whole || held.uses.generation == 0 || held.uses.key.is_some();
    if held.token.is_some() && uses { Ok(()) } else { Err(Error::UserNotLoggedIn) }
}

fn next(generation: u32) -> Result<u32> {
    generation.checked_add(1).ok_or(Error::GeneralError)
}
