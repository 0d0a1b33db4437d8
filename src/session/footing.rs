// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a session keeps from one operation to the next, so that beginning another asks nobody while
//! nothing has changed: what its slot's token says of itself, and what counts the uses of its keys. It may
//! import `slot`, `tally`, `policy`, `store` and layer 0.

use super::slot::Slot;
use super::tally::Tallies;
use crate::error::{Error, Result};
use crate::policy::Ground;
use crate::store::Glance;
use std::sync::Arc;

/// What a session stood on last.
#[derive(Default)]
pub(super) struct Footing {
    /// The ground, and the count of changes at which it was: to find that it is still the ground costs a
    /// comparison.
    ground: Option<(u64, Arc<Ground>)>,
    pub(super) tallies: Tallies,
}

impl Footing {
    /// The ground on which decisions stand at a moment, and what counts the uses.
    pub(super) fn at(&mut self, slot: &Slot, now: Glance) -> Result<(&Ground, &mut Tallies)> {
        // The moment is before the ground is read: a change meanwhile makes it be read again.
        let stands = self.ground.as_ref().is_some_and(|(count, _)| Some(*count) == now.count);
        if !stands {
            self.ground = None;
            self.ground = Some((now.count.unwrap_or(NEVER), slot.ground()?));
        }
        let ground = self.ground.as_ref().map(|(_, ground)| ground.as_ref());
        Ok((ground.ok_or(Error::GeneralError)?, &mut self.tallies))
    }
}

/// No count of changes that are through: those are even.
const NEVER: u64 = u64::MAX;
