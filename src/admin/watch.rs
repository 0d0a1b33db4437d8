// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The watch over the audit log: follows it, asks the alarms of each token's policy, and has what they
//! say told and recorded. What was told and not recorded before this process was killed is told again.

use super::desk::Desk;
use super::diagnostics::capture;
use super::drawer::{Drawer, VERIFIED, Verified};
use super::failure::{Failure, Outcome};
use super::policy::check_policy;
use super::telling::{Message, Tellers};
use crate::audit::reading::Lines;
use crate::audit::{Reading, Record};
use crate::error::Error;
use crate::policy::alarms::{Engine, Raised};
use crate::policy::rules::{Alarm, Rules};
use crate::session::Told;
use serde::{Deserialize, Serialize};
use std::collections::{HashSet, VecDeque};
use std::fs::File;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A watch that goes on.
pub struct Watch<'a> {
    desk: &'a Desk,
    drawer: Drawer,
    tellers: Tellers<'a>,
    stop: &'a AtomicBool,
    lines: Lines,
    policies: Vec<Policy>,
    engines: Vec<Engine>,
    seen: Seen,
    /// The last record that was read.
    last: u64,
    /// The last that followed another: what is kept as seen. One that others appended with a number far
    /// ahead hides nothing that comes after it.
    sure: u64,
    /// The time of the last verification that was looked at.
    looked: String,
    /// What was raised and not told yet, and whether it is to be told whatever was told before.
    pending: VecDeque<(Raised, bool)>,
    /// Alarms that the log has already: token, name, record.
    recorded: HashSet<(String, String, u64)>,
    _alone: File,
}

/// How far a watch has come.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
struct Seen {
    v: u64,
    /// What records up to this one raised is told.
    seq: u64,
    /// The time of the last verification that was looked at.
    verified: String,
}

/// A token's alarms.
#[derive(Clone)]
struct Policy {
    token: String,
    version: u64,
    alarms: Vec<Arc<Alarm>>,
}

/// An alarm, and the deliveries that failed, with why.
pub struct Heard<'a> {
    /// The alarm.
    pub raised: &'a Raised,
    /// The deliveries that failed, with why.
    pub failed: Vec<(String, String)>,
}

/// A past log that is looked at.
#[derive(Default)]
pub struct Replay<'a> {
    /// A copy of a log, in the place of the store's own.
    pub log: Option<&'a Path>,
    /// A policy that is not set, in the place of the tokens' own.
    pub policy: Option<&'a Path>,
    /// Nothing before this is told, microseconds since 1970.
    pub from: Option<i64>,
    /// Nothing from this on is told, microseconds since 1970.
    pub to: Option<i64>,
}

