// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A database that was changed from outside: what is read is right, or there is an error.

use crate::common::*;
use crate::{UNUSABLE, database, filled, try_use};
use std::fs;

#[test]
fn what_is_no_database_is_refused() {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    let right = fs::read(&file).unwrap();
    let mut headless = right.clone();
    headless[..16].fill(0x55);
    for (what, wrong) in [
        ("garbage", vec![0x5A; 8192]),
        ("text", b"this is no database, it is a text that somebody wrote here\n".repeat(100)),
        ("headless", headless),
        ("half", right[..right.len() / 2].to_vec()),
        ("a page", right[..4096.min(right.len())].to_vec()),
    ] {
        fs::write(&file, &wrong).unwrap();
        remove_journal(&file);
        try_use(&fixture).map(drop).gives_for(what, UNUSABLE);
        fs::write(&file, &right).unwrap();
        remove_journal(&file);
        assert_eq!(try_use(&fixture).good_for(what), content);
    }
}

#[test]
fn an_emptied_database_is_not_taken_for_a_fresh_store() {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    let right = fs::read(&file).unwrap();
    fs::write(&file, b"").unwrap();
    remove_journal(&file);
    try_use(&fixture).map(drop).gives_for("an empty file", UNUSABLE);
    fs::write(&file, &right).unwrap();
    remove_journal(&file);
    assert_eq!(try_use(&fixture).good(), content);
}

#[test]
fn no_changed_byte_changes_what_is_read() {
    let (fixture, content) = filled();
    let file = database(&fixture).remove(0);
    let right = fs::read(&file).unwrap();
    let used: Vec<usize> = (100..right.len()).filter(|at| right[*at] != 0).collect();
    let step = used.len() / 150 + 1;
    let mut refused = 0;
    for at in used.iter().step_by(step) {
        let mut wrong = right.clone();
        wrong[*at] ^= 0x41;
        fs::write(&file, &wrong).unwrap();
        remove_journal(&file);
        match try_use(&fixture) {
            // The byte may be one that nothing reads.
            Ok(read) => {
                let missing = content.iter().filter(|item| !read.contains(item)).count();
                let added = read.iter().filter(|item| !content.contains(item)).count();
                assert_eq!(added, 0, "byte {at}: something else was read");
                refused += usize::from(missing > 0);
            }
            Err(Rv(CKR_PIN_INCORRECT | CKR_PIN_LOCKED | CKR_USER_PIN_NOT_INITIALIZED)) => {
                refused += 1
            }
            other => {
                other.map(drop).gives_for(&format!("byte {at}"), UNUSABLE);
                refused += 1;
            }
        }
    }
    assert!(refused > 20, "only {refused} changes were noticed");
    fs::write(&file, &right).unwrap();
    remove_journal(&file);
    assert_eq!(try_use(&fixture).good(), content);
}

fn remove_journal(file: &std::path::Path) {
    for suffix in ["-wal", "-shm", "-journal"] {
        let mut name = file.as_os_str().to_owned();
        name.push(suffix);
        let _ = fs::remove_file(name);
    }
}
