// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom audit`.

use super::arguments::Common;
use super::arguments::audit::{AuditVerb, Choice, Export, LogCopy, Show};
use super::audit_check;
use super::failed;
use super::opening::{configuration, open, passphrase};
use super::output::{print, say, show, visible};
use crate::admin::diagnostics::capture;
use crate::admin::{
    self, Desk, Destination, Found, LogFormat, Outcome, Selection, Trail, Witness, Zone,
};
use crate::audit::{Filter, Line, Record};
use std::collections::VecDeque;
use std::io::{ErrorKind, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Records that are asked for.
struct Chosen {
    selection: Selection,
    desk: Option<Desk>,
    follow: bool,
    swept: Instant,
}

impl Chosen {
    /// Until there may be more: what is counted meanwhile is recorded.
    fn wait(&mut self) {
        std::thread::sleep(PAUSE);
        if let Some(desk) = self.desk.as_ref().filter(|_| self.swept.elapsed() >= SWEEP) {
            desk.sweep();
            self.swept = Instant::now();
        }
    }
}

pub(super) fn run(common: &Common, verb: &AuditVerb) -> Outcome<ExitCode> {
    match verb {
        AuditVerb::Verify(arguments) => audit_check::run(common, arguments),
        AuditVerb::Show(arguments) => show_records(common, arguments),
        AuditVerb::Export(arguments) => export(common, arguments),
        AuditVerb::Key(copy) => {
            let key = find(common, copy)?.key()?;
            show(common, &key, || format!("{}\n", key.verifier))?;
            Ok(ExitCode::SUCCESS)
        }
        AuditVerb::Checkpoint { publish } => checkpoint(common, publish.as_deref()),
        AuditVerb::Renew { lost } => renew(common, *lost),
        AuditVerb::Prove { seq, size, copy } => {
            let proof = find(common, copy)?.prove(*seq, *size)?;
            show(common, &proof, || proof.text())?;
            Ok(ExitCode::SUCCESS)
        }
        AuditVerb::Consistency { old, new, copy } => {
            let proof = find(common, copy)?.consistency(*old, *new)?;
            show(common, &proof, || proof.text())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

/// Whether one that fails could not run, as against found something.
pub(super) fn is_check(verb: &AuditVerb) -> bool {
    matches!(verb, AuditVerb::Verify(_))
}

fn show_records(common: &Common, arguments: &Show) -> Outcome<ExitCode> {
    let zone = Zone::named(&arguments.zone)?;
    let mut chosen = select(common, &arguments.choice)?;
    let row = |record: &Record, line: &Line| match common.json {
        true => [line.bytes.as_slice(), b"\n"].concat(),
        false => table_row(&cells(record, &zone)).into_bytes(),
    };
    if !common.json {
        print(table_row(&HEAD.map(str::to_string)).as_bytes())?;
    }
    let Some(last) = arguments.last else {
        return each(&mut chosen, |record, line| {
            Ok(written(std::io::stdout().lock().write_all(&row(record, line))))
        });
    };
    let mut kept = VecDeque::new();
    let code = each(&mut chosen, |record, line| {
        kept.push_back(row(record, line));
        if kept.len() > last {
            kept.pop_front();
        }
        Ok(true)
    })?;
    print(&kept.into_iter().flatten().collect::<Vec<u8>>())?;
    Ok(code)
}

fn export(common: &Common, arguments: &Export) -> Outcome<ExitCode> {
    let format = LogFormat::from(arguments.format);
    let to = arguments.to.clone().unwrap_or_else(|| Destination::of(format));
    to.check(format)?;
    let mut chosen = select(common, &arguments.choice)?;
    let carrier = to.open()?;
    let host = admin::host();
    each(&mut chosen, |record, line| carrier.send(record.seq, &format.render(record, line, &host)))
}

fn checkpoint(common: &Common, publish: Option<&str>) -> Outcome<ExitCode> {
    let witness = publish.map(Witness::named);
    let done = open(common)?.checkpoint(witness.as_ref())?;
    show(common, &done, || done.note.clone())?;
    if let Some(place) = &done.published {
        say(&format!("published: {}", visible(place)));
    }
    Ok(ExitCode::SUCCESS)
}

fn renew(common: &Common, lost: bool) -> Outcome<ExitCode> {
    let done = open(common)?.renew_audit(lost)?;
    show(common, &done, || {
        let who = match done.auditors.as_slice() {
            [] => "whoever opens the store, as nobody is an auditor of it".to_string(),
            auditors => auditors.iter().map(|one| visible(one)).collect::<Vec<_>>().join(", "),
        };
        let where_it = if done.broken { "with" } else { "behind" };
        format!("another chain begins {where_it} record {}; who can check it: {who}\n", done.seq)
    })?;
    if lost {
        say(
            "strongroom: nothing vouches for what the head was lost with: the log says so from now on",
        );
        say(
            "  next: 'strongroom audit verify' with an auditor's PIN checks what came before, and with \
             --from what comes after",
        );
    }
    Ok(ExitCode::SUCCESS)
}

/// Does something with each record, until there is no more or it says that it is enough. A line that is
/// no record is named; the code says that there was one.
fn each(
    chosen: &mut Chosen,
    mut with: impl FnMut(&Record, &Line) -> Outcome<bool>,
) -> Outcome<ExitCode> {
    let mut code = ExitCode::SUCCESS;
    loop {
        match chosen.selection.next_found()? {
            Some(Found::Record(record, line)) => {
                if !with(&record, &line)? {
                    return Ok(code);
                }
            }
            Some(Found::Stray(place)) => {
                say(&format!("strongroom: {} is no record", visible(&place)));
                say("  next: 'strongroom audit verify' says what was done to the log");
                code = ExitCode::FAILURE;
            }
            None if chosen.follow => chosen.wait(),
            None => return Ok(code),
        }
    }
}

/// The records that are asked for, and the store that they are of, where it opens without a question.
fn select(common: &Common, choice: &Choice) -> Outcome<Chosen> {
    let moment = |text: &Option<String>| text.as_deref().map(admin::moment).transpose();
    let filter = Filter {
        after: choice.after,
        since: moment(&choice.since)?,
        until: moment(&choice.until)?,
        keys: choice.key.clone(),
        users: choice.user.clone(),
        operations: choice.operation.clone(),
        outcomes: choice.outcome.clone(),
        programs: choice.program.clone(),
    };
    let trail = find(common, &choice.copy)?;
    let desk = match choice.copy.log {
        Some(_) => None,
        None => quietly(common)?,
    };
    let selection = trail.select(filter)?;
    Ok(Chosen { selection, desk, follow: choice.follow, swept: Instant::now() })
}

/// The store, with what was counted recorded. One that does not open this way is no fault: its log is
/// read as it is.
fn quietly(common: &Common) -> Outcome<Option<Desk>> {
    let (config, given) = (configuration(common)?, passphrase(common)?);
    let (desk, _) = capture(|| {
        let silent = || Err(failed("nobody is asked", "give the passphrase"));
        Desk::open(&config, given, silent).ok()
    });
    if let Some(desk) = &desk {
        desk.sweep();
    }
    Ok(desk)
}

fn find(common: &Common, copy: &LogCopy) -> Outcome<Trail> {
    Trail::find(&configuration(common)?, copy.log.as_deref())
}

/// Whether anybody still reads.
fn written(result: std::io::Result<()>) -> bool {
    match result {
        Ok(()) => true,
        Err(error) => {
            if error.kind() != ErrorKind::BrokenPipe {
                say(&format!("strongroom: cannot write the output: {error}"));
            }
            false
        }
    }
}

fn cells(record: &Record, zone: &Zone) -> [String; 8] {
    let who = [&record.who.user, &record.who.role].into_iter().flatten().cloned();
    let who = who.chain([format!("uid:{}", record.who.uid)]).collect::<Vec<_>>().join(" ");
    let key = record.key.as_ref().map_or(String::new(), |key| match key.label.is_empty() {
        true => key.id.clone(),
        false => key.label.clone(),
    });
    [
        record.seq.to_string(),
        zone.show(&record.time),
        who,
        record.who.program.clone(),
        record.op.clone(),
        key,
        record.outcome.clone(),
        particulars(record),
    ]
}

fn particulars(record: &Record) -> String {
    let mechanism = record.mechanism.iter().cloned();
    let details = record.details.iter().filter(|(name, _)| *name != "tree").map(|(name, value)| {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_string);
        let hash = value.len() == 64 && value.bytes().all(|byte| byte.is_ascii_hexdigit());
        match (hash, value.get(..12)) {
            (true, Some(short)) => format!("{name}={short}..."),
            _ => format!("{name}={value}"),
        }
    });
    mechanism.chain(details).collect::<Vec<_>>().join(" ")
}

/// Columns of a width of their own: what follows is not known yet when the first is written.
fn table_row(cells: &[String; 8]) -> String {
    let mut text = String::new();
    for (cell, width) in cells.iter().zip(WIDTHS) {
        let cell = visible(cell);
        text.push_str(&format!("{:width$}  ", if cell.is_empty() { "-" } else { &cell }));
    }
    format!("{}\n", text.trim_end())
}

const HEAD: [&str; 8] =
    ["SEQ", "TIME", "WHO", "PROGRAM", "OPERATION", "KEY", "OUTCOME", "PARTICULARS"];
const WIDTHS: [usize; 8] = [6, 32, 16, 12, 18, 16, 10, 0];
/// How long someone who follows waits before they look again.
const PAUSE: Duration = Duration::from_millis(200);
/// How old counts of processes that are gone get meanwhile.
const SWEEP: Duration = Duration::from_secs(1);
