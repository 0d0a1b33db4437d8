// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A disk that does not give what is on it is no alteration: at every read of a check, and of a rotation
//! that checks first, an error is answered, once or from there on, and nobody is told of a fault.

use crate::common::*;
use crate::library::{self, Kind};
use crate::place::{Ground, Place, ground};

const CHECK: &[&str] = &["check"];
const ROTATE: &[&str] = &["rotate", "master-key", "--compromised"];

#[test]
fn a_disk_that_fails_is_no_alteration() {
    let from = ground(Ground::Filled);
    let place = Place::new();
    place.become_like(&from);
    let (code, _, reads) = run(&place, CHECK, 0, Kind::Read(libc::EIO));
    assert_eq!(code, 0);
    assert!(reads > 20, "{reads} reads");
    let mut unread = 0;
    for at in 1..=reads {
        for kind in [Kind::Read(libc::EIO), Kind::Reads(libc::EIO)] {
            place.become_like(&from);
            let (code, said, _) = run(&place, CHECK, at, kind);
            assert!(code == 0 || code == 2, "read {at} {kind:?}: {code}: {said}");
            assert!(code == 0 || said.contains("next:"), "read {at} {kind:?}: {said}");
            assert!(!said.contains("fault:"), "read {at} {kind:?}: {said}");
            assert!(!said.contains("was altered"), "read {at} {kind:?}: {said}");
            unread += usize::from(code == 2);
        }
    }
    // What a read begins with is tried again here and there; most cannot be done without.
    assert!(unread > reads, "{unread} of {reads} were noticed");
}

/// It checks first, and what was begun is brought to its end. (The objects of this small store are in memory by
/// the time they are brought over.)
#[test]
fn a_rotation_is_not_told_of_faults_by_a_disk_that_fails() {
    let from = ground(Ground::Filled);
    let place = Place::new();
    place.become_like(&from);
    let before = place.snapshot(&[]);
    let (code, said, reads) = run(&place, ROTATE, 0, Kind::Read(libc::EIO));
    assert_eq!(code, 0, "{said}");
    for at in 1..=reads {
        place.become_like(&from);
        let (code, said, _) = run(&place, ROTATE, at, Kind::Read(libc::EIO));
        assert!(!said.contains("not as it was written"), "read {at}: {code}: {said}");
        assert!(!said.contains("could not be opened"), "read {at}: {code}: {said}");
        // What was begun is brought to its end, and all is there.
        let (again, said, _) = run(&place, ROTATE, 0, Kind::Read(libc::EIO));
        assert_eq!(again, 0, "read {at}: {said}");
        assert_eq!(place.snapshot(&[]).objects, before.objects, "read {at}");
    }
}

/// The command, with an error at one read: its exit code, what it said, and how often it read.
fn run(place: &Place, arguments: &[&str], at: usize, kind: Kind) -> (i32, String, usize) {
    let log = place.file("reads");
    let _ = std::fs::remove_file(&log);
    let command = place.command(arguments);
    let output = library::armed(command, &place.store(), at, kind, &log).output().unwrap();
    let reads = std::fs::read(log).unwrap_or_default().len();
    (output.status.code().expect("it was not killed"), child::everything(&output), reads)
}
