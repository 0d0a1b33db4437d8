// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Code run in a child made by `fork`, without `exec`: the child is the calling thread alone.

use std::panic::{AssertUnwindSafe, catch_unwind};

/// A child made by `fork`.
pub struct Forked {
    pid: libc::pid_t,
}

/// Forks; the child runs the closure and leaves at once with `_exit`, status 0 where the closure
/// came back. The closure's failed assertion is written to standard error.
pub fn fork(work: impl FnOnce()) -> Forked {
    // SAFETY: the child runs only the closure, whose use of memory allocation glibc makes safe
    // after fork, and leaves with _exit without running the parent's destructors.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid > 0 {
        return Forked { pid };
    }
    let status = match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => 0,
        Err(_) => FAILED,
    };
    // SAFETY: leaves the process.
    unsafe { libc::_exit(status) }
}

impl Forked {
    /// Waits for the child, which must have left with status 0. A child that hangs is killed
    /// after a long time, so that the test fails instead of hanging too.
    #[track_caller]
    pub fn succeeds(self) {
        let mut status = 0;
        for _ in 0..PATIENCE {
            // SAFETY: waits for a child of this process, into a local.
            let done = unsafe { libc::waitpid(self.pid, &mut status, libc::WNOHANG) };
            if done == self.pid {
                assert!(
                    libc::WIFEXITED(status) && libc::WEXITSTATUS(status) == 0,
                    "the forked child ended with wait status {status:#x} (exit {FAILED}: an assertion)"
                );
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        // SAFETY: ends the child that this process made, and collects it.
        unsafe {
            libc::kill(self.pid, libc::SIGKILL);
            libc::waitpid(self.pid, &mut status, 0);
        }
        panic!("the forked child hangs");
    }
}

const FAILED: i32 = 101;
const PATIENCE: usize = 6000;
