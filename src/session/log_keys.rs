// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store as its audit log asks it for the keys in force, at each of its turns. It imports the rooms
//! below alone.

use crate::audit::{KeyHolder, Keys};
use crate::error::{Error, Result};
use crate::store::Vault;
use std::sync::{Arc, Weak};

/// The store, as the log asks it for its keys.
pub(super) struct Held(Weak<Vault>);

impl Held {
    pub(super) fn of(vault: &Arc<Vault>) -> Held {
        Held(Arc::downgrade(vault))
    }

    fn vault(&self) -> Result<Arc<Vault>> {
        self.0.upgrade().ok_or(Error::TokenNotPresent)
    }
}

impl KeyHolder for Held {
    fn generation(&self) -> Result<u32> {
        self.vault()?.keys_in_force()
    }

    fn keys(&self) -> Result<Keys> {
        let known = self.vault()?.audit()?.ok_or(Error::TokenNotPresent)?;
        Ok(Keys { key: known.key, former: known.former })
    }
}
