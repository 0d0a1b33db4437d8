// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The cases about the store: what creating a key costs the disk, how fast keys come and go, how
//! long the first signature takes, and finding one key among many.

use std::ffi::OsString;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use cryptoki_sys::{CK_OBJECT_HANDLE, CKA_ID};

use crate::failure::Failure;
use crate::options::Options;
use crate::pkcs11::Attribute;
use crate::report::{Row, Target, Unit};
use crate::started;
use crate::stats::{Contender, Random, Summary, measure};
use crate::token::{self, Token};

/// Counts the calls that wait for the disk, as `strace` sees them: a process that creates keys
/// less one that does all the same but creates none.
pub(crate) fn fsyncs(tokens: &[Token], options: &Options, scratch: &Path) -> Row {
    let mut row = Row::new(
        "fsync",
        "fsync and fdatasync calls to create a token key",
        Unit::Plain,
        // One for the record, which is durable first, and one for the change.
        Target::About(2.0),
    );
    if Command::new("strace").arg("-V").output().is_err() {
        row.note("not counted: there is no strace here");
        return row;
    }
    let keys = if options.quick { 20 } else { 200 };
    for token in tokens {
        let counted = count_fsyncs(token, keys, scratch)
            .and_then(|with| Ok((with, count_fsyncs(token, 0, scratch)?)))
            .map(|(with, without)| Summary::exact((with - without) / keys as f64));
        row.put(&token.name, counted);
    }
    row.note(format!("strace -f -c, {keys} keys"));
    row
}

fn count_fsyncs(token: &Token, keys: usize, scratch: &Path) -> Result<f64, Failure> {
    let counts = scratch.join("strace.txt");
    let mut options: Vec<OsString> =
        ["-f", "-c", "-e", "trace=fsync,fdatasync", "-o"].map(OsString::from).into();
    options.push(counts.clone().into_os_string());
    options.push(std::env::current_exe()?.into_os_string());
    let run = Command::new("strace")
        .args(options)
        .args(started::arguments(token, "create", keys))
        .output()?;
    if !run.status.success() {
        return Err(Failure::say(String::from_utf8_lossy(&run.stderr).trim().to_owned()));
    }
    let table = std::fs::read_to_string(counts)?;
    Ok(table.lines().filter_map(calls_in_line).sum())
}

/// A line of the table of `strace -c`: `% time  seconds  usecs/call  calls [errors]  syscall`.
fn calls_in_line(line: &str) -> Option<f64> {
    let words: Vec<&str> = line.split_whitespace().collect();
    match (words.last()?, words.get(3)?) {
        (&("fsync" | "fdatasync"), calls) => calls.parse().ok(),
        _ => None,
    }
}

/// Keys created and destroyed a second, in turns of a few keys each.
pub(crate) fn coming_and_going(tokens: &[Token], options: &Options) -> [Row; 2] {
    let mut rows = [
        Row::new(
            "create",
            "Token keys created (C_GenerateKey, AES-256)",
            Unit::PerSecond,
            Target::None,
        ),
        Row::new(
            "destroy",
            "Token keys destroyed (C_DestroyObject)",
            Unit::PerSecond,
            Target::None,
        ),
    ];
    let mut samples: Vec<Result<[Vec<f64>; 2], Failure>> =
        tokens.iter().map(|_| Ok([vec![], vec![]])).collect();
    for _ in 0..options.slow_rounds() {
        for (token, sample) in tokens.iter().zip(&mut samples) {
            if let Ok([created, destroyed]) = sample {
                match one_turn(token) {
                    Ok((up, down)) => {
                        created.push(up);
                        destroyed.push(down);
                    }
                    Err(failure) => *sample = Err(failure),
                }
            }
        }
    }
    let [created, destroyed] = &mut rows;
    for (token, sample) in tokens.iter().zip(samples) {
        match sample {
            Ok([up, down]) => {
                created.put(&token.name, Ok(Summary::of(up)));
                destroyed.put(&token.name, Ok(Summary::of(down)));
            }
            Err(failure) => created.fails(&token.name, failure),
        }
    }
    rows
}

