// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one place where the token's policy is asked: whether a caller may do something with a key, and
//! what of the use is counted. Whatever uses, makes, changes or ends a key comes by here.

use super::Session;
use super::metering::{Counted, Meter, unique_id};
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::mechanism::Row;
use crate::object::Object;
use crate::policy::counts::{approve, is_of};
use crate::policy::rules::{
    Ask, Caller, Facts, Matched, Moment, Operation, Operations, Reason, Rule, Verdict, judge,
};
use crate::policy::{self, Ground, Policy};
use crate::store::Approval;
use crate::types::{Holder, Role};
use std::cell::Cell;
use std::sync::{Arc, OnceLock};
use std::time::{SystemTime, UNIX_EPOCH};

/// What is done with a key: the operation, and the mechanism if there is one.
#[derive(Clone, Copy)]
pub(super) struct Doing(pub(super) Operation, pub(super) Option<&'static Row>);

/// A key, and what is done with it.
pub(super) type Asked = (Arc<Object>, Doing);

/// A use that the policy permits, and what it charges.
pub(super) struct Grant {
    governed: Arc<Governed>,
    rule: usize,
    now: u64,
    seen: u64,
}

/// What the policy has to say of a key, kept beside it.
struct Governed {
    matched: Matched,
    /// One for each rule, where it is charged.
    meters: Vec<OnceLock<Arc<Meter>>>,
}

impl Governed {
    fn of(policy: &Policy, key: &Object) -> Governed {
        Governed::by(policy, &policy::facts(key))
    }

    fn by(policy: &Policy, facts: &Facts) -> Governed {
        let matched = Matched::of(&policy.rules, facts);
        let meters = matched.rules.iter().map(|_| OnceLock::new()).collect();
        Governed { matched, meters }
    }

    fn find(policy: &Policy, key: &Object) -> Arc<Governed> {
        key.annex().get(policy.version, || Governed::of(policy, key))
    }
}

impl Session {
    /// Whether the policy permits something; a grant where something is to be charged for it.
    pub(super) fn asks(
        &self,
        key: &Object,
        doing: Doing,
        ground: &Ground,
    ) -> Result<Option<Grant>> {
        let Some(policy) = ground.policy.as_deref().filter(|_| key.is_key()) else {
            return Ok(None);
        };
        let governed = Governed::find(policy, key);
        if governed.matched.is_free() {
            return Ok(None);
        }
        let Doing(operation, row) = doing;
        let ask = Ask { operation, mechanism: row.map(|row| row.id as u64) };
        let moment = Moment { now: now(), seen: ground.seen };
        let uid = rustix::process::geteuid().as_raw();
        let roles = policy::parties(self.slot.role(), self.slot.token.separation);
        let login = governed.matched.asks_users().then(|| self.slot.login()).flatten();
        let user = login.as_ref().and_then(|login| named(&login.holder));
        let caller = Caller { roles, user, uid };
        let rule = match judge(&governed.matched, &ask, &caller, moment) {
            Verdict::Free => return Ok(None),
            Verdict::Denied(why) => {
                return Err(policy::denied(key, operation, row.map(|row| row.name), why));
            }
            Verdict::By(rule) => rule,
        };
        // A key that is yet to be kept has no count.
        let born = Operations::BIRTHS.has(operation);
        if !rule.asks_hours() && (born || !rule.limits()) {
            return Ok(None);
        }
        let place = governed.matched.rules.iter().position(|known| Arc::ptr_eq(known, rule));
        let rule = place.ok_or(Error::GeneralError)?;
        Ok(Some(Grant { governed, rule, now: moment.now, seen: moment.seen }))
    }

    /// A key that is announced and not there yet is judged as if it were strong enough: how strong it
    /// is shows when it is there, and it is judged again.
    pub(super) fn foresee(&self, key: &Object) -> Result<()> {
        if let Some(policy) = self.slot.ground()?.policy.as_deref() {
            let facts = Facts { strength: Some(u32::MAX), ..policy::facts(key) };
            key.annex().get(policy.version, || Governed::by(policy, &facts));
        }
        Ok(())
    }

    /// Charges what was granted: from here on the use is made.
    pub(super) fn charge(&self, key: &Object, doing: Doing, grant: Option<&Grant>) -> Result<()> {
        let Some(grant) = grant else { return Ok(()) };
        let rule = grant.governed.matched.rules.get(grant.rule).ok_or(Error::GeneralError)?;
        let Doing(operation, row) = doing;
        self.charged(key, rule, operation, grant).map_err(|reason| {
            policy::denied(key, operation, row.map(|row| row.name), Some((rule, reason)))
        })
    }

    /// Both at once.
    pub(super) fn ask(&self, key: &Object, doing: Doing) -> Result<()> {
        let grant = self.asks(key, doing, self.slot.ground()?.as_ref())?;
        self.charge(key, doing, grant.as_ref())
    }

    /// The same for one more use of those that were begun together.
    pub(super) fn ask_again(&self, asked: Option<&Asked>) -> Result<()> {
        asked.map_or(Ok(()), |(key, doing)| self.ask(key, *doing))
    }

    /// Whether a key may become another object: a changed one, or a copy. It must stay under the rules
    /// that are about it, and a second object would be counted anew.
    pub(super) fn ask_becoming(&self, old: &Object, new: &Object, doing: Doing) -> Result<()> {
        let ground = self.slot.ground()?;
        let grant = self.asks(old, doing, &ground)?;
        if let Some(policy) = ground.policy.as_deref().filter(|_| old.is_key()) {
            let (from, to) = (Governed::find(policy, old), Governed::find(policy, new));
            let astray = from.matched.astray(&to.matched);
            let copied = doing.0 == Operation::Copy;
            let limiting = from.matched.rules.iter().find(|rule| copied && rule.limits());
            let why = limiting.map(|rule| (rule, Reason::Copied)).or(astray);
            if why.is_some() {
                return Err(policy::denied(old, doing.0, None, why));
            }
        }
        self.charge(old, doing, grant.as_ref())
    }

    /// A key is gone: nothing is counted of it any more.
    pub(super) fn forget(&self, key: &Object) {
        let slot = &self.slot;
        slot.known.meters.forget(unique_id(key));
        let counted = |policy: &Policy| Governed::find(policy, key).matched.limits();
        let governed =
            slot.ground().is_ok_and(|ground| ground.policy.as_deref().is_some_and(counted));
        if governed && key.on_token() {
            // The key is destroyed all the same; a count without its key permits nothing.
            let _ = slot.vault.edit_ledger(&slot.token, 0, |ledger| {
                ledger.counts.retain(|account, _| account.key != unique_id(key));
                ledger.approvals.retain(|approval| approval.key != unique_id(key));
                Ok(())
            });
        }
    }

    fn charged(
        &self,
        key: &Object,
        rule: &Arc<Rule>,
        operation: Operation,
        grant: &Grant,
    ) -> Counted<()> {
        let slot = &self.slot;
        if rule.asks_hours() && grant.now > grant.seen.saturating_add(NOTED) {
            slot.vault.note_time(&slot.token, grant.now).map_err(|_| Reason::Unnoted)?;
        }
        if Operations::BIRTHS.has(operation) {
            return Ok(());
        }
        if let Some(approvals) = rule.approvals.filter(|a| a.operations.has(operation)) {
            self.approved(key, operation, approvals.count, grant.now)?;
        }
        if !rule.counts() {
            return Ok(());
        }
        let place = grant.governed.meters.get(grant.rule).ok_or(Reason::Uncounted)?;
        let meter = place.get_or_init(|| slot.known.meters.meter(key, rule));
        meter.spend((&slot.vault, &slot.token), rule, grant.now)
    }

    /// Uses one approval of each of so many custodians.
    fn approved(&self, key: &Object, operation: Operation, count: u32, now: u64) -> Counted<()> {
        let slot = &self.slot;
        let uncounted = |_: Error| Reason::Uncounted;
        // Who is a custodian no more, or has another PIN by now, has approved of nothing.
        let custodians = slot.custodians().map_err(uncounted)?;
        let good = |approval: &Approval| {
            is_of(approval, unique_id(key), operation, now)
                && custodians.contains(&approval.custodian)
        };
        // Nothing is written for a use that is refused.
        let mut known = slot.vault.ledger(&slot.token).map_err(uncounted)?;
        if !approve(&mut known.approvals, count, good) {
            return Err(Reason::Approvals);
        }
        let refused = Cell::new(false);
        let edited = slot.vault.edit_ledger(&slot.token, now, |ledger| {
            ledger.approvals.retain(|approval| approval.until > now);
            match approve(&mut ledger.approvals, count, good) {
                true => Ok(()),
                false => {
                    refused.set(true);
                    Err(Error::FunctionFailed)
                }
            }
        });
        if refused.take() { Err(Reason::Approvals) } else { edited.map_err(uncounted) }
    }
}

impl Slot {
    /// The custodians of the token, as approvals name them.
    pub(super) fn custodians(&self) -> Result<Vec<String>> {
        let users = self.now()?.users;
        let custodians = users.iter().filter(|user| user.role == Role::Custodian);
        Ok(custodians.map(|user| hex::encode(user.id)).collect())
    }
}

/// The name of a named user.
pub(super) fn named(holder: &Holder) -> Option<&str> {
    match holder {
        Holder::Named(name) => Some(name),
        Holder::So | Holder::User => None,
    }
}

/// The clock, seconds since 1970.
pub(super) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_secs())
}

/// How long a time that was noted in the token does for rules with hours, seconds.
const NOTED: u64 = 300;
