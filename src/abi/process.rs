// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The library's life in a process: the one mutable static, the panic guard, and `fork`.
//!
//! Every call holds one of a few gates, shared, while it runs; each thread keeps to one gate, so
//! that threads do not meet at a common counter. `fork` takes all gates first: no thread is inside
//! the library at that moment, so no lock of ours, of OpenSSL's or of SQLite's is held in the child.
//! Connections to the database are closed before, and opened again when they are needed. The child
//! finds the library not initialised: secret pages are zeroed by the kernel, what OpenSSL made of keys is
//! freed and so wiped, and what else it inherited is left alone.

use super::diagnostics;
use crate::config::Config;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::{self, Secret};
use crate::session::Library;
use cryptoki_sys::*;
use rustix::fs::Timespec;
use rustix::thread::futex;
use std::cell::{Cell, RefCell};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, Once, RwLock, RwLockWriteGuard};

/// What `C_Initialize` makes.
struct Running {
    library: Library,
    /// One byte, 1, in memory that the kernel zeroes in a child: seen even where a process was
    /// cloned without running fork handlers.
    mark: Secret,
}

type Held = Option<Arc<Running>>;

/// Apart by a cache line or two, so that gates do not slow each other.
#[repr(align(128))]
struct Gate(RwLock<Held>);

struct Global {
    /// Held by `C_Initialize` and `C_Finalize`.
    lifecycle: Mutex<()>,
    gates: [Gate; GATES],
    /// Counts calls of `C_Finalize`. An atomic number, not a lock: whoever waits for it to change
    /// holds nothing that a `fork` could leave held.
    lives: AtomicU32,
}

/// The one mutable static of the library.
static GLOBAL: Global = Global {
    lifecycle: Mutex::new(()),
    gates: [const { Gate(RwLock::new(None)) }; GATES],
    lives: AtomicU32::new(0),
};
static NEXT_GATE: AtomicUsize = AtomicUsize::new(0);
static PREPARED: Once = Once::new();
const GATES: usize = 16;
/// How long a wait for an event goes on between two looks at the store.
const BETWEEN_LOOKS: Timespec = Timespec { tv_sec: 0, tv_nsec: 200_000_000 };
/// Marks of threads without a gate.
const NONE_YET: usize = usize::MAX;
const IN_FORK: usize = usize::MAX - 1;

thread_local! {
    static MY_GATE: Cell<usize> = const { Cell::new(NONE_YET) };
    static FORKING: RefCell<Option<Everything>> = const { RefCell::new(None) };
}

/// All locks of the static, while the process forks.
struct Everything {
    /// The process that forks.
    parent: u32,
    gates: Vec<RwLockWriteGuard<'static, Held>>,
    _lifecycle: MutexGuard<'static, ()>,
}

impl Everything {
    fn running(&self) -> Option<&Running> {
        self.gates.first().and_then(|gate| gate.as_deref())
    }
}

/// Runs a call that needs no initialised library.
pub(super) fn anywhere(call: impl FnOnce() -> Result<()>) -> CK_RV {
    answer(catch_unwind(AssertUnwindSafe(call)).unwrap_or(Err(Error::GeneralError)))
}

/// Runs a call on the library.
pub(super) fn in_library(call: impl FnOnce(&Library) -> Result<()>) -> CK_RV {
    guarded(None, call)
}

/// Runs a call on a session. Should it panic, the session is closed: what it held is unknown.
pub(super) fn in_session(
    session: CK_SESSION_HANDLE,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    guarded(Some(session as u64), |library| {
        // An invalid session outranks whatever else is wrong with a call (section 5.1.7); a call
        // with which nothing is wrong has found its session itself.
        call(library).map_err(|error| library.has_session(session as u64).err().unwrap_or(error))
    })
}

/// Runs a call of an operation. What is wrong with its arguments ends the operation as any other error
/// does; `flag` is its `CKF_*`.
pub(super) fn in_operation(
    session: CK_SESSION_HANDLE,
    flag: CK_FLAGS,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    ending(session, GOES_ON, |library, session| library.cancel(session, flag), call)
}

