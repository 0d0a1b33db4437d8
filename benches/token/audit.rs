// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the audit log costs: a use of a key with its uses counted, and with each of them a record, beside
//! the same without a log. Three processes of this program's, each with a store of its own, take turns
//! and look at the clock themselves, so that the pipe between them is in no figure.
//!
//! Only a library that is built with the feature `audit-switch` has a switch for its log; of any other
//! the figures without one are left out, and so is the verdict.

use std::ffi::OsString;
use std::hint::black_box;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cryptoki_sys::{CK_OBJECT_HANDLE, CKM_ECDSA, CKM_SHA256_HMAC};

use crate::failure::Failure;
use crate::options::Options;
use crate::pkcs11::{Module, Session};
use crate::report::{Row, Target, Unit};
use crate::started;
use crate::stats::Summary;
use crate::token::{self, Token};

/// What the figures are compared with.
const OFF: &str = "no audit log";
/// Calls between two looks at the clock.
const CALLS: u32 = 8;

/// How a store's log is kept.
struct Way {
    who: &'static str,
    settings: &'static str,
    off: bool,
}

const WAYS: [Way; 3] = [
    Way { who: OFF, settings: "", off: true },
    Way { who: "counted", settings: "", off: false },
    Way { who: "each", settings: "[audit]\neach = true\n", off: false },
];

/// A use of a key; the targets of counted uses and of each being a record, microseconds.
struct Use {
    name: &'static str,
    title: &'static str,
    targets: Option<[f64; 2]>,
}

const USES: [Use; 3] = [
    Use { name: "p-256", title: "P-256 signature", targets: Some([1.0, 15.0]) },
    Use { name: "hmac", title: "HMAC-SHA-256, 64 bytes", targets: None },
    Use { name: "aes-gcm-16", title: "AES-256-GCM, 16 bytes", targets: None },
];

/// The rows: for each use its uses counted, and each a record.
const ROWS: [[&str; 2]; 3] = [
    ["audit-counted-p-256", "audit-each-p-256"],
    ["audit-counted-hmac", "audit-each-hmac"],
    ["audit-counted-aes-gcm-16", "audit-each-aes-gcm-16"],
];

/// Ours alone: it measures our library with itself.
pub(crate) fn costs(
    tokens: &[Token],
    options: &Options,
    scratch: &Path,
) -> Result<Vec<Row>, Failure> {
    let Some(ours) = tokens.iter().find(|token| token.ours) else { return Ok(Vec::new()) };
    let mut users = Vec::new();
    for way in &WAYS {
        let user = User::start(ours, way, scratch)?;
        match way.off && user.has_log() {
            // It has no switch.
            true => user.stop()?,
            false => users.push(user),
        }
    }
    let mut rows = Vec::new();
    for (kind, names) in USES.iter().zip(ROWS) {
        rows.extend(kind.rows(names, &ours.name, &turns(&mut users, kind, options)?));
    }
    users.into_iter().try_for_each(User::stop)?;
    Ok(rows)
}

/// Microseconds a use, of each user.
fn turns(
    users: &mut [User],
    kind: &Use,
    options: &Options,
) -> Result<Vec<(&'static str, Summary)>, Failure> {
    let plan = options.timed();
    let mut samples = vec![Vec::new(); users.len()];
    for _ in 0..plan.rounds {
        for (user, samples) in users.iter_mut().zip(&mut samples) {
            samples.push(user.micros(kind.name, plan.window)?);
        }
    }
    Ok(users.iter().map(|user| user.who).zip(samples.into_iter().map(Summary::of)).collect())
}

