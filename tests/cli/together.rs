// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Several commands at once over one store, and output that must not harm its reader.

use super::desk::Desk;
use std::process::{Child, Stdio};

/// A command that runs while others do.
fn started(desk: &Desk, arguments: &[&str]) -> Child {
    let arguments = arguments.iter().map(|argument| desk.expand(argument));
    let mut command = desk.command(env!("CARGO_BIN_EXE_strongroom"), arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

#[test]
fn tokens_made_at_once() {
    let desk = Desk::new();
    let labels = ["a", "b", "c", "d", "e"];
    let spawn = |label: &&str| {
        let arguments =
            ["init", "--label", label, "--so-pin-file", "$D/so", "--pin-file", "$D/pin"];
        started(&desk, &arguments)
    };
    let children: Vec<_> = labels.iter().map(spawn).collect();
    for child in children {
        desk.ended(child.wait_with_output().unwrap()).good();
    }
    let tokens = desk.run(&["token", "list", "--json"]).good().json();
    let mut found: Vec<_> = tokens.as_array().unwrap().iter().map(|t| t["label"].clone()).collect();
    found.sort_by_key(|label| label.to_string());
    assert_eq!(found, labels);
    assert_eq!(tokens[4]["slot"], 4);
    desk.run(&["check"]).good();
}

#[test]
fn keys_made_at_once() {
    let desk = Desk::with_token();
    let spawn = |number: usize| {
        let label = format!("key {number}");
        let arguments =
            ["key", "generate", "--type", "ed25519", "--label", &label, "--pin-file", "$D/pin"];
        started(&desk, &arguments)
    };
    let children: Vec<_> = (0..16).map(spawn).collect();
    for child in children {
        desk.ended(child.wait_with_output().unwrap()).good();
    }
    let report = desk.run(&["check", "--json"]).good().json();
    assert_eq!(report["objects"], 2 * 16);
}

/// Whoever comes second begins another chain behind the first one's, while keys are made in between.
#[test]
fn chains_renewed_at_once() {
    let desk = Desk::with_token();
    let spawn = |number: usize| {
        let label = format!("key {number}");
        let make =
            ["key", "generate", "--type", "ed25519", "--label", &label, "--pin-file", "$D/pin"];
        let renew = ["audit", "renew"];
        started(&desk, if number % 2 == 0 { &renew } else { &make })
    };
    let begun = |desk: &Desk| {
        let shown = desk.run(&["audit", "show", "--json"]).good().out;
        shown.matches("\"op\":\"audit.renew\"").count()
    };
    let before = begun(&desk);
    let children: Vec<_> = (0..12).map(spawn).collect();
    for child in children {
        desk.ended(child.wait_with_output().unwrap()).good();
    }
    assert_eq!(begun(&desk), before + 6);
    desk.run(&["audit", "verify", "--so", "--so-pin-file", "$D/so"]).good();
    desk.run(&["check"]).good();
}

#[test]
fn labels_do_not_reach_the_terminal_raw() {
    let desk = Desk::with_token();
    let label = "\u{1b}[31mred\n";
    let pin = ["--pin-file", "$D/pin"];
    let made =
        desk.run(&[&["key", "generate", "--type", "aes", "--label", label], &pin[..]].concat());
    let listed = desk.run(&[&["key", "list"], &pin[..]].concat()).good();
    let shown = desk.run(&[&["key", "show", "--label", label], &pin[..]].concat()).good();
    let missing = desk.run(&[&["key", "show", "--label", "\u{1b}[2J"], &pin[..]].concat());
    for ended in [made.good(), listed, shown, missing.bad("has no object")] {
        assert!(!ended.out.contains('\u{1b}') && !ended.err.contains('\u{1b}'), "{ended:?}");
    }
    let json = desk.run(&[&["key", "list", "--json"], &pin[..]].concat()).good().json();
    assert_eq!(json[0]["label"], label);
}

#[test]
fn a_reader_who_has_seen_enough() {
    let desk = Desk::with_token();
    let line = format!("{} config show | head -c 1", env!("CARGO_BIN_EXE_strongroom"));
    let ended = desk.end(desk.command("sh", ["-c", &line])).good();
    assert_eq!(ended.err, "");
}
