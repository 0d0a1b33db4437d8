// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Random numbers.

use crate::common::*;

#[test]
fn random_bytes_of_every_length() {
    let user = User::new();
    let s = user.session;
    for count in [0, 1, 31, 32, 1000, 1 << 20] {
        assert_eq!(s.random(count).good().len(), count);
    }
    assert_ne!(s.random(32).good(), s.random(32).good());
    assert!(s.random(1000).good().iter().any(|byte| *byte != 0));
}

#[test]
fn random_needs_no_login() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    token.public().random(16).good();
    Session::read_only(token.slot).good().random(16).good();
}

#[test]
fn nowhere_to_put_it_is_refused() {
    let user = User::new();
    let null = std::ptr::null_mut();
    outcome(p11!(C_GenerateRandom(user.session.0, null, 1))).gives(CKR_ARGUMENTS_BAD);
    outcome(p11!(C_GenerateRandom(user.session.0, null, HUGE))).gives(CKR_ARGUMENTS_BAD);
}

#[test]
fn what_is_mixed_in_changes_what_comes_out_and_no_more() {
    let user = User::new();
    let s = user.session;
    let seed = |seed: &[u8]| outcome(p11!(C_SeedRandom(s.0, bytes(seed), len(seed))));
    for count in [0, 1, 32, 100_000] {
        seed(&vec![7; count]).good();
        let one = s.random(32).good();
        seed(&vec![7; count]).good();
        assert_ne!(one, s.random(32).good(), "the seed is mixed in, it is not the state");
    }
    outcome(p11!(C_SeedRandom(s.0, std::ptr::null_mut(), 0))).good();
    outcome(p11!(C_SeedRandom(s.0, std::ptr::null_mut(), 32))).gives(CKR_ARGUMENTS_BAD);
}
