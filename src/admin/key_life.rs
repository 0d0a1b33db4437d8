// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The life of a key, as an inventory shows it.

use super::moment::{dashed, seconds, utc};
use crate::object::{Reading, State, Value};
use crate::session::View;
use crate::vendor::*;
use cryptoki_sys::{CK_ATTRIBUTE_TYPE, CKA_END_DATE, CKA_START_DATE};
use serde::Serialize;

/// The life of a key, or of what is left of one, and what is said of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyLife {
    /// The state that it is in today.
    pub state: &'static str,
    /// When that was last changed; none where it is as it was made.
    pub state_since: Option<String>,
    /// By whom.
    pub state_by: Option<String>,
    /// Why.
    pub state_reason: Option<String>,
    /// When it was made or came into the token; none where nobody wrote that down.
    pub made: Option<String>,
    /// Its first day.
    pub start_date: Option<String>,
    /// Its last day.
    pub end_date: Option<String>,
    /// Whose it is.
    pub owner: Option<String>,
    /// What it is for.
    pub purpose: Option<String>,
    /// Labels, `key=value`.
    pub labels: Vec<String>,
    /// After how many seconds it should be replaced.
    pub rotation_period: Option<u64>,
    /// When it should be replaced; none where no period is set, or nobody knows how old it is.
    pub rotation_due: Option<String>,
}

impl KeyLife {
    /// None for objects that are no keys.
    pub(super) fn of(view: &View) -> Option<KeyLife> {
        let state = State::from_number(number(view, CKA_STRONGROOM_STATE)?)?;
        let moment = |id| text(view, id).and_then(|digits| seconds(digits.as_bytes()));
        let made = moment(CKA_STRONGROOM_MADE);
        let period = number(view, CKA_STRONGROOM_ROTATION_PERIOD).filter(|period| *period > 0);
        let due = made.zip(period).and_then(|(made, period)| made.checked_add(period));
        let labels = text(view, CKA_STRONGROOM_LABELS).unwrap_or_default();
        Some(KeyLife {
            state: state.name(),
            state_since: moment(CKA_STRONGROOM_STATE_SINCE).map(utc),
            state_by: text(view, CKA_STRONGROOM_STATE_BY),
            state_reason: text(view, CKA_STRONGROOM_STATE_REASON),
            made: made.map(utc),
            start_date: text(view, CKA_START_DATE).map(|date| dashed(&date)),
            end_date: text(view, CKA_END_DATE).map(|date| dashed(&date)),
            owner: text(view, CKA_STRONGROOM_OWNER),
            purpose: text(view, CKA_STRONGROOM_PURPOSE),
            labels: labels.lines().map(str::to_string).collect(),
            rotation_period: period,
            rotation_due: due.map(utc),
        })
    }
}

fn number(view: &View, id: CK_ATTRIBUTE_TYPE) -> Option<u64> {
    match view.read(id) {
        Reading::Value(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

/// A text that is not empty.
fn text(view: &View, id: CK_ATTRIBUTE_TYPE) -> Option<String> {
    match view.read(id) {
        Reading::Value(value) => value
            .octets()
            .filter(|octets| !octets.is_empty())
            .map(|octets| String::from_utf8_lossy(octets).into_owned()),
        _ => None,
    }
}
