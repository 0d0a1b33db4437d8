// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom audit verify`: what it prints.

use super::arguments::Common;
use super::arguments::audit::Verify;
use super::opening::{configuration, passphrase};
use super::output::{say, show, visible};
use super::pins::{holder, officer};
use super::{failed, secrets};
use crate::admin::{self, AuditCheck, AuditReport, Failure, Office, Outcome, TokenInfo, Witnessed};
use crate::config::Config;
use crate::error::Error;
use crate::secret::Secret;
use crate::types::Holder as Whose;
use std::process::ExitCode;

pub(super) fn run(common: &Common, verify: &Verify) -> Outcome<ExitCode> {
    let check = AuditCheck {
        log: verify.log.clone(),
        checkpoint_key: verify.checkpoint_key.clone(),
        auditor_key: verify.auditor_key.clone(),
        from: verify.from,
    };
    let config = configuration(common)?;
    let auditor = auditor(common, verify, &config)?;
    let mut witnessed = match (&verify.log, &auditor) {
        (Some(_), _) => Witnessed::default(),
        (None, Some(one)) => one.office.witnessed(),
        (None, None) => Witnessed::by_store(&config, passphrase(common)?),
    };
    witnessed.auditor =
        auditor.as_ref().map(|one| one.seed.duplicate()).transpose().map_err(memory)?;
    let report = admin::verify_audit(&config, &check, &witnessed)?;
    let sound = report.faults.is_empty();
    if let Some(one) = auditor.filter(|_| sound) {
        one.office.note(&one.token, &one.whose)?;
    } else if auditor_asked(verify) {
        say("note: that this check was made is not recorded: the log is left as it is");
    }
    if verify.log.is_none() && !admin::keep_verified(&config, sound, report.records) {
        say(
            "note: metrics and alarms do not learn of this: the store cannot be written by this user",
        );
    }
    show(common, &report, || text(&report))?;
    if sound {
        return Ok(ExitCode::SUCCESS);
    }
    say("strongroom: the audit log is not as it was written");
    say(
        "  next: keep a copy of it, and find out who wrote to it; what comes before the first bad \
         record stands",
    );
    Ok(ExitCode::FAILURE)
}

/// An auditor who gave their PIN.
struct Checking {
    office: Office,
    token: TokenInfo,
    whose: Whose,
    seed: Secret,
}

fn auditor_asked(verify: &Verify) -> bool {
    let pin = &verify.holder.pin;
    verify.so || verify.holder.user.is_some() || pin.pin_file.is_some() || pin.pin_env.is_some()
}

fn auditor(common: &Common, verify: &Verify, config: &Config) -> Outcome<Option<Checking>> {
    if !auditor_asked(verify) {
        return Ok(None);
    }
    let what = "passphrase of the store's seal";
    let ask = || secrets::typed("Passphrase of the store: ", what, "passphrase");
    let office = Office::open(config, passphrase(common)?, ask)?;
    let whose = match (verify.so, &verify.holder.user) {
        (true, _) => Whose::So,
        (false, Some(name)) => Whose::Named(name.clone()),
        (false, None) => Whose::User,
    };
    let token = office.token(verify.token.token.as_deref(), &whose)?;
    let pin = match verify.so {
        true => officer(&verify.so_pin, &token)?,
        false => holder(&verify.holder, &token)?.1,
    };
    let seed = office.seed(&token, &whose, &pin)?;
    Ok(Some(Checking { office, token, whose, seed }))
}

fn memory(_: Error) -> Failure {
    failed("memory ran out", "end other programs, or raise the limit on memory")
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
        (unchecked, "records whose codes were not checked: that takes an auditor's PIN or key"),
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
