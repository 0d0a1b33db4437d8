// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How many uses a process may take of a count at once, and when none is left: pure arithmetic. It may
//! import `store` (for what a count is).
//!
//! A process takes some uses together, spends them from memory, and gives back what is left. What it
//! has taken counts as used, so that a killed process loses it: fewer uses, never more.

use super::rules::{Operation, Rate, Reason, Rule};
use crate::store::{Approval, Count};

/// Uses that a process has taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// How many.
    pub uses: u64,
    /// The window of time they are for, by its beginning.
    pub window: u64,
}

/// Takes uses from a count under a rule.
pub fn take(count: &mut Count, rule: &Rule, now: u64) -> Result<Taken, Reason> {
    let of_total = rule.total.map_or(u64::MAX, |total| total.saturating_sub(count.total));
    if of_total == 0 {
        return Err(Reason::Total);
    }
    if let Some(rate) = rule.rate {
        // A clock set back stays in the latest window.
        let window = window(rate, now);
        if window > count.window {
            (count.window, count.used) = (window, 0);
        }
    }
    let of_rate = rule.rate.map_or(u64::MAX, |rate| rate.count.saturating_sub(count.used));
    if of_rate == 0 {
        return Err(Reason::Rate);
    }
    let uses = (of_total.min(of_rate) / SHARE).clamp(1, MOST);
    count.total = count.total.saturating_add(uses);
    count.used = count.used.saturating_add(uses);
    Ok(Taken { uses, window: count.window })
}

/// Gives back what was taken and not spent.
pub fn give_back(count: &mut Count, left: Taken) {
    count.total = count.total.saturating_sub(left.uses);
    if count.window == left.window {
        count.used = count.used.saturating_sub(left.uses);
    }
}

/// Whether uses taken for a window are good now: a later window has uses of its own.
pub fn is_current(rule: &Rule, taken_for: u64, now: u64) -> bool {
    rule.rate.is_none_or(|rate| window(rate, now) <= taken_for)
}

/// Whether an approval is of this operation with this key, and stands.
pub fn is_of(approval: &Approval, key: &[u8], operation: Operation, now: u64) -> bool {
    approval.key == key && approval.operation == operation.name() && approval.until > now
}

/// Takes one use of as many approvals as are asked for, each by another custodian; none where there
/// are too few.
pub fn approve(
    approvals: &mut Vec<Approval>,
    count: u32,
    good: impl Fn(&Approval) -> bool,
) -> bool {
    let mut chosen: Vec<usize> = Vec::new();
    for (at, approval) in approvals.iter().enumerate() {
        let known = |other: &usize| {
            approvals.get(*other).is_some_and(|other| other.custodian == approval.custodian)
        };
        if good(approval) && approval.uses > 0 && !chosen.iter().any(known) {
            chosen.push(at);
        }
    }
    if chosen.len() < count as usize {
        return false;
    }
    for at in chosen.into_iter().take(count as usize) {
        if let Some(approval) = approvals.get_mut(at) {
            approval.uses -= 1;
        }
    }
    approvals.retain(|approval| approval.uses > 0);
    true
}

fn window(rate: Rate, now: u64) -> u64 {
    now - now % rate.per.max(1)
}

/// A process takes one in so many of what is left.
const SHARE: u64 = 16;
/// But not more.
const MOST: u64 = 64;
