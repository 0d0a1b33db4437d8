// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A seal slot that gets another secret opens the store at every moment.

use crate::common::*;
use crate::*;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_killed_rotation_of_a_seal_slot_leaves_one_that_opens() {
    let mut user = User::new();
    fill(user.session, KINDS);
    session::finalize().good();
    let first = std::fs::read(seal(&user.fixture)).unwrap();
    for round in 0..40_u64 {
        let mut command = command(&user.fixture, &["seal", "rotate", "1"]);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        std::thread::sleep(Duration::from_micros(2000 + (round * 1733) % 60_000));
        child.kill().unwrap();
        child.wait().unwrap();
        whole(&user.fixture);
    }
    let said = run(&user.fixture, &["seal", "rotate", "1"]);
    assert!(said.contains("has a new secret"), "{said}");
    assert_ne!(std::fs::read(seal(&user.fixture)).unwrap(), first, "one file, and another secret");
    assert!(!run(&user.fixture, &["doctor"]).contains("belongs to no seal slot"));
    user.fixture.initialize().good();
    user.session = user.token.user();
    all_there(user.session, KINDS);
}
