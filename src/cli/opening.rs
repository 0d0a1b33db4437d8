// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store that the common options name.

use super::arguments::Common;
use super::secrets;
use crate::admin::{self, Desk, Outcome};
use crate::config::Config;
use crate::secret::Secret;

/// The configuration that the options leave.
pub(super) fn configuration(common: &Common) -> Outcome<Config> {
    admin::configuration(common.conf.as_deref(), common.store.as_deref())
}

/// The store that the options name, opened.
pub(super) fn open(common: &Common) -> Outcome<Desk> {
    open_configured(common, &configuration(common)?)
}

/// The store of a configuration, opened.
pub(super) fn open_configured(common: &Common, config: &Config) -> Outcome<Desk> {
    let what = "passphrase of the store's seal";
    let ask = || secrets::typed("Passphrase of the store: ", what, "passphrase");
    Desk::open(config, passphrase(common)?, ask)
}

/// The passphrase that the options name.
pub(super) fn passphrase(common: &Common) -> Outcome<Option<Secret>> {
    secrets::named(common.passphrase_file.as_deref(), common.passphrase_env.as_deref())
}
