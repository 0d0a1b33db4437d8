// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a key's record says of its life: the state it was put into, and the days that it is for. What
//! follows from it is `policy`'s to say. It imports layer 0 alone.

use super::value::{Attributes, Value};
use crate::codec::day_of_date;
use crate::vendor::*;
use cryptoki_sys::{CK_ULONG, CKA_END_DATE, CKA_START_DATE};

macro_rules! states {
    ($($state:ident $number:ident $name:literal;)*) => {
        /// The states of a key (NIST SP 800-57 part 1 rev. 5, section 7).
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[allow(missing_docs, reason = "each is named after its STRONGROOM_STATE_*")]
        pub enum State { $($state,)* }

        impl State {
            /// All of them, in the order of a life.
            pub const ALL: &'static [State] = &[$(State::$state,)*];

            /// What it is called.
            pub fn name(self) -> &'static str {
                match self { $(State::$state => $name,)* }
            }

            /// Its number, `STRONGROOM_STATE_*`.
            pub fn number(self) -> CK_ULONG {
                match self { $(State::$state => $number,)* }
            }

            /// As the value of `CKA_STRONGROOM_STATE`.
            pub(super) fn value(self) -> &'static Value {
                match self {
                    $(State::$state => {
                        static NUMBER: Value = Value::Number($number as u64);
                        &NUMBER
                    })*
                }
            }
        }
    };
}

states! {
    PreActive STRONGROOM_STATE_PRE_ACTIVE "pre-active";
    Active STRONGROOM_STATE_ACTIVE "active";
    Suspended STRONGROOM_STATE_SUSPENDED "suspended";
    Deactivated STRONGROOM_STATE_DEACTIVATED "deactivated";
    Compromised STRONGROOM_STATE_COMPROMISED "compromised";
    Destroyed STRONGROOM_STATE_DESTROYED "destroyed";
}

impl State {
    /// The state of a number.
    pub fn from_number(number: u64) -> Option<State> {
        State::ALL.iter().copied().find(|state| state.number() as u64 == number)
    }
}

/// The life of a key, as its record has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Life {
    /// The state that it was put into.
    pub state: State,
    /// Whether a reason for that is on record.
    pub reasoned: bool,
    /// Its first day (`CKA_START_DATE`), counted from 1970 in UTC.
    pub from: Option<i64>,
    /// Its last (`CKA_END_DATE`).
    pub until: Option<i64>,
}

impl Life {
    pub(super) fn of(attributes: &Attributes) -> Life {
        let day = |id| attributes.bytes(id).and_then(day_of_date);
        let state = match attributes.number(CKA_STRONGROOM_STATE) {
            // A record that is older than the attribute is of a key that was in use.
            None => State::Active,
            // What a later version calls it is not known to permit anything.
            Some(number) => State::from_number(number).unwrap_or(State::Destroyed),
        };
        let reason = attributes.bytes(CKA_STRONGROOM_STATE_REASON);
        Life {
            state,
            reasoned: reason.is_some_and(|reason| !reason.is_empty()),
            from: day(CKA_START_DATE),
            until: day(CKA_END_DATE),
        }
    }

    /// Whether it is the same on all days: then nobody has to look at the clock.
    pub fn is_timeless(&self) -> bool {
        self.from.is_none() && self.until.is_none()
    }

    /// What the days of a key alone make of it on a day.
    pub fn dated(&self, day: i64) -> State {
        match (self.from, self.until) {
            (Some(from), _) if day < from => State::PreActive,
            (_, Some(until)) if day > until => State::Deactivated,
            _ => State::Active,
        }
    }

    /// The state in effect: an active key is what its days make of it.
    pub fn on(&self, day: i64) -> State {
        if self.state == State::Active { self.dated(day) } else { self.state }
    }
}

/// A change of state that the states' own table permits, and what the token records with it.
pub struct Transition {
    /// Whether the key may do less afterwards.
    pub narrows: bool,
    /// When: `CKA_STRONGROOM_STATE_SINCE`.
    pub since: String,
    /// By whom: `CKA_STRONGROOM_STATE_BY`.
    pub by: String,
}

/// The states that a template may give a new key.
pub(super) fn may_begin(number: u64) -> bool {
    matches!(State::from_number(number), Some(State::PreActive | State::Active))
}
