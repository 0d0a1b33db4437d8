// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Alarms: records of the audit log in, in their order, and out comes what somebody should be told. Pure:
//! no file and no clock; the time is that of the records, so that a past log says again what it said
//! then. It may import `audit` (for what a record is) and layer 0.

use super::rules::{Alarm, When};
use crate::audit::{Filter, Record};
use serde::Serialize;
use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

/// The alarms of a token, and what they remember.
pub struct Engine {
    token: String,
    watched: Vec<Watched>,
    /// When the first record was written, microseconds since 1970.
    begun: Option<i64>,
}

/// An alarm that was raised.
#[derive(Clone, Debug, Serialize)]
pub struct Raised {
    /// The alarm's name.
    pub alarm: String,
    /// Its condition.
    pub when: &'static str,
    /// The serial number of the token whose policy has it.
    pub token: String,
    /// The number of the record that raised it.
    pub seq: u64,
    /// When that was written: RFC 3339, UTC.
    pub time: String,
    /// In words.
    pub what: String,
    /// The record that raised it; none where it was no record.
    pub record: Option<Record>,
    /// Who is told.
    #[serde(skip)]
    pub notify: Vec<String>,
}

struct Watched {
    alarm: Arc<Alarm>,
    filter: Filter,
    memory: Memory,
}

/// What an alarm remembers.
#[derive(Default)]
struct Memory {
    /// How much came when, microseconds since 1970.
    recent: VecDeque<(i64, u64)>,
    /// About whom it was said already, and when.
    said: HashMap<String, i64>,
    /// Who came before.
    known: HashSet<String>,
    volume: Option<Volume>,
}

/// How much came in windows of equal length.
struct Volume {
    /// The number of the window since 1970.
    window: i64,
    count: u64,
    said: bool,
    past: VecDeque<u64>,
}

impl Engine {
    /// Of the alarms of a token with this serial number.
    pub fn new(token: &str, alarms: &[Arc<Alarm>]) -> Engine {
        let watched = alarms.iter().map(|alarm| Watched {
            alarm: alarm.clone(),
            filter: Filter {
                operations: alarm.operations.clone(),
                outcomes: alarm.outcomes.clone(),
                keys: alarm.keys.clone(),
                users: alarm.users.clone(),
                programs: alarm.programs.clone(),
                ..Filter::default()
            },
            memory: Memory::default(),
        });
        Engine { token: token.to_string(), watched: watched.collect(), begun: None }
    }

    /// The next record; what it raises.
    pub fn see(&mut self, record: &Record) -> Vec<Raised> {
        let begun = *self.begun.get_or_insert(record.written());
        // What is recorded of alarms raises none.
        if record.op.starts_with(OWN) || record.token.as_ref().is_some_and(|of| *of != self.token) {
            return Vec::new();
        }
        let mut raised = Vec::new();
        for watched in &mut self.watched {
            if !watched.filter.fits(record) {
                continue;
            }
            if let Some(what) = watched.judge(record, begun) {
                raised.push(raise(&watched.alarm, &self.token, Ok(record), what));
            }
        }
        raised
    }

    /// The log is wrong in a way that no record says: who found it did so at this time, at this record.
    pub fn see_failure(&self, time: &str, seq: u64, what: &str) -> Vec<Raised> {
        let alarms = self.watched.iter().map(|watched| &watched.alarm);
        let concerned = alarms.filter(|alarm| alarm.when.when == When::LogFailed);
        let by = Err((time, seq));
        concerned.map(|alarm| raise(alarm, &self.token, by, what.to_string())).collect()
    }
}

fn raise(alarm: &Alarm, token: &str, by: Result<&Record, (&str, u64)>, what: String) -> Raised {
    let (time, seq) = by.map_or_else(|by| by, |record| (record.time.as_str(), record.seq));
    Raised {
        alarm: alarm.name.clone(),
        when: alarm.when.name,
        token: token.to_string(),
        seq,
        time: time.to_string(),
        what,
        record: by.ok().cloned(),
        notify: alarm.notify.clone(),
    }
}

