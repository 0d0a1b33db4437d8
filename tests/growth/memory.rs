// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the library keeps in memory, as the system counts it, in a process of its own.

use crate::common::ec::P256;
use crate::common::*;
use crate::data;

/// Kibibytes that the process has in memory.
fn resident() -> usize {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

#[test]
fn objects_that_were_found_and_used_do_not_stay_all() {
    const TEST: &str = "memory::objects_that_were_found_and_used_do_not_stay_all";
    const KEYS: usize = 4000;
    if child::role().is_none() {
        child::succeeds(child::command(TEST, "alone"));
        return;
    }
    let user = User::new();
    let s = user.session;
    let key = |n: usize| {
        let more = template! { CKA_TOKEN => true, CKA_LABEL => format!("key {n}").as_str() };
        keys::curve_private(&P256, &[0x5a; 32]).and(&more)
    };
    let sign = |key: Obj| drop(s.sign(&Mech::plain(CKM_ECDSA), key, &[7; 32]).good());
    let first = s.create(&key(0)).good();
    sign(first);
    let before = resident();
    for n in 1..KEYS {
        s.create(&key(n)).good();
    }
    let found = s.find(&Template::default()).good();
    assert_eq!(found.len(), KEYS);
    found.iter().for_each(|key| sign(*key));
    let grown = resident().saturating_sub(before);
    println!("{grown} KiB more for {KEYS} keys");
    assert!(grown < 24 << 10, "{grown} KiB more after {KEYS} keys were found and used");
    // None was lost for it.
    assert_eq!(s.get(first, CKA_LABEL).good(), b"key 0");
}

#[test]
fn sessions_that_do_nothing_are_small() {
    const TEST: &str = "memory::sessions_that_do_nothing_are_small";
    const SESSIONS: usize = 10_000;
    if child::role().is_none() {
        child::succeeds(child::command(TEST, "alone"));
        return;
    }
    let user = User::new();
    user.session.create(&data("one", true)).good();
    let before = resident();
    let open: Vec<Session> =
        (0..SESSIONS).map(|_| Session::read_only(user.token.slot).good()).collect();
    let each = resident().saturating_sub(before) * 1024 / open.len();
    println!("{each} bytes a session");
    assert!(each < 1024, "{each} bytes a session");
}
