// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Named users added, removed, and given another PIN.

use super::keys::Keys;
use super::token::Token;
use super::user::{User, good_name, named};
use super::vault::Vault;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::types::{Holder, Role};

/// Someone who may check the audit log, as a token's record has them.
pub struct Auditing {
    /// The serial number of the token.
    pub token: String,
    /// Who: its security officer, or a user of role auditor.
    pub holder: Holder,
    /// Their encapsulation key, of ML-KEM-1024.
    pub public: Vec<u8>,
}

impl Vault {
    /// All who may check the audit log. An error where a token is not as it was written, and so may hide
    /// some.
    pub fn auditing(&self) -> Result<Vec<Auditing>> {
        let mut found = Vec::new();
        for (_, token) in self.tokens()? {
            let token: Token = token?;
            for holder in token.holders() {
                let pair = token.pin(&holder).and_then(|pin| pin.audit.as_ref());
                let Some(pair) = pair else { continue };
                let public = pair.public.clone();
                found.push(Auditing { token: token.serial(), holder, public });
            }
        }
        Ok(found)
    }

    /// Adds a user. The caller has tested the security officer's PIN; the keys must hold what the role
    /// needs (`UserNotLoggedIn` where they do not).
    pub fn add_user(
        &self,
        id: i64,
        (name, role): (&str, Role),
        keys: &Keys,
        pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        if !good_name(name) || !Role::NAMED.contains(&role) {
            return Err(Error::ArgumentsBad);
        }
        let (holder, fresh) = (Holder::Named(name.to_string()), fresh_id()?);
        let put = |now: &mut Token, _: &Token, pin| {
            if named(&now.users, name).is_some() || now.users.len() >= MOST {
                return Err(Error::ArgumentsBad);
            }
            now.users.push(User { id: fresh, name: name.to_string(), role, pin });
            Ok(())
        };
        self.give_pin((id, keys), (&holder, |_: &Token| Ok(role)), (pin, config), put).map(drop)
    }

    /// Removes a user: none of their logins stands any more. The caller has tested the security
    /// officer's PIN.
    pub fn remove_user(&self, id: i64, so: &Keys, name: &str) -> Result<()> {
        self.edit_token(id, &so.uuid, |now| {
            let before = now.users.len();
            now.users.retain(|user| user.name != name);
            if now.users.len() < before { Ok(()) } else { Err(Error::ArgumentsBad) }
        })
    }

    /// Gives a user another PIN: none of their logins stands any more. As for [`Vault::add_user`].
    pub fn reset_user(
        &self,
        id: i64,
        name: &str,
        keys: &Keys,
        pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        let (holder, fresh) = (Holder::Named(name.to_string()), fresh_id()?);
        let role = |token: &Token| token.role(&holder).ok_or(Error::ArgumentsBad);
        let put = |now: &mut Token, before: &Token, pin| {
            let old = now.users.iter_mut().find(|user| user.name == name);
            let old = old.filter(|user| user.id == before.user_id(&holder));
            let old = old.ok_or(Error::ArgumentsBad)?;
            (old.id, old.pin) = (fresh, pin);
            Ok(())
        };
        self.give_pin((id, keys), (&holder, role), (pin, config), put).map(drop)
    }
}

fn fresh_id() -> Result<[u8; 8]> {
    let mut id = [0; 8];
    primitive::random(&mut id)?;
    Ok(id)
}

/// Named users of a token, at most.
const MOST: usize = 1000;
