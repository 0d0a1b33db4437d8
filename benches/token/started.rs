// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Starting this program again as another process (`child.rs` says what it does there), and asking it.
#![allow(unsafe_code)] // Asks the system what processes have used.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use crate::failure::Failure;
use crate::token::Token;

/// The hidden first argument; then the library, the part to play, and its number.
pub(crate) const FLAG: &str = "--child";

/// The arguments that make this program play the part.
pub(crate) fn arguments(token: &Token, part: &str, number: usize) -> Vec<std::ffi::OsString> {
    vec![FLAG.into(), token.library.clone(), part.into(), number.to_string().into()]
}

/// What it took to bring in some keys and to destroy them again.
pub(crate) struct Turn {
    /// Seconds to bring them in, and to destroy them.
    pub(crate) created: f64,
    pub(crate) destroyed: f64,
    /// Seconds of the processor, of both.
    pub(crate) used: f64,
    /// Bytes that were written to files, of both.
    pub(crate) written: f64,
}

/// Processor seconds of this process, or of its children that have ended.
pub(crate) fn used_by(whom: i32) -> Result<f64, Failure> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the place is large enough, and is read after a success alone.
    let usage = unsafe {
        if libc::getrusage(whom, usage.as_mut_ptr()) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(seconds(usage.ru_utime) + seconds(usage.ru_stime))
}

/// The process that creates and destroys keys, or signs, while the parent measures.
pub(crate) struct Writer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    /// Starts it and waits until it is logged in.
    pub(crate) fn start(token: &Token) -> Result<Self, Failure> {
        Writer::playing(token, "write", 0, &[])
    }

    /// The same for one that signs with so many keys instead.
    pub(crate) fn signing(token: &Token, keys: usize) -> Result<Self, Failure> {
        Writer::playing(token, "sign", keys, &[])
    }

    /// The same for one that brings in keys and destroys them, so many at a time.
    pub(crate) fn pacing(token: &Token) -> Result<Self, Failure> {
        Writer::playing(token, "pace", 0, &[])
    }

    /// The same in a token of its own with so many keys, in the directory that these variables name.
    pub(crate) fn pacing_apart(
        token: &Token,
        keys: usize,
        told: &[(&'static str, PathBuf)],
    ) -> Result<Self, Failure> {
        Writer::playing(token, "pace", keys, told)
    }

    fn playing(
        token: &Token,
        part: &str,
        number: usize,
        told: &[(&'static str, PathBuf)],
    ) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments(token, part, number))
            .envs(told.iter().map(|(name, value)| (*name, value)))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::say("the writer has no pipes"));
        };
        let mut writer = Self { child, orders, answers: BufReader::new(answers) };
        writer.written()?;
        Ok(writer)
    }

    /// Lets it write for so long; `written` waits for the end.
    pub(crate) fn write_for(&mut self, time: Duration) -> Result<(), Failure> {
        writeln!(self.orders, "{}", time.as_millis())?;
        Ok(())
    }

    /// Keys created and destroyed in the last stretch.
    pub(crate) fn written(&mut self) -> Result<u32, Failure> {
        self.answer().map(|[keys]| keys as u32)
    }

    /// Signatures in the last stretch, and seconds of the processor that they took.
    pub(crate) fn signed(&mut self) -> Result<(f64, f64), Failure> {
        self.answer().map(|[made, used]| (made, used / 1e6))
    }

    /// Has it bring in and destroy so many keys.
    pub(crate) fn turn(&mut self, keys: usize) -> Result<Turn, Failure> {
        writeln!(self.orders, "{keys}")?;
        let [created, destroyed, used, written] = self.answer()?;
        Ok(Turn { created, destroyed, used, written })
    }

    fn answer<const COUNT: usize>(&mut self) -> Result<[f64; COUNT], Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        let numbers: Vec<f64> =
            line.split_whitespace().filter_map(|word| word.parse().ok()).collect();
        numbers.try_into().map_err(|_| Failure::say("the other process failed"))
    }

    /// The end of its input ends it.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        if child.wait()?.success() {
            return Ok(());
        }
        Err(Failure::say("the other process ended with a failure"))
    }
}
