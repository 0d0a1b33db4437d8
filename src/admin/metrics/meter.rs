// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is measured: sums of the audit log, and what store and log are now. One row a metric;
//! `docs/metrics.md` is made of the rows.

use super::keys::Keys;
use super::sums::{SUMS, Sums};
use super::text::{Family, Number, Type, render};
use crate::admin::desk::Desk;
use crate::admin::drawer::{Drawer, VERIFIED, Verified};
use crate::admin::failure::{Failure, Outcome};
use crate::admin::inventory::{Class, Wanted};
use crate::admin::pins::Visit;
use crate::audit::Reading;
use crate::audit::reading::micros;
use crate::config::Config;
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// A metric that says what is.
pub struct State {
    /// Its name.
    pub name: &'static str,
    /// The names of its labels.
    pub labels: &'static [&'static str],
    /// What it says.
    pub help: &'static str,
    /// Whether the store must be opened for it.
    pub store: bool,
    of: fn(&Facts) -> Series,
}

type Series = Vec<(Vec<String>, Number)>;

/// What there is to say.
#[derive(Default)]
struct Facts {
    now: i64,
    opened: bool,
    log_bytes: u64,
    segments: u64,
    last: u64,
    last_time: Option<i64>,
    strays: u64,
    folded: bool,
    checkpoint: Option<(u64, i64)>,
    verified: Option<Verified>,
    store: Option<StoreFacts>,
    keys: Vec<Keys>,
}

