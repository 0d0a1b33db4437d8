// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Four processes write at once and are killed at a random moment, again and again; and one is killed
//! while it holds the store's lock.

use crate::check;
use crate::common::kept::{self, Kept, seeded, tell};
use crate::common::*;
use crate::library::{self, Kind};
use crate::place::cheap_token;
use std::io::{BufRead, BufReader};
use std::process::Child;
use std::time::{Duration, Instant};

const WRITERS: usize = 4;
/// How many rounds: by the environment, else what an ordinary run has time for.
const ROUNDS: (&str, usize) = ("STRONGROOM_KILL_ROUNDS", 25);
/// Objects a writer keeps.
const MOST: usize = 12;

#[test]
fn four_writers_are_killed_and_nothing_is_lost() {
    if let Some(role) = child::role() {
        write_for_ever(&role);
    }
    let test = "kill::four_writers_are_killed_and_nothing_is_lost";
    let fixture = Fixture::prepared("[pin]\nmax_failures = 100\n");
    cheap_token(&fixture.store_path());
    let rounds = std::env::var(ROUNDS.0).map_or(ROUNDS.1, |rounds| rounds.parse().unwrap());
    let (mut kept, mut acknowledged) = (Kept::new(), 0);
    let mut random = seeded(std::process::id() as u64);
    for round in 0..rounds {
        let children: Vec<_> = (0..WRITERS)
            .map(|writer| {
                let mut command = child_on(&fixture, test, &format!("writer {writer}"));
                command.env("CHILD_SEED", random(usize::MAX).to_string());
                child::spawn(command)
            })
            .collect();
        // Every other time they are known to be writing, however slow the machine is.
        let (moment, writing) = (Duration::from_micros(random(250_000) as u64), round % 2 == 0);
        let under_way = ended(children, (moment, writing), &mut kept, &mut acknowledged);
        fixture.initialize().good();
        compare(round, Token { slot: 0 }.user(), &mut kept, under_way);
        session::finalize().good();
        check(&fixture, &format!("round {round}"));
    }
    println!("{rounds} rounds, {acknowledged} acknowledged changes");
    assert!(
        acknowledged >= rounds / 2,
        "the writers wrote {acknowledged} times in {rounds} rounds"
    );
}

/// Kills the writers at a moment after they were started, or after one of them told of its first change,
/// and enters what they acknowledged. How many had something under way.
fn ended(
    mut children: Vec<Child>,
    (moment, writing): (Duration, bool),
    kept: &mut Kept,
    acknowledged: &mut usize,
) -> usize {
    let end = |first: &mut Child, others: &mut [Child]| {
        std::thread::sleep(moment);
        first.kill().unwrap();
        others.iter_mut().for_each(|child| child.kill().unwrap());
    };
    let (first, others) = children.split_first_mut().unwrap();
    if !writing {
        end(first, others);
    }
    *acknowledged += kept::enter_all(first, kept, |first, changes| {
        if writing && changes == 1 {
            end(first, others);
        }
    });
    for child in others {
        *acknowledged += kept::enter_all(child, kept, |_, _| {});
    }
    for child in children {
        let output = child.wait_with_output().unwrap();
        let itself = output.status.code().is_some();
        assert!(!itself, "a writer ended by itself: {}", child::everything(&output));
    }
    WRITERS
}

/// The store holds what was acknowledged, whole; what was under way when the writers died may differ.
fn compare(round: usize, s: Session, kept: &mut Kept, under_way: usize) {
    let there = kept::there(s);
    let differs = |id: &&String| there.get(*id) != kept.get(*id);
    let all: std::collections::BTreeSet<_> = kept.keys().chain(there.keys()).collect();
    let different: Vec<_> = all.into_iter().filter(differs).collect();
    assert!(different.len() <= under_way, "round {round}: {different:?}\n{kept:?}\n{there:?}");
    *kept = there;
}

