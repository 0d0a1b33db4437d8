// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The numbers of a rule: how often, how strong, with whose approval. It imports nothing of the crate.

use super::fault::Faults;
use super::lists;
use super::names::{Operations, UNITS};
use super::text::{RawApprovals, RawRate, RawRule};
use std::ops::RangeInclusive;
use toml::Spanned;

/// So many uses in each window of time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// How many.
    pub count: u64,
    /// The length of a window, seconds. Windows begin at multiples of it since 1970.
    pub per: u64,
}

/// How many custodians approve, and of what.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approvals {
    /// How many different ones.
    pub count: u32,
    /// Which operations wait for it.
    pub operations: Operations,
}

pub(super) fn rate(raw: &RawRate, faults: &mut Faults<'_>) -> Rate {
    let count = number("rate.count", &raw.count, COUNT, faults);
    let text = raw.per.get_ref();
    let per = seconds(text);
    if per.is_none() {
        faults.add(
            &raw.per.span(),
            format!("'{text}' is no window of time"),
            "write a number and one of s, m, h, d, such as 1m; at most 366d",
        );
    }
    Rate { count, per: per.unwrap_or(1) }
}

/// A length of time, such as `15m`, in seconds; at most 366 days.
pub fn seconds(text: &str) -> Option<u64> {
    let unit = UNITS.iter().find_map(|(unit, seconds)| Some((text.strip_suffix(*unit)?, seconds)));
    let read = unit.and_then(|(digits, seconds)| digits.parse::<u64>().ok()?.checked_mul(*seconds));
    read.filter(|seconds| (1..=LONGEST_WINDOW).contains(seconds))
}

pub(super) fn total(raw: &RawRule, faults: &mut Faults<'_>) -> Option<u64> {
    raw.total.as_ref().map(|total| number("total", total, COUNT, faults))
}

pub(super) fn strength(raw: &RawRule, faults: &mut Faults<'_>) -> Option<u32> {
    let strength = raw.min_strength.as_ref()?;
    Some(number("min-strength", strength, STRENGTH, faults) as u32)
}

pub(super) fn approvals(
    raw: &RawApprovals,
    permitted: Operations,
    faults: &mut Faults<'_>,
) -> Approvals {
    let count = number("approvals.count", &raw.count, APPROVALS, faults) as u32;
    let Some(list) = &raw.operations else {
        return Approvals { count, operations: permitted.without(Operations::BIRTHS) };
    };
    let operations = lists::operations(list, faults);
    if !permitted.covers(operations) {
        faults.add(
            &list.span(),
            "approval is asked for an operation that the rule does not permit",
            "add it to the rule's 'operations', or take it away here",
        );
    }
    if operations.meets(Operations::BIRTHS) {
        faults.add(
            &list.span(),
            "a key that is yet to be made cannot be approved of",
            "take 'generate' and 'import' away here; 'principals' says who makes keys",
        );
    }
    Approvals { count, operations }
}

/// A rule that counts must permit something that is counted.
pub(super) fn counted(raw: &RawRule, permitted: Operations, faults: &mut Faults<'_>) {
    let counts =
        raw.total.as_ref().map(Spanned::span).or(raw.rate.as_ref().map(|r| r.count.span()));
    if let Some(span) = counts.filter(|_| Operations::BIRTHS.covers(permitted)) {
        faults.add(
            &span,
            "the uses of each key are counted, and this rule permits none: keys are made but once",
            "take 'total' and 'rate' away, or permit more than 'generate' and 'import'",
        );
    }
}

pub(super) fn number(
    name: &str,
    value: &Spanned<i64>,
    range: RangeInclusive<i64>,
    faults: &mut Faults<'_>,
) -> u64 {
    if !range.contains(value.get_ref()) {
        faults.add(
            &value.span(),
            format!("{name} is {}", value.get_ref()),
            format!("write a number from {} to {}", range.start(), range.end()),
        );
    }
    value.get_ref().unsigned_abs()
}

/// Uses: a rule that permits none says so by not being there.
const COUNT: RangeInclusive<i64> = 1..=1_000_000_000_000;
const STRENGTH: RangeInclusive<i64> = 1..=256;
const APPROVALS: RangeInclusive<i64> = 1..=16;
/// The longest window of a rate, seconds.
const LONGEST_WINDOW: u64 = 366 * 86_400;