/// Runs a call of a verification; `ahead` is whether it is one of those whose signature came first,
/// and ends no other.
pub(super) fn in_verification(
    session: CK_SESSION_HANDLE,
    ahead: bool,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    ending(session, &[], |library, session| library.end_verification(session, ahead), call)
}

/// Runs a call that feeds two operations at once; `flags` are theirs.
pub(super) fn in_operations(
    session: CK_SESSION_HANDLE,
    flags: CK_FLAGS,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    ending(session, GOES_ON, |library, session| library.cancel_both(session, flags), call)
}

/// Runs a call that goes on with one of many messages. What is wrong with its arguments ends that
/// message; `flag` is the `CKF_*` of the process.
pub(super) fn in_message(
    session: CK_SESSION_HANDLE,
    flag: CK_FLAGS,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    let end = |library: &Library, session| library.end_message(session, flag);
    ending(session, &[Error::BufferTooSmall], end, call)
}

/// Runs a call on a session; every error but those of `goes_on` also ends what the call is of.
fn ending(
    session: CK_SESSION_HANDLE,
    goes_on: &[Error],
    end: impl FnOnce(&Library, u64) -> Result<()>,
    call: impl FnOnce(&Library) -> Result<()>,
) -> CK_RV {
    in_session(session, |library| {
        call(library).inspect_err(|error| {
            if !goes_on.contains(error) {
                let _ = end(library, session as u64);
            }
        })
    })
}

/// Errors after which an operation goes on. (Where there is no such operation, one that is begun
/// otherwise is not this call's.)
const GOES_ON: &[Error] = &[Error::BufferTooSmall, Error::OperationNotInitialized];

/// Runs a call again and again until it gives something else than "no event". Between the tries no
/// gate is held, and `C_Finalize` ends the waiting.
pub(super) fn waiting(call: impl Fn(&Library) -> Result<()>) -> CK_RV {
    let life = GLOBAL.lives.load(Ordering::Acquire);
    loop {
        let code = in_library(&call);
        if code != CKR_NO_EVENT {
            return code;
        }
        // A spurious end, a signal or the time being up is one more try.
        let _ = futex::wait(&GLOBAL.lives, futex::Flags::PRIVATE, life, Some(&BETWEEN_LOOKS));
        if GLOBAL.lives.load(Ordering::Acquire) != life {
            return CKR_CRYPTOKI_NOT_INITIALIZED;
        }
    }
}

fn guarded(session: Option<u64>, call: impl FnOnce(&Library) -> Result<()>) -> CK_RV {
    let Ok(mine) = my_gate() else { return CKR_FUNCTION_FAILED };
    let gate = match GLOBAL.gates.get(mine) {
        Some(gate) => gate.0.read().unwrap_or_else(|poisoned| poisoned.into_inner()),
        None => return CKR_GENERAL_ERROR,
    };
    let Some(running) = gate.as_ref().filter(|running| running.mark.expose() == [1]) else {
        return CKR_CRYPTOKI_NOT_INITIALIZED;
    };
    let result = catch_unwind(AssertUnwindSafe(|| call(&running.library))).unwrap_or_else(|_| {
        if let Some(handle) = session {
            let _ = catch_unwind(AssertUnwindSafe(|| running.library.abandon(handle)));
        }
        Err(Error::GeneralError)
    });
    if let Err(error) = result {
        let _ = catch_unwind(AssertUnwindSafe(|| running.library.failed(error)));
    }
    answer(result)
}

fn answer(result: Result<()>) -> CK_RV {
    result.map_or_else(Error::code, |()| CKR_OK)
}

/// `C_Initialize`, with the configuration file that the caller named.
pub(super) fn initialise(conf: Option<PathBuf>) -> Result<()> {
    prepare();
    my_gate()?;
    let _lifecycle = lifecycle();
    if is_running() {
        return Err(Error::CryptokiAlreadyInitialized);
    }
    if was_cloned() {
        // Cloned without fork handlers: the database's table of locks came along, the locks did not.
        tracing::error!(
            "this process was cloned without fork(): exec a program before using the token"
        );
        return Err(Error::FunctionFailed);
    }
    let config = Config::load(conf.as_deref())?;
    secret::use_own_stacks(config.memory.own_stacks);
    let mark = Secret::copy_of(&[1])?;
    let running = Arc::new(Running { library: Library::new(config)?, mark });
    for mut gate in all_gates() {
        *gate = Some(running.clone());
    }
    Ok(())
}

