// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Timing: contenders take turns in many short rounds, and medians over the rounds are compared,
//! so that a disturbance of the machine falls on all of them and on few rounds.

use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::options::Plan;

/// Runs the measured call so many times.
pub(crate) type Batch<'a> = Box<dyn FnMut(u32) -> Result<(), Failure> + 'a>;

pub(crate) struct Contender<'a> {
    pub(crate) who: String,
    pub(crate) batch: Batch<'a>,
}

/// Median and the 10th and 90th percentile over the rounds, in the unit of the row.
#[derive(Clone, Copy)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Summary {
    pub(crate) fn of(mut samples: Vec<f64>) -> Self {
        samples.sort_by(f64::total_cmp);
        Self {
            median: percentile(&samples, 50),
            low: percentile(&samples, 10),
            high: percentile(&samples, 90),
        }
    }

    /// A figure that was counted, not sampled.
    pub(crate) fn exact(value: f64) -> Self {
        Self { median: value, low: value, high: value }
    }
}

/// Microseconds a call of each contender, or why it could not be measured.
pub(crate) fn measure(
    contenders: Vec<Contender<'_>>,
    plan: Plan,
) -> Vec<(String, Result<Summary, Failure>)> {
    let mut lanes: Vec<Lane<'_>> =
        contenders.into_iter().map(|contender| Lane::calibrate(contender, plan.window)).collect();
    for _ in 0..plan.rounds {
        for lane in &mut lanes {
            lane.round();
        }
    }
    lanes.into_iter().map(Lane::finish).collect()
}

struct Lane<'a> {
    contender: Contender<'a>,
    calls: u32,
    samples: Vec<f64>,
    failure: Option<Failure>,
}

impl<'a> Lane<'a> {
    fn calibrate(mut contender: Contender<'a>, window: Duration) -> Self {
        let found = calls_for(&mut contender.batch, window);
        let (calls, failure) = match found {
            Ok(calls) => (calls, None),
            Err(failure) => (0, Some(failure)),
        };
        Self { contender, calls, samples: Vec::new(), failure }
    }

    fn round(&mut self) {
        if self.failure.is_some() {
            return;
        }
        // The contender before this one left its own code and data in the caches.
        let result = (self.contender.batch)(self.calls / 16 + 1)
            .and_then(|()| timed(&mut self.contender.batch, self.calls));
        match result {
            Ok(elapsed) => self.samples.push(elapsed.as_secs_f64() * 1e6 / f64::from(self.calls)),
            Err(failure) => self.failure = Some(failure),
        }
    }

    fn finish(self) -> (String, Result<Summary, Failure>) {
        let result = match self.failure {
            Some(failure) => Err(failure),
            None => Ok(Summary::of(self.samples)),
        };
        (self.contender.who, result)
    }
}

/// How many calls fill the window, found by doubling.
fn calls_for(batch: &mut Batch<'_>, window: Duration) -> Result<u32, Failure> {
    let mut calls: u32 = 1;
    loop {
        let elapsed = timed(batch, calls)?;
        if elapsed * 4 >= window || calls >= 1 << 24 {
            let factor = window.as_secs_f64() / elapsed.as_secs_f64().max(1e-9);
            return Ok(((f64::from(calls) * factor) as u32).clamp(1, 1 << 26));
        }
        calls *= 2;
    }
}

fn timed(batch: &mut Batch<'_>, calls: u32) -> Result<Duration, Failure> {
    let start = Instant::now();
    batch(calls)?;
    Ok(start.elapsed())
}

/// Nearest-rank percentile of sorted samples; zero when there is none.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len().saturating_sub(1) * percent + 50) / 100;
    sorted.get(rank).copied().unwrap_or_default()
}

/// Small deterministic generator (xorshift64*), so that every contender sees the same choices.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }
}
