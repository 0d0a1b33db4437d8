// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a PIN opens: as much of a token's keys as its holder's role needs, and no more.

use crate::config::Separation;
use crate::error::{Error, Result};
use crate::mechanism::kem::Decapsulator;
use crate::mechanism::primitive;
use crate::secret::Secret;
use crate::types::Role;
use std::sync::OnceLock;

/// The key of a token.
pub struct TokenKey {
    /// 256 bits; wraps the keys of the private objects.
    pub key: Secret,
    /// Which of the token's keys it is.
    pub generation: u32,
    /// The token it is of: one made anew in the same slot has another.
    pub uuid: [u8; 16],
}

/// The key that opens the material of private keys: who has it can use them.
pub struct UseKey {
    /// 256 bits.
    pub(super) key: Secret,
    /// What opens deposits, once it was needed.
    pub(super) opener: OnceLock<Decapsulator>,
}

/// Where material is deposited by who cannot open it.
pub(super) struct Deposit {
    /// The encapsulation key.
    pub(super) public: Vec<u8>,
    /// The seed of the pair, sealed under the use key.
    pub(super) seed: Vec<u8>,
}

/// What a PIN opened.
pub struct Keys {
    /// The token it is of: one made anew in the same slot has another.
    pub uuid: [u8; 16],
    /// Which user's PIN it was; zeros for those without a name.
    pub user: [u8; 8],
    /// The token key, where the role sees private objects.
    pub token: Option<TokenKey>,
    /// Which of the token's use keys it is; 0 where the token has none.
    pub(super) use_generation: u32,
    /// The use key, where the role uses keys.
    pub(super) uses: Option<UseKey>,
    /// Where to deposit, for who has the token key.
    pub(super) deposit: Option<Deposit>,
}

/// How much of a token's keys a PIN wraps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Nothing: random bytes, so that the PIN can be tested.
    Nothing,
    /// The token key.
    TokenKey,
    /// Token key and use key.
    Both,
}

impl Holds {
    /// What the PIN of a role wraps.
    pub(super) fn of(role: Role, separation: Separation, has_use_key: bool) -> Holds {
        match role {
            Role::So if separation == Separation::Strict => Holds::Nothing,
            Role::Custodian => Holds::Nothing,
            Role::Manager | Role::Auditor => Holds::TokenKey,
            Role::So | Role::User | Role::Operator if has_use_key => Holds::Both,
            Role::So | Role::User | Role::Operator => Holds::TokenKey,
        }
    }

    pub(super) fn number(self) -> u8 {
        match self {
            Holds::Nothing => 0,
            Holds::TokenKey => 1,
            Holds::Both => 2,
        }
    }

    pub(super) fn from_number(number: u8) -> Result<Holds> {
        match number {
            0 => Ok(Holds::Nothing),
            1 => Ok(Holds::TokenKey),
            2 => Ok(Holds::Both),
            _ => Err(Error::DeviceError),
        }
    }
}

impl UseKey {
    pub(super) fn new(key: Secret) -> UseKey {
        UseKey { key, opener: OnceLock::new() }
    }
}

impl Keys {
    /// What a PIN that holds so much opened.
    pub(super) fn opened(
        holds: Holds,
        wrapped: &Secret,
        uuid: [u8; 16],
        (generation, use_generation): (u32, u32),
    ) -> Result<Keys> {
        let mut keys =
            Keys { uuid, user: [0; 8], token: None, use_generation, uses: None, deposit: None };
        let len = if holds == Holds::Both { 2 * KEY } else { KEY };
        if wrapped.len() != len {
            return Err(Error::DeviceError);
        }
        let (first, second) = wrapped.expose().split_at_checked(KEY).ok_or(Error::DeviceError)?;
        if holds != Holds::Nothing {
            keys.token = Some(TokenKey { key: Secret::copy_of(first)?, generation, uuid });
        }
        if holds == Holds::Both {
            keys.uses = Some(UseKey::new(Secret::copy_of(second)?));
        }
        Ok(keys)
    }

    /// What a PIN that is to hold so much wraps; `UserNotLoggedIn` where these keys are not enough.
    pub(super) fn to_wrap(&self, holds: Holds) -> Result<Secret> {
        let missing = Error::UserNotLoggedIn;
        let token = || self.token.as_ref().map(|token| token.key.expose()).ok_or(missing);
        let uses = || self.uses.as_ref().map(|uses| uses.key.expose()).ok_or(missing);
        match holds {
            Holds::Nothing => primitive::random_secret(KEY),
            Holds::TokenKey => Secret::copy_of(token()?),
            Holds::Both => {
                let (token, uses) = (token()?, uses()?);
                Secret::with(2 * KEY, |both| {
                    let parts = token.iter().chain(uses);
                    both.iter_mut().zip(parts).for_each(|(byte, part)| *byte = *part);
                    Ok(())
                })
            }
        }
    }

    /// Whether they open the material of keys.
    pub fn use_keys(&self) -> bool {
        self.uses.is_some()
    }
}

/// The length of keys, bytes.
pub(super) const KEY: usize = 32;
