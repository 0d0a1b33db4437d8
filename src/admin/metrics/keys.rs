// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The keys of a token, counted: by state, by age, by when they should be replaced.

use super::text::Number;
use crate::admin::inventory::{Class, Summary};
use std::collections::BTreeMap;

/// The keys of a token.
#[derive(Clone)]
pub(super) struct Keys {
    token: String,
    all: bool,
    states: BTreeMap<(&'static str, &'static str), u64>,
    ages: [u64; DAYS.len()],
    pub(super) past_end: u64,
    pub(super) due: u64,
    pub(super) covered: u64,
    pub(super) active: u64,
}

type Row = (Vec<String>, Number);

impl Keys {
    pub(super) fn of<'a>(token: &str, all: bool, keys: impl Iterator<Item = &'a Summary>) -> Keys {
        let now = jiff::Timestamp::now();
        let today = now.to_string();
        let today = today.get(..10).unwrap_or_default();
        let mut count = Keys {
            token: token.to_string(),
            all,
            states: BTreeMap::new(),
            ages: [0; DAYS.len()],
            past_end: 0,
            due: 0,
            covered: 0,
            active: 0,
        };
        for key in keys {
            let Some(life) = &key.life else { continue };
            let class = key.class.map_or("other", Class::name);
            *count.states.entry((class, life.state)).or_default() += 1;
            let active = life.state == "active";
            // Of keys in use: what is left of a key is not replaced.
            if key.class == Some(Class::Destroyed) {
                continue;
            }
            let made = life.made.as_deref().and_then(|made| made.parse::<jiff::Timestamp>().ok());
            let days = made.map(|made| now.duration_since(made).as_secs() / 86_400);
            for (bound, place) in DAYS.iter().zip(&mut count.ages) {
                *place += u64::from(days.is_some_and(|days| days >= *bound));
            }
            let past = life.end_date.as_deref().is_some_and(|end| end < today);
            count.past_end += u64::from(past && life.state != "compromised");
            let due = life.rotation_due.as_deref();
            let due = due.and_then(|due| due.parse::<jiff::Timestamp>().ok());
            count.due += u64::from(active && due.is_some_and(|due| due <= now));
            let covered = life.rotation_period.is_some() || life.end_date.is_some();
            count.covered += u64::from(active && covered);
            count.active += u64::from(active);
        }
        count
    }

    pub(super) fn states(&self) -> impl Iterator<Item = Row> {
        self.states
            .iter()
            .map(|((class, state), count)| (self.labels(&[class, state]), Number::Whole(*count)))
    }

    pub(super) fn ages(&self) -> impl Iterator<Item = Row> {
        let row = |(days, count): (&i64, &u64)| {
            (self.labels(&[&days.to_string()]), Number::Whole(*count))
        };
        DAYS.iter().zip(&self.ages).map(row)
    }

    pub(super) fn one(&self, count: u64) -> Row {
        (self.labels(&[]), Number::Whole(count))
    }

    fn labels(&self, more: &[&str]) -> Vec<String> {
        let visible = if self.all { "all" } else { "public" };
        let own = [self.token.as_str(), visible];
        own.iter().chain(more).map(|text| text.to_string()).collect()
    }
}

/// The ages that are told apart, days.
const DAYS: [i64; 8] = [0, 7, 30, 90, 180, 365, 730, 1095];
