// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom import`.

use super::pins::Holder;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum ImportVerb {
    /// Carries keys, certificates and data over from a SoftHSM2 token, which stays as it is; ends
    /// with 1 if an object was left behind
    Softhsm2(Softhsm2),
}

#[derive(Args)]
pub(in crate::cli) struct Softhsm2 {
    /// The directory of the SoftHSM2 tokens (directories.tokendir in softhsm2.conf)
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) tokens: PathBuf,
    /// The label of the SoftHSM2 token; not needed where there is only one
    #[arg(long, value_name = "LABEL")]
    pub(in crate::cli) token: Option<String>,
    /// The serial number of the SoftHSM2 token
    #[arg(long, value_name = "SERIAL")]
    pub(in crate::cli) serial: Option<String>,
    /// A file with the user PIN of the SoftHSM2 token
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) source_pin_file: Option<PathBuf>,
    /// A variable with the user PIN of the SoftHSM2 token
    #[arg(long, value_name = "NAME", conflicts_with = "source_pin_file")]
    pub(in crate::cli) source_pin_env: Option<String>,
    /// The token of this store to carry into: its label, serial number or slot; not needed where
    /// there is only one
    #[arg(long, value_name = "TOKEN")]
    pub(in crate::cli) into: Option<String>,
    /// Says what would be carried, and does nothing
    #[arg(long)]
    pub(in crate::cli) dry_run: bool,
    #[command(flatten)]
    pub(in crate::cli) holder: Holder,
}
