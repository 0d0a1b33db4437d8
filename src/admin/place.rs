// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether there is a store, and what it takes to open it.

use super::diagnostics::capture;
use super::failure::{Failure, Outcome};
use crate::config::Config;
use crate::files::{self, Paths};
use crate::seal::Kind;
use crate::session::find_store;

/// Whether the configuration's store is there. A directory that may not be looked into is not an
/// empty one.
pub fn store_exists(config: &Config) -> Outcome<bool> {
    let database = Paths { directory: config.store.path.clone() }.database();
    files::is_there(&database).map_err(|error| {
        Failure::new(
            format!("cannot look for the store in {}: {error}", config.store.path.display()),
            "run this as its owner or with its group; --store or STRONGROOM_STORE name another \
             directory",
        )
    })
}

/// Whether a passphrase could open the store.
pub(super) fn takes_passphrase(config: &Config) -> bool {
    let (found, _) = capture(|| find_store(config, None));
    let slots = found.ok().flatten().map(|closed| closed.slots).unwrap_or_default();
    slots.iter().any(|slot| slot.kind == Kind::Passphrase)
}

/// There is no store yet.
pub(super) fn no_store(config: &Config) -> Failure {
    Failure::new(
        format!("there is no store in {}", config.store.path.display()),
        "'strongroom init --label NAME' makes one with a token in it; --store or STRONGROOM_STORE name \
         another directory",
    )
}
