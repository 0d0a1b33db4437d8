// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random sequences of calls, valid and not, against a small model of what the specification says of
//! sessions, logins, objects and operations. Every return code is compared, and every output whose
//! length or bytes the model knows. A sequence that fails is made as short as it will go and shown.
//!
//! `STRONGROOM_SEQUENCES` says how many sequences are run:
//! `STRONGROOM_SEQUENCES=100000 cargo test --test machine`.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod after;
mod calls;
#[path = "../common/mod.rs"]
mod common;
mod drive;
mod drive_messages;
mod expected;
mod messages;
mod model;
mod rules;

use calls::{Call, Room, Who};
use common::*;
use drive::{Seen, drive};
use model::{Fate, Model};
use proptest::test_runner::{Config, TestCaseError, TestError, TestRunner};
use rules::keeps;
use std::cell::{Cell, RefCell};
use std::panic::resume_unwind;

#[test]
fn the_library_does_what_the_specification_says() {
    // The strategies of sequences want more stack than a test has.
    let large = std::thread::Builder::new().stack_size(64 << 20);
    large.spawn(run_sequences).unwrap().join().unwrap_or_else(|panic| resume_unwind(panic));
}

fn run_sequences() {
    // The model is that of the specification: safeguards are tested where they stand.
    let fixture = Fixture::with_settings(common::fixture::COMPATIBLE);
    let world =
        World { token: fixture.token("token"), wrong: RefCell::default(), anchor: Cell::new(None) };
    let cases = std::env::var("STRONGROOM_SEQUENCES").map_or(300, |count| count.parse().unwrap());
    let config =
        Config { cases, failure_persistence: None, max_shrink_iters: 4000, ..Config::default() };
    let result = TestRunner::new(config).run(&calls::sequences(), |(user, sequence)| {
        world.run(user, &sequence).map_err(TestCaseError::fail)
    });
    match result {
        Ok(()) => {}
        Err(TestError::Fail(reason, (user, sequence))) => {
            let lines: Vec<_> = sequence.iter().map(|call| format!("    {call:?}")).collect();
            let start = if user { "with the user logged in" } else { "without a session" };
            panic!("{reason}\n{start}:\n{}", lines.join("\n"));
        }
        Err(other) => panic!("{other}"),
    }
}

/// The token that all sequences work with.
struct World {
    token: Token,
    /// Wrong PINs since the last right one: the SO's, the user's.
    wrong: RefCell<[usize; 2]>,
    /// The session that keeps the user logged in from one sequence to the next.
    anchor: Cell<Option<Session>>,
}

impl World {
    fn run(&self, user: bool, sequence: &[Call]) -> Result<(), String> {
        let mut model = self.start(user);
        let result = self.make(&mut model, sequence);
        // What the sequence left is cleared away, the login if it can be kept not.
        for session in model.sessions.iter().filter(|session| session.open) {
            Session(session.handle).close().ok();
        }
        if result.is_err() || !model.anchored || model.login != Some(Who::User) {
            self.anchor.set(None);
        }
        result
    }

    fn make(&self, model: &mut Model, sequence: &[Call]) -> Result<(), String> {
        for (at, call) in sequence.iter().enumerate() {
            if !self.affordable(call) {
                continue;
            }
            let Some(fate) = model.fate(call) else { continue };
            let seen = drive(model, call, &fate);
            self.count(call, &seen);
            judge(model, call, &fate, &seen)
                .map_err(|why| format!("call {at}, {call:?}: {why}"))?;
            model.after(call, &seen);
        }
        Ok(())
    }

    /// An empty token, with the user logged in or without a session.
    fn start(&self, user: bool) -> Model {
        let slot = self.token.slot;
        if self.anchor.get().is_none() || !user || *self.wrong.borrow() != [0, 0] {
            self.anchor.set(None);
            session::close_all(slot).good();
            self.forgive();
        }
        if user && self.anchor.get().is_none() {
            self.anchor.set(Some(self.token.user()));
        }
        Model {
            slot,
            sessions: Vec::new(),
            objects: Vec::new(),
            saved: Vec::new(),
            login: user.then_some(Who::User),
            anchored: user,
        }
    }

