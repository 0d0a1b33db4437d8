// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The cases that count calls over a while: two threads against one, and one process that finds
//! and signs while another creates and destroys keys.

use std::hint::black_box;
use std::sync::Barrier;
use std::time::{Duration, Instant};

use cryptoki_sys::{CK_OBJECT_HANDLE, CK_SLOT_ID, CKM_ECDSA};

use crate::failure::Failure;
use crate::options::Options;
use crate::ossl::{Scheme, Signer};
use crate::pkcs11::Module;
use crate::report::{OPENSSL, Row, Target, Unit};
use crate::started::Writer;
use crate::stats::Summary;
use crate::token::{self, Token};

/// One call of the measured kind, made inside the thread that uses it.
type Work<'a> = Box<dyn FnMut() -> Result<(), Failure> + 'a>;

/// Makes the work for one thread.
type Maker<'a> = Box<dyn Fn() -> Result<Work<'static>, Failure> + Sync + 'a>;

/// The rate of two threads that sign with one P-256 key, each in its session, over that of one.
pub(crate) fn threads(tokens: &[Token], options: &Options) -> Row {
    let mut row = Row::new(
        "threads",
        "Two threads sign P-256: rate over one thread's",
        Unit::Plain,
        Target::AtLeast(1.8),
    );
    let mut lanes: Vec<(&str, Maker<'_>, Ratios)> =
        vec![(OPENSSL, Box::new(openssl_work), Ratios::default())];
    for token in tokens {
        let (module, slot, key) = (token.module, token.slot, token.p256);
        let maker = Box::new(move || module_work(module, slot, key));
        lanes.push((&token.name, maker, Ratios::default()));
    }
    let plan = options.windows();
    for _ in 0..plan.rounds {
        for (_, maker, ratios) in &mut lanes {
            ratios.add([
                rate(maker, 1, plan.window),
                rate(maker, 2, plan.window),
                rate(maker, 1, plan.window),
            ]);
        }
    }
    for (who, _, ratios) in lanes {
        if let Some(base) = ratios.base() {
            row.note(format!("{who}: one thread signs {base:.0} times a second"));
        }
        row.put(who, ratios.finish(Ratios::middle));
    }
    row
}

/// The rate of finding the key by its label and signing, while another process writes to the same
/// token, over the rate without. OpenSSL's column is its own signing loop beside the same writer:
/// what the machine itself takes away.
pub(crate) fn beside_writer(tokens: &[Token], options: &Options) -> Row {
    let mut row = Row::new(
        "writer",
        "Find and sign P-256 beside a writing process: rate over the rate alone",
        Unit::Plain,
        Target::AtLeast(0.7),
    );
    let mut yardstick = Ratios::default();
    for token in tokens {
        match contend(token, options, &mut yardstick) {
            Ok((ratios, written)) => {
                if let Some(base) = ratios.base() {
                    row.note(format!(
                        "{}: {base:.0} a second alone; the writer creates and destroys {written:.0} \
                         keys a second meanwhile",
                        token.name
                    ));
                }
                row.put(&token.name, ratios.finish(Ratios::whole));
            }
            Err(failure) => row.fails(&token.name, failure),
        }
    }
    if !yardstick.others.is_empty() {
        row.put(OPENSSL, yardstick.finish(Ratios::whole));
    }
    row
}

fn contend(
    token: &Token,
    options: &Options,
    yardstick: &mut Ratios,
) -> Result<(Ratios, f64), Failure> {
    let plan = options.windows();
    let mut writer = Writer::start(token)?;
    let mut own = finding_work(token);
    let mut openssl = openssl_work()?;
    let mut ratios = Ratios::default();
    let (mut written, mut time) = (0, 0.0);
    for _ in 0..plan.rounds {
        for (work, ratios) in [(&mut own, &mut ratios), (&mut openssl, &mut *yardstick)] {
            let alone = looped(work, plan.window);
            // The writer begins earlier and ends later than what is measured beside it.
            let margin = Duration::from_millis(10);
            writer.write_for(plan.window + 2 * margin)?;
            std::thread::sleep(margin);
            let beside = looped(work, plan.window);
            written += writer.written()?;
            time += (plan.window + 2 * margin).as_secs_f64();
            ratios.add([alone, beside, looped(work, plan.window)]);
        }
    }
    writer.stop()?;
    Ok((ratios, f64::from(written) / time))
}

/// Rates measured in threes, base, other, base, so that what slows the machine for a while, or
/// more and more, falls on both sides of the ratio.
#[derive(Default)]
struct Ratios {
    bases: Vec<f64>,
    others: Vec<f64>,
    failure: Option<Failure>,
}

impl Ratios {
    fn add(&mut self, rates: [Result<f64, Failure>; 3]) {
        match rates {
            [Ok(before), Ok(other), Ok(after)] => {
                self.bases.push(f64::midpoint(before, after));
                self.others.push(other);
            }
            [Err(failure), _, _] | [_, Err(failure), _] | [_, _, Err(failure)] => {
                self.failure = Some(failure);
            }
        }
    }

    fn base(&self) -> Option<f64> {
        let some = !self.bases.is_empty();
        some.then(|| Summary::of(self.bases.clone()).median)
    }

    /// The median of the rounds' ratios.
    fn middle(&self) -> Summary {
        let pairs = self.bases.iter().zip(&self.others);
        Summary::of(pairs.map(|(base, other)| other / base).collect())
    }

    /// The ratio of the whole run, in place of the median: waits for a lock are few and long, and
    /// a median would not see them.
    fn whole(&self) -> Summary {
        let total: f64 = self.others.iter().sum();
        Summary { median: total / self.bases.iter().sum::<f64>(), ..self.middle() }
    }

    fn finish(self, how: fn(&Self) -> Summary) -> Result<Summary, Failure> {
        let summary = how(&self);
        self.failure.map_or(Ok(summary), Err)
    }
}

fn openssl_work() -> Result<Work<'static>, Failure> {
    let mut signer = Signer::new(Scheme::EcdsaP256)?;
    let mut signature = [0; 128];
    Ok(Box::new(move || {
        signer.ready(black_box(&[7; 32]), &mut signature)?;
        Ok(())
    }))
}

