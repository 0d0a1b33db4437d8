// SPDX-License-Identifier: Apache-2.0 OR MIT
//! One alarm: what about the audit log somebody should be told, and who. What records mean is not known
//! here. It imports nothing of the crate.

use super::fault::{Faults, place};
use super::hours::Hours;
use super::limits::{number, seconds};
use super::text::{RawAlarm, Text, Texts};
use std::collections::HashMap;
use toml::Spanned;

/// One alarm.
#[derive(Debug)]
pub struct Alarm {
    /// What people call it.
    pub name: String,
    /// The line where it begins.
    pub line: usize,
    /// What raises it.
    pub when: &'static Condition,
    /// Of these operations alone: names of the log, with `*` for any text. Empty: all.
    pub operations: Vec<String>,
    /// With these outcomes alone. Empty: all.
    pub outcomes: Vec<String>,
    /// Of these keys alone, by unique id or label. Empty: all.
    pub keys: Vec<String>,
    /// By these users alone. Empty: all.
    pub users: Vec<String>,
    /// By these programs alone. Empty: all.
    pub programs: Vec<String>,
    /// Seconds; 0 where its condition takes no window.
    pub window: u64,
    /// How many; 0 where its condition takes no threshold.
    pub threshold: u64,
    /// The deliveries that are told, by name.
    pub notify: Vec<String>,
    hours: Option<Hours>,
}

/// What raises an alarm.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Keys are wrapped more often than they were.
    WrapVolume,
    /// Keys are unwrapped more often than they were.
    UnwrapVolume,
    /// PINs are wrong.
    FailedLogins,
    /// A key is used that its state does not permit.
    DeactivatedKey,
    /// Somebody comes who never came.
    NewPrincipal,
    /// A program comes that never came.
    NewProgram,
    /// Something is done at another time than it should be.
    OutsideHours,
    /// The policy is another one.
    PolicyChanged,
    /// The log is not as it was written.
    LogFailed,
    /// Something is done so often.
    Rate,
}

/// A condition, and what it takes.
#[derive(Debug)]
pub struct Condition {
    /// What it is.
    pub when: When,
    /// What a policy calls it.
    pub name: &'static str,
    /// Its window.
    pub window: Takes,
    /// Its threshold.
    pub threshold: Takes,
    /// What it means.
    pub what: &'static str,
}

/// Whether a condition takes a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Takes {
    /// It takes none.
    Nothing,
    /// It takes one, and this where none is given.
    Or(u64),
    /// It must be given.
    Needed,
}

use Takes::{Needed, Nothing, Or};

/// All conditions.
#[rustfmt::skip]
pub static CONDITIONS: &[Condition] = &[
    Condition { when: When::WrapVolume, name: "wrap-volume", window: Or(HOUR), threshold: Or(3),
        what: "in a window more keys are wrapped than `threshold` times as many as on average in the (up to) \
               24 windows before. Windows begin at multiples of their length; the average is taken as 1 at \
               least; in the first window nothing is compared" },
    Condition { when: When::UnwrapVolume, name: "unwrap-volume", window: Or(HOUR), threshold: Or(3),
        what: "the same of keys that are unwrapped" },
    Condition { when: When::FailedLogins, name: "failed-logins", window: Or(600), threshold: Or(5),
        what: "`threshold` PINs in a `window` were wrong or locked, whatever asked for them" },
    Condition { when: When::DeactivatedKey, name: "deactivated-key", window: Or(HOUR), threshold: Nothing,
        what: "a use is refused because the key is not active; of the same key it is said once a `window`" },
    Condition { when: When::NewPrincipal, name: "new-principal", window: Or(DAY), threshold: Nothing,
        what: "a user, role and user of the operating system are together seen for the first time. Who is \
               seen in the first `window` of the log is known" },
    Condition { when: When::NewProgram, name: "new-program", window: Or(DAY), threshold: Nothing,
        what: "a program is seen for the first time. What is seen in the first `window` of the log is known" },
    Condition { when: When::OutsideHours, name: "outside-hours", window: Or(HOUR), threshold: Nothing,
        what: "something is done outside `hours`; of the same user and program it is said once a `window`" },
    Condition { when: When::PolicyChanged, name: "policy-changed", window: Nothing, threshold: Nothing,
        what: "the token's policy was set" },
    Condition { when: When::LogFailed, name: "log-failed", window: Nothing, threshold: Nothing,
        what: "the log says that records of it are gone, were cut off or refused, that its head was lost, \
               that it or the store is an older copy, or that a verification failed" },
    Condition { when: When::Rate, name: "rate", window: Needed, threshold: Needed,
        what: "`threshold` uses or acts in a `window`; 1 is each, and after that quiet for a `window`" },
];

