// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Counts outlive who counted: processes that sign while half of them are killed lose at most what one
//! second's uses were, and nobody's use is counted twice.

use crate::common::operation::{Kind, Room};
use crate::common::*;
use crate::{of, records};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;
use std::time::{Duration, Instant};

const CHILDREN: usize = 8;

#[test]
fn of_killed_processes_the_last_second_is_lost_at_most() {
    let test = "killed::of_killed_processes_the_last_second_is_lost_at_most";
    if let Some(role) = child::role() {
        return sign(role.parse().unwrap());
    }
    let user = User::new();
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "signer" };
    keys::pair_with(user.session, &ec::P256, &Template::default(), &place);
    let directory = user.fixture.directory();
    let mut children = Vec::new();
    for number in 0..CHILDREN {
        let mut command = child_on(&user.fixture, test, &number.to_string());
        command.env("CHILD_FILE", directory);
        children.push(child::spawn(command));
    }
    for (number, process) in children.iter_mut().enumerate().filter(|(number, _)| number % 2 == 1) {
        // At some time between its first signature and its last.
        while done(directory, number)[0] < 1 + rounds() * number as u64 / 2 / CHILDREN as u64 {
            assert!(process.try_wait().unwrap().is_none(), "it signs");
            std::thread::sleep(Duration::from_millis(1));
        }
        process.kill().unwrap();
    }
    let pids: Vec<u64> = children.iter().map(|process| u64::from(process.id())).collect();
    for (number, process) in children.into_iter().enumerate() {
        let output = process.wait_with_output().unwrap();
        assert!(number % 2 == 1 || output.status.success(), "{}", child::everything(&output));
    }
    // Whoever writes next, a second after the last who did, records what the dead had counted.
    std::thread::sleep(Duration::from_millis(1100));
    user.session.logout().good();
    user.session.login(CKU_USER, USER_PIN).good();
    let all = records(&user.fixture.store_path());
    let numbers: Vec<u64> = all.iter().map(|record| record["seq"].as_u64().unwrap()).collect();
    assert_eq!(numbers, (1..=all.len() as u64).collect::<Vec<_>>(), "none twice, none missing");
    let mut verify = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    verify.args(["audit", "verify"]).env("STRONGROOM_CONF", user.fixture.config_path());
    let verified = verify.output().unwrap();
    assert!(verified.status.success(), "{}", child::everything(&verified));
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for record in of(&all, "C_Sign") {
        let count = record["details"]["count"].as_u64().unwrap();
        *counts.entry(record["who"]["pid"].as_u64().unwrap()).or_default() += count;
    }
    for (number, pid) in pids.iter().enumerate() {
        let ([done, second], counted) = (done(directory, number), counts.get(pid).copied());
        let counted = counted.unwrap_or_default();
        match number % 2 {
            0 => assert_eq!(counted, rounds(), "who was not killed is counted exactly"),
            // One more may have been made than was told.
            _ => assert!(counted <= done + 1 && counted + second >= done, "{counted} of {done}"),
        }
    }
}

/// What a child tells: how often it signed, and how often in its best second.
fn done(directory: &std::path::Path, number: usize) -> [u64; 2] {
    let bytes = fs::read(directory.join(format!("done-{number}"))).unwrap_or_default();
    let word =
        |at: usize| bytes.get(at..at + 8).map_or(0, |b| u64::from_ne_bytes(b.try_into().unwrap()));
    [word(0), word(8)]
}

fn sign(number: usize) {
    let s = join();
    let key = s.find(&template! { CKA_LABEL => "signer" }).good()[0];
    let directory = std::path::PathBuf::from(std::env::var("CHILD_FILE").unwrap());
    let file = fs::File::create(directory.join(format!("done-{number}"))).unwrap();
    let (mut second, mut best, mut begun) = (0_u64, 0_u64, Instant::now());
    for done in 1..=rounds() {
        s.start(Kind::Sign, &Mech::plain(CKM_ECDSA), Some(key)).good();
        s.once(Kind::Sign, &[7; 32], Room::Bytes(64)).taken().good();
        second += 1;
        if begun.elapsed() >= Duration::from_secs(1) {
            (second, begun) = (1, Instant::now());
        }
        best = best.max(second);
        file.write_all_at(&[done.to_ne_bytes(), best.to_ne_bytes()].concat(), 0).unwrap();
    }
    session::finalize().good();
}

fn rounds() -> u64 {
    std::env::var("STRONGROOM_SIGNATURES").ok().and_then(|text| text.parse().ok()).unwrap_or(400)
}

/// A child counts in files of its own, and its parent goes on in its.
#[test]
fn parent_and_child_of_a_fork_count_apart() {
    let user = User::new();
    let store = user.fixture.store_path();
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "signer" };
    let (_, key) = keys::pair_with(user.session, &ec::P256, &Template::default(), &place);
    let sign = |s: Session, key| s.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).map(drop);
    sign(user.session, key).good();
    let reserved = user.fixture.reserved();
    forked::fork(|| {
        session::initialize(Some(&reserved)).good();
        let s = Session::read_write(0).good();
        s.login(CKU_USER, USER_PIN).good();
        let key = s.find(&template! { CKA_LABEL => "signer" }).good()[0];
        (0..3).for_each(|_| sign(s, key).good());
        session::finalize().good();
    })
    .succeeds();
    (0..2).for_each(|_| sign(user.session, key).good());
    user.session.close().good();
    let all = records(&store);
    let mut counts: BTreeMap<u64, u64> = BTreeMap::new();
    for record in of(&all, "C_Sign") {
        let count = record["details"]["count"].as_u64().unwrap();
        *counts.entry(record["who"]["pid"].as_u64().unwrap()).or_default() += count;
    }
    let own = counts.remove(&u64::from(std::process::id()));
    assert_eq!(own, Some(3));
    assert_eq!(counts.into_values().collect::<Vec<_>>(), [3]);
}