struct StoreFacts {
    revision: u64,
    /// Of the master key, and of the store's keys.
    generations: (u32, u32),
    slots: Vec<(&'static str, u64)>,
    tokens: Vec<(String, String)>,
    keys: Series,
}

/// All of them.
#[rustfmt::skip]
pub static STATES: &[State] = &[
    State { name: "strongroom_measured_timestamp_seconds", labels: &[], store: false,
        help: "When this was measured.", of: |f| vec![(vec![], Number::Micros(f.now))] },
    State { name: "strongroom_store_opened", labels: &[], store: false,
        help: "Whether the store was opened: without it there is the log alone.",
        of: |f| one(u64::from(f.opened)) },
    State { name: "strongroom_log_last_record", labels: &[], store: false,
        help: "The number of the last record of the audit log.", of: |f| one(f.last) },
    State { name: "strongroom_log_last_record_timestamp_seconds", labels: &[], store: false,
        help: "When the last record was written.", of: |f| at(f.last_time) },
    State { name: "strongroom_log_bytes", labels: &[], store: false,
        help: "The size of all segments of the log.", of: |f| one(f.log_bytes) },
    State { name: "strongroom_log_segments", labels: &[], store: false,
        help: "How many segments there are.", of: |f| one(f.segments) },
    State { name: "strongroom_log_strays", labels: &[], store: false,
        help: "Lines of the log that are no record.", of: |f| one(f.strays) },
    State { name: "strongroom_checkpoint_records", labels: &[], store: false,
        help: "How many records the last checkpoint is over.",
        of: |f| f.checkpoint.map(|(size, _)| one(size)).unwrap_or_default() },
    State { name: "strongroom_checkpoint_timestamp_seconds", labels: &[], store: false,
        help: "When the last checkpoint was made.", of: |f| at(f.checkpoint.map(|(_, time)| time)) },
    State { name: "strongroom_verification_timestamp_seconds", labels: &[], store: false,
        help: "When the log was last verified ('strongroom audit verify').",
        of: |f| at(f.verified.as_ref().and_then(|verified| micros(&verified.time))) },
    State { name: "strongroom_verification_sound", labels: &[], store: false,
        help: "Whether that found nothing wrong.",
        of: |f| f.verified.as_ref().map(|v| one(u64::from(v.sound))).unwrap_or_default() },
    State { name: "strongroom_series_folded", labels: &[], store: false,
        help: "Whether a metric has as many series as metrics.most_series permits, so that what comes anew is \
               added up as 'other'.",
        of: |f| one(u64::from(f.folded)) },
    State { name: "strongroom_store_revision", labels: &[], store: true,
        help: "Counts the changes of the store.", of: |f| store(f, |s| one(s.revision)) },
    State { name: "strongroom_seal_generation", labels: &[], store: true,
        help: "Which of its master keys the store rests under.", of: |f| store(f, |s| one(s.generations.0.into())) },
    State { name: "strongroom_store_generation", labels: &[], store: true,
        help: "Which of its own keys, beneath the master key, the store rests under.",
        of: |f| store(f, |s| one(s.generations.1.into())) },
    State { name: "strongroom_seal_slots", labels: &["kind"], store: true,
        help: "The ways to open the store.",
        of: |f| store(f, |s| s.slots.iter().map(|(kind, n)| (vec![kind.to_string()], Number::Whole(*n))).collect()) },
    State { name: "strongroom_token", labels: &["token", "label"], store: true,
        help: "1 for each token, with its serial number and label.",
        of: |f| store(f, |s| s.tokens.iter()
            .map(|(serial, label)| (vec![serial.clone(), label.clone()], Number::Whole(1))).collect()) },
    State { name: "strongroom_token_generation", labels: &["token", "key"], store: true,
        help: "Which token key and which use key a token has.",
        of: |f| store(f, |s| s.keys.clone()) },
    State { name: "strongroom_keys", labels: &["token", "visible", "class", "state"], store: true,
        help: "Keys by class and state; 'visible' is 'public' where nobody has logged in and public objects \
               alone are seen, else 'all'.",
        of: |f| f.keys.iter().flat_map(Keys::states).collect() },
    State { name: "strongroom_keys_older_than", labels: &["token", "visible", "days"], store: true,
        help: "Keys that were made at least so many days ago, of those whose making is on record.",
        of: |f| f.keys.iter().flat_map(Keys::ages).collect() },
    State { name: "strongroom_keys_past_end", labels: &["token", "visible"], store: true,
        help: "Keys past their last day (CKA_END_DATE) that are neither compromised nor destroyed.",
        of: |f| f.keys.iter().map(|keys| keys.one(keys.past_end)).collect() },
    State { name: "strongroom_keys_rotation_due", labels: &["token", "visible"], store: true,
        help: "Active keys that should have been replaced by now, as their rotation period says.",
        of: |f| f.keys.iter().map(|keys| keys.one(keys.due)).collect() },
    State { name: "strongroom_keys_rotation_covered", labels: &["token", "visible"], store: true,
        help: "Active keys with a rotation period or a last day.",
        of: |f| f.keys.iter().map(|keys| keys.one(keys.covered)).collect() },
    State { name: "strongroom_keys_active", labels: &["token", "visible"], store: true,
        help: "Active keys: what the two before are part of.",
        of: |f| f.keys.iter().map(|keys| keys.one(keys.active)).collect() },
];

fn one(number: u64) -> Series {
    vec![(Vec::new(), Number::Whole(number))]
}

fn at(time: Option<i64>) -> Series {
    time.map(|time| (Vec::new(), Number::Micros(time))).into_iter().collect()
}

fn store(facts: &Facts, of: impl FnOnce(&StoreFacts) -> Series) -> Series {
    facts.store.as_ref().map(of).unwrap_or_default()
}

/// What measures a store.
pub struct Meter<'a> {
    config: &'a Config,
    desk: Option<&'a Desk>,
    /// Someone who has logged in, and sees all keys of their token.
    visit: Option<Visit<'a>>,
    /// The keys as they were: to look at all of them takes time.
    keys: Mutex<Option<(Instant, Vec<Keys>)>>,
}