    /// A right PIN after wrong ones.
    fn forgive(&self) {
        for (who, pin, count) in [(CKU_SO, SO_PIN, 0), (CKU_USER, USER_PIN, 1)] {
            if self.wrong.borrow()[count] > 0 {
                let session = self.token.public();
                session.login(who, pin).good();
                session.close().good();
            }
        }
        *self.wrong.borrow_mut() = [0, 0];
    }

    /// A PIN must not be locked.
    fn affordable(&self, call: &Call) -> bool {
        match call {
            Call::Login(_, Who::So, false) => self.wrong.borrow()[0] < 2,
            Call::Login(_, _, false) => self.wrong.borrow()[1] < 2,
            _ => true,
        }
    }

    fn count(&self, call: &Call, seen: &Seen) {
        if let (Call::Login(_, who, _), CKR_PIN_INCORRECT) = (call, seen.rv) {
            self.wrong.borrow_mut()[usize::from(*who != Who::So)] += 1;
        }
    }
}

/// Whether what a call gave is what may come of it.
fn judge(model: &Model, call: &Call, fate: &Fate, seen: &Seen) -> Result<(), String> {
    let rv = names::of(seen.rv);
    let Some(room) = room(call) else {
        let state = match call {
            Call::Info(s) => model.session(*s).map(|at| model.state(at)),
            _ => None,
        };
        if state.is_some_and(|state| state != seen.handle) {
            return Err(format!("the state of the session is {}", seen.handle));
        }
        return among(&fate.codes, seen.rv);
    };
    let (least, most) = fate.len;
    let mut codes = fate.codes.clone();
    let good = codes.contains(&CKR_OK);
    match room {
        Room::NoLength => {
            codes.retain(|code| *code != CKR_OK);
            codes.push(CKR_ARGUMENTS_BAD);
        }
        _ if fate.hard => {}
        Room::Null => codes.push(CKR_OK),
        _ if seen.room < least => {
            codes.retain(|code| *code != CKR_OK);
            codes.push(CKR_BUFFER_TOO_SMALL);
        }
        _ if seen.room < most => codes.push(CKR_BUFFER_TOO_SMALL),
        _ => {}
    }
    among(&codes, seen.rv)?;
    let length = seen.length as usize;
    if keeps(room, seen) && good && (length < least || length > most + 64) {
        return Err(format!("{rv} with length {length}, which should be {least} to {most}"));
    }
    if seen.rv == CKR_OK && room != Room::Null && !fate.hard {
        if length < least || length > most {
            return Err(format!("{length} bytes came out, which should be {least} to {most}"));
        }
        if fate.bytes.as_ref().is_some_and(|bytes| *bytes != seen.data) {
            return Err("other bytes came out than should".to_string());
        }
    }
    Ok(())
}

fn among(codes: &[CK_RV], rv: CK_RV) -> Result<(), String> {
    if codes.contains(&rv) {
        return Ok(());
    }
    let names: Vec<_> = codes.iter().map(|code| names::of(*code)).collect();
    Err(format!("wanted {}, got {}", names.join(" or "), names::of(rv)))
}

/// Where a call puts its output, if it has any.
fn room(call: &Call) -> Option<Room> {
    use calls::{Many, Op};
    match call {
        Call::Whole(_, Op::Verify | Op::Ahead, ..) | Call::Last(_, Op::Verify | Op::Ahead, ..) => {
            None
        }
        Call::Whole(_, _, _, room, _) | Call::Last(_, _, room, _) => Some(*room),
        Call::Part(_, Op::Encrypt | Op::Decrypt, _, room) => Some(*room),
        Call::Dual(_, _, _, room) | Call::Save(_, room) => Some(*room),
        Call::Message(_, Many::Verify, ..) | Call::MessageLast(_, Many::Verify, ..) => None,
        Call::Message(_, _, _, room, ..) => Some(*room),
        Call::MessageLast(_, Many::Sign, _, Room::NoLength, ..) => Some(Room::Large),
        Call::MessageLast(_, _, _, room, ..) => Some(*room),
        Call::MessagePart(_, Many::Encrypt | Many::Decrypt, _, room, _) => Some(*room),
        _ => None,
    }
}
