// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who writes the files of a log and does not have its key puts no record into it, has nothing signed
//! that they wrote, and ends no process.

use super::page::{self, Page};
use super::{Ground, signing};
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use strongroom::audit::{Announced, Asked, Durability, Kind, Log, Position, verify};

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

/// Lines are taken away after the machine was started anew, in the hope that this is taken for a loss
/// of power; with the lines before them written anew.
#[test]
fn what_was_durable_is_not_lost_with_power() {
    for edit in [false, true] {
        let ground = Ground::new();
        let log = ground.open();
        for session in 1..6 {
            log.append(&signing(session), Durability::Now).unwrap();
        }
        log.append(&signing(6), Durability::Later).unwrap();
        let text = fs::read_to_string(ground.segment(1)).unwrap();
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        match edit {
            // One that nothing had made durable, and another is not what it was.
            true => {
                lines.pop();
                lines[3] = lines[3].replace("\"role\":\"user\"", "\"role\":\"root\"");
            }
            false => lines.truncate(lines.len() - 2),
        }
        drop(log);
        fs::write(ground.segment(1), lines.join("\n") + "\n").unwrap();
        let mut page = Page::of(&ground);
        page.set_bytes(page::BOOT, &[0; 16]);
        page.put(&ground);
        ground.open().append(&signing(7), Durability::Now).unwrap();
        let text = fs::read_to_string(ground.segment(1)).unwrap();
        let lost = text.lines().find(|line| line.contains("\"audit.lost\"")).expect("a record");
        assert!(lost.contains("CKR_DEVICE_ERROR"), "edit: {edit}: {lost}");
    }
}

/// The same between two records, without a restart: nothing is missing, and the file is shorter.
#[test]
fn lines_that_are_written_anew_and_shorter_are_noticed() {
    let ground = Ground::new();
    let log = ground.open();
    for session in 1..6 {
        log.append(&signing(session), Durability::Later).unwrap();
    }
    let text = fs::read_to_string(ground.segment(1)).unwrap();
    let edited = text.replacen("\"session\":3,", "", 1);
    assert_eq!(edited.len() + 12, text.len());
    // In place: a writer has it open.
    let file = OpenOptions::new().write(true).open(ground.segment(1)).unwrap();
    file.write_all_at(edited.as_bytes(), 0).unwrap();
    file.set_len(edited.len() as u64).unwrap();
    log.append(&signing(7), Durability::Now).unwrap();
    log.checkpoint().unwrap();
    let place = ground.place();
    // The files alone tell it, whatever is signed later.
    let asked = Asked {
        place: &place,
        verifier: None,
        auditor: None,
        key: None,
        former: &[],
        bound: None,
        from: None,
    };
    let faults = verify(&asked).unwrap().faults;
    let found: Vec<_> = faults.iter().map(|fault| (fault.kind, fault.seq)).collect();
    assert_eq!(found, [(Kind::Edited, Some(8))]);
}

/// A head of the first version is read, and the next writer knows what is durable from then on.
#[test]
fn a_head_of_the_first_version_is_brought_to_the_second() {
    let ground = Ground::new();
    let log = ground.open();
    for session in 1..6 {
        log.append(&signing(session), Durability::Now).unwrap();
    }
    let mut page = Page::of(&ground);
    page.set_bytes(page::BOOT, &[0; 16]);
    page.put_first_version(&ground);
    drop(log);
    let log = ground.open();
    assert_eq!(Page::of(&ground).number(page::DURABLE), 7);
    let lines = ground.read().lines;
    let root = super::reader::root(&lines);
    assert_eq!(Page::of(&ground).bytes(page::DURABLE + 8).to_vec(), root);
    log.append(&signing(6), Durability::Later).unwrap();
    assert_eq!(Page::of(&ground).number(page::DURABLE), 7);
    assert_eq!(ground.read().of("C_Sign").len(), 6);
}

fn announce(log: &Log, bound: Position, revision: u64) -> Position {
    log.announce(&Announced { bound, revision }, Some(&signing(1))).unwrap()
}

fn append(path: &Path, bytes: &[u8]) {
    OpenOptions::new().append(true).open(path).unwrap().write_all(bytes).unwrap();
}

/// Bytes: a sparse file may be so long.
const ENDLESS: u64 = 1 << 43;
