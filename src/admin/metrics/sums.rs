// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the audit log adds up to: one row a metric, and sums that go on where they ended.

use crate::audit::{Reading, Record, record};
use crate::error::Result;
use crate::policy::alarms::{OWN, UNWRAPS, WRAPS, WRONG_PIN, among, uses};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A metric that the log adds up to.
pub struct Sum {
    /// Its name, without `_total`.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// The labels that become `other` where there are too many series.
    pub folds: &'static [&'static str],
    /// What it counts.
    pub help: &'static str,
    /// The labels of a record; none where it does not count.
    of: fn(&Record) -> Option<Vec<String>>,
}

/// All of them.
#[rustfmt::skip]
pub static SUMS: &[Sum] = &[
    Sum { name: "strongroom_operations",
        labels: &["token", "key_id", "key_label", "operation", "mechanism", "outcome"],
        folds: &["key_id", "key_label", "mechanism"],
        help: "Uses of keys and acts, by key, mechanism and outcome.",
        of: |r| (!r.op.starts_with(OWN)).then(|| vec![token(r), key(r).0, key(r).1, r.op.clone(),
            text(&r.mechanism), r.outcome.clone()]) },
    Sum { name: "strongroom_logins", labels: &["token", "subject", "outcome"], folds: &["subject"],
        help: "Logins and attempts at them, by who was to log in.",
        of: |r| among(LOGINS, r).then(|| vec![token(r), detail(r, "subject"), r.outcome.clone()]) },
    Sum { name: "strongroom_wrong_pins", labels: &["token", "operation"], folds: &[],
        help: "PINs that were wrong or locked, by what asked for them.",
        of: |r| WRONG_PIN.contains(&r.outcome.as_str()).then(|| vec![token(r), r.op.clone()]) },
    Sum { name: "strongroom_keys_wrapped", labels: &["token", "outcome"], folds: &[],
        help: "Keys that were wrapped, or were to be.",
        of: |r| among(WRAPS, r).then(|| vec![token(r), r.outcome.clone()]) },
    Sum { name: "strongroom_keys_unwrapped", labels: &["token", "outcome"], folds: &[],
        help: "Keys that were unwrapped, or were to be.",
        of: |r| among(UNWRAPS, r).then(|| vec![token(r), r.outcome.clone()]) },
    Sum { name: "strongroom_decrypt_failures", labels: &["token", "key_id", "outcome"], folds: &["key_id"],
        help: "Decryptions that failed.",
        of: |r| (r.op.starts_with("C_Decrypt") && r.outcome != GOOD)
            .then(|| vec![token(r), key(r).0, r.outcome.clone()]) },
    Sum { name: "strongroom_denials", labels: &["token", "rule", "operation"], folds: &["rule"],
        help: "What was denied, by the policy's rule, or the safeguard, role or state that denied it.",
        of: |r| (r.outcome != GOOD && !detail(r, "rule").is_empty() && !r.op.starts_with(OWN))
            .then(|| vec![token(r), detail(r, "rule"), r.op.clone()]) },
    Sum { name: "strongroom_alarms", labels: &["token", "alarm"], folds: &["alarm"],
        help: "Alarms that were raised and recorded.",
        of: |r| (r.op == "watch.alarm").then(|| vec![token(r), alarm(r)]) },
    Sum { name: "strongroom_alarms_undelivered", labels: &["token", "alarm"], folds: &["alarm"],
        help: "Deliveries of alarms that were given up.",
        of: |r| (r.op == "watch.undelivered").then(|| vec![token(r), alarm(r)]) },
];

/// The sums, as far as the log was read.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(super) struct Sums {
    v: u64,
    /// The most series of a metric that they were made with.
    most: usize,
    store: String,
    /// The last record, and its code.
    pub(super) seq: u64,
    mac: String,
    /// When it was written.
    pub(super) time: String,
    /// The last checkpoint that a record tells of: its size, and when.
    pub(super) checkpoint: Option<(u64, String)>,
    /// Lines that are no record.
    pub(super) strays: u64,
    /// Metric, labels, sum.
    series: Vec<(String, Vec<String>, u64)>,
    #[serde(skip)]
    by: BTreeMap<(String, Vec<String>), u64>,
    #[serde(skip)]
    counts: BTreeMap<String, usize>,
}

