// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A rotation killed anywhere is a rotation under way: all goes on, and the next one ends it.

use crate::common::*;
use crate::*;
use std::process::Stdio;
use std::time::Duration;

#[test]
fn a_rotation_killed_at_any_moment_goes_on_where_it_was() {
    let (fixture, token) = people("");
    let user = token.user();
    let keys: Vec<_> = (0..700).map(|n| aes(user, &format!("key {n}"))).collect();
    let known: Vec<_> = keys.iter().step_by(50).map(|key| block(user, *key)).collect();
    let (mut under_way, mut generation) = (0, 1);
    for round in 0..100 * rounds() {
        // More than so many only until one was under way: on a slow machine most have not begun.
        if round >= rounds() && under_way > 0 {
            break;
        }
        let how = if round % 2 == 0 { PLAIN } else { WHOLE };
        let mut rotation = strongroom(&fixture, &[how, &["--pin-env", "PIN"]].concat());
        let rotation = rotation.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        let mut rotation = rotation.expect("the command");
        // Anywhere from before it has begun to after it is through: the moments are spread, not timed.
        std::thread::sleep(Duration::from_millis(20 + (round as u64 * 37) % 400));
        rotation.kill().unwrap();
        rotation.wait().unwrap();
        let now = status(&fixture);
        under_way += u32::from(now.rotating);
        assert!(now.generation >= generation, "generations only grow");
        generation = now.generation;
        // Who was there goes on, and what is made meanwhile is kept.
        let made = aes(user, "made meanwhile");
        block(user, made);
        user.destroy(made).good();
        let again: Vec<_> = (0..700)
            .step_by(50)
            .map(|n| block(user, labelled(user, &format!("key {n}"))))
            .collect();
        assert_eq!(again, known, "round {round}");
        clean(&fixture);
    }
    assert!(under_way > 0, "no rotation was killed while it was under way");
    let said = rotate(&fixture, WHOLE);
    assert!(said.contains("all private objects"), "{said}");
    assert!(!status(&fixture).rotating);
    fixture.restart();
    let user = token.user();
    let again: Vec<_> =
        (0..700).step_by(50).map(|n| block(user, labelled(user, &format!("key {n}")))).collect();
    assert_eq!(again, known);
    clean(&fixture);
}

#[test]
fn two_rotations_at_once_are_one() {
    let (fixture, token) = people("");
    let user = token.user();
    for n in 0..600 {
        aes(user, &format!("key {n}"));
    }
    let start = |by: &[&str]| {
        let mut command = strongroom(&fixture, &[WHOLE, by].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    };
    let both =
        [start(&["--pin-env", "PIN"]), start(&["--user", "operator", "--pin-env", "PIN_operator"])];
    for one in both {
        let output = one.wait_with_output().unwrap();
        assert!(output.status.success(), "{}", child::everything(&output));
    }
    // The second joined the first, or came after it and made one of its own.
    let now = status(&fixture);
    assert!((2..=3).contains(&now.generation) && !now.rotating, "{}", now.generation);
    for n in 0..600 {
        block(user, labelled(user, &format!("key {n}")));
    }
    clean(&fixture);
}

/// What the command says of the keys of the one token. (The files are not this process's to open while
/// the library has them open.)
fn status(fixture: &Fixture) -> Status {
    let said = run(fixture, &["--json", "rotate", "status"]);
    let said: serde_json::Value = serde_json::from_str(&said).unwrap();
    let keys = &said[0]["keys"];
    let generation = keys["token_key"].as_u64().unwrap();
    Status { generation, rotating: keys["rotation"] != "none" }
}

struct Status {
    generation: u64,
    rotating: bool,
}

/// How many are killed; more where someone wants to be surer.
fn rounds() -> usize {
    std::env::var("STRONGROOM_KILLS").map_or(12, |rounds| rounds.parse().expect("a number"))
}
