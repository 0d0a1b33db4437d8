// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom metrics` and `strongroom watch`.

use super::pins::{Holder, Token};
use clap::Args;
use std::net::SocketAddr;
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct Metrics {
    /// Writes them to a file, by renaming: for node_exporter's textfile collector, FILE ends in .prom
    #[arg(long, value_name = "FILE", conflicts_with = "listen")]
    pub(in crate::cli) output: Option<PathBuf>,
    /// Serves them over HTTP, at an address of this machine such as 127.0.0.1:9847
    #[arg(long, value_name = "ADDRESS")]
    pub(in crate::cli) listen: Option<SocketAddr>,
    /// Measures the audit log alone, and opens no store
    #[arg(long, conflicts_with_all = ["token", "user", "pin_file", "pin_env"])]
    pub(in crate::cli) log_only: bool,
    /// The token whose private keys are counted too, which takes a PIN: an auditor's is enough
    #[command(flatten)]
    pub(in crate::cli) token: Token,
    #[command(flatten)]
    pub(in crate::cli) holder: Holder,
}

#[derive(Args)]
pub(in crate::cli) struct Watch {
    /// Runs the alarms over the past log and prints what they say; nothing is told or recorded
    #[arg(long)]
    pub(in crate::cli) replay: bool,
    /// Prints nothing before this: date, time and offset, or how long ago, such as 7d
    #[arg(long, value_name = "TIME", requires = "replay")]
    pub(in crate::cli) from: Option<String>,
    /// Prints nothing from this on
    #[arg(long, value_name = "TIME", requires = "replay")]
    pub(in crate::cli) to: Option<String>,
    /// Tries the alarms of a policy that is not set
    #[arg(long, value_name = "FILE", requires = "replay")]
    pub(in crate::cli) policy: Option<PathBuf>,
    /// The directory of a copy of the log, in the place of the store's own
    #[arg(long, value_name = "DIR", requires = "replay")]
    pub(in crate::cli) log: Option<PathBuf>,
    /// Looks once and ends
    #[arg(long, conflicts_with = "replay")]
    pub(in crate::cli) once: bool,
}
