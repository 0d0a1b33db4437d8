// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cases as data: each file in `tests/cli/cases/` is a store of its own and the commands run over
//! it. A line is one step:
//!
//! - `run ARGUMENTS`: the command ends well;
//! - `fail CODE ARGUMENTS`: it ends with this code, and with 1 it gives advice ("next: ");
//! - `out TEXT`, `no-out TEXT`, `err TEXT`, `no-err TEXT`: what the last run wrote holds the text
//!   or not, whatever the number of blanks;
//! - `file NAME TEXT`, `mode NAME OCTAL`, `remove NAME`, `env NAME VALUE`: prepare something.
//!
//! `$D` is the case's directory; arguments in single quotes may hold blanks; `#` begins a comment.

use super::desk::{Desk, Ended};
use std::fs;
use std::path::Path;

macro_rules! cases {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                play(stringify!($name));
            }
        )*

        #[test]
        fn every_case_is_played() {
            let played = [$(stringify!($name)),*];
            for entry in fs::read_dir(DIRECTORY).unwrap() {
                let path = entry.unwrap().path();
                let name = path.file_stem().unwrap().to_str().unwrap();
                assert!(played.contains(&name), "{} is in no list", path.display());
            }
        }
    };
}

cases! {
    life
    store_missing
    usage
    init_wrong
    tokens
    pin_wrong
    pin_change
    pin_sources
    keys
    selection
    usages
    destroy
    destroyed
    states
    metadata
    import_wrong
    seals
    rotate
    passphrase
    modes
    configuration
    damage
    mode
    audit_verify
    users
    rotate_token
    policy_check
    policy
}

const DIRECTORY: &str = "tests/cli/cases";

fn play(name: &str) {
    let path = Path::new(DIRECTORY).join(name).with_extension("txt");
    let script = fs::read_to_string(&path).unwrap();
    let mut desk = Desk::new();
    let mut last: Option<Ended> = None;
    for (number, line) in script.lines().enumerate() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        let place = format!("{}:{}: {line}", path.display(), number + 1);
        step(&mut desk, &mut last, verb, rest, &place);
    }
}

fn step(desk: &mut Desk, last: &mut Option<Ended>, verb: &str, rest: &str, place: &str) {
    let (first, second) = rest.split_once(' ').unwrap_or((rest, ""));
    match verb {
        "run" => {
            let ended = desk.run(&words(rest));
            assert_eq!(ended.code, 0, "{place}\n{ended:?}");
            *last = Some(ended);
        }
        "fail" => {
            let ended = desk.run(&words(second));
            assert_eq!(ended.code.to_string(), first, "{place}\n{ended:?}");
            let advised = ended.err.contains("next: ") || ended.err.contains("--help");
            assert!(advised || ended.code != 1 || !ended.out.is_empty(), "{place}\n{ended:?}");
            *last = Some(ended);
        }
        "out" | "no-out" | "err" | "no-err" => {
            let ended = last.as_ref().expect("a run before");
            let text = if verb.ends_with("out") { &ended.out } else { &ended.err };
            let held = squeezed(text).contains(&squeezed(&desk.expand(rest)));
            assert_eq!(held, !verb.starts_with("no-"), "{place}\n{ended:?}");
        }
        "file" => desk.write(first, desk.expand(&second.replace("\\n", "\n")).as_bytes()),
        "mode" => desk.mode(first, u32::from_str_radix(second, 8).unwrap()),
        "remove" => fs::remove_file(desk.path(first)).expect(place),
        "env" => desk.variable(first, second),
        _ => panic!("{place}: no such step"),
    }
}

/// Columns of a table may be wider than they were.
fn squeezed(text: &str) -> String {
    text.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>().join(" ")
}

/// Words, between single quotes with their blanks.
fn words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut quoted = false;
    let mut word: Option<String> = None;
    for c in line.chars() {
        match c {
            '\'' => {
                quoted = !quoted;
                word.get_or_insert_default();
            }
            ' ' if !quoted => words.extend(word.take()),
            c => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
