// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The log: what is written is in order, chained and complete, whoever writes it and whatever stops
//! them. Checked by a reader of its own (`reader`), which shares no code with the writer.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/child.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod child;
mod counts;
mod faults;
mod hostile;
mod keys;
mod page;
#[path = "../common/proof.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod proof;
mod proofs;
mod reader;
mod tamper;
mod vectors;
mod writing;

use reader::Reader;
use std::path::{Path, PathBuf};
use strongroom::audit::{Auditor, Entry, KeyName, Log, Place, Who};
use strongroom::config;
use strongroom::files::Access;
use strongroom::mechanism::kem;
use strongroom::secret::Secret;

/// The log of a store, and an auditor.
struct Ground {
    directory: PathBuf,
    /// Goes with it.
    _temporary: Option<tempfile::TempDir>,
    seed: Secret,
    public: Vec<u8>,
}

impl Ground {
    fn new() -> Ground {
        let temporary = tempfile::tempdir().unwrap();
        let ground = Ground::at(temporary.path().to_path_buf());
        Ground { _temporary: Some(temporary), ..ground }
    }

    /// In a directory that is there.
    fn at(directory: PathBuf) -> Ground {
        let (public, seed) = kem::generate().unwrap();
        let ground = Ground { directory, _temporary: None, seed, public };
        Log::create(&ground.place(), &key(), &[ground.auditor()]).unwrap();
        ground
    }

    fn auditor(&self) -> Auditor {
        Auditor { name: "anna".to_owned(), public: self.public.clone() }
    }

    fn place(&self) -> Place {
        let access = Access::for_group("").unwrap();
        Place { directory: self.path().join("audit"), access, store: STORE }
    }

    fn path(&self) -> &Path {
        &self.directory
    }

    fn segment(&self, first: u64) -> PathBuf {
        self.place().segment(first)
    }

    fn open(&self) -> Log {
        self.open_with(config::Audit::default())
    }

    fn open_with(&self, settings: config::Audit) -> Log {
        Log::open(self.place(), &key(), settings).unwrap()
    }

    /// Reads and checks the whole log.
    fn read(&self) -> Reader {
        Reader::read(&self.place().directory, &self.seed)
    }
}

fn key() -> Secret {
    Secret::copy_of(&[7; 32]).unwrap()
}

fn signing(session: u64) -> Entry<'static> {
    Entry {
        who: Who { role: "user", user: "" },
        token: "0123456789abcdef",
        session,
        op: "C_Sign",
        key: Some(KeyName { id: b"5f3a", label: "Schl\u{fc}ssel \"1\"\n\u{1f511}".as_bytes() }),
        mechanism: "CKM_ECDSA",
        outcome: "CKR_OK",
        details: &[],
    }
}

const STORE: [u8; 16] = *b"0123456789abcdef";
