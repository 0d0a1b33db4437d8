// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An object that is given up: never one that the disk merely did not give, and never without its copy,
//! wherever the command is interrupted.

use crate::common::*;
use crate::library::{self, Kind};
use crate::place::{Ground, Place, ground};
use rusqlite::Connection;

const DISCARD: &[&str] = &["check", "--discard", "1", "--yes", "--so-pin-file", "$D/so"];

#[test]
fn what_the_disk_does_not_give_is_not_given_up() {
    let from = ground(Ground::Filled);
    let place = Place::new();
    place.become_like(&from);
    let (code, said, reads) = run(&place, 0, Kind::Read(libc::EIO));
    assert!(code == 1 && said.contains("is as it was written"), "{code}: {said}");
    assert!(reads > 20, "{reads} reads");
    let right = body(&place).expect("an object");
    let mut unread = 0;
    for at in 1..=reads {
        for kind in [Kind::Read(libc::EIO), Kind::Reads(libc::EIO)] {
            place.become_like(&from);
            let (code, said, _) = run(&place, at, kind);
            assert_eq!(code, 1, "read {at} {kind:?}: {said}");
            assert!(body(&place) == Some(right.clone()), "read {at} {kind:?}: {said}");
            assert!(copies(&place).is_empty(), "read {at} {kind:?}: {said}");
            unread += usize::from(!said.contains("is as it was written"));
        }
    }
    assert!(unread > reads / 2, "{unread} of {reads} were noticed");
}

#[test]
fn an_interrupted_discard_leaves_the_row_or_its_copy() {
    let from = ground(Ground::Filled);
    let wrong = vec![0xA5; 40];
    let alter = Connection::open(from.store().join("store.db")).unwrap();
    alter.execute("UPDATE object SET body = ?1 WHERE id = 1", [&wrong]).unwrap();
    drop(alter);
    let place = Place::new();
    place.become_like(&from);
    let (code, said, steps) = run(&place, 0, Kind::Count);
    assert_eq!(code, 0, "{said}");
    assert!(steps > 20, "{steps} steps");
    let letters: Vec<char> =
        std::fs::read_to_string(place.file("steps")).unwrap().chars().collect();
    let errors = [Kind::Half, Kind::Fail(libc::EIO), Kind::Full(libc::ENOSPC)];
    let (mut there, mut gone) = (0, 0);
    for at in 1..=steps {
        let can = |kind: &Kind| crate::steps::can(letters[at - 1], *kind);
        let error =
            errors.iter().cycle().skip(at % errors.len()).take(errors.len()).find(|kind| can(kind));
        for kind in [Some(&Kind::Kill), error].into_iter().flatten().copied() {
            let what = format!("step {at} of {steps}, {kind:?}");
            place.become_like(&from);
            run(&place, at, kind);
            match body(&place) {
                None => {
                    gone += 1;
                    assert!(copies(&place).iter().any(|copy| has(copy, &wrong)), "{what}");
                }
                Some(body) => {
                    there += 1;
                    assert_eq!(body, wrong, "{what}");
                    let (code, said, _) = run(&place, 0, Kind::Count);
                    assert_eq!(code, 0, "{what}: {said}");
                    assert!(copies(&place).iter().any(|copy| has(copy, &wrong)), "{what}");
                }
            }
            let output = place.command(&["check"]).output().unwrap();
            assert!(output.status.success(), "{what}: {}", child::everything(&output));
        }
    }
    assert!(there > 10 && gone > 2, "{there} before, {gone} after");
}

/// The command, interrupted: its exit code (none where it was killed is -1), what it said, and how many steps
/// or reads there were.
fn run(place: &Place, at: usize, kind: Kind) -> (i32, String, usize) {
    let log = place.file("steps");
    let _ = std::fs::remove_file(&log);
    let command = place.command(DISCARD);
    let output = library::armed(command, &place.store(), at, kind, &log).output().unwrap();
    let steps = std::fs::read(log).unwrap_or_default().len();
    (output.status.code().unwrap_or(-1), child::everything(&output), steps)
}

/// What rests of the object.
fn body(place: &Place) -> Option<Vec<u8>> {
    let database = Connection::open(place.store().join("store.db")).unwrap();
    database.query_row("SELECT body FROM object WHERE id = 1", [], |row| row.get(0)).ok()
}

fn copies(place: &Place) -> Vec<String> {
    let entries = std::fs::read_dir(place.store()).unwrap().map(|entry| entry.unwrap());
    let copies = entries.filter(|entry| entry.file_name().to_string_lossy().ends_with(".sql"));
    copies.map(|entry| std::fs::read_to_string(entry.path()).unwrap()).collect()
}

/// Whether a copy is whole: the body, and the tags behind it.
fn has(copy: &str, body: &[u8]) -> bool {
    copy.contains(&hex::encode(body)) && copy.ends_with(", 1);\n")
}