impl<'a> Watch<'a> {
    /// Begins where the last one ended; the first begins now. `stop` ends it between two alarms.
    pub fn begin(desk: &'a Desk, stop: &'a AtomicBool) -> Outcome<Watch<'a>> {
        let config = desk.config();
        let drawer = Drawer::of(config)?;
        let fault = |error| Failure::of("cannot keep how far the watch has come", error);
        let alone = drawer.alone(LOCK).map_err(fault)?.ok_or_else(|| {
            Failure::new(
                "another watch looks at this store already",
                "one is enough: end one of them",
            )
        })?;
        let policies = policies(desk)?;
        let tellers = Tellers::new(&config.watch, stop);
        check_deliveries(&policies, &tellers)?;
        let known = drawer.get::<Seen>(SEEN).filter(|seen| seen.v == VERSION);
        let mut watch = Watch {
            desk,
            tellers,
            stop,
            lines: reading(desk).lines(0).map_err(unreadable)?,
            engines: engines(&policies),
            policies,
            seen: known.clone().unwrap_or_default(),
            looked: known.as_ref().map(|known| known.verified.clone()).unwrap_or_default(),
            pending: VecDeque::new(),
            last: 0,
            sure: 0,
            recorded: HashSet::new(),
            drawer,
            _alone: alone,
        };
        if known.is_none() {
            watch.read()?;
            watch.pending.clear();
            watch.looked = watch.verified().map(|verified| verified.time).unwrap_or_default();
            watch.seen = Seen { v: VERSION, seq: watch.sure, verified: watch.looked.clone() };
            watch.drawer.put(SEEN, &watch.seen).map_err(fault)?;
        }
        Ok(watch)
    }

    /// How many alarms there are.
    pub fn alarms(&self) -> usize {
        self.policies.iter().map(|policy| policy.alarms.len()).sum()
    }

    /// Looks at what has come, and has it told.
    pub fn look(&mut self, mut hear: impl FnMut(&Heard<'_>) -> Outcome<()>) -> Outcome<()> {
        // Where the store cannot be written nobody counts.
        let _ = self.desk.library.sweep_audit();
        // Asked before the log is read: the record of a change comes before the change, so that the old
        // alarms see it. What is wrong with a token is said where it is used.
        let (now, _) = capture(|| policies(self.desk));
        let before = self.seen.seq;
        self.read()?;
        // What was there, and was cut off since, hides nothing either.
        self.seen.seq = self.seen.seq.min(self.last);
        self.read_verification();
        let some = !self.pending.is_empty();
        while let Some((raised, once)) = self.pending.front().cloned() {
            if once || raised.seq > self.seen.seq {
                self.tell(&raised, once, &mut hear)?;
            }
            self.pending.pop_front();
            if self.stop.load(Ordering::Acquire) {
                return Ok(());
            }
        }
        let seen = Seen { v: VERSION, seq: self.sure, verified: self.looked.clone() };
        let moved = seen.seq < before || seen.seq - before > SELDOM;
        if some || seen.verified != self.seen.verified || moved {
            self.keep(seen);
        }
        match now {
            Ok(now) if !same(&now, &self.policies) => self.renew(now),
            _ => Ok(()),
        }
    }

    fn keep(&mut self, seen: Seen) {
        if self.drawer.put(SEEN, &seen).is_err() {
            tracing::error!("what was told now may be told again after a restart");
        }
        self.recorded.retain(|(.., seq)| *seq > seen.seq);
        self.seen = seen;
    }

    /// What the records raise that have come.
    fn read(&mut self) -> Outcome<()> {
        while let Some(line) = self.lines.next_line().map_err(unreadable)? {
            let Some(record) = line.record() else {
                let place =
                    format!("line {} of segment {} is no record", line.number, line.segment);
                let time = jiff::Timestamp::now().to_string();
                self.fail(&time, self.last.saturating_add(1), &place, false);
                continue;
            };
            if self.last > 0 && record.seq > self.last.saturating_add(1) {
                let gap = format!("records {} to {} are missing", self.last + 1, record.seq - 1);
                self.fail(&record.time, record.seq, &gap, false);
            }
            if record.seq <= self.last {
                // Those before it were none of this log's.
                self.seen.seq = self.seen.seq.min(record.seq.saturating_sub(1));
                self.sure = self.sure.min(record.seq);
            } else if self.last == 0 || self.last.checked_add(1) == Some(record.seq) {
                self.sure = record.seq;
            }
            self.last = record.seq;
            self.recorded.extend(told_before(&record));
            let raised = self.engines.iter_mut().flat_map(|engine| engine.see(&record));
            self.pending.extend(raised.map(|raised| (raised, false)));
        }
        Ok(())
    }

    fn fail(&mut self, time: &str, seq: u64, what: &str, once: bool) {
        let raised = self.engines.iter().flat_map(|engine| engine.see_failure(time, seq, what));
        self.pending.extend(raised.map(|raised| (raised, once)));
    }

    fn verified(&self) -> Option<Verified> {
        self.drawer.get(VERIFIED)
    }

    /// What a verification that is new found wrong.
    fn read_verification(&mut self) {
        let Some(found) = self.verified().filter(|found| found.time != self.looked) else { return };
        if !found.sound {
            let what = "a verification found the log not as it was written";
            self.fail(&found.time, self.last, what, true);
        }
        self.looked = found.time;
    }

    fn tell(
        &mut self,
        raised: &Raised,
        once: bool,
        hear: &mut impl FnMut(&Heard<'_>) -> Outcome<()>,
    ) -> Outcome<()> {
        let known = (raised.token.clone(), raised.alarm.clone(), raised.seq);
        if !once && self.recorded.contains(&known) {
            return Ok(());
        }
        let json = serde_json::to_string(raised).unwrap_or_default();
        let message = Message { time: &raised.time, json: &json };
        let mut failed = Vec::new();
        for name in &raised.notify {
            if let Err(why) = self.tellers.tell(name, &message) {
                failed.push((name.clone(), why));
            }
        }
        self.record(raised, &failed);
        self.recorded.insert(known);
        hear(&Heard { raised, failed })
    }

    /// Records that it was told, and to whom it could not be. Where that fails it is told all the same.
    fn record(&self, raised: &Raised, failed: &[(String, String)]) {
        let note = |op, subject: String, outcome| {
            let told = Told { token: &raised.token, name: &raised.alarm, subject, outcome };
            self.desk.library.note_watch(op, &told)
        };
        for (name, _) in failed {
            let outcome = Error::FunctionFailed.name();
            if note(UNDELIVERED, format!("{} {name}", raised.seq), outcome).is_err() {
                tracing::error!("that '{name}' was not told could not be recorded");
            }
        }
        if note(ALARM, raised.seq.to_string(), "CKR_OK").is_err() {
            tracing::error!("alarm '{}' could not be recorded", raised.alarm);
        }
    }

    /// Takes other alarms: they look at the whole log anew, and what it raised so far is past.
    fn renew(&mut self, mut policies: Vec<Policy>) -> Outcome<()> {
        // A token that cannot be read any more keeps its alarms.
        let gone =
            self.policies.iter().filter(|old| policies.iter().all(|new| new.token != old.token));
        let gone: Vec<_> = gone.cloned().collect();
        policies.extend(gone);
        let complaint = check_deliveries(&policies, &self.tellers);
        if let Err(Failure { what, next }) = complaint {
            tracing::error!("{what}: {next}");
        }
        self.engines = engines(&policies);
        self.policies = policies;
        let mut lines = reading(self.desk).lines(0).map_err(unreadable)?;
        while let Some(line) = lines.next_line().map_err(unreadable)? {
            let Some(record) = line.record() else { continue };
            if record.seq > self.last {
                break;
            }
            self.engines.iter_mut().for_each(|engine| drop(engine.see(&record)));
        }
        Ok(())
    }
}

/// Runs alarms over a past log.
pub fn replay_alarms(
    desk: &Desk,
    wanted: &Replay<'_>,
    mut hear: impl FnMut(&Heard<'_>) -> Outcome<()>,
) -> Outcome<()> {
    let mut policies = policies(desk)?;
    if let Some(file) = wanted.policy {
        let alarms = alarms_of(file)?;
        policies = desk
            .tokens()?
            .into_iter()
            .map(|token| token.serial)
            .map(|token| Policy { token, version: 0, alarms: alarms.clone() })
            .collect();
    }
    let mut engines = engines(&policies);
    let log = wanted.log.map_or_else(|| reading(desk), Reading::at);
    for line in log.lines(0).map_err(unreadable)? {
        let Some(record) = line.map_err(unreadable)?.record() else { continue };
        let time = record.written();
        let told =
            wanted.from.is_none_or(|from| time >= from) && wanted.to.is_none_or(|to| time < to);
        for raised in engines.iter_mut().flat_map(|engine| engine.see(&record)) {
            if told {
                hear(&Heard { raised: &raised, failed: Vec::new() })?;
            }
        }
    }
    Ok(())
}

fn alarms_of(file: &Path) -> Outcome<Vec<Arc<Alarm>>> {
    let (checked, proposal) = check_policy(file)?;
    let rules = proposal.and_then(|proposal| Rules::parse(proposal.text()).ok());
    rules.map(|rules| rules.alarms().to_vec()).ok_or_else(|| {
        Failure::new(
            format!("{} is not a policy", checked.file),
            format!("'strongroom policy check {}' says what is wrong with it", checked.file),
        )
    })
}

/// The alarms of every token that has a policy.
fn policies(desk: &Desk) -> Outcome<Vec<Policy>> {
    let mut found = Vec::new();
    for token in desk.tokens()? {
        let visit = desk.enter(&token)?;
        let policy = desk.library.policy(visit.session);
        let policy = policy.map_err(|error| Failure::of("cannot read the policy", error))?;
        let Some((version, text)) = policy else { continue };
        let alarms = Rules::parse(&text).map(|rules| rules.alarms().to_vec()).unwrap_or_default();
        found.push(Policy { token: token.serial, version, alarms });
    }
    Ok(found)
}

fn same(new: &[Policy], old: &[Policy]) -> bool {
    let known = |one: &Policy| {
        old.iter().any(|other| (&one.token, one.version) == (&other.token, other.version))
    };
    new.iter().all(known)
}

fn engines(policies: &[Policy]) -> Vec<Engine> {
    policies.iter().map(|policy| Engine::new(&policy.token, &policy.alarms)).collect()
}

fn check_deliveries(policies: &[Policy], tellers: &Tellers<'_>) -> Outcome<()> {
    let alarms = policies.iter().flat_map(|policy| &policy.alarms);
    let mut named = alarms.flat_map(|alarm| alarm.notify.iter().map(|name| (&alarm.name, name)));
    match named.find(|(_, name)| !tellers.has(name)) {
        None => Ok(()),
        Some((alarm, name)) => Err(Failure::new(
            format!(
                "alarm '{alarm}' is to be told to '{name}', which the configuration does not have"
            ),
            "add it to watch.deliveries (conf/strongroom.toml describes it), or name another in the policy",
        )),
    }
}

/// The alarm that a record says was told.
fn told_before(record: &Record) -> Option<(String, String, u64)> {
    let detail = |name: &str| record.details.get(name).and_then(|value| value.as_str());
    let name = detail("rule").filter(|_| record.op == ALARM)?.strip_prefix("alarm:")?;
    let seq = detail("subject")?.parse().ok()?;
    Some((record.token.clone()?, name.to_string(), seq))
}

fn reading(desk: &Desk) -> Reading {
    Reading::at(&desk.config().store.path.join("audit"))
}

fn unreadable(error: Error) -> Failure {
    Failure::of("cannot read the audit log", error)
}

/// The records of the watch.
const ALARM: &str = "watch.alarm";
const UNDELIVERED: &str = "watch.undelivered";
/// Its files.
const SEEN: &str = "seen";
const LOCK: &str = "lock";
const VERSION: u64 = 1;
/// After so many records how far it has come is kept where nothing was told: what is told is in the log.
const SELDOM: u64 = 10_000;
