// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every act is interrupted at every step that changes storage or makes it durable, in every way, and
//! whatever was acknowledged is there.

use crate::acts::{Act, COMMANDS, How, OBJECTS, Stage, TOKENS};
use crate::common::*;
use crate::library::{self, Kind};
use crate::place::{Ended, Ground, Place, forked, ground};
use std::collections::BTreeMap;

#[test]
fn tokens_survive_every_step() {
    walk("steps::tokens_survive_every_step", TOKENS);
}

#[test]
fn objects_survive_every_step() {
    walk("steps::objects_survive_every_step", OBJECTS);
}

#[test]
fn commands_survive_every_step() {
    walk("steps::commands_survive_every_step", COMMANDS);
}

/// What happens at a step, and the answers that fit.
const KINDS: &[(Kind, &[CK_RV])] = &[
    (Kind::Kill, &[]),
    (Kind::Half, &[]),
    (Kind::Fail(libc::EIO), &[CKR_DEVICE_ERROR]),
    (Kind::Fail(libc::ENOSPC), FULL),
    (Kind::Fail(libc::EACCES), PROTECTED),
    (Kind::Fail(libc::EROFS), PROTECTED),
    (Kind::Full(libc::ENOSPC), FULL),
    (Kind::Full(libc::EIO), &[CKR_DEVICE_ERROR]),
];
/// What differs from another kind by the answer alone.
const ALIKE: &[Kind] = &[Kind::Fail(libc::ENOSPC), Kind::Fail(libc::EROFS), Kind::Full(libc::EIO)];
/// SQLite does not say why it could not open or sync a file.
const FULL: &[CK_RV] = &[CKR_DEVICE_MEMORY, CKR_DEVICE_ERROR];
const PROTECTED: &[CK_RV] = &[CKR_TOKEN_WRITE_PROTECTED, CKR_DEVICE_ERROR];

/// Runs a table of acts in a child that the library stands before.
fn walk(test: &str, acts: &[Act]) {
    if child::role().is_none() {
        let said = child::succeeds(library::before(child::command(test, "driver")));
        return print!("{said}");
    }
    // Libraries that are loaded once need not be loaded by each child.
    let grounds =
        [Ground::Nothing, Ground::Filled, Ground::TwoSeals].map(|kind| (kind, ground(kind)));
    module();
    let mut answers = BTreeMap::new();
    for act in acts {
        let from = &grounds.iter().find(|(kind, _)| *kind == act.ground).unwrap().1;
        Walk::new(act, from).all(&mut answers);
    }
    for ((kind, code), count) in answers {
        println!("{kind}: {code} {count} times");
    }
}

/// Whether it can happen at a step.
fn can(letter: char, kind: Kind) -> bool {
    match kind {
        Kind::Half => letter == 'w',
        Kind::Full(_) => "wtaod".contains(letter),
        // Letting go of a lock does not fail on Linux's own file systems.
        Kind::Fail(_) => letter != 'n',
        _ => true,
    }
}

/// How often each kind of fault was answered how.
type Answers = BTreeMap<(String, String), usize>;

/// An act on its way through all steps.
struct Walk<'a> {
    act: &'a Act,
    from: &'a Place,
    place: Place,
    /// A copy to look at: what is used there is not used here.
    copy: Place,
    /// What is seen of the store before the act, and after.
    states: [String; 2],
    /// A letter for each step.
    steps: String,
}

