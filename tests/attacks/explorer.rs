// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A search through the interface by a program: breadth first over everything an attacker with the
//! user's login can do to two sensitive keys, in the library itself and not in a model of it.

use crate::common::*;
use crate::world::{CHANGES, Step, TEMPLATES, World};
use crate::{compatible, safe};
use std::collections::HashSet;
use std::time::Instant;

/// What a search found.
struct Search {
    attack: Option<Vec<Step>>,
    states: usize,
}

/// No state within the bound shows a sensitive key of a safe token.
#[test]
fn a_safe_token_reveals_nothing() {
    let user = safe();
    let found = search(user.token, DEPTH);
    let shown = found.attack.as_deref().map(shown);
    assert_eq!(shown, None, "a sensitive key is revealed");
    assert!(found.states > 1000, "the search saw {} states: it does not search", found.states);
}

/// The search finds what there is to find: of a compatible token, wrap-then-decrypt first.
#[test]
fn a_compatible_token_reveals_by_wrap_then_decrypt() {
    let user = compatible();
    let found = search(user.token, DEPTH);
    let attack = found.attack.expect("an attack");
    println!("{}", shown(&attack));
    let [Step::Wrap(how, by, 0), Step::Decrypt(with, opens, _)] = attack.as_slice() else {
        panic!("another attack: {attack:?}");
    };
    assert_eq!((how, by), (with, opens), "the key that wrapped decrypts");
}

/// Searches to a depth, shortest attacks first. A state is kept as the steps that led to it and built
/// anew from them. What is refused changes nothing, and a step that only added is taken back; where it
/// changed something too (what a key was used for), the state is built anew.
fn search(token: Token, depth: usize) -> Search {
    let started = Instant::now();
    let (mut seen, mut calls) = (HashSet::new(), 0);
    let start = World::new(token);
    let mut level = vec![(Vec::new(), start.steps(), start.state())];
    calls += start.end();
    let mut attack = None;
    'search: for left in (1..=depth).rev() {
        let mut next = Vec::new();
        for (trace, steps, before) in level {
            let mut world = replayed(token, &trace);
            let mark = world.mark();
            for step in steps {
                if !world.take(step) {
                    continue;
                }
                let longer = [&trace[..], &[step]].concat();
                if world.revealed.is_some() {
                    calls += world.end();
                    attack = Some(longer);
                    break 'search;
                }
                let state = world.state();
                if left > 1 && seen.insert(state.clone()) {
                    let steps = if left > 2 { world.steps() } else { world.last_steps() };
                    next.push((longer, steps, state));
                }
                world.undo(mark);
                if world.state() != before {
                    calls += world.end();
                    world = replayed(token, &trace);
                }
            }
            calls += world.end();
        }
        println!("step {}: {} new states", depth - left + 1, next.len());
        next.retain(|(_, steps, _)| !steps.is_empty());
        level = next;
    }
    let (states, seconds) = (seen.len(), started.elapsed().as_secs_f64());
    println!("{states} states, {calls} calls, {seconds:.1} s");
    Search { attack, states }
}

fn replayed(token: Token, trace: &[Step]) -> World {
    let mut world = World::new(token);
    for step in trace {
        assert!(world.take(*step), "{step:?} was taken once and is refused now");
    }
    world
}

/// An attack in words.
fn shown(attack: &[Step]) -> String {
    let line = |step: &Step| match *step {
        Step::Create(value, template) => {
            format!("create a key of value {value}, {}", TEMPLATES[template].0)
        }
        Step::Generate(template) => format!("generate a key, {}", TEMPLATES[template].0),
        Step::Copy(object, change) => format!("copy key {object} with {:x?}", CHANGES[change]),
        Step::Set(object, change) => format!("set of key {object} {:x?}", CHANGES[change]),
        Step::Unwrap(mech, by, data, template) => {
            let how = TEMPLATES[template].0;
            format!("unwrap value {data} by key {by}, mechanism {mech}, {how}")
        }
        Step::Derive(base, template) => format!("derive of key {base}, {}", TEMPLATES[template].0),
        other => format!("{other:?}"),
    };
    attack.iter().map(line).collect::<Vec<_>>().join("\n")
}

/// How many steps an attack may have. The published ones have two to five. What keeps the search within a
/// minute or two: a state is a set (the order of steps, and keys that are there twice alike, say
/// nothing); the last step of an attack is one that gives the attacker a byte string; nothing is sealed
/// twice; the attacker brings one value and generates one key, as two of each are like one; and keys are
/// made by a handful of templates (`world.rs`), each with a reason in a published attack. A library that
/// is not optimised gets through one step less in that time; all tests are run with both.
const DEPTH: usize = if cfg!(debug_assertions) { 4 } else { 5 };
