// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the caller asked for: which cases, how thoroughly, and in which form to print.

use std::time::Duration;

use crate::failure::Failure;

pub(crate) const USAGE: &str = "\
usage: cargo bench --bench token -- [CASE...] [--quick] [--markdown]

  CASE         run only the cases whose name contains one of these words; growth (minutes) and
               rotation run for their names alone
  --bench      run them all (cargo bench adds it by itself)
  --quick      few and short rounds, small token: to see that it works, not to quote
  --markdown   print one Markdown table instead of a block for each case

environment:
  STRONGROOM_BENCH_PEERS    other modules: \"softhsm2=/path/lib.so kryoptic=/path/lib.so\"
  STRONGROOM_BENCH_KEYS     keys in the peers' tokens: for the find case (default 10000), and at most for
                            the growth case (default 5000, and what goes in within a minute)
  STRONGROOM_BENCH_GROWN    keys in our token for the growth and rotation cases (default 100000)
  STRONGROOM_BENCH_LIBRARY  our library, if not the one beside this program
  TMPDIR                    where the temporary tokens are made; its disk decides what fsync costs";

pub(crate) struct Options {
    pub(crate) filters: Vec<String>,
    pub(crate) quick: bool,
    pub(crate) markdown: bool,
    pub(crate) help: bool,
}

impl Options {
    pub(crate) fn parse(arguments: &[String]) -> Result<Self, Failure> {
        let mut options = Self { filters: Vec::new(), quick: false, markdown: false, help: false };
        for argument in arguments {
            match argument.as_str() {
                // `cargo bench` itself adds this one.
                "--bench" => {}
                "--quick" => options.quick = true,
                "--markdown" => options.markdown = true,
                "--help" | "-h" => options.help = true,
                other if other.starts_with('-') => {
                    return Err(Failure::say(format!("unknown option {other}\n\n{USAGE}")));
                }
                word => options.filters.push(word.to_owned()),
            }
        }
        Ok(options)
    }

    pub(crate) fn wants(&self, case: &str) -> bool {
        self.filters.is_empty() || self.filters.iter().any(|word| case.contains(word.as_str()))
    }

    /// Whether a case was asked for by a word of its name: the long ones run for nothing less.
    pub(crate) fn names(&self, case: &str) -> bool {
        self.filters.iter().any(|word| case.contains(word.as_str()))
    }

    /// Keys in the token of the growth and rotation cases: ours, or a peer's.
    pub(crate) fn grown(&self, ours: bool) -> Result<usize, Failure> {
        let full = match (self.quick, ours) {
            (true, true) => 2000,
            (true, false) => 200,
            (false, true) => 100_000,
            (false, false) => 5000,
        };
        let name = if ours { "STRONGROOM_BENCH_GROWN" } else { "STRONGROOM_BENCH_KEYS" };
        let Ok(text) = std::env::var(name) else { return Ok(full) };
        text.parse().map_err(|_| Failure::say(format!("{name}={text} is no number")))
    }

    /// Rounds and length of a batch for the cases that time single calls.
    pub(crate) fn timed(&self) -> Plan {
        match self.quick {
            true => Plan::new(7, 1),
            false => Plan::new(51, 3),
        }
    }

    /// Rounds and length of a window for the cases that count calls over a while.
    pub(crate) fn windows(&self) -> Plan {
        match self.quick {
            true => Plan::new(3, 50),
            false => Plan::new(15, 200),
        }
    }

    /// Rounds of the cases that create keys or start processes.
    pub(crate) fn slow_rounds(&self) -> usize {
        if self.quick { 3 } else { 11 }
    }

    /// Keys that are brought in and destroyed at a time: enough for each turn to have its share of what
    /// our store does once in several hundred changes.
    pub(crate) fn paced(&self, ours: bool) -> usize {
        if ours && !self.quick { 300 } else { 25 }
    }

    /// Keys in the token for the find case: ours, or a peer's.
    pub(crate) fn keys(&self, ours: bool) -> Result<usize, Failure> {
        let full = if self.quick { 500 } else { 10_000 };
        match std::env::var("STRONGROOM_BENCH_KEYS") {
            Ok(text) if !ours => text
                .parse()
                .map_err(|_| Failure::say(format!("STRONGROOM_BENCH_KEYS={text} is no number"))),
            _ => Ok(full),
        }
    }
}

/// How often, and for how long each time.
#[derive(Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) rounds: usize,
    pub(crate) window: Duration,
}

impl Plan {
    fn new(rounds: usize, milliseconds: u64) -> Self {
        Self { rounds, window: Duration::from_millis(milliseconds) }
    }
}
