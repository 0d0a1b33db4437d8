// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of the command. There is deliberately no option that takes a PIN itself.

mod policy;

pub(super) use super::pin_arguments::{
    Helper, Holder, Named, NewPin, PinVerb, SoPin, Token, UserPin, UserVerb,
};
pub(super) use policy::{Explain, PolicyVerb};

use crate::admin::{Class, Format, KeyKind, USAGES};
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
    Key(KeyVerb),
    /// Changes and unblocks PINs
    #[command(subcommand)]
    Pin(PinVerb),
    /// Lists, adds and removes named users of a token, and sets their PINs
    #[command(subcommand)]
    User(UserVerb),
    /// Shows, checks, sets and explains the rules of who may do what with which key
    #[command(subcommand)]
    Policy(PolicyVerb),
    /// Lists, adds and removes the ways to open the store
    #[command(subcommand)]
    Seal(SealVerb),
    /// Verifies every record of the store; ends with 1 if something is wrong, 2 if it could not run
    Check,
    /// Says what is wrong with this installation and how to mend it
    Doctor,
    /// Shows the configuration in force
    #[command(subcommand)]
    Config(ConfigVerb),
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

/// A token with its user logged in.
#[derive(Args)]
pub(super) struct User {
    #[command(flatten)]
    pub(super) token: Token,
    #[command(flatten)]
    pub(super) holder: Holder,
}

/// As [`User`], or without a login.
#[derive(Args)]
pub(super) struct Reader {
    #[command(flatten)]
    pub(super) user: User,
    /// Takes no PIN, and sees public keys and certificates alone
    #[arg(long, conflicts_with_all = ["user", "pin_file", "pin_env"])]
    pub(super) public: bool,
}

#[derive(Subcommand)]
pub(super) enum KeyVerb {
    /// Lists keys, certificates and data
    List {
        #[command(flatten)]
        reader: Reader,
        #[command(flatten)]
        object: Object,
    },
    /// Shows every attribute of the objects that fit
    Show {
        #[command(flatten)]
        reader: Reader,
        #[command(flatten)]
        object: Object,
    },
    /// Makes a key or a pair of keys
    Generate(Generate),
    /// Imports a private key, public key, certificate or raw secret key from a file
    Import(Import),
    /// Writes a public key or certificate
    ExportPublic(Export),
    /// Destroys a key or certificate for good
    Destroy(Destroy),
}

/// An object: by id, label and class, as far as each is needed.
#[derive(Args)]
pub(super) struct Object {
    /// Its id, hexadecimal
    #[arg(long, value_name = "HEX", value_parser = id)]
    pub(super) id: Option<Id>,
    /// Its label
    #[arg(long)]
    pub(super) label: Option<String>,
    /// Its class: private, public, secret, certificate, data
    #[arg(long, value_parser = class)]
    pub(super) class: Option<Class>,
}

/// What is said of a new object.
#[derive(Args)]
pub(super) struct New {
    /// Its label
    #[arg(long)]
    pub(super) label: String,
    /// Its id, hexadecimal; chosen where none is given
    #[arg(long, value_name = "HEX", value_parser = id)]
    pub(super) id: Option<Id>,
    /// Its usages, with commas between: sign, verify, encrypt, decrypt, wrap, unwrap, derive; where
    /// none are given, what the type serves
    #[arg(long, value_name = "USAGES", value_delimiter = ',', value_parser = usage)]
    pub(super) usage: Option<Vec<String>>,
    /// The key may leave the token wrapped by another key
    #[arg(long)]
    pub(super) extractable: bool,
    /// Every use of the private key takes the PIN again
    #[arg(long)]
    pub(super) always_authenticate: bool,
}

#[derive(Args)]
pub(super) struct Generate {
    #[command(flatten)]
    pub(super) user: User,
    /// rsa:BITS, ec:p256, ec:p384, ec:p521, ec:secp256k1, ec:brainpoolp256r1 and so on, ed25519,
    /// ed448, x25519, x448, aes:BITS, generic:BYTES, hmac-sha256, hmac-sha3-256 and so on
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub(super) kind: KeyKind,
    #[command(flatten)]
    pub(super) new: New,
}

