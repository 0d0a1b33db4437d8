// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token itself says of what may be done with it, as it is now: another process or the command
//! may have changed it.

use crate::config;
use crate::error::{Error, Result};
use crate::policy::Ground;
use crate::store::{Token, Vault};
use parking_lot::RwLock;
use std::sync::Arc;

/// What a token said when it was last asked.
pub(super) struct Known {
    policy: config::Policy,
    latest: RwLock<(Option<u64>, Arc<Ground>)>,
}

impl Known {
    pub(super) fn new(token: &Token, policy: &config::Policy) -> Known {
        let ground = Arc::new(Ground::new(token.lifted, policy));
        Known { policy: policy.clone(), latest: RwLock::new((None, ground)) }
    }

    /// The ground on which decisions stand now: asked anew where the store has changed since.
    pub(super) fn ground(&self, vault: &Vault, token: &Token) -> Result<Arc<Ground>> {
        let now = vault.changes();
        {
            let latest = self.latest.read();
            if now.is_some() && latest.0 == now {
                return Ok(latest.1.clone());
            }
        }
        let found = vault.token(token.id)?.filter(|found| found.uuid == token.uuid);
        let found = found.ok_or(Error::DeviceRemoved)?;
        let ground = Arc::new(Ground::new(found.lifted, &self.policy));
        *self.latest.write() = (now, ground.clone());
        Ok(ground)
    }
}
