// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom policy`.

use super::arguments::{Common, Explain, PolicyVerb, SoPin};
use super::opening::open;
use super::output::{print, say, show, visible};
use super::{failed, keys, pins};
use crate::admin::{self, Asked, Checked, Explained, Outcome, Wanted};
use crate::types::Holder;
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(common: &Common, verb: &PolicyVerb) -> Outcome<ExitCode> {
    match verb {
        PolicyVerb::Show(token) => {
            let desk = open(common)?;
            let shown = desk.enter(&desk.token(token.token.as_deref())?)?.policy()?;
            match common.json {
                true => show(common, &shown, String::new)?,
                false => print(shown.text.as_bytes())?,
            }
            Ok(ExitCode::SUCCESS)
        }
        PolicyVerb::Check { file } => check(common, file),
        PolicyVerb::Set { token, file, so } => set(common, token.token.as_deref(), file, so),
        PolicyVerb::Approve { user, key, operation, uses, long } => {
            let desk = open(common)?;
            keys::enter(&desk, user)?.approve(key, *operation, *uses, long)?;
            let done = serde_json::json!({
                "key": key, "operation": operation, "uses": uses, "for": long
            });
            show(common, &done, || {
                format!(
                    "{} of {} approved: {uses} uses, for {long}\n",
                    operation.name(),
                    visible(key)
                )
            })?;
            Ok(ExitCode::SUCCESS)
        }
        PolicyVerb::Explain(arguments) => explain(common, arguments),
    }
}

fn check(common: &Common, file: &Path) -> Outcome<ExitCode> {
    let (checked, proposal) = admin::check_policy(file)?;
    if proposal.is_some() || common.json {
        let rules = checked.rules;
        show(common, &checked, || format!("{}: {rules} rules, nothing wrong\n", checked.file))?;
    }
    complain(&checked);
    Ok(if proposal.is_some() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn set(common: &Common, token: Option<&str>, file: &Path, so: &SoPin) -> Outcome<ExitCode> {
    let (checked, proposal) = admin::check_policy(file)?;
    let Some(proposal) = proposal else {
        complain(&checked);
        return Err(failed(
            format!("{} is not a policy; nothing was changed", checked.file),
            "correct what is named above, and set it again",
        ));
    };
    let desk = open(common)?;
    let token = desk.token(token)?;
    let officer = desk.log_in(&token, &Holder::So, &pins::officer(so, &token)?)?;
    let done = officer.set_policy(&proposal)?;
    show(common, &done, || {
        format!(
            "policy {} of token '{}' set: {} rules\n",
            done.version,
            visible(&token.label),
            done.rules
        )
    })?;
    Ok(ExitCode::SUCCESS)
}

fn explain(common: &Common, arguments: &Explain) -> Outcome<ExitCode> {
    let desk = open(common)?;
    let visit = keys::read(&desk, &arguments.reader)?;
    let asked = Asked {
        operation: arguments.operation,
        mechanism: arguments.mechanism.clone(),
        user: arguments.by.clone(),
        role: arguments.role,
        uid: arguments.uid,
        at: arguments.at.clone(),
    };
    let wanted = Wanted { class: arguments.class, ..admin::named_key(&arguments.key)? };
    let told = visit.explain(&wanted, &asked)?;
    show(common, &told, || words(&told))?;
    Ok(if told.allowed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn words(told: &Explained) -> String {
    let mut text = visible(&told.verdict);
    text.push('\n');
    for rule in &told.rules {
        let line = format!("  rule '{}' (line {}) {}", rule.name, rule.line, rule.says);
        text.push_str(&visible(&line));
        text.push('\n');
    }
    text
}

/// Each fault with its place, as compilers give theirs.
fn complain(checked: &Checked) {
    for fault in &checked.faults {
        let place = format!("{}:{}:{}", checked.file, fault.line, fault.column);
        say(&visible(&format!("{place}: {}", fault.what)));
        say(&visible(&format!("  next: {}", fault.next)));
    }
}
