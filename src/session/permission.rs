// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What every use of a key asks first: the rules, and the key's life today.

use super::Call;
use crate::codec;
use crate::error::Result;
use crate::object::Object;
use crate::policy::{self, Ground, Use, life};
use std::time::SystemTime;

/// Whether a key may be used so now.
pub(super) fn may_use(key: &Object, usage: Use, call: &Call, ground: &Ground) -> Result<()> {
    policy::permit(key, usage, call.row, &call.params, ground)?;
    let day = if key.life().is_timeless() { ANY_DAY } else { today() };
    life::permit(key, usage, day)
}

/// The day, as the clock of the machine has it.
pub(super) fn today() -> i64 {
    codec::day_of(SystemTime::now())
}

/// The day for a key that is the same on all.
const ANY_DAY: i64 = 0;
