// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Another chain of the audit log is begun whole or not at all: killed before each step, and with a disk
//! that is full from there on.

use crate::common::*;
use crate::library::{self, Kind};
use crate::place::{Ground, Place, ground};
use serde_json::Value;
use std::path::PathBuf;
use strongroom::config::Config;
use strongroom::session::open_store;

#[test]
fn a_chain_is_renewed_or_not_whatever_step_it_was_killed_at() {
    let from = ground(Ground::Filled);
    interrupted(&from, &["audit", "renew"], |place, said| {
        assert_eq!(said["faults"], Value::Array(vec![]), "{said}");
        assert_eq!(said["chained"], said["records"], "{said}");
        // Nothing of an interrupted one is taken for the chain of now.
        assert!(place.command(&["audit", "renew"]).output().unwrap().status.success());
    });
}

#[test]
fn a_lost_head_is_gone_on_from_whatever_step_that_was_killed_at() {
    let from = ground(Ground::Filled);
    std::fs::remove_file(from.store().join("audit/head")).unwrap();
    interrupted(&from, &["audit", "renew", "--lost"], |_, said| {
        let faults = said["faults"].as_array().unwrap();
        let broken = faults.iter().filter(|fault| fault["kind"] == "broken").count();
        assert_eq!(broken, faults.len(), "{said}");
        // Killed behind its first record, the break is made once more.
        assert!((1..=2).contains(&broken), "{said}");
        assert_eq!(said["chained"], said["records"], "{said}");
    });
}

/// The log comes under its new key, whatever step the rotation was killed at; and who goes on needs no
/// other rotation for that.
#[test]
fn the_key_of_the_log_is_renewed_whatever_step_that_was_killed_at() {
    let from = ground(Ground::Filled);
    let before = key(&from);
    let place = Place::new();
    place.become_like(&from);
    let verb = ["rotate", "master-key", "--compromised"];
    let steps = run(&place, &verb, 0, Kind::Count).1.len();
    assert!(steps > 30, "{steps}");
    let mut renewed = 0;
    for at in 1..=steps {
        place.become_like(&from);
        let (good, _) = run(&place, &verb, at, Kind::Kill);
        assert!(!good, "step {at}: it lived");
        assert!(place.command(&["check"]).output().unwrap().status.success(), "step {at}");
        let (now, former) = key(&place);
        assert_eq!(former, 0, "step {at}: the former key is there yet");
        renewed += usize::from(now != before.0);
        let said = place.command(&["audit", "verify", "--json"]).output().unwrap();
        let said: Value = serde_json::from_slice(&said.stdout).unwrap();
        assert_eq!(said["faults"], Value::Array(vec![]), "step {at}: {said}");
        assert_eq!(said["head"], true, "step {at}: {said}");
    }
    // Not before it had begun, and always from then on.
    assert!((10..steps).contains(&renewed), "{renewed} of {steps}");
}

/// The key of the log, and how many others it may be under yet.
fn key(place: &Place) -> (Vec<u8>, usize) {
    let config = Config::load(Some(&place.file("strongroom.toml"))).unwrap();
    let opened = open_store(&config, None).unwrap().unwrap();
    let known = opened.vault.audit().unwrap().unwrap();
    (known.key.expose().to_vec(), known.former.len())
}

/// Interrupts a verb at each step, lets it be done once more, and looks at what a check says then.
fn interrupted(from: &Place, verb: &[&str], sound: impl Fn(&Place, &Value)) {
    let place = Place::new();
    place.become_like(from);
    let steps = run(&place, verb, 0, Kind::Count).1;
    assert!(steps.len() > 10, "{steps}");
    let lines = std::fs::read(segment(from)).unwrap();
    for (at, letter) in (1..).zip(steps.chars()) {
        let full = Kind::Full(libc::ENOSPC);
        for kind in [Kind::Kill, full] {
            if kind != Kind::Kill && !"wtaod".contains(letter) {
                continue;
            }
            let what = format!("{verb:?}: step {at} ({letter}) {kind:?}");
            place.become_like(from);
            let (good, _) = run(&place, verb, at, kind);
            assert!(kind != Kind::Kill || !good, "{what}: it lived");
            let again = place.command(verb).output().unwrap();
            let text = child::everything(&again);
            let done = again.status.success() || text.contains("is not lost");
            assert!(done, "{what}: {text}");
            assert!(std::fs::read(segment(&place)).unwrap().starts_with(&lines), "{what}");
            let by = ["audit", "verify", "--json", "--so", "--so-pin-file", "$D/so"];
            let said = place.command(&by).output().unwrap();
            let said = serde_json::from_slice(&said.stdout)
                .unwrap_or_else(|_| panic!("{what}: {}", child::everything(&said)));
            println!("{what}");
            sound(&place, &said);
        }
    }
}

/// Whether it ended well, and its steps.
fn run(place: &Place, verb: &[&str], at: usize, kind: Kind) -> (bool, String) {
    let log = place.file("steps");
    let _ = std::fs::remove_file(&log);
    let command = library::armed(place.command(verb), &place.store(), at, kind, &log);
    let output = { command }.output().unwrap();
    (output.status.success(), std::fs::read_to_string(log).unwrap_or_default())
}

fn segment(place: &Place) -> PathBuf {
    place.store().join("audit/00000000000000000001.jsonl")
}
