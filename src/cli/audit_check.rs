// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom audit verify`: what it prints.

use super::arguments::Common;
use super::audit_arguments::Verify;
use super::opening::{configuration, passphrase};
use super::output::{say, show, visible};
use crate::admin::{self, AuditCheck, AuditReport, Outcome, Witnessed};
use std::process::ExitCode;

pub(super) fn run(common: &Common, verify: &Verify) -> Outcome<ExitCode> {
    let check = AuditCheck {
        log: verify.log.clone(),
        checkpoint_key: verify.checkpoint_key.clone(),
        auditor_key: verify.auditor_key.clone(),
        from: verify.from,
    };
    let config = configuration(common)?;
    let witnessed = match verify.log {
        None => Witnessed::by_store(&config, passphrase(common)?),
        Some(_) => Witnessed::default(),
    };
    let report = admin::verify_audit(&config, &check, &witnessed)?;
    if verify.log.is_none()
        && !admin::keep_verified(&config, report.faults.is_empty(), report.records)
    {
        say(
            "note: metrics and alarms do not learn of this: the store cannot be written by this user",
        );
    }
    show(common, &report, || text(&report))?;
    if report.faults.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    say("strongroom: the audit log is not as it was written");
    say(
        "  next: keep a copy of it, and find out who wrote to it; what comes before the first bad \
         record stands",
    );
    Ok(ExitCode::FAILURE)
}

fn text(report: &AuditReport) -> String {
    let or_none =
        |number: Option<u64>| number.map_or("none".to_owned(), |number| number.to_string());
    let mut text = format!(
        "log {}, records: {}, checkpoints: {}, last good checkpoint: {}, faults: {}\n",
        visible(&report.log),
        report.records,
        report.checkpoints,
        or_none(report.last_checkpoint),
        report.faults.len()
    );
    let unchecked = report.records - report.chained.min(report.records);
    let notes = [
        (unchecked, "records whose codes were not checked: that takes an auditor's key"),
        (report.ahead, "records that the head does not count yet"),
        (report.lost, "records that a loss of power took"),
        (report.unfinished, "bytes of a line that is not whole, at the end"),
        (report.unopened.len() as u64, "chains whose keys are for other auditors"),
    ];
    for (count, what) in notes.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!("note: {what}: {count}\n"));
    }
    if !report.bound {
        text.push_str("note: the end was not compared with the store\n");
    }
    for fault in &report.faults {
        text.push_str(&format!("fault: {}\n", visible(&fault.what)));
    }
    text
}
