// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of the command. There is deliberately no option that takes a PIN itself.

pub(super) mod audit;
pub(super) mod keys;
pub(super) mod moving;
pub(super) mod options;
pub(super) mod pins;
mod policy;
mod rotate;
pub(super) mod watching;

use audit::AuditVerb;
use keys::KeyVerb;
use moving::ImportVerb;
pub(super) use pins::{Helper, Holder, Named, NewPin, PinVerb, SoPin, Token, UserPin, UserVerb};
pub(super) use policy::{Explain, PolicyVerb};
pub(super) use rotate::{RotateVerb, TokenKey};

use crate::config;
use crate::safety::{SAFEGUARDS, Safeguard};
use crate::seal;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;

/// Looks after the keys of a Strongroom: tokens in software that PKCS #11 applications use.
///
/// PINs and passphrases are asked for at the terminal, or come from a file (its first line) or an
/// environment variable that an option names; they are never given on the command line itself.
#[derive(Parser)]
#[command(name = "strongroom", version, after_help = EXAMPLES)]
pub(super) struct Arguments {
    #[command(flatten)]
    pub(super) common: Common,
    #[command(subcommand)]
    pub(super) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  strongroom init --label web
  strongroom key generate --type ec:p256 --label server --id 01
  strongroom key list
  strongroom key export-public --label server
  strongroom doctor

STRONGROOM_CONF names a configuration file, STRONGROOM_STORE a store directory, and STRONGROOM_LOG
what of the library's diagnostics is written to standard error (error, warn, info, debug).";

/// What every command takes.
#[derive(Args)]
pub(super) struct Common {
    /// The directory of the store
    #[arg(long, global = true, value_name = "DIR", help_heading = "Global options")]
    pub(super) store: Option<PathBuf>,
    /// The configuration file
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(super) conf: Option<PathBuf>,
    /// Writes results as JSON
    #[arg(long, global = true, help_heading = "Global options")]
    pub(super) json: bool,
    /// A file with the passphrase of the store's seal
    #[arg(long, global = true, value_name = "FILE", help_heading = "Global options")]
    pub(super) passphrase_file: Option<PathBuf>,
    /// A variable with the passphrase of the store's seal
    #[arg(
        long,
        global = true,
        value_name = "NAME",
        conflicts_with = "passphrase_file",
        help_heading = "Global options"
    )]
    pub(super) passphrase_env: Option<String>,
}

#[derive(Subcommand)]
pub(super) enum Command {
    /// Makes a token with its PINs, and the store with its seal where there is none
    Init(Init),
    /// Lists tokens, shows one, or changes its mode
    #[command(subcommand)]
    Token(TokenVerb),
    /// Lists, makes, imports, exports and destroys keys and certificates
    #[command(subcommand)]
    Key(Box<KeyVerb>),
    /// Carries over what another product's token holds
    #[command(subcommand)]
    Import(Box<ImportVerb>),
    /// Changes and unblocks PINs
    #[command(subcommand)]
    Pin(PinVerb),
    /// Lists, adds and removes named users of a token, and sets their PINs
    #[command(subcommand)]
    User(UserVerb),
    /// Shows, checks, sets and explains the rules of who may do what with which key
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Lists, adds, removes and rotates the ways to open the store
    #[command(subcommand)]
    Seal(SealVerb),
    /// Renews keys, while programs go on working; shows which generation there is
    #[command(subcommand)]
    Rotate(RotateVerb),
    /// Shows, checks and exports the audit log, and proves what is in it
    #[command(subcommand)]
    Audit(Box<AuditVerb>),
    /// Verifies every record of the store, and names each that is not as it was written
    ///
    /// Ends with 0 if all was read and nothing is wrong (any more), 1 if something is not as it was written,
    /// 2 if nothing is known to be wrong but the check could not run, or the disk did not give all of the
    /// store. With --discard also with 1 where the object was not given up.
    Check(Check),
    /// Measures: prints what the audit log adds up to, and what store and log are now, as OpenMetrics
    Metrics(watching::Metrics),
    /// Follows the audit log and tells the alarms of the tokens' policies
    ///
    /// Runs until SIGTERM or SIGINT. It goes on where it ended; an alarm whose telling was interrupted
    /// by a kill may be told twice, and is recorded once.
    Watch(watching::Watch),
    /// Says what is wrong with this installation and how to mend it
    Doctor,
    /// Shows the configuration in force
    #[command(subcommand)]
    Config(ConfigVerb),
}

#[derive(Args)]
pub(super) struct Check {
    /// A token whose private objects are opened too, which takes a PIN; without it they are held
    /// against the roll of objects alone
    #[arg(long, value_name = "TOKEN")]
    pub(super) token: Option<String>,
    #[command(flatten)]
    pub(super) holder: Holder,
    /// Makes anew what follows from what is authentic: tags, indexes, the roll, counters, the file
    /// 'changes'; keys and the records of tokens are never touched
    #[arg(long)]
    pub(super) repair: bool,
    /// Gives up an object that is not as it was written, by its number, with the SO PIN of its token, and
    /// checks what is left; what rests of it is kept in a file beside the store
    #[arg(
        long,
        value_name = "NUMBER",
        conflicts_with_all = ["repair", "token", "user", "pin_file", "pin_env"]
    )]
    pub(super) discard: Option<i64>,
    /// Gives it up without asking
    #[arg(long, requires = "discard")]
    pub(super) yes: bool,
    #[command(flatten)]
    pub(super) so_pin: SoPin,
}

