// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The life of keys (NIST SP 800-57 part 1 rev. 5, section 7): which state follows which, and what a
//! key may do in each. Pure functions over one table; the day comes in as a value. It may import
//! `object` and layer 0.

use super::Use;
use crate::call;
use crate::codec::DAY;
use crate::error::{Error, Result};
use crate::object::{Life, Object, State, Template};
use crate::vendor::*;
use State::*;

/// What a key in some state does with what was protected by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Processes {
    /// Nothing.
    Nothing,
    /// It verifies, which opens nothing.
    Verifies,
    /// All of it.
    All,
    /// All of it, if the reason for the state is on record.
    WithReason,
}

/// One state.
pub struct Stage {
    /// The state.
    pub state: State,
    /// Whether a key in it protects.
    pub protects: bool,
    /// What it processes.
    pub processes: Processes,
    /// The states that may follow.
    pub next: &'static [State],
    /// Where the publication has it.
    pub section: &'static str,
}

/// The table. A suspended key could process what was protected before, if the recipient accepts the
/// risk (section 7.3). A token knows neither when something was protected nor what its recipient
/// accepts, so that it verifies, which opens nothing, and leaves the rest to who resumes or
/// deactivates the key.
#[rustfmt::skip]
pub static STAGES: &[Stage] = &[
    Stage { state: PreActive, protects: false, processes: Processes::Nothing,
            next: &[Active, Compromised, Destroyed], section: "7.1" },
    Stage { state: Active, protects: true, processes: Processes::All,
            next: &[Suspended, Deactivated, Compromised, Destroyed], section: "7.2" },
    Stage { state: Suspended, protects: false, processes: Processes::Verifies,
            next: &[Active, Deactivated, Compromised, Destroyed], section: "7.3" },
    Stage { state: Deactivated, protects: false, processes: Processes::All,
            next: &[Compromised, Destroyed], section: "7.4" },
    Stage { state: Compromised, protects: false, processes: Processes::WithReason,
            next: &[Destroyed], section: "7.5" },
    Stage { state: Destroyed, protects: false, processes: Processes::Nothing,
            next: &[], section: "7.6" },
];

/// What a use does, as the publication divides them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// It applies protection.
    Protect,
    /// It processes what was protected, and opens it.
    Process,
    /// It processes what was protected, and opens nothing.
    Verify,
}

/// The side of a use. A derived key protects something new, whatever the old one did.
pub fn side(usage: Use) -> Side {
    match usage {
        Use::Encrypt | Use::Sign | Use::SignRecover | Use::Wrap => Side::Protect,
        Use::Encapsulate | Use::Derive => Side::Protect,
        Use::Decrypt | Use::Unwrap | Use::Decapsulate => Side::Process,
        Use::Verify | Use::VerifyRecover => Side::Verify,
    }
}

/// The row of a state.
pub fn stage(state: State) -> &'static Stage {
    static NONE: Stage = Stage {
        state: Destroyed,
        protects: false,
        processes: Processes::Nothing,
        next: &[],
        section: "",
    };
    STAGES.iter().find(|stage| stage.state == state).unwrap_or(&NONE)
}

/// Whether a state permits a use; `reasoned` is whether its reason is on record.
pub fn permits(state: State, usage: Use, reasoned: bool) -> bool {
    let stage = stage(state);
    match (side(usage), stage.processes) {
        (Side::Protect, _) => stage.protects,
        (_, Processes::All) => true,
        (_, Processes::WithReason) => reasoned,
        (Side::Verify, Processes::Verifies) => true,
        _ => false,
    }
}

/// Whether a life permits a use on a day: the state that the key was put into and its days must both.
pub fn allows(life: &Life, usage: Use, day: i64) -> bool {
    permits(life.state, usage, life.reasoned) && permits(life.dated(day), usage, false)
}

/// Whether this key may be used so on a day.
pub fn permit(key: &Object, usage: Use, day: i64) -> Result<()> {
    match !key.is_key() || allows(key.life(), usage, day) {
        true => Ok(()),
        false => {
            call::denied_by("state", key.life().on(day).name());
            Err(Error::KeyFunctionNotPermitted)
        }
    }
}

/// The moment at which the days of a life end a use, seconds since 1970.
pub fn ends(life: &Life, usage: Use) -> Option<u64> {
    let until = life.until.filter(|_| !permits(Deactivated, usage, false))?;
    Some(u64::try_from(until + 1).unwrap_or(0).saturating_mul(DAY))
}

/// Whether a key may leave wrapped: what comes back from a wrap has a life of its own, so that only
/// an active key leaves, or one in another state would come back as active.
pub fn may_leave(key: &Object, day: i64) -> Result<()> {
    match key.life().on(day) {
        Active => Ok(()),
        other => {
            call::denied_by("state", other.name());
            Err(Error::KeyNotWrappable)
        }
    }
}

/// Whether a key may go from one state to another.
pub fn may_follow(from: State, to: State) -> bool {
    stage(from).next.contains(&to)
}

/// What a template of changes asks of the states: none where it names none, else whether the key may
/// do less afterwards. A key is destroyed by its own function, not by an attribute.
pub fn transition(key: &Object, template: &Template) -> Result<Option<bool>> {
    let reason = template.attributes().bytes(CKA_STRONGROOM_STATE_REASON);
    let Some(number) = template.number(CKA_STRONGROOM_STATE).filter(|_| key.is_key()) else {
        // A reason without a change would stand where that of the last change stood.
        return if reason.is_some() { Err(Error::TemplateInconsistent) } else { Ok(None) };
    };
    let from = key.life().state;
    let to = State::from_number(number).filter(|to| *to != Destroyed && may_follow(from, *to));
    let to = to.ok_or(Error::AttributeValueInvalid)?;
    let reasoned = reason.is_some_and(|reason| !reason.is_empty());
    Ok(Some(narrows(key.life(), to, reasoned)))
}

/// Whether nothing is permitted after a change that was not before. That a key is compromised can be
/// said of any.
fn narrows(life: &Life, to: State, reasoned: bool) -> bool {
    let gains =
        |usage: &Use| permits(to, *usage, reasoned) && !permits(life.state, *usage, life.reasoned);
    to == Compromised || !Use::ALL.iter().any(gains)
}