impl<'a> Meter<'a> {
    /// Of a store: its log alone, or with the store opened, or with someone who has logged in besides.
    pub fn new(config: &'a Config, desk: Option<&'a Desk>, visit: Option<Visit<'a>>) -> Meter<'a> {
        Meter { config, desk, visit, keys: Mutex::new(None) }
    }

    /// Measures, and renders it.
    pub fn text(&self) -> Outcome<String> {
        if let Some(desk) = self.desk {
            // Where the store cannot be written nobody counts.
            let _ = desk.library.sweep_audit();
        }
        let reading = Reading::at(&self.config.store.path.join("audit"));
        let sums = self.sums(&reading)?;
        let facts = self.facts(&reading, &sums)?;
        let mut families = Vec::new();
        for sum in SUMS {
            let series = sums.of(sum).map(|(labels, sum)| (labels.to_vec(), Number::Whole(sum)));
            families.push(Family {
                name: sum.name,
                kind: Type::Counter,
                help: sum.help,
                labels: sum.labels,
                series: series.collect(),
            });
        }
        for state in STATES.iter().filter(|state| facts.opened || !state.store) {
            let (name, help, labels) = (state.name, state.help, state.labels);
            let series = (state.of)(&facts);
            families.push(Family { name, kind: Type::Gauge, help, labels, series });
        }
        Ok(render(&families))
    }

    /// What the log adds up to: what was kept, and what has come since.
    fn sums(&self, reading: &Reading) -> Outcome<Sums> {
        let drawer = Drawer::of(self.config)?;
        let kept = drawer.get::<Sums>(TOTALS);
        let before = kept.as_ref().map_or(0, |kept| kept.seq);
        if !reading.directory().try_exists().unwrap_or(true) {
            return Ok(Sums::default());
        }
        let sums = Sums::read(kept, reading, self.config.metrics.most_series);
        let mut sums = sums.map_err(|error| Failure::of("cannot read the audit log", error))?;
        // Who may not write there sums the whole log each time.
        if sums.seq != before && drawer.put(TOTALS, sums.gathered()).is_err() {
            tracing::info!("the sums cannot be kept");
        }
        Ok(sums)
    }

    fn facts(&self, reading: &Reading, sums: &Sums) -> Outcome<Facts> {
        let segments = reading.segments().unwrap_or_default();
        let length =
            |first: &u64| reading.segment(*first).metadata().map_or(0, |found| found.len());
        let checkpoint = sums.checkpoint.as_ref();
        Ok(Facts {
            now: jiff::Timestamp::now().as_microsecond(),
            opened: self.desk.is_some(),
            log_bytes: segments.iter().map(length).sum(),
            segments: segments.len() as u64,
            last: sums.seq,
            last_time: micros(&sums.time),
            strays: sums.strays,
            folded: sums.full(),
            checkpoint: checkpoint.and_then(|(size, time)| Some((*size, micros(time)?))),
            verified: Drawer::of(self.config)?.get(VERIFIED),
            store: self.desk.map(store_facts).transpose()?,
            keys: self.desk.map(|desk| self.keys(desk)).transpose()?.unwrap_or_default(),
        })
    }

    fn keys(&self, desk: &Desk) -> Outcome<Vec<Keys>> {
        let mut kept = self.keys.lock();
        if let Some((_, keys)) = kept.as_ref().filter(|(when, _)| when.elapsed() < FRESH) {
            return Ok(keys.clone());
        }
        let mut all = Vec::new();
        for token in desk.tokens()? {
            let own = self.visit.as_ref().filter(|visit| visit.token.serial == token.serial);
            let objects = match own {
                Some(visit) => visit.objects(&Wanted::default())?,
                None => desk.enter(&token)?.objects(&Wanted::default())?,
            };
            let keys = objects.iter().filter(|object| KEYS.contains(&object.class));
            all.push(Keys::of(&token.serial, own.is_some(), keys));
        }
        Ok(kept.insert((Instant::now(), all)).1.clone())
    }
}

fn store_facts(desk: &Desk) -> Outcome<StoreFacts> {
    let vault = &desk.opened.vault;
    let known = vault.audit().map_err(|error| Failure::of("cannot read the store", error))?;
    let mut slots: Vec<(&'static str, u64)> = Vec::new();
    let found =
        desk.seal_slots().map_err(|error| Failure::of("cannot read the seal slots", error))?;
    for kind in found.iter().map(|slot| slot.kind.name()) {
        match slots.iter_mut().find(|(known, _)| *known == kind) {
            Some((_, count)) => *count += 1,
            None => slots.push((kind, 1)),
        }
    }
    let generations =
        vault.generations().map_err(|error| Failure::of("cannot read the store", error))?;
    let tokens = desk.tokens()?;
    let key = |serial: &str, name: &str, generation: u32| {
        (vec![serial.to_string(), name.to_string()], Number::Whole(generation.into()))
    };
    let keys = tokens.iter().flat_map(|token| {
        [
            key(&token.serial, "token", token.keys.token_key),
            key(&token.serial, "use", token.keys.use_key),
        ]
    });
    let keys = keys.collect();
    let tokens = tokens.into_iter().map(|token| (token.serial, token.label));
    Ok(StoreFacts {
        revision: known.map_or(0, |known| known.revision),
        generations,
        slots,
        tokens: tokens.collect(),
        keys,
    })
}

/// The classes of keys.
const KEYS: &[Option<Class>] =
    &[Some(Class::Private), Some(Class::Public), Some(Class::Secret), Some(Class::Destroyed)];
/// The file of the sums.
const TOTALS: &str = "sums";
/// How long keys are not looked at anew.
const FRESH: Duration = Duration::from_secs(60);
