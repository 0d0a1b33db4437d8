// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What this program does where it was started again as another process: to write beside a reader, to be counted by `strace`,
//! to take its first steps under a clock, or to bring in and destroy keys where it is told to.

use std::io::BufRead;
use std::time::{Duration, Instant};

use cryptoki_sys::CKM_ECDSA;

use crate::audit;
use crate::failure::Failure;
use crate::growth;
use crate::pkcs11::{Module, Session};
use crate::started::used_by;
use crate::token;

/// Plays the part that the parent asked for.
pub(crate) fn play(arguments: &[String]) -> Result<(), Failure> {
    let [library, part, number] = arguments else {
        return Err(Failure::say("this option is for the program's own use"));
    };
    let number: usize =
        number.parse().map_err(|_| Failure::say("the last argument is a number"))?;
    let start = Instant::now();
    let module = Module::open(library.as_ref())?;
    match part.as_str() {
        "write" => write_on_demand(&module)?,
        "create" => create(&module, number)?,
        "first" => first_signature(&module, Instant::now()).map(drop)?,
        "cold" => cold(&module, start, number)?,
        "audit" => audit::use_on_demand(&module)?,
        "sign" => sign_on_demand(&module, number)?,
        "pace" => pace_on_demand(&module, number)?,
        other => return Err(Failure::say(format!("no part called {other}"))),
    }
    module.finalize()
}

/// Reads how many milliseconds to write for, does so, and answers how many keys that were.
fn write_on_demand(module: &Module) -> Result<(), Failure> {
    let session = logged_in(module)?;
    println!("0");
    for line in std::io::stdin().lock().lines() {
        let milliseconds = line?.parse().map_err(|_| Failure::say("expected milliseconds"))?;
        let start = Instant::now();
        let mut keys = 0;
        while start.elapsed() < Duration::from_millis(milliseconds) {
            let key = token::aes256(&session, b"bench-writer")?;
            session.destroy(key)?;
            keys += 1;
        }
        println!("{keys}");
    }
    Ok(())
}

fn create(module: &Module, keys: usize) -> Result<(), Failure> {
    let session = logged_in(module)?;
    for _ in 0..keys {
        token::aes256(&session, b"bench-counted")?;
    }
    Ok(())
}

/// Prints the microseconds from before `C_Initialize` to after the first signature, and how many of
/// them `C_Login` took.
fn first_signature(module: &Module, start: Instant) -> Result<Session, Failure> {
    module.initialize()?;
    let session = module.session(token::find_slot(module)?)?;
    let before_login = start.elapsed();
    token::login_user(&session)?;
    let login = start.elapsed() - before_login;
    let key = token::find_by_label(&session)?;
    let mut signature = [0; 64];
    session.sign(CKM_ECDSA, key, &mut [7; 32], &mut signature)?;
    println!("{} {}", start.elapsed().as_micros(), login.as_micros());
    Ok(session)
}

/// The same from `dlopen` on, and prints the kilobytes in memory then; after all keys were found, and
/// after so many of them have signed, unless that is none.
fn cold(module: &Module, start: Instant, signs: usize) -> Result<(), Failure> {
    let session = first_signature(module, start)?;
    println!("{}", resident()?);
    let keys = if signs > 0 { growth::all_keys(&session, usize::MAX)? } else { Vec::new() };
    println!("{}", resident()?);
    let mut signature = [0; 64];
    for key in keys.iter().take(signs) {
        session.sign(CKM_ECDSA, *key, &mut [7; 32], &mut signature)?;
    }
    println!("{}", resident()?);
    Ok(())
}

/// Kilobytes that this process has in memory.
fn resident() -> Result<f64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.trim().trim_end_matches(" kB").parse::<f64>().ok());
    kibibytes.map(|number| number * 1.024).ok_or_else(|| Failure::say("no VmRSS"))
}

/// Reads how many milliseconds to sign for, does so with a few keys in turn, and answers how many
/// signatures that were and how many microseconds of the processor they took.
fn sign_on_demand(module: &Module, keys: usize) -> Result<(), Failure> {
    let session = logged_in(module)?;
    let keys = growth::all_keys(&session, keys)?;
    let mut keys = keys.iter().cycle();
    println!("0");
    for line in std::io::stdin().lock().lines() {
        let milliseconds = line?.parse().map_err(|_| Failure::say("expected milliseconds"))?;
        let (start, mut made, mut signature) = (Instant::now(), 0, [0; 64]);
        let used = used_by(libc::RUSAGE_SELF)?;
        while start.elapsed() < Duration::from_millis(milliseconds) {
            let key = keys.next().ok_or_else(|| Failure::say("no key to sign with"))?;
            session.sign(CKM_ECDSA, *key, &mut [7; 32], &mut signature)?;
            made += 1;
        }
        println!("{made} {:.0}", (used_by(libc::RUSAGE_SELF)? - used) * 1e6);
    }
    Ok(())
}

/// Where there is no token yet, makes one with so many keys. Then reads how many keys to bring in and
/// destroy again, and answers with the numbers of a [`Turn`](crate::started::Turn).
fn pace_on_demand(module: &Module, keys: usize) -> Result<(), Failure> {
    module.initialize()?;
    let session = match token::find_slot(module) {
        Ok(slot) => module.session(slot).and_then(|session| {
            token::login_user(&session)?;
            Ok(session)
        })?,
        Err(_) => {
            let (session, _) = token::another(module, token::LABEL)?;
            (0..keys).try_for_each(|number| growth::bring(&session, number).map(drop))?;
            session
        }
    };
    println!("0");
    for line in std::io::stdin().lock().lines() {
        let keys: usize = line?.parse().map_err(|_| Failure::say("expected a number of keys"))?;
        let (used, written) = (used_by(libc::RUSAGE_SELF)?, written()?);
        let start = Instant::now();
        let made: Result<Vec<_>, Failure> =
            (0..keys).map(|_| growth::bring(&session, usize::MAX)).collect();
        let (made, created) = (made?, start.elapsed());
        made.into_iter().try_for_each(|key| session.destroy(key))?;
        let destroyed = start.elapsed() - created;
        let used = used_by(libc::RUSAGE_SELF)? - used;
        let written = self::written()? - written;
        let [created, destroyed] = [created, destroyed].map(|time| time.as_secs_f64());
        println!("{created} {destroyed} {used} {written}");
    }
    Ok(())
}

/// Bytes that this process has given to the system to write; 0 where the system does not count.
fn written() -> Result<f64, Failure> {
    let Ok(counts) = std::fs::read_to_string("/proc/self/io") else { return Ok(0.0) };
    let count = counts.lines().find_map(|line| line.strip_prefix("wchar: "));
    count
        .and_then(|count| count.trim().parse().ok())
        .ok_or_else(|| Failure::say("no count of bytes"))
}

fn logged_in(module: &Module) -> Result<Session, Failure> {
    module.initialize()?;
    let session = module.session(token::find_slot(module)?)?;
    token::login_user(&session)?;
    Ok(session)
}
