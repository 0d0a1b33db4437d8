// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What it costs to have many keys: everything is measured with few keys in the token and with many,
//! and the two are compared. The keys are one P-256 key brought in again and again under other labels
//! and ids, so that filling a token costs the token's own work and no key generation.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use cryptoki_sys::*;

use crate::failure::Failure;
use crate::options::Options;
use crate::ossl::{Scheme, Signer};
use crate::pace;
use crate::peers::OURS;
use crate::pkcs11::{Attribute, Session};
use crate::report::{OPENSSL, Row, Target, Unit};
use crate::started;
use crate::stats::{Contender, Random, Summary, measure};
use crate::token::{self, Token};

/// Keys in the token before it grows.
const FEW: usize = 100;
/// Keys that are signed with in turn, all of them in memory.
pub(crate) const TURN: usize = 1000;

/// Keys that a process signs with while its memory is looked at: ours, and peers that take long to.
const SIGNED: [usize; 2] = [5000, 500];
/// How long a peer's token is filled: it has as many keys as went in.
const PATIENCE: Duration = Duration::from_secs(60);

/// A token on its way.
struct Lane<'a> {
    token: &'a Token,
    full: usize,
    failure: Option<Failure>,
}

pub(crate) fn grow(
    tokens: &[Token],
    options: &Options,
    scratch: &Path,
) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut lanes = Vec::new();
    for token in tokens {
        lanes.push(Lane { token, full: options.grown(token.ours)?, failure: None });
    }
    let (mut fills, mut clock) = (Vec::new(), Clock(Instant::now()));
    for many in [false, true] {
        fills.extend(lanes.iter_mut().filter_map(|lane| lane.fill(many)));
        clock.lap("filling");
        rows.extend(searches(&lanes, many, options));
        clock.lap("searches");
        rows.push(cold(&lanes, many, options));
        clock.lap("new processes");
    }
    rows.extend(resident(&lanes));
    clock.lap("memory");
    rows.extend(paces(&mut lanes, options, scratch));
    clock.lap("keys that come and go");
    for turn in [Turn::One, Turn::Some, Turn::All] {
        rows.push(signatures(&lanes, turn, options)?);
    }
    clock.lap("signatures");
    compare(&mut rows);
    if let Some(row) = rows.first_mut() {
        fills.into_iter().for_each(|note| row.note(note));
        for lane in &mut lanes {
            if let Some(failure) = lane.failure.take() {
                row.fails(&lane.token.name, failure);
            }
        }
    }
    Ok(rows)
}

/// Says how long each part takes.
struct Clock(Instant);

impl Clock {
    fn lap(&mut self, part: &str) {
        eprintln!("growth: {part}: {:.1} s", self.0.elapsed().as_secs_f64());
        self.0 = Instant::now();
    }
}

/// Says of what was measured with few keys and with many how the two compare.
fn compare(rows: &mut [Row]) {
    let few: Vec<_> = rows.iter().map(|row| (row.name, row.median(OURS))).collect();
    for (place, row) in rows.iter_mut().enumerate() {
        let before = few.iter().take(place).find(|(name, _)| *name == row.name);
        if let (Some((_, Some(few))), Some(many)) = (before, row.median(OURS)) {
            row.note(format!("{OURS}: {:.2} times what it takes with {FEW} keys", many / few));
        }
    }
}

impl Lane<'_> {
    fn size(&self, many: bool) -> usize {
        if many { self.full } else { FEW }
    }

    /// Brings the token to a size; what to say of it.
    fn fill(&mut self, many: bool) -> Option<String> {
        if self.failure.is_some() {
            return None;
        }
        let (from, to) = if many { (FEW, self.full) } else { (0, FEW) };
        let start = Instant::now();
        match filled(self.token, from, to) {
            Ok(reached) => {
                let seconds = start.elapsed().as_secs_f64();
                self.full = if many { reached } else { self.full };
                let brought = reached.saturating_sub(from);
                Some(format!("{}: {brought} keys brought in, in {seconds:.1} s", self.token.name))
            }
            Err(failure) => {
                self.failure = Some(failure);
                None
            }
        }
    }
}

/// Brings in the keys from one number to another, and says how far that went: a peer is not waited for
/// longer than [`PATIENCE`].
fn filled(token: &Token, from: usize, to: usize) -> Result<usize, Failure> {
    let start = Instant::now();
    for number in from..to {
        if !token.ours && start.elapsed() > PATIENCE {
            return Ok(number);
        }
        bring(&token.session, number)?;
        if (number + 1) % 10_000 == 0 {
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{}: {} keys after {seconds:.0} s", token.name, number + 1);
        }
    }
    Ok(to)
}

