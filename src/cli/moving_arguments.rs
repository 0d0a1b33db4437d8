// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom import`.

use super::pin_arguments::Holder;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(super) enum ImportVerb {
    /// Carries keys, certificates and data over from a SoftHSM2 token, which stays as it is; ends
    /// with 1 if an object was left behind
    Softhsm2(Softhsm2),
}

#[derive(Args)]
pub(super) struct Softhsm2 {
    /// The directory of the SoftHSM2 tokens (directories.tokendir in softhsm2.conf)
    #[arg(long, value_name = "DIR")]
    pub(super) tokens: PathBuf,
    /// The label of the SoftHSM2 token; not needed where there is only one
    #[arg(long, value_name = "LABEL")]
    pub(super) token: Option<String>,
    /// The serial number of the SoftHSM2 token
    #[arg(long, value_name = "SERIAL")]
    pub(super) serial: Option<String>,
    /// A file with the user PIN of the SoftHSM2 token
    #[arg(long, value_name = "FILE")]
    pub(super) source_pin_file: Option<PathBuf>,
    /// A variable with the user PIN of the SoftHSM2 token
    #[arg(long, value_name = "NAME", conflicts_with = "source_pin_file")]
    pub(super) source_pin_env: Option<String>,
    /// The token of this store to carry into: its label, serial number or slot; not needed where
    /// there is only one
    #[arg(long, value_name = "TOKEN")]
    pub(super) into: Option<String>,
    /// Says what would be carried, and does nothing
    #[arg(long)]
    pub(super) dry_run: bool,
    #[command(flatten)]
    pub(super) holder: Holder,
}
