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
fn seeding_is_accepted_or_refused_by_name() {
    let user = User::new();
    let seed = [1_u8; 32];
    let seeded = outcome(p11!(C_SeedRandom(user.session.0, bytes(&seed), 32)));
    seeded.gives_one_of(&[CKR_OK, CKR_RANDOM_SEED_NOT_SUPPORTED]);
    let null = std::ptr::null_mut();
    let nothing = outcome(p11!(C_SeedRandom(user.session.0, null, 32)));
    nothing.gives_one_of(&[CKR_ARGUMENTS_BAD, CKR_RANDOM_SEED_NOT_SUPPORTED]);
    user.session.random(32).good();
}
