// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Sessions closed while something is being made in them.

use crate::common::*;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

#[test]
fn a_key_made_in_a_session_closed_meanwhile_leaves_nothing_behind() {
    let user = User::new();
    let observer = user.session;
    let public = template! {
        CKA_MODULUS_BITS => 2048 as CK_ULONG,
        CKA_PUBLIC_EXPONENT => &[1, 0, 1],
        CKA_LABEL => "left behind",
    };
    let private = template! { CKA_LABEL => "left behind" };
    for round in 0..5 {
        let session = user.token.public();
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                start.wait();
                let mech = Mech::plain(CKM_RSA_PKCS_KEY_PAIR_GEN);
                let made = session.generate_pair(&mech, &public, &private).map(drop);
                made.gives_one_of(&[CKR_OK, CKR_SESSION_CLOSED, CKR_SESSION_HANDLE_INVALID]);
            });
            start.wait();
            thread::sleep(Duration::from_millis(1 + round * 4));
            session.close().good();
        });
        assert_eq!(observer.find(&Template::default()).good(), [], "round {round}");
    }
    assert_eq!(observer.state(), CKS_RW_USER_FUNCTIONS);
}

/// The same for objects that take no time to make: many threads, so that some meet the moment.
#[test]
fn an_object_made_in_a_session_closed_meanwhile_leaves_nothing_behind() {
    let user = User::new();
    let observer = user.session;
    for round in 0..40 {
        let session = user.token.public();
        let start = Barrier::new(4);
        thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    start.wait();
                    while session.create(&crate::data()).is_ok() {}
                });
            }
            start.wait();
            thread::sleep(Duration::from_micros(round * 50));
            session.close().good();
        });
        assert_eq!(observer.find(&Template::default()).good(), [], "round {round}");
    }
}
