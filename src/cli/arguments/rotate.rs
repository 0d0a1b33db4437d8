// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom rotate`.

use super::options::slot_file;
use super::{Holder, SoPin, Token};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum RotateVerb {
    /// Renews the key of a token, while programs go on working with it; one that was interrupted goes on
    ///
    /// Every private object's own key is wrapped anew. It takes the PIN of someone who has the token key,
    /// and nobody else's: the new key is sealed to everyone who has a PIN now.
    TokenKey(TokenKey),
    /// Makes the store's master key anew, or brings a rotation that was interrupted to its end
    ///
    /// Ends with 0 if the new keys are in force and all came along, 1 if nothing was rotated, or if the new
    /// keys are in force and something that was not as it was written stays as it was; the last lines say
    /// which.
    MasterKey {
        /// Whoever has the old key must learn nothing new: makes everything beneath it anew as well,
        /// and the files of seal slots; rotate passphrases that were learnt with 'seal rotate' first
        #[arg(long)]
        compromised: bool,
        /// Makes everything anew although the store has faults: what was altered stays altered, and can
        /// not be repaired afterwards
        #[arg(long, requires = "compromised")]
        force: bool,
        /// A file with the passphrase of a seal slot that does not open otherwise; may be repeated
        #[arg(long, value_name = "SLOT=FILE", value_parser = slot_file)]
        slot_passphrase_file: Vec<(u32, PathBuf)>,
    },
    /// Shows which generation of keys each token has, and rotations under way
    Status,
}

#[derive(Args)]
pub(in crate::cli) struct TokenKey {
    #[command(flatten)]
    pub(in crate::cli) token: Token,
    /// Renews everything beneath it too: the use key, the keys of the objects, and the objects
    /// themselves
    #[arg(long)]
    pub(in crate::cli) compromised: bool,
    /// The security officer renews it, with their PIN
    #[arg(long, conflicts_with_all = ["user", "pin_file", "pin_env"])]
    pub(in crate::cli) so: bool,
    #[command(flatten)]
    pub(in crate::cli) holder: Holder,
    #[command(flatten)]
    pub(in crate::cli) so_pin: SoPin,
}
