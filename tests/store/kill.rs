// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A process is killed in the middle of its writes: what it was told is kept, is kept.

use crate::check;
use crate::common::kept::{self, Kept, seeded, tell};
use crate::common::*;

const TEST: &str = "kill::what_was_acknowledged_is_kept";

#[test]
fn what_was_acknowledged_is_kept() {
    if child::role().is_some() {
        write_for_ever();
    }
    let user = User::new();
    session::finalize().good();
    let mut kept: Kept = Kept::new();
    let (mut writes, mut rounds) = (0, 0);
    while writes < 200 {
        rounds += 1;
        // Between 3 and 22 writes, then at once.
        let stop = 3 + (rounds * 7) % 20;
        writes += round(&user.fixture, rounds, stop, &mut kept);
        user.fixture.initialize().good();
        compare(user.token.user(), &mut kept);
        session::finalize().good();
        if let Err(said) = check(&user.fixture) {
            panic!("strongroom check after round {rounds}:\n{said}");
        }
    }
    assert!(rounds >= 10, "the child was killed {rounds} times");
}

/// One life of the child: it is killed after some acknowledged writes, and what it acknowledged is
/// entered. The number of writes.
fn round(fixture: &Fixture, seed: usize, stop: usize, kept: &mut Kept) -> usize {
    let mut command = child_on(fixture, TEST, "writer");
    command.env("CHILD_SEED", seed.to_string());
    let mut child = child::spawn(command);
    // What the child had told before it died is read to the end.
    let writes = kept::enter_all(&mut child, kept, |child, writes| {
        if writes == stop {
            child.kill().unwrap();
        }
    });
    child.wait().unwrap();
    assert!(writes >= stop, "the child ended by itself after {writes} writes");
    writes
}

/// The store holds what was acknowledged; at most the one write that was under way differs.
fn compare(s: Session, kept: &mut Kept) {
    let there = kept::there(s);
    let lost = kept.iter().filter(|(id, label)| there.get(*id) != Some(label));
    let more = there.iter().filter(|(id, _)| !kept.contains_key(*id));
    let (lost, more): (Vec<_>, Vec<_>) = (lost.collect(), more.collect());
    assert!(lost.len() + more.len() <= 1, "lost or changed {lost:?}\nnever acknowledged {more:?}");
    *kept = there;
}

/// The child: random writes, each told to the parent after the library has answered.
fn write_for_ever() -> ! {
    let s = join();
    let seed: u64 = std::env::var("CHILD_SEED").unwrap().parse().unwrap();
    let mut next = seeded(seed);
    let mut objects = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
    let id = |object| hex::encode(s.get(object, CKA_UNIQUE_ID).good());
    for count in 0.. {
        let label = format!("seed-{seed}-write-{count}");
        let change = template! { CKA_LABEL => label.as_str() };
        match next(4) {
            0 if objects.len() > 3 => {
                let object = objects.swap_remove(next(objects.len()));
                let gone = id(object);
                s.destroy(object).good();
                tell(&format!("did drop {gone}"));
            }
            1 if !objects.is_empty() => {
                let object = objects[next(objects.len())];
                s.set(object, &change).good();
                tell(&format!("did keep {} {label}", id(object)));
            }
            2 if !objects.is_empty() => {
                let copy = s.copy(objects[next(objects.len())], &change).good();
                objects.push(copy);
                tell(&format!("did keep {} {label}", id(copy)));
            }
            _ => {
                let key = keys::aes_with(s, 32, &keys::open().and(&change).with(CKA_TOKEN, true));
                objects.push(key);
                tell(&format!("did keep {} {label}", id(key)));
            }
        }
    }
    unreachable!("the parent kills this process")
}