fn one_turn(token: &Token) -> Result<(f64, f64), Failure> {
    const KEYS: usize = 20;
    let start = Instant::now();
    let keys = (0..KEYS)
        .map(|_| token::aes256(&token.session, b"bench-passing"))
        .collect::<Result<Vec<CK_OBJECT_HANDLE>, Failure>>()?;
    let created = start.elapsed();
    for key in keys {
        token.session.destroy(key)?;
    }
    let destroyed = start.elapsed() - created;
    Ok((KEYS as f64 / created.as_secs_f64(), KEYS as f64 / destroyed.as_secs_f64()))
}

/// From `C_Initialize` to the first signature, in a new process each time.
pub(crate) fn first_signature(tokens: &[Token], options: &Options) -> Row {
    let mut row = Row::new(
        "first",
        "C_Initialize, login, find, first P-256 signature",
        Unit::Millis,
        Target::None,
    );
    let mut samples: Vec<Result<[Vec<f64>; 2], Failure>> =
        tokens.iter().map(|_| Ok([vec![], vec![]])).collect();
    for _ in 0..options.slow_rounds() {
        for (token, sample) in tokens.iter().zip(&mut samples) {
            if let Ok([whole, login]) = sample {
                match one_start(token) {
                    Ok((all, of_it)) => {
                        whole.push(all);
                        login.push(of_it);
                    }
                    Err(failure) => *sample = Err(failure),
                }
            }
        }
    }
    for (token, sample) in tokens.iter().zip(samples) {
        let result = sample.map(|[whole, login]| {
            let share = Summary::of(login).median;
            row.note(format!("{}: {share:.1} ms of it is C_Login", token.name));
            Summary::of(whole)
        });
        row.put(&token.name, result);
    }
    row
}

fn one_start(token: &Token) -> Result<(f64, f64), Failure> {
    let run = Command::new(std::env::current_exe()?)
        .args(started::arguments(token, "first", 0))
        .output()?;
    let text = String::from_utf8_lossy(&run.stdout);
    let mut numbers = text.split_whitespace().filter_map(|word| word.parse::<f64>().ok());
    match (run.status.success(), numbers.next(), numbers.next()) {
        (true, Some(all), Some(login)) => Ok((all / 1e3, login / 1e3)),
        _ => Err(Failure::say(String::from_utf8_lossy(&run.stderr).trim().to_owned())),
    }
}

/// Finding one key by its `CKA_ID` among all of a full token, another at random each time.
pub(crate) fn find(tokens: &[Token], options: &Options) -> Result<Row, Failure> {
    let full = options.keys(true)?;
    let mut row = Row::new(
        "find",
        format!("Find one key by CKA_ID among {full} token keys"),
        Unit::Micros,
        Target::Under(15.0),
    );
    let mut contenders = Vec::new();
    for token in tokens {
        let keys = options.keys(token.ours)?;
        if keys != full {
            row.note(format!("{}: among {keys} keys only", token.name));
        }
        match fill(token, keys) {
            Ok(ids) => contenders.push(searcher(token, ids)),
            Err(failure) => row.fails(&token.name, failure),
        }
    }
    for (who, result) in measure(contenders, options.timed()) {
        row.put(&who, result);
    }
    Ok(row)
}

fn fill(token: &Token, keys: usize) -> Result<Vec<[u8; 16]>, Failure> {
    let mut random = Random::new(20_260_101);
    let start = Instant::now();
    let mut ids = Vec::with_capacity(keys);
    for number in 1..=keys {
        let mut id = [0; 16];
        for (half, word) in id.chunks_exact_mut(8).zip([random.next(), random.next()]) {
            half.copy_from_slice(&word.to_le_bytes());
        }
        token::aes256(&token.session, &id)?;
        ids.push(id);
        if number % 1000 == 0 {
            let seconds = start.elapsed().as_secs_f64();
            eprintln!("{}: {number} keys made in {seconds:.1} s", token.name);
        }
    }
    Ok(ids)
}

fn searcher(token: &Token, ids: Vec<[u8; 16]>) -> Contender<'_> {
    let mut random = Random::new(7);
    Contender {
        who: token.name.clone(),
        batch: Box::new(move |calls| {
            let mut found = [0; 2];
            for _ in 0..calls {
                let index = (random.next() >> 33) as usize % ids.len();
                let id = ids.get(index).map_or(&[][..], |id| id.as_slice());
                let mut template = [Attribute::bytes(CKA_ID, id)];
                let count = token.session.find(&mut template, &mut found)?;
                if count != 1 {
                    return Err(Failure::say(format!("{count} keys of one id")));
                }
            }
            Ok(())
        }),
    }
}
