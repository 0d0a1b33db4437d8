// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Whether the rules that are about a key permit what is asked. It imports nothing of the crate.

use super::compile::{Otherwise, Rules};
use super::key::Facts;
use super::names::{Operation, Roles};
use super::rule::Rule;
use serde::Serialize;
use std::sync::Arc;

/// The rules that are about one key, found once for many uses.
#[derive(Debug)]
pub struct Matched {
    /// In the order of the text.
    pub rules: Vec<Arc<Rule>>,
    otherwise: Otherwise,
    strength: Option<u32>,
}

/// What is asked.
#[derive(Clone, Copy, Debug)]
pub struct Ask {
    /// What is to be done.
    pub operation: Operation,
    /// With which mechanism (`CKM_*`); none for what is done without one.
    pub mechanism: Option<u64>,
}

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub struct Caller<'a> {
    /// In what parts.
    pub roles: Roles,
    /// The name of a named user.
    pub user: Option<&'a str>,
    /// The user of the operating system.
    pub uid: u32,
}

/// When it is asked.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// The clock, seconds since 1970.
    pub now: u64,
    /// The latest time that the token has seen, seconds since 1970.
    pub seen: u64,
}

/// Why a rule does not permit something, in the order in which they are looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Reason {
    /// Not this operation.
    Operation,
    /// Not with this mechanism.
    Mechanism,
    /// Not by this caller.
    Principal,
    /// The key is too weak.
    Strength,
    /// The clock was set back.
    Clock,
    /// Not at this time.
    Hours,
    /// Too few have approved.
    Approvals,
    /// Its total is used up.
    Total,
    /// The uses of this window of time are used up.
    Rate,
    /// The use could not be counted.
    Uncounted,
    /// The time could not be noted.
    Unnoted,
    /// It would be about the key no more, or has not been.
    Astray,
    /// A copy would be counted anew.
    Copied,
}

impl Reason {
    /// In words, behind "the rule".
    pub fn words(self) -> &'static str {
        match self {
            Reason::Operation => "does not permit the operation",
            Reason::Mechanism => "does not permit the mechanism",
            Reason::Principal => "does not name this caller",
            Reason::Strength => "asks for a stronger key",
            Reason::Clock => "has hours, and the clock was set back: set it right",
            Reason::Hours => "does not permit it at this time",
            Reason::Approvals => "waits for the approval of custodians",
            Reason::Total => "has given all its uses of this key",
            Reason::Rate => "has given all its uses of this key for this window of time",
            Reason::Uncounted => "counts uses, and this one could not be counted",
            Reason::Unnoted => "has hours, and the time could not be noted in the store",
            Reason::Astray => "is about the key before or after, and not both",
            Reason::Copied => "limits the uses of the key, and a copy would have uses of its own",
        }
    }
}

/// What the rules say.
#[derive(Debug)]
pub enum Verdict<'a> {
    /// No rule is about the key, and such keys are left alone.
    Free,
    /// This rule permits it; its counts and approvals are charged.
    By(&'a Arc<Rule>),
    /// Nothing permits it: the rule that came nearest, and why it does not; no rule is about the key
    /// where none is named.
    Denied(Option<(&'a Arc<Rule>, Reason)>),
}

impl Matched {
    /// The rules of a policy that are about a key.
    pub fn of(rules: &Rules, key: &Facts) -> Matched {
        Matched {
            rules: rules.about(key).cloned().collect(),
            otherwise: rules.otherwise,
            strength: key.strength,
        }
    }

    /// Whether the policy has nothing to say of the key.
    pub fn is_free(&self) -> bool {
        self.rules.is_empty() && self.otherwise == Otherwise::Allow
    }

    /// Whether a rule that is about the key asks for the names of users.
    pub fn asks_users(&self) -> bool {
        self.rules.iter().any(|rule| rule.principals.as_ref().is_some_and(|p| !p.users.is_empty()))
    }

    /// Whether a rule that is about the key limits how it is used.
    pub fn limits(&self) -> bool {
        self.rules.iter().any(|rule| rule.limits())
    }

    /// A rule that is about one of two keys and not about the other.
    pub fn astray<'a>(&'a self, other: &'a Matched) -> Option<(&'a Arc<Rule>, Reason)> {
        let among = |rule: &Arc<Rule>, rules: &[Arc<Rule>]| {
            rules.iter().any(|known| Arc::ptr_eq(known, rule))
        };
        let left = self.rules.iter().find(|rule| !among(rule, &other.rules));
        let joined = || other.rules.iter().find(|rule| !among(rule, &self.rules));
        left.or_else(joined).map(|rule| (rule, Reason::Astray))
    }
}

/// The first rule that permits all that is asked.
pub fn judge<'a>(key: &'a Matched, ask: &Ask, caller: &Caller<'_>, moment: Moment) -> Verdict<'a> {
    if key.rules.is_empty() {
        return match key.otherwise {
            Otherwise::Allow => Verdict::Free,
            Otherwise::Deny => Verdict::Denied(None),
        };
    }
    let mut nearest: Option<(&Arc<Rule>, Reason)> = None;
    for rule in &key.rules {
        let Some(reason) = obstacle(rule, key, ask, caller, moment) else {
            return Verdict::By(rule);
        };
        if nearest.is_none_or(|(_, other)| other < reason) {
            nearest = Some((rule, reason));
        }
    }
    Verdict::Denied(nearest)
}

/// Why a rule does not permit what is asked; none where it does.
pub fn obstacle(
    rule: &Rule,
    key: &Matched,
    ask: &Ask,
    caller: &Caller<'_>,
    moment: Moment,
) -> Option<Reason> {
    if !rule.operations.has(ask.operation) {
        return Some(Reason::Operation);
    }
    if let (Some(permitted), Some(asked)) = (&rule.mechanisms, ask.mechanism) {
        if permitted.binary_search(&asked).is_err() {
            return Some(Reason::Mechanism);
        }
    }
    if rule.principals.as_ref().is_some_and(|principals| {
        !principals.roles.meets(caller.roles)
            && !caller.user.is_some_and(|user| principals.users.iter().any(|name| name == user))
            && !principals.uids.contains(&caller.uid)
    }) {
        return Some(Reason::Principal);
    }
    // A strength that nobody knows is not enough.
    if rule.strength.is_some_and(|least| key.strength.is_none_or(|strength| strength < least)) {
        return Some(Reason::Strength);
    }
    let hours = rule.hours.as_ref()?;
    if moment.now.saturating_add(TOLERANCE) < moment.seen {
        return Some(Reason::Clock);
    }
    let now = i64::try_from(moment.now).unwrap_or(i64::MAX);
    (!hours.has(now)).then_some(Reason::Hours)
}

/// How far a clock may go back before hours are no longer told by it, seconds.
pub(super) const TOLERANCE: u64 = 300;
