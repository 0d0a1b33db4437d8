// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token itself says of what may be done with it, as it is now: another process or the command
//! may have changed it.

use super::metering::Meters;
use crate::config;
use crate::error::{Error, Result};
use crate::policy::{Ground, Policy};
use crate::store::{Heading, Token, Vault};
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// What a token said when it was last asked.
pub(super) struct Known {
    policy: config::Policy,
    latest: RwLock<Latest>,
    /// When the token was last seen to be the same.
    seen: Sight,
    /// The token was made anew by another process: it is not there any more.
    gone: AtomicBool,
    /// What this process has taken of uses that are counted.
    pub(super) meters: Meters,
}

/// The last ground, and what of the store it was made of.
struct Latest {
    count: Option<u64>,
    heads: Option<Heading>,
    ground: Arc<Ground>,
}

/// When something that depends on the token's record alone was last seen to be so.
pub(super) struct Sight {
    /// The count of the store's changes then.
    count: AtomicU64,
    heads: Mutex<Option<Heading>>,
}

impl Default for Sight {
    fn default() -> Sight {
        Sight { count: AtomicU64::new(u64::MAX), heads: Mutex::default() }
    }
}

impl Sight {
    /// Looks again where a token was changed since; what `look` finds to be so is not asked again until then.
    pub(super) fn again(&self, vault: &Vault, look: impl FnOnce() -> Result<bool>) -> Result<bool> {
        let now = vault.changes();
        if now.is_some() && now == Some(self.count.load(Ordering::Acquire)) {
            return Ok(true);
        }
        let heads = vault.heads();
        if heads.is_none() || *self.heads.lock() != heads {
            if !look()? {
                return Ok(false);
            }
            *self.heads.lock() = heads;
        }
        self.count.store(now.unwrap_or(u64::MAX), Ordering::Release);
        Ok(true)
    }

    /// It is not known to be so.
    pub(super) fn forget(&self) {
        *self.heads.lock() = None;
        self.count.store(u64::MAX, Ordering::Release);
    }
}

impl Known {
    pub(super) fn new(token: &Token, policy: &config::Policy) -> Known {
        let ground = Arc::new(Ground::new(token.lifted, policy));
        let latest = RwLock::new(Latest { count: None, heads: None, ground });
        let (seen, gone) = (Sight::default(), AtomicBool::new(false));
        Known { policy: policy.clone(), latest, seen, gone, meters: Meters::default() }
    }

    /// Whether another process was seen to have made the token anew.
    pub(super) fn is_gone(&self) -> bool {
        self.gone.load(Ordering::Acquire)
    }

    /// The token as it is now, if it is still the same.
    pub(super) fn same(&self, vault: &Vault, token: &Token) -> Result<Token> {
        let found = vault.token(token.id)?;
        if let Some(found) = found.filter(|found| found.uuid == token.uuid) {
            return Ok(found);
        }
        self.gone.store(true, Ordering::Release);
        Err(Error::DeviceRemoved)
    }

    /// Refuses a caller whose token is another by now: asked where the store has changed since.
    pub(super) fn present(&self, vault: &Vault, token: &Token) -> Result<()> {
        self.seen.again(vault, || self.same(vault, token).map(|_| true)).map(drop)
    }

    /// The ground on which decisions stand now: asked anew where the store has changed since.
    pub(super) fn ground(&self, vault: &Vault, token: &Token) -> Result<Arc<Ground>> {
        let now = vault.changes();
        {
            let latest = self.latest.read();
            if now.is_some() && latest.count == now {
                return Ok(latest.ground.clone());
            }
        }
        let heads = vault.heads();
        if heads.is_some() {
            let mut latest = self.latest.write();
            if latest.heads == heads {
                latest.count = now;
                return Ok(latest.ground.clone());
            }
        }
        let found = self.same(vault, token)?;
        let before = self.latest.read().ground.policy.clone();
        let governing = self.governing(vault, &found, before.as_ref())?;
        let changed =
            before.is_some() && before.map(|p| p.version) != governing.as_ref().map(|p| p.version);
        let mut ground = Ground::new(found.lifted, &self.policy);
        (ground.policy, ground.seen) = (governing, found.rules.seen);
        let ground = Arc::new(ground);
        *self.latest.write() = Latest { count: now, heads, ground: ground.clone() };
        if changed {
            self.meters.settle(vault, token);
        }
        Ok(ground)
    }

    /// The policy of the token: the one that is known, or read anew where it has another.
    fn governing(
        &self,
        vault: &Vault,
        token: &Token,
        known: Option<&Arc<Policy>>,
    ) -> Result<Option<Arc<Policy>>> {
        let version = token.rules.version;
        if known.map_or(0, |known| known.version) > version {
            tracing::error!("the token's policy is older than it was: run 'strongroom check'");
            return Err(Error::DeviceError);
        }
        if let Some(known) = known.filter(|known| known.version == version) {
            return Ok(Some(known.clone()));
        }
        if version == 0 {
            return Ok(None);
        }
        let Some((version, text)) = vault.policy(token)? else { return Ok(None) };
        let policy = Policy::of(version, &text).map_err(|faults| {
            let fault = faults.first();
            tracing::error!(
                "the token's policy was set by a version of this library that knows more ({}): use \
                 that version, or set it again",
                fault.map_or("", |fault| fault.what.as_str())
            );
            Error::DeviceError
        })?;
        Ok(Some(Arc::new(policy)))
    }
}
