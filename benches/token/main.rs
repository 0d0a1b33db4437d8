// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a call through PKCS #11 costs, beside OpenSSL called directly in the same process and
//! beside other modules: `cargo bench --bench token`. `docs/performance.md` explains each figure.
//!
//! It measures and judges; it does not fail because a target is missed, only because a call fails.

mod audit;
mod child;
mod failure;
mod growth;
mod options;
mod ossl;
mod pace;
mod peers;
mod pkcs11;
mod policy;
mod report;
mod rotation;
mod started;
mod stats;
mod store;
mod timed;
mod token;
mod windows;

use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use failure::Failure;
use options::{Options, USAGE};
use peers::OURS;
use report::Row;
use token::Token;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.split_first() {
        Some((first, rest)) if first == started::FLAG => child::play(rest),
        _ => measure(&arguments),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("{failure}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &[String]) -> Result<(), Failure> {
    if arguments.iter().any(|argument| argument == "--list") {
        // Asked by a test runner: there is no test here.
        return Ok(());
    }
    let options = Options::parse(arguments)?;
    // `cargo test --all-targets` starts this program too, but without any argument.
    if options.help || arguments.is_empty() {
        println!("{USAGE}");
        return Ok(());
    }
    let scratch = tempfile::Builder::new().prefix("strongroom-bench-").tempdir()?;
    let tokens = make_tokens(scratch.path())?;
    if !options.markdown {
        println!("{}", conditions(&tokens));
    }
    let rows = run(&tokens, &options, scratch.path())?;
    if options.markdown {
        let modules: Vec<&str> = tokens.iter().map(|token| token.name.as_str()).collect();
        println!("{}\n", conditions(&tokens).replace('\n', "  \n"));
        print!("{}", report::markdown(&rows, &modules, OURS));
    }
    if let Some(verdicts) = report::verdicts(&rows, OURS) {
        println!("\n{verdicts}");
    }
    std::io::stdout().flush()?;
    for Token { module, session, .. } in tokens {
        drop(session);
        module.finalize()?;
    }
    if rows.iter().any(|row| row.failed(OURS)) {
        return Err(Failure::say("a call of ours failed"));
    }
    Ok(())
}

/// A token in each module. A peer that cannot make one is left out; ours must.
fn make_tokens(scratch: &Path) -> Result<Vec<Token>, Failure> {
    let mut tokens = Vec::new();
    for peer in peers::prepare(scratch)? {
        match Token::make(&peer) {
            Ok(token) => tokens.push(token),
            Err(failure) if peer.ours() => return Err(failure.within(OURS)),
            Err(failure) => eprintln!("{}: left out: {failure}", peer.name),
        }
    }
    Ok(tokens)
}

/// All cases that the options want, each printed when it is done. The one that fills the tokens
/// comes last, so that no other is measured in a full one.
fn run(tokens: &[Token], options: &Options, scratch: &Path) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    let mut done = |row: Row| {
        match options.markdown {
            true => eprint!("{}", row.text(OURS)),
            false => print!("{}", row.text(OURS)),
        }
        rows.push(row);
    };
    for case in timed::CASES.iter().filter(|case| options.wants(case.name)) {
        done(case.run(tokens, options)?);
    }
    if options.wants("policy") {
        policy::governed(tokens, options, scratch)?.into_iter().for_each(&mut done);
    }
    if options.wants("audit") {
        audit::costs(tokens, options, scratch)?.into_iter().for_each(&mut done);
    }
    if options.wants("threads") {
        done(windows::threads(tokens, options));
    }
    if options.wants("writer") {
        done(windows::beside_writer(tokens, options));
    }
    if options.wants("fsync") {
        done(store::fsyncs(tokens, options, scratch));
    }
    if options.wants("create") || options.wants("destroy") {
        store::coming_and_going(tokens, options).into_iter().for_each(&mut done);
    }
    if options.wants("first") {
        done(store::first_signature(tokens, options));
    }
    if options.names("growth") {
        growth::grow(tokens, options, scratch)?.into_iter().for_each(&mut done);
    }
    if options.names("rotation") {
        rotation::beside_signers(tokens, options, scratch)?.into_iter().for_each(&mut done);
    }
    if options.wants("find") {
        done(store::find(tokens, options)?);
    }
    Ok(rows)
}

/// Under what conditions the figures came about.
fn conditions(tokens: &[Token]) -> String {
    let processors = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = processors
        .lines()
        .find_map(|line| line.strip_prefix("model name"))
        .map_or("unknown", |rest| rest.trim_start_matches([' ', '\t', ':']));
    let cores = processors.lines().filter(|line| line.starts_with("processor")).count();
    let mut text = format!(
        "processor: {model}, {cores} cores\nOpenSSL called directly: {}\ntokens in: {}",
        openssl::version::version(),
        std::env::temp_dir().display()
    );
    for token in tokens {
        let library = token.library.to_string_lossy();
        text.push_str(&format!("\n{}: {library}", token.name));
    }
    text
}
