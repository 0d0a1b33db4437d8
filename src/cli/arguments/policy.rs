// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom policy`.

use super::options::{Reader, User, class};
use super::{SoPin, Token};
use crate::admin::Class;
use crate::policy::rules::{Operation, Party, operation_named, party_named};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum PolicyVerb {
    /// Shows the policy of a token as it was set
    Show(Token),
    /// Says what is wrong with a policy; ends with 1 if anything is
    Check {
        /// The file
        file: PathBuf,
    },
    /// Sets the policy of a token, in the place of the one it has; takes the security officer's PIN
    Set {
        #[command(flatten)]
        token: Token,
        /// The file
        file: PathBuf,
        #[command(flatten)]
        so: SoPin,
    },
    /// Approves of uses of a key, as a custodian
    Approve {
        #[command(flatten)]
        user: User,
        /// The key, by its unique id: 'strongroom --json key list' shows it
        #[arg(value_name = "UNIQUE-ID")]
        key: String,
        /// What may be done with it, such as export
        #[arg(value_name = "OPERATION", value_parser = operation)]
        operation: Operation,
        /// How often
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        uses: u32,
        /// For how long
        #[arg(long = "for", value_name = "TIME", default_value = "1h")]
        long: String,
    },
    /// Says whether the policy would permit something, and by which rule or why not; ends with 1 if
    /// not
    Explain(Explain),
}

#[derive(Args)]
pub(in crate::cli) struct Explain {
    #[command(flatten)]
    pub(in crate::cli) reader: Reader,
    /// The key: its label, or 'id:' and its id in hexadecimal
    #[arg(value_name = "KEY")]
    pub(in crate::cli) key: String,
    /// What would be done: encrypt, decrypt, sign, verify, wrap, unwrap, derive, encapsulate,
    /// decapsulate, digest, generate, import, copy, change, destroy, export
    #[arg(value_name = "OPERATION", value_parser = operation)]
    pub(in crate::cli) operation: Operation,
    /// The class of the key, where several fit: private, public, secret
    #[arg(long, value_parser = class)]
    pub(in crate::cli) class: Option<Class>,
    /// With which mechanism, such as CKM_ECDSA_SHA256
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) mechanism: Option<String>,
    /// By which named user; whoever logs in where nobody is said
    #[arg(long, value_name = "NAME")]
    pub(in crate::cli) by: Option<String>,
    /// In which role: so, user, operator, manager, auditor, custodian, public
    #[arg(long, value_parser = role)]
    pub(in crate::cli) role: Option<Party>,
    /// By which user of the operating system
    #[arg(long)]
    pub(in crate::cli) uid: Option<u32>,
    /// When, such as 2026-03-01T12:00:00Z
    #[arg(long, value_name = "TIME")]
    pub(in crate::cli) at: Option<String>,
}

fn operation(text: &str) -> Result<Operation, String> {
    operation_named(text).ok_or_else(|| {
        let names: Vec<_> = Operation::ALL.iter().map(|operation| operation.name()).collect();
        format!("the operations are {}", names.join(", "))
    })
}

fn role(text: &str) -> Result<Party, String> {
    party_named(text).ok_or_else(|| {
        let names: Vec<_> = Party::ALL.iter().map(|party| party.name()).collect();
        format!("the roles are {}", names.join(", "))
    })
}
