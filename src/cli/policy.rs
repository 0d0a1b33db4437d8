// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom policy`.

use super::arguments::{Common, PolicyVerb};
use super::output::{say, show, visible};
use crate::admin::{self, Checked, Outcome};
use std::path::Path;
use std::process::ExitCode;

pub(super) fn run(common: &Common, verb: &PolicyVerb) -> Outcome<ExitCode> {
    match verb {
        PolicyVerb::Check { file } => check(common, file),
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

/// Each fault with its place, as compilers give theirs.
fn complain(checked: &Checked) {
    for fault in &checked.faults {
        let place = format!("{}:{}:{}", checked.file, fault.line, fault.column);
        say(&visible(&format!("{place}: {}", fault.what)));
        say(&visible(&format!("  next: {}", fault.next)));
    }
}
