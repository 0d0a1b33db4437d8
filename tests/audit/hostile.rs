// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who writes the files of a log and does not have its key puts no record into it, has nothing signed
//! that they wrote, and ends no process.

use super::{Ground, signing};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use strongroom::audit::{Announced, Durability, Log, Position};

/// The file that a living process counts with.
fn counts(ground: &Ground) -> PathBuf {
    let entries = fs::read_dir(ground.place().directory).unwrap();
    let mut paths = entries.map(|entry| entry.unwrap().path());
    paths.find(|path| path.to_string_lossy().contains("/counts-")).expect("a file of counts")
}

/// Puts a file of counts under another name, as if its process had been killed.
fn plant(ground: &Ground, bytes: &[u8]) -> PathBuf {
    let path = ground.place().directory.join(format!("counts-{}", "0".repeat(32)));
    let file = strongroom::files::create(&path, ground.place().access, bytes).unwrap();
    drop(file);
    path
}

fn replaced(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let at = bytes.windows(from.len()).position(|window| window == from).expect("the text");
    [&bytes[..at], to, &bytes[at + from.len()..]].concat()
}

/// Uses that nobody made: of another user, another operation, or those of a living process again.
#[test]
fn counts_that_nobody_counted_are_not_recorded() {
    for (from, to) in [("user", "root"), ("C_Sign", "audit."), ("user", "user")] {
        let ground = Ground::new();
        let log = ground.open();
        let counter = log.counter(&signing(3)).unwrap();
        (0..5).for_each(|_| counter.add());
        let forged = replaced(&fs::read(counts(&ground)).unwrap(), from.as_bytes(), to.as_bytes());
        plant(&ground, &forged);
        ground.open().sweep().unwrap();
        log.close().unwrap();
        let records = ground.read().records;
        let counted: Vec<_> =
            records.iter().filter(|record| record["details"]["count"].is_u64()).collect();
        assert_eq!(counted.len(), 1, "{from} -> {to}: {counted:#?}");
        assert_eq!(counted[0]["details"]["count"], 5);
    }
}

/// What a living process counts is not said to be another's.
#[test]
fn counts_do_not_change_their_author() {
    let ground = Ground::new();
    let log = ground.open();
    let counter = log.counter(&signing(3)).unwrap();
    (0..5).for_each(|_| counter.add());
    let path = counts(&ground);
    let bytes = fs::read(&path).unwrap();
    let forged = replaced(&bytes, b"user", b"root");
    let file = OpenOptions::new().write(true).open(&path).unwrap();
    file.write_all_at(&forged, 0).unwrap();
    log.close().unwrap();
    assert_eq!(ground.read().of("C_Sign").len(), 0);
}

/// A file may say that it is as long as it likes: nothing that was not written is read into memory.
#[test]
fn a_segment_that_is_said_to_be_endless_is_cut() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let file = OpenOptions::new().write(true).open(ground.segment(1)).unwrap();
    file.set_len(ENDLESS).unwrap();
    log.append(&signing(2), Durability::Now).unwrap();
    assert_eq!(ground.read().of("C_Sign").len(), 2);
    assert_eq!(ground.read().of("audit.cut").len(), 1);
}

/// An older copy of the log is put back and padded, so that it is no shorter than it was.
#[test]
fn an_older_log_is_noticed_however_long_it_is_made() {
    let ground = Ground::new();
    let log = ground.open();
    let first = announce(&log, Position { seq: 0, mac: [0; 32] }, 1);
    let copies =
        [ground.segment(1), ground.place().head()].map(|path| (fs::read(&path).unwrap(), path));
    let bound = announce(&log, first, 2);
    drop(log);
    for (bytes, path) in &copies {
        fs::write(path, bytes).unwrap();
    }
    let log = ground.open();
    while log.position().unwrap().seq <= bound.seq {
        append(&ground.segment(1), b"not a record\n");
    }
    announce(&log, bound, 3);
    assert_eq!(ground.read().of("audit.older").len(), 1);
}

fn announce(log: &Log, bound: Position, revision: u64) -> Position {
    log.announce(&Announced { bound, revision }, Some(&signing(1))).unwrap()
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Bytes: a sparse file may be so long.
const ENDLESS: u64 = 1 << 43;
