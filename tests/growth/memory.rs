// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the library keeps in memory, in a process of its own: what the allocator has given out, since
//! what the system counts holds as well what was given back and may be given out again.

use crate::common::ec::P256;
use crate::common::*;
use crate::data;

/// Bytes that the process has of the allocator, and of the system itself for secrets.
fn held() -> usize {
    // SAFETY: it takes no argument and returns numbers.
    let heap = unsafe { libc::mallinfo2() };
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let locked = status.lines().find_map(|line| line.strip_prefix("VmLck:")).unwrap();
    let locked: usize = locked.trim().trim_end_matches(" kB").parse().unwrap();
    heap.uordblks + heap.hblkhd + locked * 1024
}

/// Runs a test in a process of its own, where there is memory in place of a disk: it is not about that.
pub(crate) fn alone(test: &str) -> String {
    let mut command = child::command(test, "alone");
    if std::path::Path::new("/dev/shm").is_dir() {
        command.env("TMPDIR", "/dev/shm");
    }
    child::succeeds(command)
}

#[test]
fn objects_that_were_found_and_used_do_not_stay_all() {
    const TEST: &str = "memory::objects_that_were_found_and_used_do_not_stay_all";
    const KEYS: usize = 5000;
    if child::role().is_none() {
        println!("{}", alone(TEST));
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
    let before = held();
    for n in 1..KEYS {
        s.create(&key(n)).good();
    }
    let found = s.find(&Template::default()).good();
    assert_eq!(found.len(), KEYS);
    found.iter().for_each(|key| sign(*key));
    let grown = held().saturating_sub(before);
    println!("{grown} bytes more for {KEYS} keys");
    assert!(grown < 20 << 20, "{grown} bytes more after {KEYS} keys were found and used");
    // None was lost for it.
    assert_eq!(s.get(first, CKA_LABEL).good(), b"key 0");
    s.logout().good();
    let left = held().saturating_sub(before);
    // Pages for secrets and those of the database stay, to be used again.
    assert!(left < grown / 2, "{left} bytes are left of private keys after the logout");
}

#[test]
fn sessions_that_do_nothing_are_small() {
    const TEST: &str = "memory::sessions_that_do_nothing_are_small";
    const SESSIONS: usize = 10_000;
    if child::role().is_none() {
        println!("{}", alone(TEST));
        return;
    }
    let user = User::new();
    user.session.create(&data("one", true)).good();
    let before = held();
    let mut open = Vec::with_capacity(SESSIONS);
    open.extend((0..SESSIONS).map(|_| Session::read_only(user.token.slot).good()));
    let each = held().saturating_sub(before) / open.len();
    println!("{each} bytes a session");
    assert!(each < 1536, "{each} bytes a session");
    session::close_all(user.token.slot).good();
    let left = held().saturating_sub(before) / open.len();
    assert!(left < 100, "{left} bytes are left of each session");
}