fn module_work(
    module: Module,
    slot: CK_SLOT_ID,
    key: CK_OBJECT_HANDLE,
) -> Result<Work<'static>, Failure> {
    // Logged in already: the login belongs to the process, not to the session.
    let session = module.session(slot)?;
    let (mut data, mut signature) = ([7; 32], [0; 64]);
    Ok(Box::new(move || {
        session.sign(CKM_ECDSA, key, black_box(&mut data), &mut signature)?;
        Ok(())
    }))
}

fn finding_work(token: &Token) -> Work<'_> {
    let (mut data, mut signature) = ([7; 32], [0; 64]);
    Box::new(move || {
        let key = token::find_by_label(&token.session)?;
        token.session.sign(CKM_ECDSA, key, black_box(&mut data), &mut signature)?;
        Ok(())
    })
}

/// Calls a second that so many threads make together.
fn rate(maker: &Maker<'_>, threads: usize, window: Duration) -> Result<f64, Failure> {
    let start = Barrier::new(threads);
    std::thread::scope(|scope| {
        let running: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let made = maker();
                    // Every thread must come here, also one that has nothing to do.
                    start.wait();
                    looped(&mut made?, window)
                })
            })
            .collect();
        let mut total = 0.0;
        for thread in running {
            total += thread.join().map_err(|_| Failure::say("a thread panicked"))??;
        }
        Ok(total)
    })
}

/// Calls a second of one loop, after a short run-in.
fn looped(work: &mut Work<'_>, window: Duration) -> Result<f64, Failure> {
    for _ in 0..3 {
        work()?;
    }
    let start = Instant::now();
    let mut calls = 0.0;
    while start.elapsed() < window {
        work()?;
        calls += 1.0;
    }
    Ok(calls / start.elapsed().as_secs_f64())
}
