// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What those who look after a token do with its policy: read it, set it, ask what it means.

use super::asking::{named, now};
use super::metering::{account, unique_id};
use super::{Library, Session};
use crate::call;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::policy::counts::{approve, is_of, take};
use crate::policy::rules::{
    Ask, Caller, Matched, Moment, Operation, Operations, Reason, Roles, Rule, Rules,
};
use crate::policy::{self, rules};
use crate::store::{Approval, Ledger};
use crate::types::Role;
use std::sync::Arc;

/// What someone wants to know of a key.
pub struct Question {
    /// What would be done with it.
    pub operation: Operation,
    /// With which mechanism (`CKM_*`).
    pub mechanism: Option<u64>,
    /// In what parts; as whoever is logged in where none is said.
    pub roles: Option<Roles>,
    /// By which named user.
    pub user: Option<String>,
    /// By which user of the operating system; this one's where none is said.
    pub uid: Option<u32>,
    /// When, seconds since 1970; now where nothing is said.
    pub at: Option<u64>,
}

/// What a custodian approves of.
pub struct Approving<'a> {
    /// The key, by its `CKA_UNIQUE_ID`.
    pub key: &'a [u8],
    /// What may be done with it.
    pub operation: Operation,
    /// How often.
    pub uses: u32,
    /// For how long, seconds.
    pub seconds: u64,
}

/// What the policy answers.
pub struct Explanation {
    /// Whether it would be permitted.
    pub allowed: bool,
    /// The version of the policy; none where the token has none.
    pub version: Option<u64>,
    /// Whether a rule is about the key.
    pub governed: bool,
    /// The rules that are about the key, in their order, with what each lacks; nothing behind the one
    /// that decides.
    pub rules: Vec<(String, usize, Option<Reason>)>,
}

impl Library {
    /// The policy of the token of a session, and its version.
    pub fn policy(&self, handle: u64) -> Result<Option<(u64, String)>> {
        let session = self.alive(handle)?;
        session.slot.vault.policy(&session.slot.token)
    }

    /// Sets the policy of a token: the security officer's right. `ArgumentsBad` where the text is not
    /// one.
    pub fn set_policy(&self, handle: u64, text: &str) -> Result<u64> {
        let session = self.alive(handle)?;
        let slot = &session.slot;
        if slot.role() != Some(Role::So) {
            return Err(Error::UserNotLoggedIn);
        }
        Rules::parse(text).map_err(|_| Error::ArgumentsBad)?;
        slot.vault.set_policy(&slot.token, text, now())
    }

    /// A custodian approves of so many uses of a key, named by its `CKA_UNIQUE_ID`: custodians see no
    /// private object. It takes the place of what they approved of it before.
    pub fn approve(&self, handle: u64, what: &Approving<'_>) -> Result<()> {
        let session = self.alive(handle)?;
        let slot = &session.slot;
        slot.end_void_login()?;
        let login = slot.login().filter(|login| login.role == Role::Custodian);
        let holder = login.ok_or(Error::UserNotLoggedIn)?.holder;
        let custodian = hex::encode(slot.now()?.user_id(&holder));
        let now = now();
        let new = Approval {
            key: what.key.to_vec(),
            operation: what.operation.name().to_string(),
            custodian,
            uses: what.uses,
            until: now.saturating_add(what.seconds),
        };
        call::about(what.key, b"");
        call::subject(what.operation.name());
        slot.vault.act()?;
        slot.vault.edit_ledger(&slot.token, now, |ledger| {
            ledger.approvals.retain(|old| {
                let same = old.key == new.key && old.operation == new.operation;
                old.until > now && !(same && old.custodian == new.custodian)
            });
            if ledger.approvals.len() >= APPROVALS {
                tracing::error!("{APPROVALS} approvals stand already: wait until some end");
                return Err(Error::DeviceMemory);
            }
            ledger.approvals.push(new.clone());
            Ok(())
        })
    }

    /// Whether something would be permitted, and why. Nothing is charged for it.
    pub fn explain(&self, handle: u64, object: u64, question: &Question) -> Result<Explanation> {
        let session = self.alive(handle)?;
        let key = session.key_object(object)?;
        session.explain(&key, question)
    }

    /// The end of the library's work: what it has taken of counted uses and not made is given back.
    pub fn end(&self) {
        for slot in self.slots.read().values() {
            slot.known.meters.settle(&slot.vault, &slot.token);
        }
        if let Some(journal) = self.journal.get() {
            let sessions = self.sessions.all();
            for slot in self.slots.read().values() {
                let one = sessions.iter().find(|(_, session)| Arc::ptr_eq(&session.slot, slot));
                one.iter().for_each(|(_, session)| journal.login_ends(session));
            }
            journal.close();
        }
    }
}

impl Session {
    fn explain(&self, key: &Object, question: &Question) -> Result<Explanation> {
        let slot = &self.slot;
        let ground = slot.ground()?;
        let Some(policy) = ground.policy.as_deref() else {
            let rules = Vec::new();
            return Ok(Explanation { allowed: true, version: None, governed: false, rules });
        };
        let matched = Matched::of(&policy.rules, &policy::facts(key));
        let ask = Ask { operation: question.operation, mechanism: question.mechanism };
        let own = policy::parties(slot.role(), slot.token.separation);
        let login = slot.login();
        let me = login.as_ref().and_then(|login| named(&login.holder));
        let caller = Caller {
            roles: question.roles.unwrap_or(own),
            user: question.user.as_deref().or(me.filter(|_| question.roles.is_none())),
            uid: question.uid.unwrap_or_else(|| rustix::process::geteuid().as_raw()),
        };
        let moment = match question.at {
            // A time that someone thinks of is behind no clock.
            Some(at) => Moment { now: at, seen: 0 },
            None => Moment { now: now(), seen: ground.seen },
        };
        let mut ledger = slot.vault.ledger(&slot.token)?;
        let custodians = slot.custodians()?;
        ledger.approvals.retain(|approval| custodians.contains(&approval.custodian));
        let mut told = Explanation {
            allowed: matched.is_free(),
            version: Some(policy.version),
            governed: !matched.rules.is_empty(),
            rules: Vec::new(),
        };
        for rule in &matched.rules {
            let lacks = rules::obstacle(rule, &matched, &ask, &caller, moment);
            let decides = lacks.is_none();
            let lacks = lacks.or_else(|| used_up(&ledger, key, rule, &ask, moment.now));
            told.rules.push((rule.name.clone(), rule.line, lacks));
            if decides {
                told.allowed = lacks.is_none();
                break;
            }
        }
        Ok(told)
    }
}

/// Why the rule that decides would refuse all the same.
fn used_up(ledger: &Ledger, key: &Object, rule: &Arc<Rule>, ask: &Ask, now: u64) -> Option<Reason> {
    if Operations::BIRTHS.has(ask.operation) {
        return None;
    }
    let account = account(key, rule);
    if let Some(asked) = rule.approvals.filter(|asked| asked.operations.has(ask.operation)) {
        let mut known = ledger.approvals.clone();
        let good = approve(&mut known, asked.count, |approval| {
            is_of(approval, unique_id(key), ask.operation, now)
        });
        if !good {
            return Some(Reason::Approvals);
        }
    }
    let mut count = ledger.counts.get(&account).copied().unwrap_or_default();
    if rule.counts() { take(&mut count, rule, now).err() } else { None }
}

/// Approvals that a token keeps, at most.
const APPROVALS: usize = 4096;
