// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Rotations while three other processes sign, make, change, destroy and search: none of them sees an
//! error, and nothing is lost.

use crate::common::*;
use crate::*;
use std::fs;
use std::process::Child;

const COUNT: usize = 300;

#[test]
fn nobody_notices_a_rotation_of_the_master_key() {
    let test = "online::nobody_notices_a_rotation_of_the_master_key";
    if child::role().is_some() {
        return work();
    }
    while_others_work(test, PLAIN, 8);
}

#[test]
fn nobody_notices_a_rotation_of_everything() {
    let test = "online::nobody_notices_a_rotation_of_everything";
    if child::role().is_some() {
        return work();
    }
    while_others_work(test, COMPROMISED, 3);
}

#[test]
fn two_at_once_do_no_harm() {
    let user = User::new();
    fill(user.session, COUNT);
    let mut done = 0;
    for _ in 0..4 {
        let start = || {
            let mut command = command(&user.fixture, COMPROMISED);
            command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
            command.spawn().unwrap()
        };
        let both: Vec<Child> = (0..2).map(|_| start()).collect();
        for child in both {
            let output = child.wait_with_output().unwrap();
            let said = child::everything(&output);
            done += usize::from(output.status.success());
            let refused = said.contains("another process has just changed it");
            assert!(output.status.success() || refused, "{said}");
        }
        whole(&user.fixture);
    }
    assert!(done >= 4, "of two at once one is through: {done}");
    seal(&user.fixture);
    all_there(user.session, COUNT);
}

fn while_others_work(test: &str, rotation: &[&str], times: usize) {
    let mut user = User::new();
    let s = user.session;
    fill(s, COUNT);
    let children: Vec<_> = ["user", "maker", "visitor"]
        .iter()
        .map(|role| child::spawn(child_to_stop(&user.fixture, test, role)))
        .collect();
    let ready = |role: &str| user.fixture.directory().join(format!("stop-{role}"));
    while !["user", "maker", "visitor"].iter().all(|role| ready(role).exists()) {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    for _ in 0..times {
        run(&user.fixture, rotation);
        signs(s);
        s.find(&template! { CKA_LABEL => "object 3" }).good();
    }
    fs::write(user.fixture.directory().join("stop"), b"").unwrap();
    for child in children {
        let output = child.wait_with_output().unwrap();
        let said = child::everything(&output);
        assert!(output.status.success(), "{said}");
        let rounds = said.split("rounds: ").nth(1).unwrap().lines().next().unwrap();
        assert!(rounds.parse::<usize>().unwrap() >= 3, "{said}");
        assert!(!said.contains("ERROR"), "nothing is on the diagnostic channel: {said}");
    }
    all_there(s, COUNT);
    whole(&user.fixture);
    user.restart();
    all_there(user.session, COUNT);
    let kept = user.session.find(&template! { CKA_LABEL => "kept" }).good();
    let told = fs::read_to_string(user.fixture.directory().join("kept")).unwrap();
    assert_eq!(kept.len().to_string(), told, "what the maker made is there");
}

/// A child at work until it is told to stop.
fn work() {
    let role = child::role().unwrap();
    let s = join();
    let beside = std::env::var("CHILD_STOP").unwrap();
    let (mut rounds, mut kept) = (0, 0);
    while !stopped() || rounds < 3 {
        match role.as_str() {
            "user" => use_keys(s, rounds),
            "maker" => kept += make(s, rounds),
            _ => visit(s, rounds),
        }
        rounds += 1;
        fs::write(format!("{beside}-{role}"), b"").unwrap();
    }
    if role == "maker" {
        let path = std::path::Path::new(&beside).with_file_name("kept");
        fs::write(path, kept.to_string()).unwrap();
    }
    println!("rounds: {rounds}");
}

fn use_keys(s: Session, round: usize) {
    signs(s);
    let i = round % COUNT;
    let label = format!("object {i}");
    let found = s.find(&template! { CKA_LABEL => label.as_str() }).good();
    assert_eq!(found.len(), 1, "{label}");
    assert_eq!(s.get(found[0], CKA_VALUE).good(), value(i));
    let id = vec![7, 2];
    assert_eq!(s.find(&template! { CKA_ID => id }).good().len(), COUNT / KINDS);
}

fn make(s: Session, round: usize) -> usize {
    let label = format!("made {round}");
    let place = template! {
        CKA_TOKEN => true, CKA_PRIVATE => round % 2 == 0, CKA_LABEL => label.as_str()
    };
    let key = keys::aes_with(s, 32, &keys::open().and(&place));
    assert_eq!(s.find(&template! { CKA_LABEL => label.as_str() }).good(), [key]);
    s.set(key, &template! { CKA_LABEL => "kept" }).good();
    assert_eq!(s.find(&template! { CKA_LABEL => label.as_str() }).good(), []);
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
    if round % 3 == 0 {
        s.destroy(key).good();
        return 0;
    }
    1
}

/// Logs out and in, and another PIN is set: what rests under the store's PIN key.
fn visit(s: Session, round: usize) {
    s.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    signs(s);
    if round % 2 == 1 {
        s.set_pin(USER_PIN, "another-pin-77").good();
        s.set_pin("another-pin-77", USER_PIN).good();
    }
}
