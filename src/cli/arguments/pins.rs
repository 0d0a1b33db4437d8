// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments that concern PINs and who has them.

use crate::admin;
use crate::types::Role;
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Args)]
pub(in crate::cli) struct SoPin {
    /// A file with the security officer's PIN
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) so_pin_file: Option<PathBuf>,
    /// A variable with the security officer's PIN
    #[arg(long, value_name = "NAME", conflicts_with = "so_pin_file")]
    pub(in crate::cli) so_pin_env: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct UserPin {
    /// A file with the user's PIN
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) pin_file: Option<PathBuf>,
    /// A variable with the user's PIN
    #[arg(long, value_name = "NAME", conflicts_with = "pin_file")]
    pub(in crate::cli) pin_env: Option<String>,
}

/// Someone who is logged in.
#[derive(Args)]
pub(in crate::cli) struct Holder {
    /// The named user whose PIN it is; the user without a name where none is given
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) user: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) pin: UserPin,
}

/// Someone who helps the security officer.
#[derive(Args)]
pub(in crate::cli) struct Helper {
    /// The operator who helps the security officer of a strict token, with --pin-file or --pin-env; the
    /// user without a name where none is given
    #[arg(long = "as", value_name = "NAME")]
    pub(in crate::cli) helper: Option<String>,
    #[command(flatten)]
    pub(in crate::cli) pin: UserPin,
}

#[derive(Args)]
pub(in crate::cli) struct NewPin {
    /// A file with the new PIN
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) new_pin_file: Option<PathBuf>,
    /// A variable with the new PIN
    #[arg(long, value_name = "NAME", conflicts_with = "new_pin_file")]
    pub(in crate::cli) new_pin_env: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct Token {
    /// The token: its label, serial number or slot; not needed where there is only one
    #[arg(long, value_name = "TOKEN")]
    pub(in crate::cli) token: Option<String>,
}

#[derive(Subcommand)]
pub(in crate::cli) enum PinVerb {
    /// Changes the user's PIN, or the security officer's
    Change {
        #[command(flatten)]
        token: Token,
        /// Changes the security officer's PIN
        #[arg(long, conflicts_with_all = ["user", "pin_file", "pin_env"])]
        so: bool,
        #[command(flatten)]
        holder: Holder,
        #[command(flatten)]
        so_pin: SoPin,
        #[command(flatten)]
        new: NewPin,
    },
    /// Sets a new user PIN with the security officer's, and unlocks it; on a strict token it takes an
    /// operator's PIN as well
    Unblock {
        #[command(flatten)]
        token: Token,
        #[command(flatten)]
        so_pin: SoPin,
        #[command(flatten)]
        helper: Helper,
        #[command(flatten)]
        new: NewPin,
    },
}

/// What is done with a named user, by the security officer.
#[derive(Args)]
pub(in crate::cli) struct Named {
    /// The name: 1 to 32 bytes, no colon
    pub(in crate::cli) name: String,
    #[command(flatten)]
    pub(in crate::cli) token: Token,
    #[command(flatten)]
    pub(in crate::cli) so_pin: SoPin,
}

#[derive(Subcommand)]
pub(in crate::cli) enum UserVerb {
    /// Adds a user; on a strict token it takes an operator's PIN as well
    Add {
        #[command(flatten)]
        user: Named,
        /// What they are there for: operator (uses keys), manager (makes, changes, destroys them),
        /// auditor (reads), custodian (approves)
        #[arg(long, value_parser = role)]
        role: Role,
        #[command(flatten)]
        helper: Helper,
        #[command(flatten)]
        new: NewPin,
    },
    /// Lists the users of a token
    List(Token),
    /// Removes a user; whoever is logged in so no longer is
    Remove(Named),
    /// Gives a user a new PIN, which unlocks it; on a strict token it takes an operator's PIN as well
    Reset {
        #[command(flatten)]
        user: Named,
        #[command(flatten)]
        helper: Helper,
        #[command(flatten)]
        new: NewPin,
    },
}

fn role(text: &str) -> Result<Role, String> {
    admin::role(text).ok_or_else(|| {
        let names: Vec<_> = Role::NAMED.iter().map(|role| role.name()).collect();
        format!("the roles are {}", names.join(", "))
    })
}
