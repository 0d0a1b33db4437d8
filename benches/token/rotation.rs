// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What it costs to give a full token another key: the command's processor time, and the rate at which
//! two other processes sign meanwhile, over their rate undisturbed.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::failure::Failure;
use crate::growth;
use crate::options::Options;
use crate::report::{Row, Target, Unit};
use crate::started::{Writer, used_by};
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
    growth::fill_ours(token, size)?;
    eprintln!("rotation: filling: {:.1} s", start.elapsed().as_secs_f64());
    let mut signers = [Writer::signing(token, KEYS)?, Writer::signing(token, KEYS)?];
    let mut alone = undisturbed(&mut signers, options)?;
    let before = used_by(libc::RUSAGE_CHILDREN)?;
    let start = Instant::now();
    let mut rotation = rotate(&command, scratch)?;
    let beside = meanwhile(&mut rotation, &mut signers)?;
    let (seconds, used) = (start.elapsed(), used_by(libc::RUSAGE_CHILDREN)? - before);
    eprintln!("rotation: {:.1} s", seconds.as_secs_f64());
    alone.extend(undisturbed(&mut signers, options)?);
    signers.into_iter().try_for_each(Writer::stop)?;
    let title = format!("Processor seconds to rotate the token key of {size} keys");
    let mut cost = Row::new("rotation-cost", title, Unit::Plain, Target::AtMost(60.0));
    cost.put(&token.name, Ok(Summary::exact(used)));
    cost.note(format!("{:.1} s by the clock", seconds.as_secs_f64()));
    let title = "Two processes sign beside a rotation: rate over the rate before and after";
    let mut rate = Row::new("rotation-rate", title, Unit::Plain, Target::AtLeast(0.8));
    let base = Summary::of(alone.iter().map(|window| window.made).collect()).median;
    let ratios = beside.iter().map(|window| window.made / base).collect();
    rate.put(&token.name, Ok(Summary::of(ratios)));
    let [apart, along] = [&alone, &beside].map(|windows| {
        let used: f64 = windows.iter().map(|window| window.used).sum();
        let made: f64 = windows.iter().map(|window| window.made).sum();
        used / made * 1e6
    });
    rate.note(format!(
        "{:.0} signatures a second undisturbed; one takes {apart:.1} µs of the processor then, and \
         {along:.1} µs beside the rotation",
        base / WINDOW.as_secs_f64()
    ));
    Ok(vec![cost, rate])
}

/// Starts the command.
fn rotate(command: &Path, scratch: &Path) -> Result<Child, Failure> {
    let pin = scratch.join("pin");
    std::fs::write(&pin, token::PIN)?;
    let mut rotate = Command::new(command);
    rotate.args(["rotate", "token-key", "--token", token::LABEL, "--pin-file"]).arg(&pin);
    // What it prints is not part of the table.
    Ok(rotate.stdout(Stdio::null()).spawn()?)
}

fn undisturbed(signers: &mut [Writer; 2], options: &Options) -> Result<Vec<Window>, Failure> {
    (0..options.slow_rounds()).map(|_| signed(signers)).collect()
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

/// What the signers do until the command ends well.
fn meanwhile(rotation: &mut Child, signers: &mut [Writer; 2]) -> Result<Vec<Window>, Failure> {
    let mut windows = Vec::new();
    loop {
        let window = signed(signers)?;
        match rotation.try_wait()? {
            None => windows.push(window),
            Some(status) if status.success() && windows.is_empty() => return Ok(vec![window]),
            Some(status) if status.success() => return Ok(windows),
            Some(status) => return Err(Failure::say(format!("the rotation ended: {status}"))),
        }
    }
}

/// What both signers did in a while.
struct Window {
    /// Signatures.
    made: f64,
    /// Seconds of the processor.
    used: f64,
}

fn signed(signers: &mut [Writer; 2]) -> Result<Window, Failure> {
    signers.iter_mut().try_for_each(|signer| signer.write_for(WINDOW))?;
    let mut sum = Window { made: 0.0, used: 0.0 };
    for signer in signers {
        let (made, used) = signer.signed()?;
        sum = Window { made: sum.made + made, used: sum.used + used };
    }
    Ok(sum)
}