impl Use {
    fn rows(&self, names: [&'static str; 2], ours: &str, found: &[(&str, Summary)]) -> Vec<Row> {
        let of = |who| found.iter().find(|(name, _)| *name == who).map(|(_, summary)| *summary);
        let said = ["its uses counted", "each use a record"];
        let limits = self.targets.map(|targets| targets.map(Some)).unwrap_or_default();
        let mut rows = Vec::new();
        for (((name, said), way), limit) in names.into_iter().zip(said).zip(&WAYS[1..]).zip(limits)
        {
            let target = limit.map_or(Target::None, |limit| Target::MoreThan(OFF, limit));
            let mut row = Row::new(name, format!("{}, {said}", self.title), Unit::Micros, target);
            let (off, on) = (of(OFF), of(way.who));
            on.into_iter().for_each(|on| row.put(ours, Ok(on)));
            match (off, on) {
                (Some(off), Some(on)) => {
                    row.put(OFF, Ok(off));
                    let more = on.median - off.median;
                    row.note(format!("{:.3} µs without a log: it costs {more:+.3} µs", off.median));
                }
                _ => row.note("no figure without a log: build with the feature 'audit-switch'"),
            }
            rows.push(row);
        }
        rows
    }
}

/// A process that uses keys when it is told to.
struct User {
    who: &'static str,
    store: PathBuf,
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl User {
    /// Starts it and waits until it has its keys.
    fn start(token: &Token, way: &Way, scratch: &Path) -> Result<Self, Failure> {
        let directory = scratch.join(format!("audit-{}", way.who.replace(' ', "-")));
        std::fs::create_dir_all(&directory)?;
        let (settings, store) = (directory.join("strongroom.toml"), directory.join("store"));
        std::fs::write(&settings, way.settings)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.args(started::arguments(token, "audit", 0));
        command.env("STRONGROOM_CONF", settings).env("STRONGROOM_STORE", &store);
        let switch: Option<OsString> = way.off.then(|| "off".into());
        command.envs(switch.map(|off| ("STRONGROOM_AUDIT", off)));
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::say("the using process has no pipes"));
        };
        let answers = BufReader::new(answers);
        let mut user = Self { who: way.who, store, child, orders, answers };
        user.answer()?;
        Ok(user)
    }

    fn has_log(&self) -> bool {
        self.store.join("audit").exists()
    }

    /// Microseconds a use, of uses that fill a window.
    fn micros(&mut self, kind: &str, window: Duration) -> Result<f64, Failure> {
        writeln!(self.orders, "{kind} {}", window.as_micros())?;
        self.answer()
    }

    fn answer(&mut self) -> Result<f64, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().map_err(|_| Failure::say(format!("'{}' failed", self.who)))
    }

    /// The end of its input ends it.
    fn stop(self) -> Result<(), Failure> {
        let Self { who, mut child, orders, .. } = self;
        drop(orders);
        match child.wait()?.success() {
            true => Ok(()),
            false => Err(Failure::say(format!("'{who}' ended with a failure"))),
        }
    }
}

/// The part of such a process: makes a token and keys, then reads which use to time and for how long.
pub(crate) fn use_on_demand(module: &Module) -> Result<(), Failure> {
    module.initialize()?;
    let (session, p256) = token::another(module, token::LABEL)?;
    let hmac = token::hmac_key(&session)?;
    let aes = token::aes256(&session, b"bench-audit")?;
    println!("0");
    let mut ground = Ground { session, p256, hmac, aes, messages: 0 };
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (kind, micros) = line.split_once(' ').unwrap_or_default();
        let micros = micros.parse().map_err(|_| Failure::say("expected microseconds"))?;
        // What another process left in the caches is not measured.
        ground.time(kind, Duration::from_micros(micros / 16))?;
        println!("{}", ground.time(kind, Duration::from_micros(micros))?);
    }
    Ok(())
}

struct Ground {
    session: Session,
    p256: CK_OBJECT_HANDLE,
    hmac: CK_OBJECT_HANDLE,
    aes: CK_OBJECT_HANDLE,
    messages: u64,
}

impl Ground {
    /// Microseconds a use.
    fn time(&mut self, kind: &str, window: Duration) -> Result<f64, Failure> {
        let (start, mut calls) = (Instant::now(), 0);
        loop {
            for _ in 0..CALLS {
                self.once(kind)?;
            }
            calls += CALLS;
            let elapsed = start.elapsed();
            if elapsed >= window {
                return Ok(elapsed.as_secs_f64() * 1e6 / f64::from(calls));
            }
        }
    }

    fn once(&mut self, kind: &str) -> Result<(), Failure> {
        let (session, mut out) = (&self.session, [0; 64]);
        match kind {
            "p-256" => session.sign(CKM_ECDSA, self.p256, black_box(&mut [7; 32]), &mut out)?,
            "hmac" => {
                session.sign(CKM_SHA256_HMAC, self.hmac, black_box(&mut [7; 64]), &mut out)?
            }
            "aes-gcm-16" => {
                self.messages += 1;
                let mut iv = [0; 12];
                if let Some(tail) = iv.last_chunk_mut() {
                    *tail = self.messages.to_be_bytes();
                }
                session.seal(self.aes, &mut iv, black_box(&mut [7; 16]), &mut out)?
            }
            other => return Err(Failure::say(format!("no use called {other}"))),
        };
        Ok(())
    }
}