/// Fills our token, where it is not full yet.
pub(crate) fn fill_ours(token: &Token, to: usize) -> Result<(), Failure> {
    let there = |number: usize| found(&token.session, CKA_LABEL, number).is_ok();
    let from = match (there(to.saturating_sub(1)), there(FEW)) {
        (true, _) => to,
        (false, false) => 0,
        (false, true) => return Err(Failure::say("the token is full of other keys")),
    };
    filled(token, from, to).map(drop)
}

/// Finding one key among so many, by `CKA_ID` and by `CKA_LABEL`, another at random each time.
fn searches(lanes: &[Lane<'_>], many: bool, options: &Options) -> [Row; 2] {
    let target = if many { Target::Under(50.0) } else { Target::None };
    let row = |name, kind| {
        let size = lanes.first().map_or(FEW, |lane| lane.size(many));
        Row::new(name, format!("Find one key by {kind} among {size}"), Unit::Micros, target)
    };
    let mut rows = [row("growth-id", "CKA_ID"), row("growth-label", "CKA_LABEL")];
    for (row, kind) in rows.iter_mut().zip([CKA_ID, CKA_LABEL]) {
        let contenders = lanes.iter().filter(|lane| lane.failure.is_none()).map(|lane| {
            let (session, size) = (&lane.token.session, lane.size(many));
            // Other keys by label than by id: those that were found are in memory.
            let mut random = Random::new(kind as u64 | (1 << 20));
            let batch = Box::new(move |calls| {
                for _ in 0..calls {
                    found(session, kind, (random.next() >> 33) as usize % size)?;
                }
                Ok(())
            });
            Contender { who: lane.token.name.clone(), batch }
        });
        for (who, result) in measure(contenders.collect(), options.timed()) {
            row.put(&who, result);
        }
        sizes(row, lanes, many);
    }
    rows
}

fn sizes(row: &mut Row, lanes: &[Lane<'_>], many: bool) {
    let ours = lanes.first().map_or(FEW, |lane| lane.size(many));
    for lane in lanes.iter().filter(|lane| lane.size(many) != ours) {
        row.note(format!("{}: with {} keys only", lane.token.name, lane.size(many)));
    }
}

/// From `dlopen` to the first signature, in a new process each time.
fn cold(lanes: &[Lane<'_>], many: bool, options: &Options) -> Row {
    let size = lanes.first().map_or(FEW, |lane| lane.size(many));
    let title =
        format!("dlopen, C_Initialize, login, find by label, first signature with {size} keys");
    let target = if many { Target::Under(60.0) } else { Target::None };
    let mut row = Row::new("growth-cold", title, Unit::Millis, target);
    for lane in lanes.iter().filter(|lane| lane.failure.is_none()) {
        let starts: Result<Vec<[f64; 5]>, Failure> =
            (0..options.slow_rounds()).map(|_| one_start(lane.token, 0)).collect();
        let result = starts.map(|starts| {
            let login = starts.iter().map(|[_, login, ..]| login / 1e3).collect();
            let login = Summary::of(login).median;
            row.note(format!("{}: {login:.1} ms of it is C_Login", lane.token.name));
            Summary::of(starts.iter().map(|[all, ..]| all / 1e3).collect())
        });
        row.put(&lane.token.name, result);
    }
    sizes(&mut row, lanes, many);
    row
}

/// What a process has in memory: after its first signature, after it has found all keys, and after it
/// has signed with thousands of them.
fn resident(lanes: &[Lane<'_>]) -> [Row; 3] {
    let size = lanes.first().map_or(FEW, |lane| lane.full);
    let row = |name, what| {
        let title = format!("Resident memory with {size} keys, {what}");
        Row::new(name, title, Unit::Megabytes, Target::Under(40.0))
    };
    let mut rows = [
        row("growth-memory-first", "after the first signature"),
        row("growth-memory-all", "after all were found"),
        row("growth-memory-signed", "after signing with 5000 of them"),
    ];
    for lane in lanes.iter().filter(|lane| lane.failure.is_none()) {
        let [ours, peers] = SIGNED;
        let signs = if lane.token.ours { ours } else { peers }.min(lane.full);
        if let Some(row) = rows.last_mut().filter(|_| signs != ours) {
            row.note(format!("{}: with {signs} only", lane.token.name));
        }
        match one_start(lane.token, signs) {
            Ok([_, _, figures @ ..]) => {
                for (row, kilobytes) in rows.iter_mut().zip(figures) {
                    row.put(&lane.token.name, Ok(Summary::exact(kilobytes / 1e3)));
                }
            }
            Err(failure) => rows.iter_mut().take(1).for_each(|row| {
                row.fails(&lane.token.name, Failure::say(failure.to_string()));
            }),
        }
    }
    rows.iter_mut().for_each(|row| sizes(row, lanes, true));
    rows
}

fn one_start(token: &Token, signs: usize) -> Result<[f64; 5], Failure> {
    let arguments = started::arguments(token, "cold", signs);
    let run = Command::new(std::env::current_exe()?).args(arguments).output()?;
    let text = String::from_utf8_lossy(&run.stdout);
    let numbers: Vec<f64> = text.split_whitespace().filter_map(|word| word.parse().ok()).collect();
    match (run.status.success(), numbers.try_into()) {
        (true, Ok(numbers)) => Ok(numbers),
        _ => Err(Failure::say(String::from_utf8_lossy(&run.stderr).trim().to_owned())),
    }
}

/// How keys come and go with many keys beside how they do with few.
fn paces(lanes: &mut [Lane<'_>], options: &Options, scratch: &Path) -> [Row; 4] {
    let mut rows = pace::rows(FEW, lanes.first().map_or(FEW, |lane| lane.full));
    for lane in lanes.iter_mut().filter(|lane| lane.failure.is_none()) {
        let compared = pace::compare(&mut rows, lane.token, FEW, options, scratch);
        lane.failure = compared.err();
    }
    rows.iter_mut().for_each(|row| sizes(row, lanes, true));
    rows
}

/// Which keys are signed with in turn.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Turn {
    One,
    /// All of them in memory.
    Some,
    /// Hardly any in memory, and each for the first time, which is a change of it.
    All,
}

/// Signatures with a key of many, with another each time of some, or of all.
fn signatures(lanes: &[Lane<'_>], turn: Turn, options: &Options) -> Result<Row, Failure> {
    let warm = turn != Turn::All;
    let (name, title, most, target) = match turn {
        Turn::One => ("growth-sign", "P-256 signature", 1, Target::MoreThanOpenssl(3.0)),
        Turn::Some => {
            let title = "P-256 signature, another of 1000 keys each time";
            ("growth-turn", title, TURN, Target::None)
        }
        Turn::All => {
            let title = "P-256 signature, another of all keys each time, for the first time";
            ("growth-miss", title, usize::MAX, Target::None)
        }
    };
    let mut row = Row::new(name, title, Unit::Micros, target);
    // As many keys as the tokens take turns with: what the processor's caches do not hold costs all alike.
    let mut signers = Vec::new();
    for _ in 0..most.min(TURN) {
        signers.push(Signer::new(Scheme::EcdsaP256)?);
    }
    let (mut signature, mut next) = ([0; 128], 0);
    let mut contenders = vec![Contender {
        who: OPENSSL.to_owned(),
        batch: Box::new(move |calls| {
            for _ in 0..calls {
                next = (next + 1) % signers.len();
                if let Some(signer) = signers.get_mut(next) {
                    signer.ready(&[7; 32], &mut signature)?;
                }
            }
            Ok(())
        }),
    }];
    for lane in lanes.iter().filter(|lane| lane.failure.is_none()) {
        let session = &lane.token.session;
        let count = most.min(lane.full);
        let keys = all_keys(session, count)?;
        let (mut signature, mut next) = ([0; 64], 0);
        for key in keys.iter().filter(|_| warm) {
            // The first signature of a key decodes it.
            session.sign(CKM_ECDSA, *key, &mut [7; 32], &mut signature)?;
        }
        contenders.push(Contender {
            who: lane.token.name.clone(),
            batch: Box::new(move |calls| {
                for _ in 0..calls {
                    let key = keys.get(next % keys.len()).copied().unwrap_or_default();
                    // Far from the last one, so that what was read for it is of no use.
                    next += if warm { 1 } else { 7919 };
                    session.sign(CKM_ECDSA, key, &mut [7; 32], &mut signature)?;
                }
                Ok(())
            }),
        });
    }
    for (who, result) in measure(contenders, options.timed()) {
        row.put(&who, result);
    }
    sizes(&mut row, lanes, true);
    Ok(row)
}

/// So many of the keys that were brought in.
pub(crate) fn all_keys(session: &Session, most: usize) -> Result<Vec<CK_OBJECT_HANDLE>, Failure> {
    let class = CKO_PRIVATE_KEY;
    session.find_all(&mut [Attribute::number(CKA_CLASS, &class)], most)
}

/// Finds the key of a number.
fn found(session: &Session, kind: CK_ATTRIBUTE_TYPE, number: usize) -> Result<(), Failure> {
    let name = name(number);
    let mut found = [0; 2];
    match session.find(&mut [Attribute::bytes(kind, name.as_bytes())], &mut found)? {
        1 => Ok(()),
        count => Err(Failure::say(format!("{count} keys are called {name}"))),
    }
}

/// The label and the id of the key of a number.
pub(crate) fn name(number: usize) -> String {
    format!("growth-{number}")
}

/// Brings in the key under the name of a number.
pub(crate) fn bring(session: &Session, number: usize) -> Result<CK_OBJECT_HANDLE, Failure> {
    let name = name(number);
    token::p256_named(session, name.as_bytes())
}
