// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every act is interrupted at every step that changes storage or makes it durable, and whatever was
//! acknowledged is there. At each step the process is killed, and one of the errors is answered that
//! can happen there, by turns; with `STRONGROOM_STEPS=all` each of them at each step, which takes
//! several times as long.

use crate::acts::{Act, COMMANDS, How, OBJECTS, ROTATIONS, Stage, TOKENS};
use crate::common::*;
use crate::library::{self, Kind};
use crate::place::{Ended, Ground, Place, Seen, forked, ground};
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

#[test]
fn rotations_survive_every_step() {
    walk("steps::rotations_survive_every_step", ROTATIONS);
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

/// Runs a table of acts in children that the library stands before: each takes a share of the steps.
fn walk(test: &str, acts: &[Act]) {
    if let Some(role) = child::role() {
        let (share, of) = role.split_once(" of ").unwrap();
        return walk_share(acts, share.parse().unwrap(), of.parse().unwrap());
    }
    let workers = std::thread::available_parallelism().map_or(2, |count| count.get());
    let start = |share| {
        child::spawn(library::before(child::command(test, &format!("{share} of {workers}"))))
    };
    let all: Vec<_> = (0..workers).map(start).collect();
    let ended: Vec<_> = all.into_iter().map(|child| child.wait_with_output().unwrap()).collect();
    for output in ended {
        let said = child::everything(&output);
        assert!(output.status.success() && said.contains("1 passed"), "{said}");
        print!("{said}");
    }
}

fn walk_share(acts: &[Act], share: usize, of: usize) {
    let wanted = |kind: &Ground| acts.iter().any(|act| act.ground == *kind);
    let grounds: Vec<_> = [Ground::Nothing, Ground::Filled, Ground::TwoSeals]
        .into_iter()
        .filter(wanted)
        .map(|kind| (kind, ground(kind)))
        .collect();
    // Libraries that are loaded once need not be loaded by each child.
    module();
    let (mut answers, mut jobs) = (Answers::new(), 0);
    for (turn, act) in acts.iter().enumerate() {
        let from = &grounds.iter().find(|(kind, _)| *kind == act.ground).unwrap().1;
        let walk = Walk::new(act, from);
        let begun = std::time::Instant::now();
        let mut done = 0;
        for (at, kind, fit) in walk.all(turn) {
            jobs += 1;
            if jobs % of == share {
                done += 1;
                walk.one(at, kind, fit, &mut answers);
            }
        }
        let steps = walk.steps.len();
        println!(
            "{}: {steps} steps {}, {done} runs in {:?}",
            act.name,
            walk.steps,
            begun.elapsed()
        );
    }
    for ((kind, code), count) in answers {
        println!("{kind}: {code} {count} times");
    }
}

/// What an interruption is: the step, what happens there, and the answers that fit.
type Interruption = (usize, Kind, &'static [CK_RV]);

/// Whether it can happen at a step.
pub fn can(letter: char, kind: Kind) -> bool {
    match kind {
        Kind::Half => letter == 'w',
        Kind::Full(_) => "wtaod".contains(letter),
        // What is there already is opened on a full disk too.
        Kind::Fail(libc::ENOSPC) if letter == 'e' => false,
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
    states: [Seen; 2],
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
        walk
    }

    /// What there is to be seen of the store.
    fn look(&self) -> Seen {
        self.copy.become_like(&self.place);
        self.copy.snapshot(self.act.shows)
    }

    /// All interruptions; `turn` says where those begin that take turns.
    fn all(&self, turn: usize) -> Vec<Interruption> {
        let everything = std::env::var("STRONGROOM_STEPS").is_ok_and(|steps| steps == "all");
        let mut turns = BTreeMap::new();
        let mut all = Vec::new();
        for (at, letter) in (1..).zip(self.steps.chars()) {
            let fit = |(kind, _): &(Kind, _)| {
                can(letter, *kind) && !(self.act.slow && ALIKE.contains(kind))
            };
            let (killed, others): (Vec<_>, Vec<_>) =
                KINDS.iter().copied().filter(fit).partition(|(kind, _)| *kind == Kind::Kill);
            // Each kind of step has its own round of what can happen to it.
            let round = turns.entry(letter).or_insert(turn);
            let skipped = *round % others.len().max(1);
            *round += 1;
            let chosen = match everything {
                true => others,
                false => others.into_iter().skip(skipped).take(1).collect(),
            };
            all.extend(killed.into_iter().chain(chosen).map(|(kind, fit)| (at, kind, fit)));
        }
        all
    }

    /// One run, interrupted at one step.
    fn one(&self, at: usize, kind: Kind, fit: &[CK_RV], answers: &mut Answers) {
        let letter = self.steps.chars().nth(at - 1).unwrap();
        let what = format!("{}: step {at} ({letter}) {kind:?}", self.act.name);
        self.place.become_like(self.from);
        let ended = self.run(at, kind);
        let answer = ended.said.split('\n').next().unwrap_or_default().to_owned();
        let killed = ended.status == -libc::SIGKILL;
        assert!(killed || ended.status == 0, "{what}: status {}: {}", ended.status, ended.said);
        assert!(!killed || kind.kills(), "{what}: died");
        let good = answer == "CKR_OK";
        let also = match letter {
            // To SQLite a lock that it does not get is another's, whatever the error.
            'l' => "CKR_FUNCTION_FAILED",
            // What cannot be made anew, SQLite opens to read.
            'o' | 'e' => "CKR_TOKEN_WRITE_PROTECTED",
            _ => "",
        };
        let known = fit.iter().any(|code| names::of(*code) == answer);
        let fits = good || killed || answer == also || known;
        assert!(fits, "{what}: answered {}", ended.said);
        self.holds(&what, killed, &answer);
        *answers.entry((format!("{kind:?}"), answer)).or_default() += 1;
    }

    /// The store is as it was before, or as it ought to be after; and where the act was not acknowledged,
    /// it can be done.
    fn holds(&self, what: &str, killed: bool, answer: &str) {
        let [before, after] = &self.states;
        let now = self.seen(what);
        // A run that lived tried again, without the fault, until it was acknowledged.
        let right = match killed {
            true => now == *before || now == *after || self.is_between(&now),
            false => now.is_like(after),
        };
        assert!(
            right,
            "{what}: {answer}, then\n{now:#?}where there was\n{before:#?}or\n{after:#?}"
        );
        if killed && (now != *after || before == after) {
            let again = self.run(0, Kind::Count);
            assert!(again.said.starts_with("CKR_OK\n"), "{what}: then {}", again.said);
            assert_eq!(self.seen(what), *after, "{what}: and again");
        }
    }

    /// Whether it may be the store in the middle of the act: whatever there was is there and works.
    fn is_between(&self, now: &Seen) -> bool {
        let [before, after] = &self.states;
        let there = before.objects.lines().all(|line| now.objects.lines().any(|now| now == line));
        let more = before.objects == after.objects && now.objects != before.objects;
        self.act.staged && there && !more
    }

    fn seen(&self, what: &str) -> Seen {
        self.copy.become_like(&self.place);
        match std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            self.copy.snapshot(self.act.shows)
        })) {
            Ok(seen) => seen,
            Err(_) => panic!("{what}: the store does not hold what it should"),
        }
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
            None => "killed".to_owned(),
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
