// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a PIN opens: as much of a token's keys as its holder's role needs, and no more. Keys are renewed
//! while people are logged in; with the seed of their pair these are read anew without the PIN.
//! It imports `super::auditor` and what all of this room may.

use super::auditor::AuditSeed;
use crate::config::Separation;
use crate::error::{Error, Result};
use crate::mechanism::kem::Decapsulator;
use crate::secret::Secret;
use crate::types::{Holder, Role};
use parking_lot::RwLock;
use std::sync::{Arc, OnceLock};

/// What a PIN opened.
pub struct Keys {
    /// The token it is of: one made anew in the same slot has another.
    pub uuid: [u8; 16],
    /// Which user's PIN it was; zeros for those without a name.
    pub user: [u8; 8],
    /// What opens the chains of the audit log that are kept for them, and who they are; for auditors and
    /// security officers.
    audit: OnceLock<(Holder, AuditSeed)>,
    held: RwLock<Held>,
}

/// The keys that are current as far as this process knows, and how they are read anew.
#[derive(Clone)]
struct Held {
    own: Option<Arc<Own>>,
    current: Arc<TokenKeys>,
}

/// The seed of a holder's pair, and whose it is.
pub(super) struct Own {
    pub(super) holder: Holder,
    pub(super) role: Role,
    pub(super) seed: Secret,
}

/// The keys of a token as its record has them at one time: those that a holder holds.
pub(super) struct TokenKeys {
    /// Which of the token's keys it is.
    pub(super) generation: u32,
    /// 256 bits; wraps the keys of the private objects.
    pub(super) token: Option<Secret>,
    /// The one before, while there may be objects that it wraps.
    pub(super) previous: Option<Secret>,
    /// What the material of private keys rests under.
    pub(super) uses: UseSide,
    /// The same of before, while there may be material that rests under it.
    pub(super) previous_uses: Option<UseSide>,
}

/// What a holder has of a use key.
#[derive(Default)]
pub(super) struct UseSide {
    /// Which of the token's use keys it is; 0 where the token has none.
    pub(super) generation: u32,
    /// The use key, where the role uses keys.
    pub(super) key: Option<UseKey>,
    /// Where to deposit, for who has the token key: an encapsulation key.
    pub(super) public: Option<Vec<u8>>,
    /// The seed of that pair, sealed under the use key.
    pub(super) seed: Vec<u8>,
}

/// The key that opens the material of private keys: who has it can use them.
pub(super) struct UseKey {
    /// 256 bits.
    pub(super) key: Secret,
    /// What opens deposits, once it was needed.
    pub(super) opener: OnceLock<Decapsulator>,
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

impl TokenKeys {
    /// Keys that nothing rests under the predecessors of.
    pub(super) fn alone(generation: u32, token: Option<Secret>, uses: UseSide) -> TokenKeys {
        TokenKeys { generation, token, previous: None, uses, previous_uses: None }
    }

    /// The token key of a generation, where it is current or the one before that is needed still.
    pub(super) fn token_key(&self, generation: u32) -> Option<&Secret> {
        match self.generation.checked_sub(generation) {
            Some(0) => self.token.as_ref(),
            Some(1) => self.previous.as_ref(),
            _ => None,
        }
    }

    /// What there is of a use key of this generation.
    pub(super) fn use_side(&self, generation: u32) -> Option<&UseSide> {
        let sides = [Some(&self.uses), self.previous_uses.as_ref()];
        sides.into_iter().flatten().find(|side| side.generation == generation)
    }

    /// Whether they suffice for a PIN that is to open so much; `UserNotLoggedIn` where they do not.
    pub(super) fn suffices(&self, holds: Holds) -> Result<()> {
        let (token, uses) = (self.token.is_some(), self.uses.key.is_some());
        match holds {
            Holds::Nothing => Ok(()),
            Holds::TokenKey if token => Ok(()),
            Holds::Both if token && uses => Ok(()),
            Holds::TokenKey | Holds::Both => Err(Error::UserNotLoggedIn),
        }
    }
}

impl Keys {
    pub(super) fn new(uuid: [u8; 16], user: [u8; 8], own: Option<Own>, current: TokenKeys) -> Keys {
        let held = Held { own: own.map(Arc::new), current: Arc::new(current) };
        Keys { uuid, user, audit: OnceLock::new(), held: RwLock::new(held) }
    }

    /// The keys that are current as far as this process knows.
    pub(super) fn current(&self) -> Arc<TokenKeys> {
        self.held.read().current.clone()
    }

    /// How they are read anew; none where only the PIN opens them, or where there are none.
    pub(super) fn own(&self) -> Option<Arc<Own>> {
        self.held.read().own.clone()
    }

    /// They were read anew.
    pub(super) fn renew(&self, current: Arc<TokenKeys>) {
        let mut held = self.held.write();
        if held.current.generation <= current.generation {
            held.current = current;
        }
    }

    /// The holder has another pair by now.
    pub(super) fn adopt(&self, own: Own) {
        self.held.write().own = Some(Arc::new(own));
    }

    /// The holder's pair of who may check the audit log; none for those who have none.
    pub fn audit_seed(&self) -> Option<&AuditSeed> {
        self.audit.get().map(|(_, seed)| seed)
    }

    /// The same, if they are this holder's.
    pub(super) fn audit_seed_of(&self, holder: &Holder) -> Option<&AuditSeed> {
        self.audit.get().filter(|(whose, _)| whose == holder).map(|(_, seed)| seed)
    }

    /// The holder has this pair; the first that is said stays.
    pub(super) fn keep_audit_seed(&self, holder: &Holder, seed: AuditSeed) {
        let _ = self.audit.set((holder.clone(), seed));
    }

    /// Whether they open the material of keys.
    pub fn use_keys(&self) -> bool {
        self.held.read().current.uses.key.is_some()
    }
}

/// The length of keys, bytes.
pub(super) const KEY: usize = 32;
