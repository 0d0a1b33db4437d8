// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The shape of a policy's text: what TOML and the names of keys alone say of it. It imports nothing
//! of the crate.

use super::fault::{Fault, Faults};
use serde::Deserialize;
use toml::Spanned;

/// A text, or a list of them, with their places.
pub(super) type Text = Spanned<String>;
pub(super) type Texts = Spanned<Vec<Text>>;

/// A whole policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Page {
    pub(super) version: Spanned<i64>,
    pub(super) default: Option<Text>,
    #[serde(default)]
    pub(super) rule: Vec<Spanned<RawRule>>,
    #[serde(default)]
    pub(super) alarm: Vec<Spanned<RawAlarm>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawAlarm {
    pub(super) name: Text,
    pub(super) when: Text,
    pub(super) operations: Option<Texts>,
    pub(super) outcomes: Option<Texts>,
    pub(super) keys: Option<Texts>,
    pub(super) users: Option<Texts>,
    pub(super) programs: Option<Texts>,
    pub(super) window: Option<Text>,
    pub(super) threshold: Option<Spanned<i64>>,
    pub(super) hours: Option<Spanned<RawHours>>,
    pub(super) notify: Option<Texts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawRule {
    pub(super) name: Text,
    #[serde(rename = "match")]
    pub(super) key: Option<Spanned<RawMatch>>,
    pub(super) operations: Option<Texts>,
    pub(super) mechanisms: Option<Texts>,
    pub(super) principals: Option<Spanned<RawPrincipals>>,
    pub(super) hours: Option<Spanned<RawHours>>,
    pub(super) rate: Option<RawRate>,
    pub(super) total: Option<Spanned<i64>>,
    pub(super) min_strength: Option<Spanned<i64>>,
    pub(super) approvals: Option<RawApprovals>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawMatch {
    pub(super) label: Option<Text>,
    pub(super) id: Option<Text>,
    pub(super) class: Option<Text>,
    pub(super) key_type: Option<Text>,
    pub(super) owner: Option<Text>,
    pub(super) purpose: Option<Text>,
    pub(super) labels: Option<Texts>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrincipals {
    pub(super) roles: Option<Texts>,
    pub(super) users: Option<Texts>,
    pub(super) uids: Option<Spanned<Vec<Spanned<i64>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawHours {
    pub(super) days: Option<Texts>,
    pub(super) from: Option<Text>,
    pub(super) to: Option<Text>,
    pub(super) zone: Option<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRate {
    pub(super) count: Spanned<i64>,
    pub(super) per: Text,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawApprovals {
    pub(super) count: Spanned<i64>,
    pub(super) operations: Option<Texts>,
}

/// Reads a text, as far as its shape goes.
pub(super) fn read(text: &str) -> Result<Page, Vec<Fault>> {
    let mut faults = Faults::of(text);
    if text.len() > LONGEST {
        faults.add(
            &(0..0),
            format!("the policy has {} bytes; at most {LONGEST} are taken", text.len()),
            "join rules that differ in their match alone by a wider pattern",
        );
        return Err(faults.all());
    }
    toml::from_str(text).map_err(|error| {
        let span = error.span().unwrap_or(0..0);
        let what = error.message().lines().collect::<Vec<_>>().join("; ");
        faults.add(&span, what, "correct it; docs/policy.md describes the format");
        faults.all()
    })
}

/// The longest policy, bytes.
const LONGEST: usize = 1 << 20;
