// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom import`.

use super::arguments::Common;
use super::arguments::moving::ImportVerb;
use super::opening::open;
use super::output::{show, table, visible};
use super::{pins, secrets};
use crate::admin::softhsm::{Fate, Moved, Report, Source};
use crate::admin::{Class, Outcome};
use std::collections::BTreeSet;
use std::process::ExitCode;

pub(super) fn run(common: &Common, verb: &ImportVerb) -> Outcome<ExitCode> {
    let ImportVerb::Softhsm2(arguments) = verb;
    // The source first: what is wrong with it should not cost someone a PIN.
    let (label, serial) = (arguments.token.as_deref(), arguments.serial.as_deref());
    let source = Source::find(&arguments.tokens, label, serial)?;
    let pin = match source.takes_pin() {
        true => Some(secrets::existing(
            arguments.source_pin_file.as_deref(),
            arguments.source_pin_env.as_deref(),
            &format!("User PIN of the SoftHSM2 token '{}'", visible(&source.label)),
            "source-pin",
        )?),
        false => None,
    };
    let unlocked = source.open(pin.as_ref())?;
    let desk = open(common)?;
    let token = desk.token(arguments.into.as_deref())?;
    let (holder, pin) = pins::holder(&arguments.holder, &token)?;
    let report = desk.log_in(&token, &holder, &pin)?.move_in(&unlocked, arguments.dry_run)?;
    show(common, &report, || text(&report))?;
    Ok(ExitCode::from(u8::from(report.left > 0)))
}

fn text(report: &Report) -> String {
    let objects = &report.objects;
    let mut text = match objects.is_empty() {
        true => String::new(),
        false => table(HEAD, &objects.iter().map(|moved| row(moved, report)).collect::<Vec<_>>()),
    };
    text.push_str(&changes(objects));
    text.push_str(&reasons(objects));
    let (from, into) = (visible(&report.from.label), visible(&report.into.label));
    let (done, note) = match report.dry_run {
        true => ("to carry", " Nothing was done: leave --dry-run away to carry them."),
        false => ("carried", ""),
    };
    text + &format!(
        "From SoftHSM2 token '{from}' into token '{into}': {} {done}, {} there already, {} left \
         behind.{note}\n",
        report.carried, report.present, report.left
    )
}

fn row(moved: &Moved, report: &Report) -> Vec<String> {
    let fate = match moved.fate {
        Fate::Carried if report.dry_run => "to carry",
        Fate::Carried => "carried",
        Fate::Present => "there already",
        Fate::Left => "left behind",
    };
    let class = moved.class.map_or("-", Class::name).to_string();
    vec![fate.to_string(), moved.id.clone(), moved.label.clone(), class, moved.kind.clone()]
}

/// What is not as it was: each change once, with the objects that it befell.
fn changes(objects: &[Moved]) -> String {
    let carried = || objects.iter().filter(|moved| moved.fate == Fate::Carried);
    let all: BTreeSet<&String> = carried().flat_map(|moved| &moved.changed).collect();
    let line = |change: &String| {
        let befell = carried().filter(|moved| moved.changed.contains(change));
        let names: Vec<_> = befell.map(name).collect();
        visible(&format!("changed: {change}: {}", names.join(", "))) + "\n"
    };
    all.into_iter().map(line).collect()
}

/// Why an object was left behind, and what to do about it.
fn reasons(objects: &[Moved]) -> String {
    let left = objects.iter().filter(|moved| moved.fate == Fate::Left);
    let lines = left.map(|moved| {
        let (why, next) = (moved.why.as_deref(), moved.next.as_deref());
        let (why, next) = (why.unwrap_or_default(), next.unwrap_or_default());
        let what = format!("left: {} ({}): {why}", name(moved), moved.source);
        format!("{}\n  next: {}\n", visible(&what), visible(next))
    });
    lines.collect()
}

fn name(moved: &Moved) -> String {
    let class = moved.class.map_or("object", Class::name);
    match (moved.label.as_str(), moved.id.as_str()) {
        ("", "") => class.to_string(),
        ("", id) => format!("{class} {id}"),
        (label, _) => format!("{class} '{label}'"),
    }
}

const HEAD: &[&str] = &["", "ID", "LABEL", "CLASS", "TYPE"];
