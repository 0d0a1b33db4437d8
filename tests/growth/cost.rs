// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a key that comes and goes costs the disk, counted by the system: bytes, not seconds, which are
//! the machine's.

use crate::common::ec::P256;
use crate::common::*;

/// Keys in the token before it grows, and after.
const FEW: usize = 100;
const MANY: usize = 3000;
/// Keys that come and go, a turn: the write-ahead log is folded into the database twice meanwhile.
const PASSING: usize = 240;

fn bring(s: Session, n: usize) -> Obj {
    let more = template! { CKA_TOKEN => true, CKA_LABEL => format!("key {n}").as_str() };
    // Each has a value of its own, so that none is near another where the store searches.
    let mut value = [0x5a; 32];
    value[8..16].copy_from_slice(&n.to_be_bytes());
    s.create(&keys::curve_private(&P256, &value).and(&more)).good()
}

/// Bytes that this thread has had read, and written.
fn moved() -> [u64; 2] {
    let counts = std::fs::read_to_string("/proc/thread-self/io").unwrap();
    ["rchar: ", "wchar: "].map(|name| {
        counts.lines().find_map(|line| line.strip_prefix(name)).unwrap().parse().unwrap()
    })
}

/// Bytes read and written for each of some keys that come and go.
fn turn(s: Session, from: usize) -> [u64; 2] {
    let before = moved();
    let passing: Vec<Obj> = (from..from + PASSING).map(|n| bring(s, n)).collect();
    passing.into_iter().for_each(|key| s.destroy(key).good());
    let after = moved();
    [0, 1].map(|n| (after[n] - before[n]) / PASSING as u64)
}

#[test]
fn a_key_costs_the_disk_as_much_among_many_as_among_few() {
    const TEST: &str = "cost::a_key_costs_the_disk_as_much_among_many_as_among_few";
    if child::role().is_none() {
        println!("{}", crate::memory::alone(TEST));
        return;
    }
    let user = User::new();
    let s = user.session;
    (0..FEW).for_each(|n| _ = bring(s, n));
    let few = turn(s, 1_000_000);
    (FEW..MANY).for_each(|n| _ = bring(s, n));
    let many = turn(s, 2_000_000);
    println!("read and written: {few:?} bytes a key among {FEW}, {many:?} among {MANY}");
    assert!(few[1] > 0, "nothing was counted");
    for (few, many) in few.into_iter().zip(many) {
        assert!(many * 2 <= few * 3, "{many} bytes among {MANY} keys, {few} among {FEW}");
    }
}
