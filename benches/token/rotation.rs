// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What it costs to give a full token other keys: the command's processor time, and the rate at which
//! two other processes sign meanwhile, over their rate undisturbed.
#![allow(unsafe_code)] // Asks the system what ended children have used.

use std::path::{Path, PathBuf};
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use crate::child::Writer;
use crate::failure::Failure;
use crate::growth;
use crate::options::Options;
use crate::report::{Row, Target, Unit};
use crate::stats::Summary;
use crate::token::{self, Token};

/// Keys that each signer uses in turn.
const KEYS: usize = 100;
/// How long the signers sign between two looks at the command.
const WINDOW: Duration = Duration::from_millis(200);

pub(crate) fn beside_signers(
    tokens: &[Token],
    options: &Options,
    scratch: &Path,
) -> Result<Vec<Row>, Failure> {
    let ours = tokens.iter().find(|token| token.ours);
    let token = ours.ok_or_else(|| Failure::say("our library is not among the modules"))?;
    let command = command(token)?;
    let size = options.grown(true)?;
    let start = Instant::now();
    (0..size).try_for_each(|number| growth::bring(&token.session, number).map(drop))?;
    eprintln!("{size} keys brought in, in {:.1} s", start.elapsed().as_secs_f64());
    let pin = scratch.join("pin");
    std::fs::write(&pin, token::PIN)?;
    let so_pin = scratch.join("so-pin");
    std::fs::write(&so_pin, token::SO_PIN)?;
    let mut signers = [Writer::signing(token, KEYS)?, Writer::signing(token, KEYS)?];
    let mut alone = Vec::new();
    for _ in 0..options.slow_rounds() {
        alone.push(signed(&mut signers)?);
    }
    let before = children()?;
    let start = Instant::now();
    let mut rotation = Command::new(command)
        .args(["rotate", "token-key", "--token", token::LABEL, "--pin-file"])
        .arg(&pin)
        .arg("--so-pin-file")
        .arg(&so_pin)
        .spawn()?;
    let beside = meanwhile(&mut rotation, &mut signers)?;
    let (seconds, used) = (start.elapsed().as_secs_f64(), children()? - before);
    signers.into_iter().try_for_each(Writer::stop)?;
    let alone = Summary::of(alone).median;
    let title = format!("Processor seconds to rotate the token's keys with {size} keys");
    let mut cost = Row::new("rotation-cost", title, Unit::Plain, Target::None);
    cost.put(&token.name, Ok(Summary::exact(used)));
    cost.note(format!("{seconds:.1} s by the clock"));
    let title = "Two processes sign beside a rotation: rate over the rate alone";
    let mut rate = Row::new("rotation-rate", title, Unit::Plain, Target::AtLeast(0.5));
    rate.put(&token.name, Ok(Summary::of(beside.iter().map(|rate| rate / alone).collect())));
    rate.note(format!("{alone:.0} signatures a second alone"));
    Ok(vec![cost, rate])
}

/// The command beside our library.
fn command(token: &Token) -> Result<PathBuf, Failure> {
    let library = PathBuf::from(&token.library);
    let folders = library.ancestors().skip(1).take(2);
    let command = folders.map(|folder| folder.join("strongroom")).find(|path| path.is_file());
    let command = command.ok_or_else(|| {
        Failure::say("the command 'strongroom' is not beside the library: build it")
    })?;
    let asked = Command::new(&command).args(["rotate", "token-key", "--help"]).output()?;
    match asked.status.success() {
        true => Ok(command),
        false => Err(Failure::say("this version has no 'strongroom rotate token-key' to measure")),
    }
}

/// The rates of the signers, together, until the command ends well.
fn meanwhile(rotation: &mut Child, signers: &mut [Writer; 2]) -> Result<Vec<f64>, Failure> {
    let mut rates = Vec::new();
    loop {
        let rate = signed(signers)?;
        match rotation.try_wait()? {
            None => rates.push(rate),
            Some(status) if status.success() && rates.is_empty() => return Ok(vec![rate]),
            Some(status) if status.success() => return Ok(rates),
            Some(status) => return Err(Failure::say(format!("the rotation ended: {status}"))),
        }
    }
}

/// Signatures a second that both make.
fn signed(signers: &mut [Writer; 2]) -> Result<f64, Failure> {
    signers.iter_mut().try_for_each(|signer| signer.write_for(WINDOW))?;
    let made = signers.iter_mut().map(Writer::written).sum::<Result<u32, Failure>>()?;
    Ok(f64::from(made) / WINDOW.as_secs_f64())
}

/// Processor seconds of the children that have ended.
fn children() -> Result<f64, Failure> {
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::uninit();
    // SAFETY: the place is large enough, and is read after a success alone.
    let usage = unsafe {
        if libc::getrusage(libc::RUSAGE_CHILDREN, usage.as_mut_ptr()) != 0 {
            return Err(std::io::Error::last_os_error().into());
        }
        usage.assume_init()
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    Ok(seconds(usage.ru_utime) + seconds(usage.ru_stime))
}
