// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Stacks of the library's own: hosts that cannot do with them can have it work on theirs, and what
//! calculations leave there goes with the keys.

use crate::common::*;
use crate::scan;
use std::os::unix::fs::FileExt;
use std::sync::Barrier;

#[test]
fn a_host_may_keep_the_library_on_its_own_stacks() {
    let test = "stacks::a_host_may_keep_the_library_on_its_own_stacks";
    if child::role().is_some() {
        let s = fixture::join();
        let (_, key) = keys::pair(s, &ec::P256);
        s.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).good();
        return println!("counted {}", stacks());
    }
    for (setting, own) in [("", true), ("[memory]\nown_stacks = false\n", false)] {
        let fixture = Fixture::with_settings(setting);
        fixture.token("stacks");
        session::finalize().good();
        let said = child::succeeds(fixture::child_on(&fixture, test, "signer"));
        let found = said.split("counted ").nth(1).and_then(|rest| rest.split_whitespace().next());
        let found: usize = found.unwrap_or_else(|| panic!("{said}")).parse().unwrap();
        assert_eq!(found > 0, own, "{said}");
    }
}

/// Nobody is on them any more: what calculations left there is not needed, and goes with the keys.
#[test]
fn idle_stacks_are_overwritten_at_logout() {
    let test = "stacks::idle_stacks_are_overwritten_at_logout";
    if child::role().is_some() {
        let s = fixture::join();
        let (_, key) = keys::pair(s, &ec::P256);
        let together = Barrier::new(THREADS);
        std::thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    let s = Session::read_write(session::slots(true).good()[0]).good();
                    together.wait();
                    for _ in 0..ROUNDS {
                        s.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).good();
                    }
                });
            }
        });
        let before = written();
        s.logout().good();
        return println!("\nwritten {before} {}", written());
    }
    let fixture = Fixture::new();
    fixture.token("stacks");
    session::finalize().good();
    let said = child::succeeds(fixture::child_on(&fixture, test, "signers"));
    let line = said.lines().find_map(|line| line.strip_prefix("written ")).expect("a count");
    let counts: Vec<usize> = line.split(' ').map(|number| number.parse().unwrap()).collect();
    assert!(counts[0] > 0, "no calculation left anything: this test would prove nothing\n{said}");
    assert_eq!(counts[1], 0, "of {} stacks with traces\n{said}", counts[0]);
}

/// The mappings of this process that are as large as a stack and that no core dump has.
fn stacks() -> usize {
    regions().count()
}

fn regions() -> impl Iterator<Item = scan::Region> {
    let all = scan::regions(std::process::id()).into_iter();
    all.filter(|one| one.end - one.start == 128 << 10 && one.writable && !one.in_core())
}

/// Those of them that hold more than zeros.
fn written() -> usize {
    let memory = std::fs::File::open("/proc/self/mem").unwrap();
    let holds = |one: &scan::Region| {
        let mut bytes = vec![0; (one.end - one.start) as usize];
        memory.read_exact_at(&mut bytes, one.start).unwrap();
        bytes.iter().any(|byte| *byte != 0)
    };
    regions().filter(holds).count()
}

const THREADS: usize = 4;
const ROUNDS: usize = 50;
