// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Others work on: none sees an error, nothing is lost, nobody logs in again.

use crate::common::*;
use crate::*;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::Child;

const TEST: &str = "online::others_work_on_and_nothing_is_lost";

#[test]
fn others_work_on_and_nothing_is_lost() {
    if let Some(role) = child::role() {
        return work(&role);
    }
    let (fixture, token) = people("");
    let user = token.user();
    // More than two transactions of a rotation.
    let some: Vec<_> = (0..600).map(|n| aes(user, &format!("old {n}"))).collect();
    let known = block(user, some[599]);
    let stop = fixture.directory().join("stop");
    let others: Vec<_> = ["user", "operator", "manager"].map(|role| begin(&fixture, role)).into();
    for (generation, how) in [(2, PLAIN), (3, WHOLE), (4, PLAIN), (5, WHOLE)] {
        let said = rotate(&fixture, how);
        assert!(said.contains(&format!("generation {generation}")), "{said}");
        // The session of this process goes on too, with what it holds and with what it reads anew.
        assert_eq!(block(user, some[599]), known);
    }
    std::fs::write(&stop, "").unwrap();
    let mut kept: Vec<String> = Vec::new();
    for other in others {
        kept.extend(end(other));
    }
    assert!(kept.len() > 30, "the others made {} objects", kept.len());
    user.close().good();
    fixture.restart();
    let user = token.user();
    for label in &kept {
        block(user, labelled(user, label));
    }
    assert_eq!(
        user.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good().len(),
        600 + kept.len()
    );
    assert_eq!(block(user, labelled(user, "old 599")), known);
    session::finalize().good();
    clean(&fixture);
}

/// A child at work; it has made its first round.
fn begin(fixture: &Fixture, role: &str) -> Child {
    let mut command = child_on(fixture, TEST, role);
    command.env("CHILD_STOP", fixture.directory().join("stop"));
    let mut child = child::spawn(command);
    let mut lines = BufReader::new(child.stdout.as_mut().unwrap());
    let mut line = String::new();
    while !line.contains("at work") {
        line.clear();
        assert_ne!(lines.read_line(&mut line).unwrap(), 0, "{role} ended");
    }
    child
}

/// Waits for a child, which must have seen no error; what it has made and not destroyed.
fn end(child: Child) -> Vec<String> {
    let output = child.wait_with_output().unwrap();
    let text = child::everything(&output);
    assert!(output.status.success() && text.contains("1 passed"), "{text}");
    text.lines().filter_map(|line| line.strip_prefix("kept ")).map(str::to_string).collect()
}

/// The child: each role does what it is there for until it is told to stop. Any error ends it.
fn work(role: &str) {
    let token = joined();
    let s = if role == "user" { token.user() } else { enter(token, role) };
    let stop = std::env::var("CHILD_STOP").unwrap();
    let mut kept = Vec::new();
    let mut rounds = 0;
    while !Path::new(&stop).exists() {
        let n = rounds % 600;
        let old = labelled(s, &format!("old {n}"));
        match role {
            // Uses alone.
            "operator" => drop(block(s, old)),
            // Makes keys for those who use them, and copies and renames keys that it cannot open.
            "manager" => {
                kept.push(format!("manager {rounds}"));
                let key = aes(s, &kept[kept.len() - 1]);
                s.set(old, &template! { CKA_ID => &[n as u8] }).good_for("renaming");
                let twin = s.copy(old, &template! { CKA_LABEL => "twin" }).good_for("copying");
                s.destroy(twin).good_for("destroying");
                s.set(key, &template! { CKA_ID => &[1u8] }).good_for("renaming the new");
            }
            _ => {
                kept.push(format!("user {rounds}"));
                let key = aes(s, &kept[kept.len() - 1]);
                block(s, key);
                block(s, old);
                if rounds % 3 == 0 {
                    s.destroy(key).good_for("destroying");
                    kept.pop();
                }
            }
        }
        if rounds == 0 {
            println!("\nat work");
            std::io::stdout().flush().unwrap();
        }
        rounds += 1;
    }
    println!();
    kept.iter().for_each(|label| println!("kept {label}"));
}
