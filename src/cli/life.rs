// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the command writes the life of keys.

use super::arguments::keys;
use super::failed;
use super::output::{table, visible};
use crate::admin::{Changed, Class, Failure, KeyLife, Said, Step, Summary};

/// Keys with what is said of them.
pub(super) fn long(objects: &[Summary]) -> String {
    let row = |object: &Summary| {
        let life = object.life.as_ref();
        let said = |text: fn(&KeyLife) -> &Option<String>| {
            life.and_then(|life| text(life).clone()).unwrap_or_else(|| "-".to_string())
        };
        let labels = life.map(|life| life.labels.join(",")).filter(|labels| !labels.is_empty());
        vec![
            object.id.clone(),
            object.label.clone(),
            object.class.map_or("-", Class::name).to_string(),
            object.kind.clone(),
            object.state().unwrap_or("-").to_string(),
            said(|life| &life.owner),
            said(|life| &life.purpose),
            said(|life| &life.start_date),
            said(|life| &life.end_date),
            said(|life| &life.rotation_due),
            labels.unwrap_or_else(|| "-".to_string()),
        ]
    };
    let head = [
        "ID",
        "LABEL",
        "CLASS",
        "TYPE",
        "STATE",
        "OWNER",
        "PURPOSE",
        "FROM",
        "UNTIL",
        "ROTATION DUE",
        "LABELS",
    ];
    table(&head, &objects.iter().map(row).collect::<Vec<_>>())
}

/// Keys that were destroyed.
pub(super) fn destroyed(objects: &[Summary]) -> String {
    let row = |object: &Summary| {
        let said = |text: fn(&KeyLife) -> &Option<String>| {
            let life = object.life.as_ref();
            life.and_then(|life| text(life).clone()).unwrap_or_else(|| "-".to_string())
        };
        vec![
            object.id.clone(),
            object.label.clone(),
            object.kind.clone(),
            said(|life| &life.owner),
            said(|life| &life.state_since),
            said(|life| &life.state_by),
            said(|life| &life.state_reason),
        ]
    };
    let head = ["ID", "LABEL", "TYPE", "OWNER", "DESTROYED", "BY", "REASON"];
    table(&head, &objects.iter().map(row).collect::<Vec<_>>())
}

/// Keys whose state was changed, and what they may still do.
pub(super) fn changed(step: Step, changed: &[Changed]) -> String {
    let line = |changed: &Changed| {
        let may = match changed.may.as_slice() {
            [] => "nothing".to_string(),
            some => some.join(", "),
        };
        let key = visible(&changed.key.words());
        let state = changed.key.state().unwrap_or("-");
        format!("{}: {key}; it is {state}, and may be used for: {may}\n", step.done())
    };
    changed.iter().map(line).collect()
}

/// When a key should be replaced, for those that say every how long.
pub(super) fn due(object: &Summary) -> String {
    let life = object.life.as_ref().filter(|life| life.rotation_period.is_some());
    let due = life.map(|life| life.rotation_due.as_deref().unwrap_or("nobody knows its age"));
    due.map_or_else(String::new, |due| format!("  {:<30} {due}\n", "rotation due"))
}

/// What the options say of a key.
pub(super) fn said(said: &keys::Said) -> Said {
    Said {
        owner: said.owner.clone(),
        purpose: said.purpose.clone(),
        rotate_every: said.rotate_every,
        labels: said.label_set.clone(),
        start_date: said.start_date.clone(),
        end_date: said.end_date.clone(),
    }
}

/// What stays on record must be said.
pub(super) fn no_reason(what: &str) -> Failure {
    failed(format!("{what} for a reason, which stays on record"), "add --reason TEXT")
}
