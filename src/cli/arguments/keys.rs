// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom key`.

use super::options::{Id, Reader, User, class, date, format, id, kind, label, reason, span, usage};
use crate::admin::{Class, Format, KeyKind};
use clap::{Args, Subcommand};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum KeyVerb {
    /// Lists keys, certificates and data
    List {
        #[command(flatten)]
        reader: Reader,
        #[command(flatten)]
        object: Object,
        /// Lists keys that were destroyed: when, by whom and why
        #[arg(long, conflicts_with_all = ["class", "public"])]
        destroyed: bool,
        /// Shows owners, purposes, labels and when rotation is due
        #[arg(long)]
        long: bool,
        /// Lists the keys of this owner
        #[arg(long, value_name = "TEXT")]
        owner: Option<String>,
        /// Lists the keys for this purpose
        #[arg(long, value_name = "TEXT")]
        purpose: Option<String>,
        /// Lists the keys with this label, key=value
        #[arg(long = "with", value_name = "LABEL", value_parser = label)]
        labels: Vec<(String, String)>,
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
    /// Writes a private key (PKCS #8) or secret key (raw) in clear, where its attributes hide it from
    /// nobody
    Export(ExportKey),
    /// Lets a pre-active key be used
    Activate(Change),
    /// Takes a key out of use for a time: it verifies, and does nothing else
    Suspend(Change),
    /// Lets a suspended key be used again
    Resume(Change),
    /// Takes a key out of use for good: it decrypts, verifies and unwraps what it protected
    Deactivate(Change),
    /// Says that others may know a key: it is used as a deactivated one
    Compromise(Change),
    /// Sets what is said of a key: owner, purpose, labels, rotation, dates
    Set(Set),
    /// Destroys a key or certificate for good; of a key it stays on record
    Destroy(Destroy),
    /// Forgets a key that was destroyed
    Forget(Forget),
}

/// An object: by id, label and class, as far as each is needed.
#[derive(Args)]
pub(in crate::cli) struct Object {
    /// Its id, hexadecimal
    #[arg(long, value_name = "HEX", value_parser = id)]
    pub(in crate::cli) id: Option<Id>,
    /// Its label
    #[arg(long)]
    pub(in crate::cli) label: Option<String>,
    /// Its class: private, public, secret, certificate, data
    #[arg(long, value_parser = class)]
    pub(in crate::cli) class: Option<Class>,
}

/// What is said of a new object.
#[derive(Args)]
pub(in crate::cli) struct New {
    /// Its label
    #[arg(long)]
    pub(in crate::cli) label: String,
    /// Its id, hexadecimal; chosen where none is given
    #[arg(long, value_name = "HEX", value_parser = id)]
    pub(in crate::cli) id: Option<Id>,
    /// Its usages, with commas between: sign, verify, encrypt, decrypt, wrap, unwrap, derive; where
    /// none are given, what the type serves
    #[arg(long, value_name = "USAGES", value_delimiter = ',', value_parser = usage)]
    pub(in crate::cli) usage: Option<Vec<String>>,
    /// The key may leave the token wrapped by another key
    #[arg(long)]
    pub(in crate::cli) extractable: bool,
    /// Every use of the private key takes the PIN again
    #[arg(long)]
    pub(in crate::cli) always_authenticate: bool,
    /// The key is not used until it is activated
    #[arg(long)]
    pub(in crate::cli) pre_active: bool,
    #[command(flatten)]
    pub(in crate::cli) said: Said,
}

/// What is said of a key for people, and its days.
#[derive(Args)]
pub(in crate::cli) struct Said {
    /// Whose key it is
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) owner: Option<String>,
    /// What it is for
    #[arg(long, value_name = "TEXT")]
    pub(in crate::cli) purpose: Option<String>,
    /// After how long it should be replaced: 90d, 52w, 1y; 'never'
    #[arg(long, value_name = "SPAN", value_parser = span)]
    pub(in crate::cli) rotate_every: Option<u64>,
    /// A label, key=value; may be repeated
    #[arg(long, value_name = "LABEL", value_parser = label)]
    pub(in crate::cli) label_set: Vec<(String, String)>,
    /// The first day it may be used, as 2027-01-31, UTC; 'none'
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(in crate::cli) start_date: Option<std::vec::Vec<u8>>,
    /// The last day it may protect, as 2027-12-31, UTC; 'none'
    #[arg(long, value_name = "DATE", value_parser = date)]
    pub(in crate::cli) end_date: Option<std::vec::Vec<u8>>,
}

