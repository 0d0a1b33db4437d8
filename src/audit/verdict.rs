// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a check of the log is asked and finds, and where. Data alone: it reads nothing.

use super::segments::Place;
use super::writer::Position;
use crate::secret::Secret;
use std::path::PathBuf;

/// What is checked, and against what. The more is given, the more is seen.
pub struct Asked<'a> {
    /// The log, which may be a copy; and the store that it should be of.
    pub place: &'a Place,
    /// Whose checkpoints to believe, as `verifier` has it; without it the log's own file is believed.
    pub verifier: Option<&'a str>,
    /// The seed of an auditor's key (ML-KEM-1024), which opens the chain.
    pub auditor: Option<&'a Secret>,
    /// The store's audit key, which opens the head.
    pub key: Option<&'a Secret>,
    /// What the log may be under yet, as the store has it.
    pub former: &'a [Secret],
    /// Where the store's state says that the log was.
    pub bound: Option<Position>,
    /// The segment to begin with, where those before it were taken elsewhere.
    pub from: Option<u64>,
}

impl Asked<'_> {
    /// The store's keys, that of now first.
    pub(super) fn keys(&self) -> impl Iterator<Item = &Secret> {
        self.key.into_iter().chain(self.former)
    }
}

/// What was found of a log.
#[derive(Clone, Debug, Default)]
pub struct Verdict {
    /// The records that are as they were written, one after the other from the first that was looked at.
    pub records: u64,
    /// Of how many of them the code was checked, which takes the auditor's key.
    pub chained: u64,
    /// The last of them.
    pub last: Option<Position>,
    /// The size of the last checkpoint that holds.
    pub checkpoint: Option<u64>,
    /// How many checkpoints hold.
    pub checkpoints: u64,
    /// Records that the head does not count yet: a writer was killed, or writes now.
    pub ahead: u64,
    /// Records that a loss of power took, which the log itself says.
    pub lost: u64,
    /// Bytes of a line at the end that is not whole: a writer was killed, or writes now.
    pub unfinished: u64,
    /// The chains, by their first records, whose keys are for other auditors.
    pub unopened: Vec<u64>,
    /// What is wrong; the first bad record first.
    pub faults: Vec<Fault>,
}

/// What is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// How it is wrong.
    pub kind: Kind,
    /// The file.
    pub file: PathBuf,
    /// The line of it, from 1.
    pub line: Option<u64>,
    /// The number of the record that should be there.
    pub seq: Option<u64>,
    /// The last record that it may be, where the codes were not checked.
    pub until: Option<u64>,
}

/// Declares the kinds with their names and what they mean.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal $says:literal;)*) => {
        /// How something is wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Kind { $($(#[$doc])* $kind,)* }

        impl Kind {
            /// Its name, as JSON has it.
            pub fn name(self) -> &'static str {
                match self { $(Kind::$kind => $name,)* }
            }

            /// In words.
            pub fn says(self) -> &'static str {
                match self { $(Kind::$kind => $says,)* }
            }
        }
    };
}

kinds! {
    /// The record is not as it was written.
    Edited "edited" "a record was edited";
    /// Records are missing.
    Removed "removed" "records were removed";
    /// The record stands elsewhere.
    Reordered "reordered" "records were reordered";
    /// The record stands there twice.
    Duplicated "duplicated" "a record was duplicated";
    /// The end is missing.
    Truncated "truncated" "the end was cut off";
    /// Nobody with the log's key wrote it.
    Foreign "foreign" "it was not written by this store";
    /// All of it goes together and is not the latest.
    OlderCopy "older-copy" "the log is an older copy, or one that went another way";
    /// It belongs to another store.
    OtherStore "other-store" "it is of another store";
    /// A segment is not there.
    SegmentMissing "segment-missing" "a segment is missing";
    /// A segment has another's name.
    SegmentRenamed "segment-renamed" "a segment was renamed";
    /// A checkpoint that was made is not there.
    CheckpointMissing "checkpoint-missing" "a checkpoint is missing";
    /// A checkpoint is not as it was signed, or not over this log.
    CheckpointAltered "checkpoint-altered" "a checkpoint is not as it was signed, or not over this log";
    /// The head is not there.
    HeadMissing "head-missing" "the head is missing";
    /// The head was not written by this store.
    HeadAltered "head-altered" "the head was altered, or is another store's";
    /// The head is from before another chain began.
    HeadOlder "head-older" "the head is a copy from before another chain began";
    /// Another chain begins, because the head was lost.
    Broken "broken" "the head was lost, and another chain begun: nobody knows what was lost with it";
    /// The keys for the auditors are not as they were written, or gone.
    KeysAltered "keys-altered" "the keys for the auditors were altered or are missing";
    /// The signer's public key is another one, or gone.
    VerifierAltered "verifier-altered" "the key to check checkpoints with is another one, or missing";
    /// The log is not there.
    LogMissing "log-missing" "the log is not there";
    /// A file cannot be read.
    Unreadable "unreadable" "a file cannot be read";
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.file.display())?;
        if let Some(line) = self.line {
            write!(f, ", line {line}")?;
        }
        if let Some(seq) = self.seq {
            write!(f, ", record {seq}")?;
        }
        if let Some(until) = self.until {
            write!(f, " to {until}")?;
        }
        write!(f, ": {}", self.kind.says())
    }
}
