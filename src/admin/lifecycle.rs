// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The life of keys: states changed, metadata set, what is left of destroyed keys forgotten.

use super::failure::{Failure, Outcome};
use super::inventory::{Class, Summary, Wanted, ambiguous};
use super::pins::Visit;
use super::said::{Said, lines, merged};
use super::template::Sheet;
use crate::error::Error;
use crate::object::State;
use crate::policy::life;
use crate::vendor::*;
use serde::Serialize;

/// A change of state that the command makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named after its verb")]
pub enum Step {
    Activate,
    Suspend,
    Resume,
    Deactivate,
    Compromise,
}

/// A key after its state was changed.
#[derive(Debug, Serialize)]
pub struct Changed {
    /// The key as it is now.
    #[serde(flatten)]
    pub key: Summary,
    /// What it may still be used for.
    pub may: Vec<&'static str>,
}

impl Step {
    /// What was done.
    pub fn done(self) -> &'static str {
        match self {
            Step::Activate => "activated",
            Step::Suspend => "suspended",
            Step::Resume => "resumed",
            Step::Deactivate => "deactivated",
            Step::Compromise => "marked as compromised",
        }
    }

    fn to(self) -> State {
        match self {
            Step::Activate | Step::Resume => State::Active,
            Step::Suspend => State::Suspended,
            Step::Deactivate => State::Deactivated,
            Step::Compromise => State::Compromised,
        }
    }

    /// Whether it is the word for a change from this state. (Two verbs lead to the active state.)
    fn begins(self, from: State) -> bool {
        let named = match self {
            Step::Activate => from == State::PreActive,
            Step::Resume => from == State::Suspended,
            _ => true,
        };
        named && life::may_follow(from, self.to())
    }
}