impl Watched {
    /// What there is to say about a record that the alarm is about.
    fn judge(&mut self, record: &Record, begun: i64) -> Option<String> {
        let (alarm, memory) = (&self.alarm, &mut self.memory);
        let outcome = record.outcome.as_str();
        let rule = record.details.get("rule").and_then(|rule| rule.as_str()).unwrap_or_default();
        match alarm.when.when {
            When::WrapVolume => among(WRAPS, record).then(|| memory.more(alarm, record, begun))?,
            When::UnwrapVolume => {
                among(UNWRAPS, record).then(|| memory.more(alarm, record, begun))?
            }
            When::FailedLogins => {
                let what = "PINs were wrong or locked";
                WRONG_PIN.contains(&outcome).then(|| memory.often(alarm, record, what))?
            }
            When::DeactivatedKey => {
                let state = rule.strip_prefix("state:")?;
                let key = record.key.as_ref().map_or("", |key| key.id.as_str());
                let what = format!("{} of key {key} was refused: it is {state}", record.op);
                memory.first_in_window(alarm, record, key).then_some(what)
            }
            When::NewPrincipal => {
                let who = caller(record)?;
                memory
                    .is_new(alarm, record, begun, &who)
                    .then(|| format!("{who} was never seen before"))
            }
            When::NewProgram => {
                let program = &record.who.program;
                caller(record)?;
                let what = || format!("program '{program}' was never seen before");
                memory.is_new(alarm, record, begun, program).then(what)
            }
            When::OutsideHours => {
                let who = format!("{} by '{}'", caller(record)?, record.who.program);
                let at_hours = alarm.at_hours(record.written().div_euclid(SECOND));
                let said = at_hours || !memory.first_in_window(alarm, record, &who);
                (!said).then(|| format!("{} of {who}, outside the hours", record.op))
            }
            When::PolicyChanged => {
                let set = record.op == "policy set" && outcome == GOOD;
                set.then(|| "the policy of the token was set".to_string())
            }
            When::LogFailed => {
                let row = FAILURES
                    .iter()
                    .find(|(op, failed, _)| *op == record.op && (!failed || outcome != GOOD));
                row.map(|(_, _, what)| what.to_string())
            }
            When::Rate => memory.often(alarm, record, "of what it is about"),
        }
    }
}

impl Memory {
    /// Whether there were as many in a window as the threshold.
    fn often(&mut self, alarm: &Alarm, record: &Record, what: &str) -> Option<String> {
        let (time, window) = (record.written(), length(alarm));
        // Seen from here and not by order: the clock may have been set back.
        self.recent.retain(|(then, _)| then.abs_diff(time) < window);
        self.recent.push_back((time, uses(record)));
        if self.recent.len() > MOST {
            // Two that came one after the other become one.
            let (_, first) = self.recent.pop_front().unwrap_or_default();
            self.recent.front_mut().map(|(_, count)| *count = count.saturating_add(first))?;
        }
        let sum = self.recent.iter().fold(0u64, |sum, (_, count)| sum.saturating_add(*count));
        if sum < alarm.threshold || !self.first_in_window(alarm, record, "") {
            return None;
        }
        self.recent.clear();
        Some(format!("{sum} {what} in {} s", alarm.window))
    }

    /// Whether there are more in this window than there were.
    fn more(&mut self, alarm: &Alarm, record: &Record, begun: i64) -> Option<String> {
        let window =
            |time: i64| time.div_euclid(i64::try_from(length(alarm)).unwrap_or(i64::MAX).max(1));
        let now = window(record.written());
        let volume = self.volume.get_or_insert_with(|| Volume::of(window(begun)));
        volume.move_to(now);
        volume.count = volume.count.saturating_add(uses(record));
        let windows = volume.past.len() as u64;
        if windows == 0 || volume.said {
            return None;
        }
        // Whole numbers, so that a past log says the same on every machine: count > threshold * mean.
        let sum: u64 = volume.past.iter().fold(0, |sum, count| sum.saturating_add(*count));
        let limit = alarm.threshold.saturating_mul(sum.max(windows));
        if volume.count.saturating_mul(windows) <= limit {
            return None;
        }
        volume.said = true;
        Some(format!(
            "{} in {} s, after {sum} in the {windows} windows before",
            volume.count, alarm.window
        ))
    }

