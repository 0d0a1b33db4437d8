// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A limit on the length of files (`ulimit -f`) ends a process by a signal, not by an error, unless
//! the thread that writes has it blocked. The host's handlers and other threads are left alone.

use std::marker::PhantomData;

/// While it lives, this thread is answered `EFBIG` where it would be sent `SIGXFSZ`.
pub struct Unsignalled {
    before: libc::sigset_t,
    /// Belongs to the thread that made it.
    _thread: PhantomData<*const ()>,
}

impl Unsignalled {
    /// Blocks the signal.
    pub fn begin() -> Unsignalled {
        let signal = only();
        let mut before = only();
        // SAFETY: both sets are initialised and live through the call.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &signal, &mut before) };
        Unsignalled { before, _thread: PhantomData }
    }
}

impl Drop for Unsignalled {
    fn drop(&mut self) {
        let signal = only();
        let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
        // SAFETY: sets and time are initialised and live through the calls; a thread that had the
        // signal blocked before keeps what is pending for it.
        unsafe {
            if libc::sigismember(&self.before, libc::SIGXFSZ) == 0 {
                libc::sigtimedwait(&signal, std::ptr::null_mut(), &at_once);
            }
            libc::pthread_sigmask(libc::SIG_SETMASK, &self.before, std::ptr::null_mut());
        }
    }
}

fn only() -> libc::sigset_t {
    // SAFETY: a signal set is plain bits, which sigemptyset initialises before anything reads them.
    unsafe {
        let mut set = std::mem::zeroed();
        libc::sigemptyset(&mut set);
        libc::sigaddset(&mut set, libc::SIGXFSZ);
        set
    }
}