impl Visit<'_> {
    /// Changes the state of a key, or of both halves of a pair; of every key that fits if `all`.
    /// Those that are in the state already are left alone.
    pub fn step(
        &self,
        step: Step,
        wanted: &Wanted,
        all: bool,
        reason: Option<&str>,
    ) -> Outcome<Vec<Changed>> {
        let keys = self.keys_meant(wanted, all)?;
        let mut due = Vec::new();
        for key in &keys {
            let from = self.recorded(key)?;
            if from == step.to() {
                continue;
            }
            if !step.begins(from) {
                return Err(not_from(key, step, from));
            }
            due.push(key);
        }
        if due.is_empty() {
            return Err(already(&keys, step));
        }
        let mut sheet = Sheet::default().number(CKA_STRONGROOM_STATE, step.to().number());
        if let Some(reason) = reason {
            sheet = sheet.bytes(CKA_STRONGROOM_STATE_REASON, reason.as_bytes());
        }
        for (at, key) in due.iter().enumerate() {
            self.write(key, &sheet, || undone(&format!("cannot change the {}", key.words()), at))?;
        }
        due.into_iter().map(|key| self.changed(key)).collect()
    }

    /// Sets what is said of a key, or of both halves of a pair; of every key that fits if `all`.
    pub fn say(
        &self,
        said: &Said,
        unset: &[String],
        wanted: &Wanted,
        all: bool,
    ) -> Outcome<Vec<Summary>> {
        if said.is_empty() && unset.is_empty() {
            return Err(Failure::new(
                "nothing is said of the key",
                "say --owner, --purpose, --rotate-every, --label-set, --label-unset, --start-date or \
                 --end-date",
            ));
        }
        let keys = self.keys_meant(wanted, all)?;
        for (at, key) in keys.iter().enumerate() {
            let mut sheet = said.write(Sheet::default(), &[]);
            if !said.labels.is_empty() || !unset.is_empty() {
                let labels = merged(&key.labels(), &said.labels, unset);
                sheet = sheet.bytes(CKA_STRONGROOM_LABELS, &lines(&labels));
            }
            self.write(key, &sheet, || undone(&format!("cannot change the {}", key.words()), at))?;
        }
        let read = keys.iter().map(|key| self.summary(key.handle)).collect::<Result<_, _>>();
        read.map_err(|error| Failure::of("cannot read the key", error))
    }

    /// Forgets a key that was destroyed.
    pub fn forget(&self, tombstone: &Summary) -> Outcome<()> {
        let doing = || format!("cannot forget the {}", tombstone.words());
        self.library()
            .forget_object(self.session, tombstone.handle)
            .map_err(|error| Failure::of(doing(), error))
    }

    /// The keys that are meant: one, or both halves of a pair; every one that fits if `all`.
    fn keys_meant(&self, wanted: &Wanted, all: bool) -> Outcome<Vec<Summary>> {
        let key = |object: &Summary| {
            matches!(object.class, Some(Class::Private | Class::Public | Class::Secret))
        };
        let found: Vec<_> = self.some_objects(wanted)?.into_iter().filter(key).collect();
        let Some(first) = found.first() else {
            return Err(Failure::new(
                format!("the {} is no key", wanted.words()),
                "'strongroom key list' shows which objects are keys",
            ));
        };
        let pair = |other: &Summary| {
            (&other.id, &other.kind) == (&first.id, &first.kind) && !first.id.is_empty()
        };
        let halves = found.len() == 2
            && found.iter().all(pair)
            && found.iter().any(|key| key.class == Some(Class::Private))
            && found.iter().any(|key| key.class == Some(Class::Public));
        if all || found.len() == 1 || halves {
            return Ok(found);
        }
        let mut failure = ambiguous(&found);
        failure.next.push_str(", or change them all with --all");
        Err(failure)
    }

    /// The state that a key was put into, whatever its days make of it.
    fn recorded(&self, key: &Summary) -> Outcome<State> {
        let view = self.library().view(self.session, key.handle);
        view.map(|view| view.life().state).map_err(|e| Failure::of("cannot read the key", e))
    }

    fn write(&self, key: &Summary, sheet: &Sheet, doing: impl FnOnce() -> String) -> Outcome<()> {
        let set = self.library().set_attributes(self.session, key.handle, &sheet.raw());
        set.map_err(|error| match error {
            // Dates that end before they begin, labels beyond the number that a key may have.
            Error::TemplateInconsistent | Error::AttributeValueInvalid => Failure::new(
                format!("{}: the values do not go together ({})", doing(), error.name()),
                "the first day comes before the last; a key has at most 32 labels",
            ),
            other => Failure::of(doing(), other),
        })
    }

    fn changed(&self, key: &Summary) -> Outcome<Changed> {
        let cannot = |error| Failure::of("cannot read the key", error);
        let view = self.library().view(self.session, key.handle).map_err(cannot)?;
        let may = view.uses().map(|usage| usage.name()).collect();
        Ok(Changed { key: self.summary(key.handle).map_err(cannot)?, may })
    }
}

/// Where some of several keys were changed before one could not be.
fn undone(doing: &str, changed: usize) -> String {
    match changed {
        0 => doing.to_string(),
        changed => format!("{doing} ({changed} others were changed before it)"),
    }
}

fn not_from(key: &Summary, step: Step, from: State) -> Failure {
    let next: Vec<_> = life::stage(from).next.iter().map(|state| state.name()).collect();
    Failure::new(
        format!("the {} is {} and cannot be {}", key.words(), from.name(), step.done()),
        format!("what may follow is: {}; docs/lifecycle.md has the table", next.join(", ")),
    )
}

fn already(keys: &[Summary], step: Step) -> Failure {
    let key = keys.first().map_or_else(|| "key".to_string(), Summary::words);
    let ahead = keys.iter().any(|key| {
        step.to() == State::Active && key.state().is_some_and(|state| state != "active")
    });
    let next = match ahead {
        true => "its days make it what it is: 'strongroom key set --start-date' or --end-date",
        false => "there is nothing to do; 'strongroom key show' says since when and why",
    };
    Failure::new(format!("the {key} is {} already", step.to().name()), next)
}
