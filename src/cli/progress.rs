// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A progress bar for what takes long, on a terminal only: nothing where standard error goes to a
//! file or a pipe.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// A bar on standard error.
pub(super) struct Progress {
    what: &'static str,
    shown: bool,
    drawn: Option<Instant>,
}

impl Progress {
    /// A bar that says what is being done.
    pub(super) fn new(what: &'static str) -> Progress {
        Progress { what, shown: std::io::stderr().is_terminal(), drawn: None }
    }

    /// So many of so many are done.
    pub(super) fn at(&mut self, done: u64, all: u64) {
        let recent = self.drawn.is_some_and(|drawn| drawn.elapsed() < PAUSE);
        if !self.shown || (recent && done < all) {
            return;
        }
        self.drawn = Some(Instant::now());
        let done = done.min(all);
        let part =
            if all == 0 { WIDTH } else { (done as u128 * WIDTH as u128 / all as u128) as usize };
        let (full, empty) = ("#".repeat(part), ".".repeat(WIDTH.saturating_sub(part)));
        self.write(&format!("\r{} [{full}{empty}] {done}/{all}", self.what));
    }

    /// Takes the bar off the terminal.
    fn clear(&self) {
        if self.shown && self.drawn.is_some() {
            self.write("\r\x1b[K");
        }
    }

    fn write(&self, text: &str) {
        let mut terminal = std::io::stderr().lock();
        // Nobody is left to be shown it where this fails.
        let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.clear();
    }
}

/// Drawn ten times a second at most.
const PAUSE: Duration = Duration::from_millis(100);
/// How wide the bar is, characters.
const WIDTH: usize = 40;
