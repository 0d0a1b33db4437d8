// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which records someone wants to see. It compares, and touches no file.

use super::reading::Record;

/// What a record must be like. A filter that says nothing fits all.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// It comes after this one.
    pub after: u64,
    /// Not done before this, microseconds since 1970.
    pub since: Option<i64>,
    /// Not done at this time or after it, microseconds since 1970.
    pub until: Option<i64>,
    /// The key's unique id or label; `*` stands for anything. Any of these.
    pub keys: Vec<String>,
    /// The user's name, the role or `uid:` and a number. Any of these.
    pub users: Vec<String>,
    /// What was done. Any of these.
    pub operations: Vec<String>,
    /// How it went: the name of a `CKR_*`, `ok` or `failed`. Any of these.
    pub outcomes: Vec<String>,
    /// The program. Any of these.
    pub programs: Vec<String>,
}

impl Filter {
    /// Whether a record is like that. A record of counts is of a span, and fits where any of it does.
    pub fn fits(&self, record: &Record) -> bool {
        let among = |patterns: &[String], is: &dyn Fn(&str) -> bool| {
            patterns.is_empty() || patterns.iter().any(|pattern| is(pattern))
        };
        record.seq > self.after
            && self.since.is_none_or(|since| record.written() >= since)
            && self.until.is_none_or(|until| record.since() < until)
            && among(&self.operations, &|pattern| glob(pattern, &record.op))
            && among(&self.outcomes, &|pattern| went(pattern, &record.outcome))
            && among(&self.programs, &|pattern| glob(pattern, &record.who.program))
            && among(&self.users, &|pattern| does(pattern, record))
            && among(&self.keys, &|pattern| concerns(pattern, record))
    }
}

fn went(pattern: &str, outcome: &str) -> bool {
    match pattern {
        "ok" => outcome == GOOD,
        "failed" => outcome != GOOD,
        pattern => glob(pattern, outcome),
    }
}

fn does(pattern: &str, record: &Record) -> bool {
    if let Some(uid) = pattern.strip_prefix("uid:") {
        return uid == record.who.uid.to_string();
    }
    [&record.who.user, &record.who.role]
        .iter()
        .any(|name| name.as_ref().is_some_and(|name| glob(pattern, name)))
}

/// The key, or what was made or done beside it.
fn concerns(pattern: &str, record: &Record) -> bool {
    let object = record.details.get("object").and_then(|object| object.as_str());
    let key = record.key.iter().any(|key| glob(pattern, &key.id) || glob(pattern, &key.label));
    key || object.is_some_and(|object| glob(pattern, object))
}

/// Whether a text is like a pattern, in which `*` stands for any text.
pub fn glob(pattern: &str, text: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(head) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        // The first place is the best: it leaves most for what follows.
        let Some(at) = text.find(part) else { return false };
        text = text.get(at + part.len()..).unwrap_or_default();
    }
    text.ends_with(last)
}

const GOOD: &str = "CKR_OK";
