// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Records are written once each and in order, and what was half done is ended.

use super::{Ground, signing};
use std::fs::OpenOptions;
use std::io::Write;
use strongroom::audit::{Durability, Log};
use strongroom::config;

#[test]
fn what_is_written_is_read() {
    let ground = Ground::new();
    let log = ground.open();
    let position = log.append(&signing(9), Durability::Now).unwrap();
    let read = ground.read();
    let record = read.records.last().unwrap();
    assert_eq!(record["seq"], position.seq);
    assert_eq!(record["mac"], hex::encode(position.mac));
    assert_eq!(record["op"], "C_Sign");
    assert_eq!(record["session"], 9);
    assert_eq!(record["who"]["pid"], std::process::id());
    assert_eq!(record["key"]["label"], "Schl\u{fc}ssel \"1\"\n\u{1f511}");
    assert_eq!(log.position().unwrap(), position);
}

#[test]
fn many_writers_make_one_order() {
    let ground = Ground::new();
    std::thread::scope(|scope| {
        for writer in 1..5 {
            let log = ground.open();
            scope.spawn(move || {
                for _ in 0..200 {
                    log.append(&signing(writer), Durability::Later).unwrap();
                }
            });
        }
    });
    let read = ground.read();
    for writer in 1..5 {
        let records = read.records.iter().filter(|record| record["session"] == writer);
        assert_eq!(records.count(), 200);
    }
}

#[test]
fn segments_follow_each_other() {
    let ground = Ground::new();
    let log = ground.open_with(config::Audit { segment_mib: 1, ..config::Audit::default() });
    for _ in 0..8000 {
        log.append(&signing(1), Durability::Later).unwrap();
    }
    let read = ground.read();
    let opened = read.of("audit.segment");
    assert!(opened.len() > 2, "{} segments", opened.len());
    for record in opened {
        let before = record["seq"].as_u64().unwrap() as usize - 1;
        assert_eq!(record["details"]["size"], before);
        let root = super::reader::root(&read.lines[..before]);
        assert_eq!(record["details"]["root"], hex::encode(root));
        if before > 0 {
            assert_eq!(record["details"]["previous"], read.records[before - 1]["mac"]);
        }
    }
}

#[test]
fn a_checkpoint_is_over_all_that_is_there() {
    let ground = Ground::new();
    let log = ground.open_with(config::Audit { checkpoint_records: 5, ..config::Audit::default() });
    for _ in 0..13 {
        log.append(&signing(1), Durability::Later).unwrap();
    }
    let note = log.checkpoint().unwrap();
    let read = ground.read();
    assert!(read.checkpoints.len() >= 3, "{:?}", read.checkpoints);
    let size = read.checkpoints.last().unwrap();
    assert_eq!(note.lines().nth(1).unwrap(), size.to_string());
    assert_eq!(read.records.last().unwrap()["op"], "audit.checkpoint");
    assert_eq!(read.records.last().unwrap()["seq"], size + 1);
}

/// Killed between the line and the head.
#[test]
fn a_line_that_no_head_counts_is_taken_over() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let head = std::fs::read(ground.place().head()).unwrap();
    log.append(&signing(2), Durability::Now).unwrap();
    log.append(&signing(3), Durability::Now).unwrap();
    std::fs::write(ground.place().head(), head).unwrap();
    log.append(&signing(4), Durability::Now).unwrap();
    let sessions: Vec<_> =
        ground.read().of("C_Sign").iter().map(|r| r["session"].clone()).collect();
    assert_eq!(sessions, [1, 2, 3, 4]);
}

/// Killed in the midst of the line; or somebody else wrote one.
#[test]
fn what_is_no_whole_line_of_ours_is_cut_off() {
    let ground = Ground::new();
    let log = ground.open();
    log.append(&signing(1), Durability::Now).unwrap();
    let last = ground.read().lines.last().unwrap().clone();
    for stray in [&b"{\"v\":1,\"se"[..], &[&last[..], b"\n"].concat()] {
        let mut file = OpenOptions::new().append(true).open(ground.segment(1)).unwrap();
        file.write_all(stray).unwrap();
        log.append(&signing(2), Durability::Now).unwrap();
        let read = ground.read();
        let cut = read.of("audit.cut").last().unwrap()["details"]["cut"].clone();
        assert_eq!(cut, stray.len());
    }
    assert_eq!(ground.read().of("C_Sign").len(), 3);
}

#[test]
fn a_log_that_is_shorter_than_its_head_says_so() {
    let ground = Ground::new();
    let log = ground.open();
    for session in 1..6 {
        log.append(&signing(session), Durability::Now).unwrap();
    }
    let read = ground.read();
    let kept = read.lines.len() - 2;
    let length: usize = read.lines[..kept].iter().map(|line| line.len() + 1).sum();
    // In the midst of a line.
    let file = OpenOptions::new().write(true).open(ground.segment(1)).unwrap();
    file.set_len(length as u64 + 20).unwrap();
    log.append(&signing(9), Durability::Now).unwrap();
    let records = ground.read().records;
    assert_eq!(records.len(), kept + 2);
    assert_eq!(records[kept]["op"], "audit.lost");
    assert_eq!(records[kept]["details"]["lost"], 2);
    // The machine did not lose power.
    assert_eq!(records[kept]["outcome"], "CKR_DEVICE_ERROR");
    assert_eq!(records[kept + 1]["session"], 9);
}

#[test]
fn a_log_that_was_taken_away_is_an_error() {
    let ground = Ground::new();
    let log = ground.open();
    std::fs::rename(ground.segment(1), ground.path().join("elsewhere")).unwrap();
    drop(log);
    let settings = config::Audit::default();
    assert!(Log::open(ground.place(), &super::key(), settings.clone()).is_err());
    std::fs::remove_dir_all(ground.place().directory).unwrap();
    assert!(Log::open(ground.place(), &super::key(), settings).is_err());
}
