// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token: rules that someone wrote in TOML, and whether they permit a use. Pure: text
//! and values in, verdict out; no store, and no clock but the `now` that is passed in. It may import
//! `mechanism` (for the names of mechanisms) and layer 0. `docs/policy.md` specifies the format.

mod alarm;
mod compile;
mod cover;
mod fault;
mod glob;
mod hours;
mod judge;
mod key;
mod limits;
mod lists;
mod names;
mod rule;
mod text;

pub use alarm::{Alarm, CONDITIONS, Condition, Takes, When};
pub use compile::{Otherwise, Rules};
pub use fault::Fault;
pub use judge::{Ask, Caller, Matched, Moment, Reason, Verdict, judge, obstacle};
pub use key::Facts;
pub use limits::{Approvals, Rate, seconds};
pub use names::{Operation, Operations, Party, Roles, operation_named, party_named};
pub use rule::Rule;