impl Alarm {
    pub(super) fn compile(
        text: &str,
        raw: &Spanned<RawAlarm>,
        faults: &mut Faults<'_>,
    ) -> Option<Alarm> {
        let (span, raw) = (raw.span(), raw.get_ref());
        let name = raw.name.get_ref();
        if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
            let next =
                format!("give it a name of 1 to {LONGEST_NAME} bytes, without control characters");
            faults.add(&raw.name.span(), "an alarm goes by its name", next);
        }
        let Some(when) = CONDITIONS.iter().find(|row| row.name == raw.when.get_ref()) else {
            let names: Vec<_> = CONDITIONS.iter().map(|row| row.name).collect();
            faults.add(
                &raw.when.span(),
                format!("'{}' is no condition", raw.when.get_ref()),
                format!("write one of: {}", names.join(", ")),
            );
            return None;
        };
        let whole = &raw.when.span();
        let window = raw.window.as_ref().map(|given| (given.span(), length(given, faults)));
        let threshold = raw.threshold.as_ref();
        let threshold =
            threshold.map(|given| (given.span(), number("threshold", given, THRESHOLD, faults)));
        let mut patterns =
            |list: &Option<Texts>| list.as_ref().map_or(Vec::new(), |list| texts(list, faults));
        let lists =
            [&raw.operations, &raw.outcomes, &raw.keys, &raw.users, &raw.programs, &raw.notify];
        let [operations, outcomes, keys, users, programs, notify] = lists.map(&mut patterns);
        if raw.hours.is_some() != (when.when == When::OutsideHours) {
            faults.add(
                whole,
                format!("'hours' and '{}' do not go together", when.name),
                "'outside-hours' takes 'hours', and nothing else does",
            );
        }
        Some(Alarm {
            name: name.clone(),
            line: place(text, span.start).0,
            when,
            operations,
            outcomes,
            keys,
            users,
            programs,
            window: taken("window", when, when.window, window, whole, faults),
            threshold: taken("threshold", when, when.threshold, threshold, whole, faults),
            notify,
            hours: raw.hours.as_ref().map(|raw| Hours::compile(raw, faults)),
        })
    }

    /// Whether a time, seconds since 1970, is within its hours.
    pub fn at_hours(&self, seconds: i64) -> bool {
        self.hours.as_ref().is_none_or(|hours| hours.has(seconds))
    }
}

type Span = std::ops::Range<usize>;

/// What a condition takes of what was given.
fn taken(
    what: &str,
    condition: &Condition,
    takes: Takes,
    given: Option<(Span, u64)>,
    whole: &Span,
    faults: &mut Faults<'_>,
) -> u64 {
    match (takes, given) {
        (Or(_) | Needed, Some((_, given))) => given,
        (Or(usual), None) => usual,
        (Nothing, None) => 0,
        (Nothing, Some((span, _))) => {
            faults.add(&span, format!("'{}' takes no {what}", condition.name), "take it away");
            0
        }
        (Needed, None) => {
            faults.add(
                whole,
                format!("'{}' takes a {what}", condition.name),
                "give 'threshold', such as 100, and 'window', such as \"1h\"",
            );
            0
        }
    }
}

fn length(text: &Text, faults: &mut Faults<'_>) -> u64 {
    seconds(text.get_ref()).unwrap_or_else(|| {
        faults.add(
            &text.span(),
            format!("'{}' is no window of time", text.get_ref()),
            "write a number and one of s, m, h, d, such as 1h; at most 366d",
        );
        1
    })
}

fn texts(list: &Texts, faults: &mut Faults<'_>) -> Vec<String> {
    if list.get_ref().is_empty() || list.get_ref().iter().any(|text| text.get_ref().is_empty()) {
        faults.add(
            &list.span(),
            "this list names nothing",
            "name something, or leave the list away",
        );
    }
    list.get_ref().iter().map(|text| text.get_ref().clone()).collect()
}

/// What is told goes by the names of alarms.
pub(super) fn distinct(alarms: &[Spanned<RawAlarm>], faults: &mut Faults<'_>) {
    let mut names: HashMap<&str, usize> = HashMap::new();
    for (number, alarm) in alarms.iter().enumerate() {
        let name = &alarm.get_ref().name;
        if let Some(first) = names.insert(name.get_ref(), number + 1) {
            faults.add(
                &name.span(),
                format!("alarm {first} is called '{}' already", name.get_ref()),
                "give each alarm a name of its own",
            );
        }
    }
    if let Some(one_more) = alarms.get(MOST) {
        faults.add(
            &one_more.span(),
            format!("the policy has {} alarms; at most {MOST} are taken", alarms.len()),
            "join alarms that differ in their lists alone",
        );
    }
}

/// The longest name of an alarm, bytes.
const LONGEST_NAME: usize = 64;
const THRESHOLD: std::ops::RangeInclusive<i64> = 1..=1_000_000_000;
const HOUR: u64 = 3600;
const DAY: u64 = 86_400;
/// The most alarms.
const MOST: usize = 256;
