// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the library says on the diagnostic channel in this process: it is asked to say all, which is kept
//! to be searched and goes no further. What else is written to standard error goes where it did.

use std::ffi::c_int;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

static CHANNEL: OnceLock<Channel> = OnceLock::new();
static KEPT: Mutex<Kept> = Mutex::new(Kept { rest: Vec::new(), said: Vec::new() });
/// The process that reads: a forked child has no such thread, and its parent hears what it says.
static READER: AtomicU32 = AtomicU32::new(0);

struct Channel {
    /// Where standard error went.
    stderr: c_int,
    /// Where it is read.
    end: c_int,
}

struct Kept {
    /// The beginning of a line.
    rest: Vec<u8>,
    said: Vec<u8>,
}

/// Runs the library's initialisation, the first time with all that it has to say asked for.
pub fn while_asked<T>(initialize: impl FnOnce() -> T) -> T {
    let asked = std::env::var_os(VARIABLE).is_some();
    if asked || CHANNEL.get().is_some() || !begin() {
        return initialize();
    }
    asking(initialize)
}

/// Asks a library that was not asked yet: another copy of it. No other thread of the process may be at work.
pub fn asking<T>(initialize: impl FnOnce() -> T) -> T {
    // SAFETY: no other thread of a test reads the environment before the library is there.
    unsafe { std::env::set_var(VARIABLE, "trace") };
    let done = initialize();
    // SAFETY: as above. Programs that the test starts are not asked.
    unsafe { std::env::remove_var(VARIABLE) };
    done
}

/// Puts a pipe in the place of standard error, and a thread at its other end.
fn begin() -> bool {
    let mut ends = [0; 2];
    // SAFETY: descriptors alone; the kernel writes two of them.
    let channel = unsafe {
        let stderr = libc::fcntl(2, libc::F_DUPFD_CLOEXEC, 3);
        if stderr < 0 || libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) != 0 {
            return false;
        }
        libc::dup2(ends[1], 2);
        libc::close(ends[1]);
        Channel { stderr, end: ends[0] }
    };
    READER.store(std::process::id(), Ordering::Release);
    let _ = CHANNEL.set(channel);
    std::thread::spawn(|| {
        while wait(-1) {
            drain();
        }
    });
    // SAFETY: the function takes nothing and ends.
    unsafe { libc::atexit(at_exit) };
    true
}

extern "C" fn at_exit() {
    drain();
    if let (true, Some(channel), Ok(kept)) = (is_reader(), CHANNEL.get(), KEPT.try_lock()) {
        // SAFETY: the bytes are there for the call.
        unsafe { libc::write(channel.stderr, kept.rest.as_ptr().cast(), kept.rest.len()) };
    }
}

/// Whether this process is the one that is searched, and no child of it.
pub fn is_reader() -> bool {
    READER.load(Ordering::Acquire) == std::process::id()
}

/// What was said since this was asked last.
pub fn take() -> Vec<u8> {
    if !is_reader() {
        return Vec::new();
    }
    drain();
    std::mem::take(&mut KEPT.lock().unwrap_or_else(PoisonError::into_inner).said)
}

/// Writes to where standard error went.
pub fn spill(text: &str) {
    drain();
    let to = CHANNEL.get().map_or(2, |channel| channel.stderr);
    // SAFETY: the text is there for the call.
    unsafe { libc::write(to, text.as_ptr().cast(), text.len()) };
}

/// Whether there is something to read, within so many milliseconds.
fn wait(timeout: c_int) -> bool {
    let Some(channel) = CHANNEL.get() else { return false };
    let mut end = libc::pollfd { fd: channel.end, events: libc::POLLIN, revents: 0 };
    // SAFETY: one structure, which lives through the call.
    unsafe { libc::poll(&mut end, 1, timeout) == 1 && end.revents & libc::POLLIN != 0 }
}

fn drain() {
    if !is_reader() {
        return;
    }
    let mut kept = KEPT.lock().unwrap_or_else(PoisonError::into_inner);
    let Some(channel) = CHANNEL.get() else { return };
    while wait(0) {
        let mut some = [0; 4096];
        // SAFETY: the buffer is as long as is said.
        let read = unsafe { libc::read(channel.end, some.as_mut_ptr().cast(), some.len()) };
        let Some(some) = usize::try_from(read).ok().and_then(|read| some.get(..read)) else {
            return;
        };
        kept.take(some, channel.stderr);
    }
}

impl Kept {
    fn take(&mut self, some: &[u8], stderr: c_int) {
        self.rest.extend_from_slice(some);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            // What the library says may go on in lines that do not look so: all of it is searched.
            self.said.extend_from_slice(&line);
            if !is_ours(&line) {
                // SAFETY: the line is there for the call.
                unsafe { libc::write(stderr, line.as_ptr().cast(), line.len()) };
            }
        }
        // A test that fails a million times is searched by its end.
        let many = self.said.len().saturating_sub(MOST);
        self.said.drain(..many);
    }
}

/// A line of the channel begins with the time: `2026-03-02T12:00:00.000000Z ERROR `.
fn is_ours(line: &[u8]) -> bool {
    let mut words = line.split(|byte| *byte == b' ').filter(|word| !word.is_empty());
    let time = words.next().is_some_and(|time| time.len() == 27 && time.ends_with(b"Z"));
    let levels: [&[u8]; 5] = [b"ERROR", b"WARN", b"INFO", b"DEBUG", b"TRACE"];
    time && words.next().is_some_and(|level| levels.contains(&level))
}

const VARIABLE: &str = "STRONGROOM_LOG";
const MOST: usize = 1 << 20;
