// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One rule. It imports nothing of the crate.

use super::fault::{Faults, place};
use super::hours::Hours;
use super::key::{Facts, Match};
use super::limits::{self, Approvals, Rate};
use super::lists::{self, Principals};
use super::names::Operations;
use super::text::RawRule;
use toml::Spanned;

/// One rule.
#[derive(Debug)]
pub struct Rule {
    /// Its name.
    pub name: String,
    /// The line where it begins.
    pub line: usize,
    /// How often in each window.
    pub rate: Option<Rate>,
    /// How often at all.
    pub total: Option<u64>,
    /// With whose approval.
    pub approvals: Option<Approvals>,
    pub(super) key: Match,
    pub(super) operations: Operations,
    /// The numbers of mechanisms, ascending; none for all.
    pub(super) mechanisms: Option<Vec<u64>>,
    pub(super) principals: Option<Principals>,
    pub(super) hours: Option<Hours>,
    pub(super) strength: Option<u32>,
}

impl Rule {
    pub(super) fn compile(text: &str, raw: &Spanned<RawRule>, faults: &mut Faults<'_>) -> Rule {
        let (line, span) = (place(text, raw.span().start).0, raw.get_ref().name.span());
        let raw = raw.get_ref();
        let name = raw.name.get_ref().clone();
        let long = name.is_empty() || name.len() > LONGEST_NAME;
        if long || name.chars().any(char::is_control) {
            faults.add(
                &span,
                "that is no name of a rule",
                format!("write 1 to {LONGEST_NAME} bytes without control characters"),
            );
        }
        let operations =
            raw.operations.as_ref().map_or(Operations::ALL, |list| lists::operations(list, faults));
        limits::counted(raw, operations, faults);
        Rule {
            name,
            line,
            key: raw.key.as_ref().map_or_else(Match::default, |key| Match::compile(key, faults)),
            operations,
            mechanisms: raw.mechanisms.as_ref().map(|list| lists::mechanisms(list, faults)),
            principals: raw.principals.as_ref().map(|raw| Principals::compile(raw, faults)),
            hours: raw.hours.as_ref().map(|raw| Hours::compile(raw, faults)),
            rate: raw.rate.as_ref().map(|raw| limits::rate(raw, faults)),
            total: limits::total(raw, faults),
            strength: limits::strength(raw, faults),
            approvals: raw.approvals.as_ref().map(|raw| limits::approvals(raw, operations, faults)),
        }
    }

    /// Whether it is about a key.
    pub(super) fn is_about(&self, key: &Facts) -> bool {
        self.key.fits(key)
    }

    /// Whether it counts uses.
    pub fn counts(&self) -> bool {
        self.rate.is_some() || self.total.is_some()
    }

    /// Whether it asks for the time of day.
    pub fn asks_hours(&self) -> bool {
        self.hours.is_some()
    }

    /// Whether it limits what a second object with the same value would be given anew.
    pub fn limits(&self) -> bool {
        self.counts() || self.approvals.is_some()
    }
}

/// The longest name of a rule, bytes.
const LONGEST_NAME: usize = 64;