#[derive(Args)]
pub(super) struct Init {
    /// The label of the new token: 1 to 32 bytes
    #[arg(long)]
    pub(super) label: String,
    /// What seals a new store: 'file' lets every process of its owner open it, 'passphrase' does not
    #[arg(long, value_enum)]
    pub(super) seal: Option<SealKind>,
    /// Whether its safeguards stand; where none is given, as the configuration has it
    #[arg(long, value_enum)]
    pub(super) mode: Option<Mode>,
    /// A safeguard that a compatible token lifts, by name; all where none is given
    #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = safeguard)]
    pub(super) lift: Vec<Safeguard>,
    /// Whether who uses keys also manages them; where none is given, as the configuration has it
    #[arg(long, value_enum)]
    pub(super) separation: Option<Separation>,
    #[command(flatten)]
    pub(super) so: SoPin,
    #[command(flatten)]
    pub(super) user: UserPin,
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Mode {
    /// All safeguards stand
    Safe,
    /// Safeguards are lifted, for applications that cannot do without what they refuse
    Compatible,
}

impl From<Mode> for config::Mode {
    fn from(mode: Mode) -> config::Mode {
        match mode {
            Mode::Safe => config::Mode::Safe,
            Mode::Compatible => config::Mode::Compatible,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Separation {
    /// The user of the user PIN uses and manages keys
    Standard,
    /// The user of the user PIN uses keys; managers alone make, change and destroy them
    Strict,
}

impl From<Separation> for config::Separation {
    fn from(separation: Separation) -> config::Separation {
        match separation {
            Separation::Standard => config::Separation::Standard,
            Separation::Strict => config::Separation::Strict,
        }
    }
}

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum SealKind {
    /// 32 random bytes in a file beside the store
    File,
    /// A passphrase
    Passphrase,
}

impl From<SealKind> for seal::Kind {
    fn from(kind: SealKind) -> seal::Kind {
        match kind {
            SealKind::File => seal::Kind::File,
            SealKind::Passphrase => seal::Kind::Passphrase,
        }
    }
}

#[derive(Subcommand)]
pub(super) enum TokenVerb {
    /// Lists the tokens of the store
    List,
    /// Shows a token
    Info(Token),
    /// Changes which safeguards of a token stand, with the security officer's PIN
    Mode {
        /// Whether they stand
        #[arg(value_enum)]
        mode: Mode,
        /// A safeguard that is lifted, by name; all where none is given
        #[arg(long, value_name = "NAME", value_delimiter = ',', value_parser = safeguard)]
        lift: Vec<Safeguard>,
        #[command(flatten)]
        token: Token,
        #[command(flatten)]
        so_pin: SoPin,
    },
}

#[derive(Subcommand)]
pub(super) enum SealVerb {
    /// Lists the seal slots
    List,
    /// Adds a seal slot: one more way to open the store
    Add {
        /// What opens it
        #[arg(long, value_enum)]
        kind: SealKind,
        /// What to call it
        #[arg(long)]
        label: Option<String>,
        /// A file with the passphrase of the new slot
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// A variable with the passphrase of the new slot
        #[arg(long, value_name = "NAME", conflicts_with = "new_passphrase_file")]
        new_passphrase_env: Option<String>,
    },
    /// Removes a seal slot; never the last
    Remove {
        /// Its number
        #[arg(long, value_name = "NUMBER")]
        slot: u32,
        /// Removes it even where no other is seen to open
        #[arg(long)]
        force: bool,
    },
    /// Gives a seal slot another secret: a new file, or a new passphrase
    Rotate {
        /// Its number
        #[arg(value_name = "SLOT")]
        slot: u32,
        /// A file with the new passphrase of the slot
        #[arg(long, value_name = "FILE")]
        new_passphrase_file: Option<PathBuf>,
        /// A variable with the new passphrase of the slot
        #[arg(long, value_name = "NAME", conflicts_with = "new_passphrase_file")]
        new_passphrase_env: Option<String>,
    },
}

#[derive(Subcommand)]
pub(super) enum ConfigVerb {
    /// Shows every key with its value and where it came from
    Show,
}

fn safeguard(text: &str) -> Result<Safeguard, String> {
    let known = SAFEGUARDS.iter().find(|safeguard| safeguard.name() == text);
    known.copied().ok_or_else(|| {
        let names: Vec<_> = SAFEGUARDS.iter().map(|safeguard| safeguard.name()).collect();
        format!("the safeguards are {}", names.join(", "))
    })
}
