// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A host with fork handlers of its own, registered before the library registers its: they run
//! while the library holds its locks for the fork.

use crate::common::forked::fork;
use crate::common::*;
use crate::uninitialized::all_wait;
use crate::world::{blind, rows};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

#[test]
fn a_child_may_initialise_in_a_handler_of_the_host() {
    let test = "host_handlers::a_child_may_initialise_in_a_handler_of_the_host";
    if child::role().is_none() {
        child::succeeds(child::command(test, "host"));
        return;
    }
    register(None, None, Some(initialise_in_the_child));
    let user = User::new();
    RESERVED.set(user.fixture.reserved()).unwrap();
    let s = user.session;
    keys::aes_with(s, 32, &kept());
    for round in 0..3 {
        fork(|| {
            assert_eq!(CALLS.load(Ordering::SeqCst), 1, "the handler ran");
            user.fixture.initialize().gives(CKR_CRYPTOKI_ALREADY_INITIALIZED);
            s.info().map(drop).gives(CKR_SESSION_HANDLE_INVALID);
            let own = user.token.user();
            let key = own.find(&kept()).good()[0];
            own.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
            own.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }).good();
            session::finalize().good();
            all_wait("in the child, after C_Finalize");
        })
        .succeeds();
        assert_eq!(CALLS.load(Ordering::SeqCst), 0, "the handler ran in the child alone");
        assert_eq!(s.find(&template! { CKA_CLASS => CKO_DATA }).good().len(), round + 1);
    }
}

#[test]
fn a_call_in_a_handler_before_the_fork_is_refused_and_does_not_hang() {
    let test = "host_handlers::a_call_in_a_handler_before_the_fork_is_refused_and_does_not_hang";
    if child::role().is_none() {
        child::succeeds(child::command(test, "host"));
        return;
    }
    register(Some(call_everything), Some(call_everything), None);
    let user = User::new();
    let s = user.session;
    let object = s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true }).good();
    RESERVED.set(user.fixture.reserved()).unwrap();
    for _ in 0..3 {
        fork(|| {
            all_wait("in the child");
            user.fixture.initialize().good();
            user.token.user().find(&Template::default()).good();
        })
        .succeeds();
        s.get(object, CKA_CLASS).good_for("the parent goes on");
        assert_eq!(s.state(), CKS_RW_USER_FUNCTIONS);
    }
    // Before and after the fork, in the parent, three times.
    assert_eq!(CALLS.load(Ordering::SeqCst), 6);
    assert_eq!(ANSWERED.load(Ordering::SeqCst), 0, "calls that were not refused");
}

/// Registers handlers of the host's, in a process that ends should any of them hang.
fn register(before: Option<Handler>, parent: Option<Handler>, in_child: Option<Handler>) {
    // The library is loaded and has done nothing: its own handlers come later.
    module();
    // SAFETY: asks for a signal that ends this process; the handlers are functions of this program.
    unsafe {
        libc::alarm(20);
        assert_eq!(libc::pthread_atfork(before, parent, in_child), 0);
    }
}

unsafe extern "C" fn initialise_in_the_child() {
    // SAFETY: asks for a signal that ends this process; the parent's is not inherited.
    unsafe { libc::alarm(20) };
    let Some(reserved) = RESERVED.get() else { return };
    let waits = session::slots(false).code() == CKR_CRYPTOKI_NOT_INITIALIZED;
    if waits && session::initialize(Some(reserved)).is_ok() {
        CALLS.fetch_add(1, Ordering::SeqCst);
    }
}

/// Every function that needs the library, and the two that begin and end it.
unsafe extern "C" fn call_everything() {
    let Some(reserved) = RESERVED.get() else { return };
    let mut answers: Vec<R<()>> = rows().map(blind).collect();
    answers.push(session::initialize(Some(reserved)));
    answers.push(session::finalize());
    CALLS.fetch_add(1, Ordering::SeqCst);
    ANSWERED.fetch_add(answers.iter().filter(|rv| rv.is_ok()).count(), Ordering::SeqCst);
}

fn kept() -> Template {
    template! { CKA_TOKEN => true, CKA_LABEL => "kept" }
}

type Handler = unsafe extern "C" fn();

static RESERVED: OnceLock<String> = OnceLock::new();
static CALLS: AtomicUsize = AtomicUsize::new(0);
static ANSWERED: AtomicUsize = AtomicUsize::new(0);
