// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The arguments of `strongroom audit`.

use super::pins::{Holder, SoPin, Token};
use crate::admin::{Destination, LogFormat};
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

#[derive(Subcommand)]
pub(in crate::cli) enum AuditVerb {
    /// Checks the audit log, and names the first record that is not as it was written
    ///
    /// Ends with 0 if nothing is wrong, 1 if something is, 2 if it could not run.
    Verify(Verify),
    /// Shows records of the audit log; with --json as its lines are
    Show(Show),
    /// Hands records to a log collector, each with its line of the audit log in it
    Export(Export),
    /// Prints whose signatures on checkpoints to believe: a verifier key of signed notes
    Key(LogCopy),
    /// Signs how the log stands now: how many records there are, and the root over them
    Checkpoint {
        /// Hands it to a witness: a directory that exists, or a command for the shell that reads it
        /// from its standard input. What a directory has of before must be of the same log, and is
        /// proved to have grown
        #[arg(long, value_name = "DIR|COMMAND")]
        publish: Option<String>,
    },
    /// Begins another chain, whose first key is kept for the auditors of now: they check the log from then
    /// on, and nobody else
    ///
    /// They are those whom audit.auditors of the configuration names, and the users of role auditor of all
    /// tokens; where there is neither, the security officers.
    Renew {
        /// Goes on with a log whose head is lost; the log says so for ever
        #[arg(long)]
        lost: bool,
    },
    /// Proves that a record is in the log, against a checkpoint: a C2SP tlog-proof
    Prove {
        /// The number of the record
        seq: u64,
        /// The size of the checkpoint; the newest where none is given
        #[arg(long, value_name = "SIZE")]
        size: Option<u64>,
        #[command(flatten)]
        copy: LogCopy,
    },
    /// Proves that the log of one size only grew to become that of a checkpoint: what a C2SP witness
    /// is sent
    Consistency {
        /// The size it had
        old: u64,
        /// The size of the checkpoint
        new: u64,
        #[command(flatten)]
        copy: LogCopy,
    },
}

/// Which log.
#[derive(Args)]
pub(in crate::cli) struct LogCopy {
    /// The directory of a copy of the log, in the place of the store's own
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) log: Option<PathBuf>,
}

#[derive(Args)]
pub(in crate::cli) struct Show {
    #[command(flatten)]
    pub(in crate::cli) choice: Choice,
    /// The time zone that times are shown in, by name
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    pub(in crate::cli) zone: String,
    /// So many of them, the last ones
    #[arg(long, value_name = "NUMBER", conflicts_with = "follow")]
    pub(in crate::cli) last: Option<usize>,
}

#[derive(Args)]
pub(in crate::cli) struct Export {
    #[command(flatten)]
    pub(in crate::cli) choice: Choice,
    /// How they are written
    #[arg(long, value_enum)]
    pub(in crate::cli) format: Format,
    /// Where they go: stdout, unix:PATH or udp:HOST:PORT; where none is given, journald's socket for
    /// its entries and standard output for others
    #[arg(long, value_name = "WHERE", value_parser = Destination::parse)]
    pub(in crate::cli) to: Option<Destination>,
}

/// Which records.
#[derive(Args)]
pub(in crate::cli) struct Choice {
    /// Not before this: date, time and offset or zone, such as 2026-03-01T12:00:00Z, or how long ago,
    /// such as 15m
    #[arg(long, value_name = "TIME", help_heading = "Which records")]
    pub(in crate::cli) since: Option<String>,
    /// Before this
    #[arg(long, value_name = "TIME", help_heading = "Which records")]
    pub(in crate::cli) until: Option<String>,
    /// After the record of this number
    #[arg(long, value_name = "SEQ", default_value_t = 0, help_heading = "Which records")]
    pub(in crate::cli) after: u64,
    /// Of a key, by its unique id or label; '*' stands for anything
    #[arg(long, value_name = "KEY", help_heading = "Which records")]
    pub(in crate::cli) key: Vec<String>,
    /// By a user: a name, a role, or 'uid:' and a number
    #[arg(long, value_name = "USER", help_heading = "Which records")]
    pub(in crate::cli) user: Vec<String>,
    /// Of an operation, such as 'C_Sign*'
    #[arg(long, value_name = "NAME", help_heading = "Which records")]
    pub(in crate::cli) operation: Vec<String>,
    /// With an outcome: ok, failed, or a name such as CKR_PIN_INCORRECT
    #[arg(long, value_name = "OUTCOME", help_heading = "Which records")]
    pub(in crate::cli) outcome: Vec<String>,
    /// By a program, by its file name
    #[arg(long, value_name = "NAME", help_heading = "Which records")]
    pub(in crate::cli) program: Vec<String>,
    /// Goes on with what is recorded from now on, until it is stopped
    #[arg(long)]
    pub(in crate::cli) follow: bool,
    #[command(flatten)]
    pub(in crate::cli) copy: LogCopy,
}

#[derive(Clone, Copy, ValueEnum)]
pub(in crate::cli) enum Format {
    /// RFC 5424, facility 'log audit'
    Syslog,
    /// journald's native protocol
    Journald,
    /// Lines of JSON by the schema of OCSF
    Ocsf,
}

impl From<Format> for LogFormat {
    fn from(format: Format) -> LogFormat {
        match format {
            Format::Syslog => LogFormat::Syslog,
            Format::Journald => LogFormat::Journald,
            Format::Ocsf => LogFormat::Ocsf,
        }
    }
}

#[derive(Args)]
pub(in crate::cli) struct Verify {
    /// The directory of a log, or of a copy of one; the store's own where none is given
    #[arg(long, value_name = "DIR")]
    pub(in crate::cli) log: Option<PathBuf>,
    /// A file with the key to check checkpoints with, kept where nobody who writes the log can write;
    /// without it the one beside the log is believed
    #[arg(long, value_name = "FILE")]
    pub(in crate::cli) checkpoint_key: Option<PathBuf>,
    /// A file with an auditor's key, of one who has no PIN; without it and a PIN the codes of the records cannot be checked, and what
    /// comes after the last checkpoint is believed
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "pin_file", "pin_env"])]
    pub(in crate::cli) auditor_key: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) token: Token,
    /// Checks with the security officer's PIN, where the token has no auditor
    #[arg(long, conflicts_with_all = ["user", "pin_file", "pin_env", "auditor_key"])]
    pub(in crate::cli) so: bool,
    #[command(flatten)]
    pub(in crate::cli) holder: Holder,
    #[command(flatten)]
    pub(in crate::cli) so_pin: SoPin,
    /// The first record of the segment to begin with, where those before it were taken elsewhere
    #[arg(long, value_name = "SEQ", value_parser = clap::value_parser!(u64).range(1..))]
    pub(in crate::cli) from: Option<u64>,
}