impl<'a> Walk<'a> {
    /// Runs the act undisturbed.
    fn new(act: &'a Act, from: &'a Place) -> Walk<'a> {
        let (place, copy) = (Place::new(), Place::new());
        let (steps, states) = (String::new(), Default::default());
        let mut walk = Walk { act, from, place, copy, states, steps };
        walk.place.become_like(from);
        let before = walk.look();
        let ended = walk.run(0, Kind::Count);
        let (answer, steps) = ended.said.split_once('\n').unwrap();
        assert_eq!((ended.status, answer), (0, "CKR_OK"), "{} undisturbed", act.name);
        walk.steps = steps.to_owned();
        walk.states = [before, walk.look()];
        assert!(!walk.steps.is_empty(), "{} takes no steps", act.name);
        walk.place.check().unwrap();
        walk
    }

    /// What there is to be seen of the store.
    fn look(&self) -> String {
        self.copy.become_like(&self.place);
        self.copy.snapshot(self.act.shows)
    }

    fn all(&self, answers: &mut Answers) {
        println!("{}: {} steps {}", self.act.name, self.steps.len(), self.steps);
        for (at, letter) in (1..).zip(self.steps.chars()) {
            for (kind, fit) in KINDS {
                if !can(letter, *kind) || (self.act.slow && ALIKE.contains(kind)) {
                    continue;
                }
                let what = format!("{}: step {at} ({letter}) {kind:?}", self.act.name);
                let code = self.one(&what, at, *kind, fit);
                *answers.entry((format!("{kind:?}"), code)).or_default() += 1;
            }
        }
    }

    /// One run, interrupted at one step. What it answered.
    fn one(&self, what: &str, at: usize, kind: Kind, fit: &[CK_RV]) -> String {
        self.place.become_like(self.from);
        let ended = self.run(at, kind);
        let answer = ended.said.split('\n').next().unwrap_or_default().to_owned();
        let killed = ended.status == -libc::SIGKILL;
        assert!(killed || ended.status == 0, "{what}: status {}: {}", ended.status, ended.said);
        assert!(!killed || kind.kills(), "{what}: died");
        let good = answer == "CKR_OK";
        let also = match (self.steps.chars().nth(at - 1), kind) {
            // To SQLite a lock that it does not get is another's, whatever the error.
            (Some('l'), _) => "CKR_FUNCTION_FAILED",
            // What cannot be made anew, SQLite opens to read.
            (Some('o'), _) => "CKR_TOKEN_WRITE_PROTECTED",
            _ => "",
        };
        let fits =
            good || killed || answer == also || fit.iter().any(|code| names::of(*code) == answer);
        assert!(fits, "{what}: answered {}", ended.said);
        let [before, after] = &self.states;
        let now = self.look();
        if let Err(said) = self.place.check() {
            panic!("{what}: strongroom check says\n{said}");
        }
        // A run that lived tried again, without the fault, until it was acknowledged.
        assert!(
            now == *after || (killed && now == *before),
            "{what}: {answer}, then\n{now}where there was\n{before}or\n{after}"
        );
        if killed && now == *before {
            let again = self.run(0, Kind::Count);
            assert!(again.said.starts_with("CKR_OK\n"), "{what}: then {}", again.said);
            assert_eq!(self.look(), *after, "{what}: and again");
        }
        answer
    }

    /// Runs the act in a process of its own: the answer, on a line, and the steps. Where it failed it is
    /// tried again without the fault, and that must succeed.
    fn run(&self, at: usize, kind: Kind) -> Ended {
        match &self.act.how {
            How::Command(arguments) => self.command(arguments, at, kind),
            How::Calls(ready, act) => forked(|| {
                let stage = Stage::ready(&self.place, *ready);
                library::arm(&self.place.store(), at, kind);
                let answer = act(&stage);
                let steps = library::disarm();
                if answer.is_err() {
                    match act(&stage) {
                        Ok(()) | Err(Rv(CKR_OBJECT_HANDLE_INVALID)) => {}
                        again => again.good_for(&format!("once more after {answer:?}")),
                    }
                }
                format!("{}\n{steps}", names::of(answer.code()))
            }),
        }
    }

    fn command(&self, arguments: &[&str], at: usize, kind: Kind) -> Ended {
        use std::os::unix::process::ExitStatusExt;
        let log = self.place.file("steps");
        let _ = std::fs::remove_file(&log);
        let run = self.place.command(arguments);
        let output = library::armed(run, &self.place.store(), at, kind, &log).output().unwrap();
        let status = output.status.signal().map_or(0, |signal| -signal);
        let said = child::everything(&output);
        let answer = match output.status.code() {
            Some(0) => "CKR_OK".to_owned(),
            _ => code_in(&said).unwrap_or_else(|| said.clone()),
        };
        if status == 0 && answer != "CKR_OK" {
            let again = self.place.command(arguments).output().unwrap();
            let text = child::everything(&again);
            assert!(again.status.success(), "{} after\n{said}\nonce more:\n{text}", self.act.name);
        }
        let steps = std::fs::read_to_string(log).unwrap_or_default();
        Ended { status, said: format!("{answer}\n{steps}") }
    }
}

/// The return value that a message of the command names.
fn code_in(text: &str) -> Option<String> {
    let start = text.find("CKR_")?;
    let name: String =
        text[start..].chars().take_while(|c| c.is_ascii_uppercase() || *c == '_').collect();
    Some(name)
}