    /// Whether somebody is new.
    fn is_new(&mut self, alarm: &Alarm, record: &Record, begun: i64, who: &str) -> bool {
        if self.known.contains(who) {
            return false;
        }
        if self.known.len() < MOST {
            self.known.insert(who.to_string());
        }
        record.written().abs_diff(begun) >= length(alarm)
    }

    /// Whether nothing was said about somebody within a window.
    fn first_in_window(&mut self, alarm: &Alarm, record: &Record, who: &str) -> bool {
        let (time, window) = (record.written(), length(alarm));
        if self.said.get(who).is_some_and(|then| then.abs_diff(time) < window) {
            return false;
        }
        if self.said.len() >= MOST {
            self.said.retain(|_, then| then.abs_diff(time) < window);
        }
        if self.said.len() < MOST {
            self.said.insert(who.to_string(), time);
        }
        true
    }
}

impl Volume {
    fn of(window: i64) -> Volume {
        Volume { window, count: 0, said: false, past: VecDeque::new() }
    }

    /// A clock that was set back stays in the window that it was in.
    fn move_to(&mut self, now: i64) {
        let passed = now.saturating_sub(self.window);
        if passed <= 0 {
            return;
        }
        self.past.push_back(self.count);
        let empty = usize::try_from(passed - 1).unwrap_or(WINDOWS).min(WINDOWS);
        self.past.extend(std::iter::repeat_n(0, empty));
        let surplus = self.past.len().saturating_sub(WINDOWS);
        self.past.drain(..surplus);
        (self.window, self.count, self.said) = (now, 0, false);
    }
}

/// How many uses a record is of.
pub fn uses(record: &Record) -> u64 {
    record.details.get("count").and_then(|count| count.as_u64()).unwrap_or(1)
}

/// Whether an operation is one of a list.
pub fn among(list: &[&str], record: &Record) -> bool {
    list.contains(&record.op.as_str())
}

/// Who does something; none where the log speaks of itself.
fn caller(record: &Record) -> Option<String> {
    if record.op.starts_with("audit.") || record.op.starts_with("store.") {
        return None;
    }
    let (user, role) = (record.who.user.as_deref(), record.who.role.as_deref());
    let who = match (user, role) {
        (Some(user), Some(role)) => format!("{role} '{user}'"),
        (None, Some(role)) => role.to_string(),
        (Some(user), None) => format!("'{user}'"),
        (None, None) => "nobody logged in".to_string(),
    };
    Some(format!("{who} (uid {})", record.who.uid))
}

/// The window of an alarm, microseconds.
fn length(alarm: &Alarm) -> u64 {
    alarm.window.saturating_mul(SECOND.unsigned_abs())
}

/// The operations that wrap keys, and that unwrap them.
pub const WRAPS: &[&str] = &["C_WrapKey", "C_WrapKeyAuthenticated", "key export"];
/// The operations that unwrap keys.
pub const UNWRAPS: &[&str] = &["C_UnwrapKey", "C_UnwrapKeyAuthenticated"];
/// How a login fails.
pub const WRONG_PIN: &[&str] = &["CKR_PIN_INCORRECT", "CKR_PIN_LOCKED"];
/// What says that the log is not as it was written: an operation, whether only its failure does, and words.
const FAILURES: &[(&str, bool, &str)] = &[
    ("audit.cut", false, "bytes that were no authentic record were cut off the end of the log"),
    ("audit.lost", true, "records were taken from the log"),
    ("audit.broken", false, "the head of the log was lost, and somebody went on"),
    ("audit.full", false, "the disk of the log is full"),
    ("audit.older", false, "the log is not the one that the store was bound to"),
    ("store.older", false, "the store is older than its log"),
];
/// The operations that the watch itself records.
pub const OWN: &str = "watch.";
const GOOD: &str = "CKR_OK";
/// A second, microseconds.
const SECOND: i64 = 1_000_000;
/// How many windows are compared with.
const WINDOWS: usize = 24;
/// The most that an alarm remembers of a kind.
const MOST: usize = 65_536;