/// `C_Finalize`.
pub(super) fn finalise() -> Result<()> {
    my_gate()?;
    let _lifecycle = lifecycle();
    if !is_running() {
        return Err(Error::CryptokiNotInitialized);
    }
    let held: Vec<Held> = all_gates().map(|mut gate| gate.take()).collect();
    if let Some(running) = held.iter().flatten().next() {
        running.library.end();
    }
    drop(held);
    secret::wipe_stacks();
    GLOBAL.lives.fetch_add(1, Ordering::AcqRel);
    let _ = futex::wake(&GLOBAL.lives, futex::Flags::PRIVATE, u32::MAX);
    Ok(())
}

fn lifecycle() -> MutexGuard<'static, ()> {
    GLOBAL.lifecycle.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

fn all_gates() -> impl Iterator<Item = RwLockWriteGuard<'static, Held>> {
    GLOBAL.gates.iter().map(|gate| gate.0.write().unwrap_or_else(|poisoned| poisoned.into_inner()))
}

fn is_running() -> bool {
    held(|running| running.mark.expose() == [1])
}

fn was_cloned() -> bool {
    held(|running| running.mark.expose() != [1])
}

fn held(test: impl Fn(&Running) -> bool) -> bool {
    GLOBAL.gates.first().is_some_and(|gate| {
        let gate = gate.0.read().unwrap_or_else(|poisoned| poisoned.into_inner());
        gate.as_ref().is_some_and(|running| test(running))
    })
}

/// The gate of this thread. In the middle of a `fork`, when this thread holds them all, the child lets
/// go of them first, and the parent cannot call.
fn my_gate() -> Result<usize> {
    MY_GATE.with(|mine| {
        if mine.get() == IN_FORK && !in_new_child() {
            return Err(Error::FunctionFailed);
        }
        if mine.get() == IN_FORK {
            in_child();
        }
        if mine.get() == NONE_YET {
            mine.set(NEXT_GATE.fetch_add(1, Ordering::Relaxed) % GATES);
        }
        Ok(mine.get())
    })
}

fn in_new_child() -> bool {
    FORKING.with(|forking| {
        forking.borrow().as_ref().is_some_and(|all| all.parent != std::process::id())
    })
}

/// Once a process: fork handlers, and no word on the host's stderr should the library panic.
fn prepare() {
    PREPARED.call_once(|| {
        diagnostics::begin();
        std::panic::set_hook(Box::new(|panic| tracing::error!("internal error: {panic}")));
        // SAFETY: the handlers are functions of this library, which is never unmapped (build.rs).
        unsafe { libc::pthread_atfork(Some(before_fork), Some(in_parent), Some(in_child)) };
    });
}

extern "C" fn before_fork() {
    let _ = catch_unwind(|| {
        let lifecycle = lifecycle();
        let parent = std::process::id();
        let gates: Vec<_> = all_gates().collect();
        let everything = Everything { parent, gates, _lifecycle: lifecycle };
        if let Some(running) = everything.running() {
            running.library.rest();
        }
        secret::wipe_stacks();
        FORKING.with(|forking| *forking.borrow_mut() = Some(everything));
        MY_GATE.with(|mine| mine.set(IN_FORK));
    });
}

extern "C" fn in_parent() {
    let _ = catch_unwind(|| {
        MY_GATE.with(|mine| mine.set(NONE_YET));
        let everything = FORKING.with(|forking| forking.borrow_mut().take());
        if everything.as_ref().is_some_and(|everything| everything.running().is_some()) {
            // A kernel that has no randomness to give now is asked again with the next request.
            let _ = primitive::refresh_random();
        }
    });
}

extern "C" fn in_child() {
    let _ = catch_unwind(|| {
        MY_GATE.with(|mine| mine.set(NONE_YET));
        secret::begin_again();
        if let Some(mut everything) = FORKING.with(|forking| forking.borrow_mut().take()) {
            if let Some(running) = everything.running() {
                running.library.leave();
            }
            for gate in &mut everything.gates {
                std::mem::forget(gate.take());
            }
        }
    });
}
