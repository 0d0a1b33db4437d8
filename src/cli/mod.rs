// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `strongroom` command: arguments, prompts, tables, exit codes. What the verbs do is in
//! [`crate::admin`]; nothing is decided here.

mod arguments;
mod audit;
mod audit_check;
mod checking;
mod confirming;
mod keys;
mod life;
mod moving;
mod opening;
mod output;
mod pins;
mod policy;
mod progress;
mod rotation;
mod secrets;
mod stores;
mod token_keys;
mod tokens;
mod users;
mod watching;

use crate::admin::{Failure, Outcome, guard_process};
use crate::session::leaves;
use arguments::{Arguments, Command};
use clap::{ArgMatches, CommandFactory, FromArgMatches};
use std::process::ExitCode;
use tracing_subscriber::EnvFilter;

/// Runs the command with this process's arguments.
pub fn run() -> ExitCode {
    let matches = Arguments::command().get_matches();
    leaves::begin_verb(&verb(&matches));
    let arguments = Arguments::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    report_diagnostics();
    guard_process();
    let result = dispatch(&arguments);
    match result {
        Ok(code) => code,
        Err(failure) => {
            output::complain(&failure);
            // The code of a check that could not run must not be that of one that found faults.
            let check = match &arguments.command {
                Command::Check(check) => check.discard.is_none(),
                Command::Audit(verb) => audit::is_check(verb),
                _ => false,
            };
            ExitCode::from(if check { 2 } else { 1 })
        }
    }
}

/// The name of a verb, as it is typed.
fn verb(matches: &ArgMatches) -> String {
    match matches.subcommand() {
        None => String::new(),
        Some((name, below)) => format!("{name} {}", verb(below)).trim_end().to_string(),
    }
}

fn dispatch(arguments: &Arguments) -> Outcome<ExitCode> {
    let common = &arguments.common;
    let done = |outcome: Outcome<()>| outcome.map(|()| ExitCode::SUCCESS);
    match &arguments.command {
        Command::Init(init) => done(stores::init(common, init)),
        Command::Token(verb) => done(tokens::run(common, verb)),
        Command::Key(verb) => done(keys::run(common, verb)),
        Command::Import(verb) => moving::run(common, verb),
        Command::Pin(verb) => done(pins::run(common, verb)),
        Command::User(verb) => done(users::run(common, verb)),
        Command::Policy(verb) => policy::run(common, verb),
        Command::Seal(verb) => done(stores::seal(common, verb)),
        Command::Rotate(verb) => rotation::run(common, verb),
        Command::Check(check) => checking::run(common, check),
        Command::Audit(verb) => audit::run(common, verb),
        Command::Metrics(metrics) => done(watching::metrics(common, metrics)),
        Command::Watch(watch) => done(watching::watch(common, watch)),
        Command::Doctor => stores::doctor(common),
        Command::Config(verb) => done(stores::config(common, verb)),
    }
}

/// The library says on its diagnostic channel what to do about a fault. An application decides who
/// hears it; the person at the keyboard does.
fn report_diagnostics() {
    let builder = tracing_subscriber::fmt().with_writer(std::io::stderr);
    let wanted = std::env::var("STRONGROOM_LOG").ok().filter(|filter| !filter.is_empty());
    let set = match wanted {
        Some(filter) => builder.with_env_filter(EnvFilter::new(filter)).try_init(),
        None => builder
            .with_max_level(tracing::Level::ERROR)
            .event_format(output::PlainEvent)
            .try_init(),
    };
    // Only a second call could fail, and there is none.
    drop(set);
}

fn failed(what: impl Into<String>, next: impl Into<String>) -> Failure {
    Failure::new(what, next)
}