impl Sums {
    /// Goes on from what was kept if that is of this log and was made with this bound; else begins anew.
    pub(super) fn read(kept: Option<Sums>, reading: &Reading, most: usize) -> Result<Sums> {
        if let Some(mut kept) = kept.filter(|kept| kept.v == VERSION && kept.most == most) {
            kept.spread();
            if kept.go_on(reading)? {
                return Ok(kept);
            }
        }
        let mut fresh = Sums { v: VERSION, most, ..Sums::default() };
        fresh.go_on(reading)?;
        Ok(fresh)
    }

    /// Adds what has come; whether the log is the one that was summed.
    fn go_on(&mut self, reading: &Reading) -> Result<bool> {
        let (done, mut met) = (self.seq, self.seq == 0);
        for line in reading.lines(done)? {
            let line = line?;
            // What is summed already is not read as a whole.
            if record::seq(&line.bytes).is_ok_and(|seq| seq < done) {
                continue;
            }
            let Some(record) = line.record() else {
                self.strays += u64::from(met);
                continue;
            };
            if record.seq == done && done > 0 {
                met = record.mac == self.mac;
                if !met {
                    return Ok(false);
                }
            } else if record.seq > done {
                // Segments that were moved away are summed already; another log is not a later one.
                met = met || record.store == self.store;
                if !met {
                    return Ok(false);
                }
                self.add(record);
            }
        }
        Ok(met)
    }

    fn add(&mut self, record: Record) {
        for sum in SUMS {
            if let Some(labels) = (sum.of)(&record) {
                self.count(sum, labels, uses(&record));
            }
        }
        if record.op == "audit.checkpoint" {
            let size = record.details.get("size").and_then(|size| size.as_u64());
            self.checkpoint = size.map(|size| (size, record.time.clone()));
        }
        (self.seq, self.mac, self.time, self.store) =
            (record.seq, record.mac, record.time, record.store);
    }

    fn count(&mut self, sum: &Sum, labels: Vec<String>, more: u64) {
        let mut key = (sum.name.to_string(), labels);
        if !self.by.contains_key(&key) {
            let count = self.counts.entry(key.0.clone()).or_default();
            if *count >= self.most {
                let named = sum.labels.iter().zip(&mut key.1);
                named.filter(|(name, _)| sum.folds.contains(name)).for_each(|(_, label)| {
                    *label = OTHER.to_string();
                });
            } else {
                *count += 1;
            }
        }
        let total = self.by.entry(key).or_default();
        *total = total.saturating_add(more);
    }

    /// As it is kept.
    pub(super) fn gathered(&mut self) -> &Sums {
        let all = self.by.iter().map(|((name, labels), sum)| (name.clone(), labels.clone(), *sum));
        self.series = all.collect();
        self
    }

    fn spread(&mut self) {
        for (name, labels, sum) in self.series.drain(..) {
            *self.counts.entry(name.clone()).or_default() += 1;
            self.by.insert((name, labels), sum);
        }
    }

    /// The series of a metric.
    pub(super) fn of<'a>(&'a self, sum: &Sum) -> impl Iterator<Item = (&'a [String], u64)> {
        let name = sum.name;
        let all = self.by.iter().filter(move |((of, _), _)| of == name);
        all.map(|((_, labels), sum)| (labels.as_slice(), *sum))
    }

    /// Whether a metric has as many series as it may have.
    pub(super) fn full(&self) -> bool {
        self.counts.values().any(|count| *count >= self.most)
    }
}

fn token(record: &Record) -> String {
    text(&record.token)
}

fn key(record: &Record) -> (String, String) {
    record.key.as_ref().map_or_else(Default::default, |key| (key.id.clone(), key.label.clone()))
}

fn detail(record: &Record, name: &str) -> String {
    let found = record.details.get(name).and_then(|value| value.as_str());
    found.unwrap_or_default().to_string()
}

fn alarm(record: &Record) -> String {
    let rule = detail(record, "rule");
    rule.strip_prefix("alarm:").unwrap_or(&rule).to_string()
}

fn text(text: &Option<String>) -> String {
    text.clone().unwrap_or_default()
}

const LOGINS: &[&str] = &["C_Login", "C_LoginUser", "login"];
const OTHER: &str = "other";
const GOOD: &str = "CKR_OK";
const VERSION: u64 = 1;
