// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom check`.

use super::arguments::{Check, Common};
use super::confirming::confirm;
use super::opening::{configuration, open};
use super::output::{say, show, visible};
use super::pins::{holder, officer};
use crate::admin::{self, Bad, Desk, Discarded, Outcome, Report};
use std::process::ExitCode;

pub(super) fn run(common: &Common, check: &Check) -> Outcome<ExitCode> {
    let counter = match check.repair {
        true => admin::repair_counter(&configuration(common)?)?,
        false => None,
    };
    let desk = open(common)?;
    let discarded = check.discard.map(|number| discard(&desk, check, number)).transpose()?;
    let mut visits = Vec::new();
    let named = &check.holder;
    let pin = named.pin.pin_file.is_some() || named.pin.pin_env.is_some();
    if check.token.is_some() || named.user.is_some() || pin {
        let token = desk.token(check.token.as_deref())?;
        let (whose, pin) = holder(named, &token)?;
        visits.push(desk.log_in(&token, &whose, &pin)?);
    }
    let mut report = match check.repair {
        true => admin::repair(&desk, &visits)?,
        false => admin::check(&desk, &visits)?,
    };
    report.repaired.extend(counter);
    report.discarded = discarded;
    show(common, &report, || text(&report))?;
    if !report.unread.is_empty() {
        say("strongroom: not all of the store could be read: the disk failed");
        say(
            "  next: the system's own log (dmesg, journalctl -k) says which disk; copy the store to a sound \
             one while it is still read, or restore a backup there",
        );
    }
    if report.faults.is_empty() {
        // As where the check could not run at all: nothing is known to be wrong, nor to be right.
        let unread = !report.unread.is_empty();
        return Ok(if unread { ExitCode::from(2) } else { ExitCode::SUCCESS });
    }
    say("strongroom: the store is not as it was written");
    say(&format!("  next: {}", next(&report, check.repair)));
    Ok(ExitCode::FAILURE)
}

/// Gives an object up, once whoever asks for it has seen what is wrong with it.
fn discard(desk: &Desk, check: &Check, number: i64) -> Outcome<Discarded> {
    let object = desk.condemned(number)?;
    if !check.yes {
        let warning = "What it was comes back from a backup alone.";
        let lines = [visible(&object.what), warning.to_string()];
        confirm(&lines, "discard", ("number", &number.to_string()))?;
    }
    let pin = object.token.as_ref().map(|token| officer(&check.so_pin, token)).transpose()?;
    desk.discard(&object, pin.as_ref())
}

fn text(report: &Report) -> String {
    let mut text = format!(
        "store {}, tokens: {}, objects: {}, faults: {}\n",
        visible(&report.store),
        report.tokens,
        report.objects,
        report.faults.len()
    );
    if !report.roll {
        text.push_str("note: the store has no roll of objects yet; the next change makes it\n");
    }
    for note in &report.notes {
        text.push_str(&format!("note: {}\n", visible(note)));
    }
    if let Some(Discarded { what, copy, .. }) = &report.discarded {
        let (what, copy) = (visible(what), visible(copy));
        text.push_str(&format!("discarded: {what}\n  what was left of it is in {copy}\n"));
    }
    for done in &report.repaired {
        text.push_str(&format!("repaired: {}\n", visible(done)));
    }
    for unread in &report.unread {
        text.push_str(&format!("unread: {}\n", visible(unread)));
    }
    for fault in &report.faults {
        let mend = if fault.repairable { " (--repair puts it right)" } else { "" };
        text.push_str(&format!("fault: {}{mend}\n", visible(&fault.what)));
    }
    text
}

fn next(report: &Report, repaired: bool) -> &'static str {
    if !repaired && report.faults.iter().all(|fault| fault.repairable) {
        return "keep a copy of the store, find out who wrote to it, then 'strongroom check --repair'";
    }
    let may_go = |fault: &Bad| fault.repairable || fault.table == "object";
    if report.faults.iter().all(may_go) {
        return "keep a copy of the store and find out who wrote to it; restore a backup, or give an object up \
                with 'strongroom check --discard NUMBER' (docs/recovery.md)";
    }
    "keep a copy of the store and find out who wrote to it; stop its users and restore a backup \
     (docs/recovery.md)"
}
