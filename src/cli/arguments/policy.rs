// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom policy`.

use clap::Subcommand;
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum PolicyVerb {
    /// Says what is wrong with a policy; ends with 1 if anything is
    Check {
        /// The file
        file: PathBuf,
    },
}
