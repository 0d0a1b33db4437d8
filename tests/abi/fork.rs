// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A child made by fork starts anew, whatever its parent did at that moment.

use crate::common::forked::fork;
use crate::common::*;
use crate::uninitialized::all_wait;
use std::sync::atomic::{AtomicBool, Ordering};

#[test]
fn a_child_waits_for_its_own_initialisation() {
    let user = User::new();
    let s = user.session;
    let kept = kept_key(s);
    let child = fork(|| {
        all_wait("in a child");
        session::finalize().gives(CKR_CRYPTOKI_NOT_INITIALIZED);
        user.fixture.initialize().good();
        s.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
        works(user.token);
        session::finalize().good();
        all_wait("in a child, after C_Finalize");
    });
    child.succeeds();
    s.sign(&Mech::plain(CKM_ECDSA_SHA256), kept, b"parent").good_for("the parent goes on");
    assert_eq!(s.state(), CKS_RW_USER_FUNCTIONS);
}

#[test]
fn a_child_may_leave_without_a_word() {
    let user = User::new();
    kept_key(user.session);
    fork(|| {}).succeeds();
    fork(|| user.fixture.initialize().good()).succeeds();
    fork(|| {
        user.fixture.initialize().good();
        user.token.user();
    })
    .succeeds();
    works_on(user.session);
}

#[test]
fn grandchildren_too() {
    let user = User::new();
    kept_key(user.session);
    let child = fork(|| {
        fork(|| {
            all_wait("in a grandchild");
            user.fixture.initialize().good();
            works(user.token);
        })
        .succeeds();
        user.fixture.initialize().good();
        fork(|| {
            all_wait("in a grandchild of an initialised child");
            user.fixture.initialize().good();
            works(user.token);
        })
        .succeeds();
        works(user.token);
    });
    child.succeeds();
    works_on(user.session);
}

#[test]
fn operations_and_searches_of_the_parent_go_on() {
    use crate::common::operation::{Kind, Room};
    let user = User::new();
    let s = user.session;
    let key = kept_key(s);
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, b"before ").good();
    fork(|| {
        user.fixture.initialize().good();
        works(user.token);
    })
    .succeeds();
    s.update(Kind::Digest, b"after").good();
    let digest = s.finish(Kind::Digest, Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"before after"));
    s.sign(&Mech::plain(CKM_ECDSA_SHA256), key, b"after").good();
}

#[test]
fn what_a_child_makes_its_parent_sees() {
    let user = User::new();
    let s = user.session;
    let (here, there) = (template! { CKA_LABEL => "parent" }, template! { CKA_LABEL => "child" });
    let data = |label: &Template| template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }.and(label);
    s.create(&data(&here)).good();
    fork(|| {
        user.fixture.initialize().good();
        let s = user.token.user();
        assert_eq!(s.find(&here).good().len(), 1);
        s.create(&data(&there)).good();
        session::finalize().good();
    })
    .succeeds();
    assert_eq!(s.find(&there).good().len(), 1);
}

#[test]
fn a_child_before_the_parent_initialised() {
    let fixture = Fixture::prepared("");
    // The library is loaded and has done nothing.
    module();
    fork(|| {
        all_wait("in a child of an idle parent");
        fixture.initialize().good();
        fixture.token("made in the child");
        session::finalize().good();
    })
    .succeeds();
    fixture.initialize().good();
    assert_eq!(session::slots(false).good().len(), 2);
}

#[test]
fn threads_in_the_library_at_the_moment_of_fork() {
    let user = User::new();
    let s = user.session;
    kept_key(s);
    let (token, stop) = (user.token, &AtomicBool::new(false));
    std::thread::scope(|scope| {
        for thread in 0..3_u8 {
            scope.spawn(move || hammer(token, thread, stop));
        }
        for round in 0..30 {
            let child = fork(|| {
                session::slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
                user.fixture.initialize().good();
                works(token);
                if round % 2 == 0 {
                    session::finalize().good();
                }
            });
            child.succeeds();
        }
        stop.store(true, Ordering::SeqCst);
    });
    works_on(s);
}

/// Uses the library in a session of its own until told to stop.
fn hammer(token: Token, thread: u8, stop: &AtomicBool) {
    let s = token.public();
    let key = keys::generic(s, 32);
    while !stop.load(Ordering::SeqCst) {
        match thread {
            0 => {
                s.sign(&Mech::plain(CKM_SHA256_HMAC), key, b"data").good();
                s.random(100).good();
            }
            1 => {
                let object =
                    template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_LABEL => "hammer" };
                let object = s.create(&object).good();
                s.destroy(object).good();
            }
            _ => {
                s.find(&template! { CKA_CLASS => CKO_PRIVATE_KEY }).good();
                let other = token.public();
                other.close().good();
            }
        }
    }
    s.close().good();
}

fn kept_key(s: Session) -> Obj {
    let kept = template! { CKA_TOKEN => true, CKA_LABEL => "kept" };
    keys::pair_with(s, &ec::P256, &kept, &kept).1
}

/// Logs in to the token and uses the key that is kept there.
fn works(token: Token) {
    let s = token.user();
    works_on(s);
    s.close().good();
}

fn works_on(s: Session) {
    let find = |class: CK_OBJECT_CLASS| {
        s.find(&template! { CKA_CLASS => class, CKA_LABEL => "kept" }).good()[0]
    };
    let (private, public) = (find(CKO_PRIVATE_KEY), find(CKO_PUBLIC_KEY));
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    let signature = s.sign(&mech, private, b"message").good();
    s.verify(&mech, public, b"message", &signature).good();
}