/// A change of state.
#[derive(Args)]
pub(in crate::cli) struct Change {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// Changes every key that fits, not one key or pair alone
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Why; it stays on record
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(in crate::cli) reason: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct Set {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// Changes every key that fits, not one key or pair alone
    #[arg(long)]
    pub(in crate::cli) all: bool,
    #[command(flatten)]
    pub(in crate::cli) said: Said,
    /// The key of a label to take away; may be repeated
    #[arg(long, value_name = "KEY")]
    pub(in crate::cli) label_unset: Vec<String>,
}

#[derive(Args)]
pub(in crate::cli) struct Forget {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// Forgets every destroyed key that fits
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Asks for no confirmation
    #[arg(long)]
    pub(in crate::cli) yes: bool,
}

#[derive(Args)]
pub(in crate::cli) struct Generate {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    /// rsa:BITS, ec:p256, ec:p384, ec:p521, ec:secp256k1, ec:brainpoolp256r1 and so on, ed25519,
    /// ed448, x25519, x448, aes:BITS, generic:BYTES, hmac-sha256, hmac-sha3-256 and so on
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub(in crate::cli) kind: KeyKind,
    #[command(flatten)]
    pub(in crate::cli) new: New,
}

#[derive(Args)]
pub(in crate::cli) struct Import {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    /// The file: PEM or DER, or with --type the raw value of a secret key
    #[arg(long)]
    pub(in crate::cli) file: PathBuf,
    /// The type of a raw secret key: aes, generic, hmac-sha256 and so on
    #[arg(long = "type", value_name = "TYPE", value_parser = kind)]
    pub(in crate::cli) kind: Option<KeyKind>,
    /// Which to take of a file that holds several: private, public, certificate
    #[arg(long, value_parser = class, conflicts_with = "kind")]
    pub(in crate::cli) class: Option<Class>,
    #[command(flatten)]
    pub(in crate::cli) new: New,
    /// Makes no object for the public half of a private key
    #[arg(long)]
    pub(in crate::cli) private_only: bool,
    /// A file with the passphrase of an encrypted private key
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) key_passphrase_file: Option<PathBuf>,
    /// A variable with the passphrase of an encrypted private key
    #[arg(long, value_name = "NAME", conflicts_with = "key_passphrase_file")]
    pub(in crate::cli) key_passphrase_env: Option<String>,
}

#[derive(Args)]
pub(in crate::cli) struct ExportKey {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// The file to make, for its owner alone
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: PathBuf,
    /// How a private key is written
    #[arg(long, value_parser = format, default_value = "pem")]
    pub(in crate::cli) format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(in crate::cli) reader: Reader,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// The file to make; standard output where none is given
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) out: Option<PathBuf>,
    /// How it is written
    #[arg(long, value_parser = format, default_value = "pem")]
    pub(in crate::cli) format: Format,
}

#[derive(Args)]
pub(in crate::cli) struct Destroy {
    #[command(flatten)]
    pub(in crate::cli) user: User,
    #[command(flatten)]
    pub(in crate::cli) object: Object,
    /// Destroys every object that fits: both halves of a pair and its certificate
    #[arg(long)]
    pub(in crate::cli) all: bool,
    /// Asks for no confirmation
    #[arg(long)]
    pub(in crate::cli) yes: bool,
    /// Why; it stays on record
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(in crate::cli) reason: Option<String>,
}