#[derive(Args)]
pub(super) struct Import {
    #[command(flatten)]
    pub(super) user: User,
    /// The file: PEM or DER, or with --type the raw value of a secret key
    #[arg(long)]
    pub(super) file: PathBuf,
    /// The type of a raw secret key: aes, generic, hmac-sha256 and so on
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub(super) kind: Option<KeyKind>,
    /// Which to take of a file that holds several: private, public, certificate
    #[arg(long, value_parser = class, conflicts_with = "kind")]
    pub(super) class: Option<Class>,
    #[command(flatten)]
    pub(super) new: New,
    /// Makes no object for the public half of a private key
    #[arg(long)]
    pub(super) private_only: bool,
    /// A file with the passphrase of an encrypted private key
    #[arg(long, value_name = "FILE")]
    pub(super) key_passphrase_file: Option<PathBuf>,
    /// A variable with the passphrase of an encrypted private key
    #[arg(long, value_name = "NAME", conflicts_with = "key_passphrase_file")]
    pub(super) key_passphrase_env: Option<String>,
}

#[derive(Args)]
pub(super) struct Export {
    #[command(flatten)]
    pub(super) reader: Reader,
    #[command(flatten)]
    pub(super) object: Object,
    /// The file to make; standard output where none is given
    #[arg(long, value_name = "FILE")]
    pub(super) out: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_parser = format, default_value = "pem")]
    pub(super) format: Format,
}

#[derive(Args)]
pub(super) struct Destroy {
    #[command(flatten)]
    pub(super) user: User,
    #[command(flatten)]
    pub(super) object: Object,
    /// Destroys every object that fits: both halves of a pair and its certificate
    #[arg(long)]
    pub(super) all: bool,
    /// Asks for no confirmation
    #[arg(long)]
    pub(super) yes: bool,
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
}

#[derive(Subcommand)]
pub(super) enum ConfigVerb {
    /// Shows every key with its value and where it came from
    Show,
}

/// An id, read.
#[derive(Clone)]
pub(super) struct Id(pub(super) Vec<u8>);

fn id(text: &str) -> Result<Id, String> {
    match hex::decode(text) {
        Ok(bytes) if !bytes.is_empty() => Ok(Id(bytes)),
        _ => Err("an id is pairs of hexadecimal digits, such as 01 or a1b2".to_string()),
    }
}

fn class(text: &str) -> Result<Class, String> {
    let known = Class::ALL.iter().find(|(_, name, _)| *name == text);
    known.map(|(class, ..)| *class).ok_or_else(|| {
        let names: Vec<_> = Class::ALL.iter().map(|(_, name, _)| *name).collect();
        format!("the classes are {}", names.join(", "))
    })
}

fn safeguard(text: &str) -> Result<Safeguard, String> {
    let known = SAFEGUARDS.iter().find(|safeguard| safeguard.name() == text);
    known.copied().ok_or_else(|| {
        let names: Vec<_> = SAFEGUARDS.iter().map(|safeguard| safeguard.name()).collect();
        format!("the safeguards are {}", names.join(", "))
    })
}

fn usage(text: &str) -> Result<String, String> {
    match USAGES.iter().find(|usage| usage.name == text) {
        Some(usage) => Ok(usage.name.to_string()),
        None => {
            let names: Vec<_> = USAGES.iter().map(|usage| usage.name).collect();
            Err(format!("the usages are {}", names.join(", ")))
        }
    }
}

fn kind(text: &str) -> Result<KeyKind, String> {
    KeyKind::parse(text).map_err(|failure| failure.next)
}

fn format(text: &str) -> Result<Format, String> {
    match text {
        "pem" => Ok(Format::Pem),
        "der" => Ok(Format::Der),
        _ => Err("the formats are pem and der".to_string()),
    }
}