/// A writer: random changes and logins, each change told to the parent when it was acknowledged. Each
/// changes what it made itself.
fn write_for_ever(role: &str) -> ! {
    let mut random = seeded(std::env::var("CHILD_SEED").unwrap().parse().unwrap());
    let s = join();
    // Asked in one call: another's name may change, and the other may be gone by now.
    let mine = |object: &Obj| {
        let (_, got) = s.get_many(*object, &[(CKA_LABEL, Some(64))]);
        got[0].value.starts_with(role.replace(' ', "-").as_bytes())
    };
    let mut objects = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
    objects.retain(mine);
    let id = |object| hex::encode(s.get(object, CKA_UNIQUE_ID).good());
    for count in 0_u64.. {
        let label = format!("{}-{}-{count}", role.replace(' ', "-"), random(1 << 30));
        let change = template! { CKA_LABEL => label.as_str() };
        match random(8) {
            0 | 1 if objects.len() > 3 => {
                let object = objects.swap_remove(random(objects.len()));
                let gone = id(object);
                s.destroy(object).good();
                tell(&format!("did drop {gone}"));
            }
            2 | 3 if !objects.is_empty() => {
                let object = objects[random(objects.len())];
                s.set(object, &change).good();
                tell(&format!("did keep {} {label}", id(object)));
            }
            // The user stays logged in by this session: the officer's PIN is not tested then.
            4 => s.login(CKU_CONTEXT_SPECIFIC, "wrong").gives(CKR_OPERATION_NOT_INITIALIZED),
            5 => {
                s.logout().good();
                s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
                s.login(CKU_USER, USER_PIN).good();
                objects = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
                objects.retain(mine);
            }
            _ if objects.len() < MOST => {
                let key = keys::aes_with(s, 32, &keys::open().and(&change).with(CKA_TOKEN, true));
                objects.push(key);
                tell(&format!("did keep {} {label}", id(key)));
            }
            _ => {}
        }
    }
    unreachable!("the parent kills this process")
}

/// A process is stopped in the middle of a transaction: others wait for it, and go on when it is killed.
#[test]
fn who_is_killed_with_the_lock_holds_nobody_up() {
    let test = "kill::who_is_killed_with_the_lock_holds_nobody_up";
    let make = |s: Session| keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    match child::role().as_deref() {
        Some("stopped") => {
            let s = join();
            make(s);
            let store = std::env::var("CHILD_STORE").unwrap();
            library::arm(store.as_ref(), 0, Kind::Count);
            make(s);
            // The last writing into the log before it is synced.
            let at = library::disarm().find('s').unwrap();
            library::arm(store.as_ref(), at, Kind::Stop);
            make(s);
            unreachable!("stopped, then killed");
        }
        Some(_) => {
            let s = join();
            tell("did begin");
            make(s);
            return tell("did end");
        }
        None => {}
    }
    let user = User::new();
    session::finalize().good();
    let mut command = library::before(child_on(&user.fixture, test, "stopped"));
    command.env("CHILD_STORE", user.fixture.store_path());
    let mut holder = child::spawn(command);
    wait_until_stopped(&holder);
    let mut other = child::spawn(child_on(&user.fixture, test, "other"));
    let mut lines = BufReader::new(other.stdout.take().unwrap()).lines().map_while(Result::ok);
    // Its login already needs the lock.
    let (sender, receiver) = std::sync::mpsc::channel();
    let reader = std::thread::spawn(move || {
        for line in lines.by_ref() {
            if line.contains("did end") {
                sender.send(true).unwrap();
            }
        }
    });
    let early = receiver.recv_timeout(Duration::from_millis(500));
    assert!(early.is_err(), "the other did not wait: the holder holds no lock");
    let killed = Instant::now();
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert!(receiver.recv().unwrap(), "the other goes on");
    println!("the other was done {:?} after the holder was killed", killed.elapsed());
    reader.join().unwrap();
    assert!(other.wait().unwrap().success());
    check(&user.fixture, "after the kill");
}

pub fn wait_until_stopped(child: &Child) {
    let status = format!("/proc/{}/stat", child.id());
    loop {
        let text = std::fs::read_to_string(&status).expect("the child lives");
        let state = text.rsplit(')').next().unwrap().trim().chars().next();
        assert_ne!(state, Some('Z'), "the child ended before it was stopped");
        if state == Some('T') {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}
