// SPDX-License-Identifier: Apache-2.0 OR MIT
//! This program started again as another process on the same token: to write beside a reader, to
//! be counted by `strace`, or to take its first steps under a clock.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use cryptoki_sys::CKM_ECDSA;

use crate::audit;
use crate::failure::Failure;
use crate::growth;
use crate::pkcs11::{Module, Session};
use crate::token::{self, Token};

/// The hidden first argument; then the library, the part to play, and its number.
pub(crate) const FLAG: &str = "--child";

/// The arguments that make this program play the part.
pub(crate) fn arguments(token: &Token, part: &str, number: usize) -> Vec<std::ffi::OsString> {
    vec![FLAG.into(), token.library.clone(), part.into(), number.to_string().into()]
}

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
/// signatures that were.
fn sign_on_demand(module: &Module, keys: usize) -> Result<(), Failure> {
    let session = logged_in(module)?;
    let keys = growth::all_keys(&session, keys)?;
    let mut keys = keys.iter().cycle();
    println!("0");
    for line in std::io::stdin().lock().lines() {
        let milliseconds = line?.parse().map_err(|_| Failure::say("expected milliseconds"))?;
        let (start, mut made, mut signature) = (Instant::now(), 0, [0; 64]);
        while start.elapsed() < Duration::from_millis(milliseconds) {
            let key = keys.next().ok_or_else(|| Failure::say("no key to sign with"))?;
            session.sign(CKM_ECDSA, *key, &mut [7; 32], &mut signature)?;
            made += 1;
        }
        println!("{made}");
    }
    Ok(())
}

fn logged_in(module: &Module) -> Result<Session, Failure> {
    module.initialize()?;
    let session = module.session(token::find_slot(module)?)?;
    token::login_user(&session)?;
    Ok(session)
}

/// The process that creates and destroys keys, or signs, while the parent measures.
pub(crate) struct Writer {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Writer {
    /// Starts it and waits until it is logged in.
    pub(crate) fn start(token: &Token) -> Result<Self, Failure> {
        Writer::playing(token, "write", 0)
    }

    /// The same for one that signs with so many keys instead.
    pub(crate) fn signing(token: &Token, keys: usize) -> Result<Self, Failure> {
        Writer::playing(token, "sign", keys)
    }

    fn playing(token: &Token, part: &str, number: usize) -> Result<Self, Failure> {
        let mut child = Command::new(std::env::current_exe()?)
            .args(arguments(token, part, number))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(orders), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(Failure::say("the writer has no pipes"));
        };
        let mut writer = Self { child, orders, answers: BufReader::new(answers) };
        writer.written()?;
        Ok(writer)
    }

    /// Lets it write for so long; `written` waits for the end.
    pub(crate) fn write_for(&mut self, time: Duration) -> Result<(), Failure> {
        writeln!(self.orders, "{}", time.as_millis())?;
        Ok(())
    }

    /// Keys created and destroyed in the last stretch.
    pub(crate) fn written(&mut self) -> Result<u32, Failure> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        line.trim().parse().map_err(|_| Failure::say("the writing process failed"))
    }

    /// The end of its input ends it.
    pub(crate) fn stop(self) -> Result<(), Failure> {
        let Self { mut child, orders, .. } = self;
        drop(orders);
        if child.wait()?.success() {
            return Ok(());
        }
        Err(Failure::say("the writing process ended with a failure"))
    }
}
