// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The ground under a session: what its slot's token says of itself, kept so that beginning an operation
//! asks nobody while nothing has changed. It may import `slot`, `policy` and layer 0.

use super::slot::Slot;
use crate::error::{Error, Result};
use crate::policy::Ground;
use std::sync::Arc;

/// The ground that a session stood on last, kept with what the session holds: to find that it is still
/// the ground costs a load and a comparison.
#[derive(Default)]
pub(super) struct Footing(Option<(u64, Arc<Ground>)>);

impl Footing {
    /// The ground on which decisions stand now.
    pub(super) fn on(&mut self, slot: &Slot) -> Result<&Ground> {
        // Counted before it is read: a change meanwhile makes what is read be read again.
        let now = slot.vault.changes();
        let stands = self.0.as_ref().is_some_and(|(count, _)| Some(*count) == now);
        if !stands {
            self.0 = None;
            let ground = slot.ground()?;
            return Ok(&self.0.insert((now.unwrap_or(NEVER), ground)).1);
        }
        self.0.as_ref().map(|(_, ground)| ground.as_ref()).ok_or(Error::GeneralError)
    }
}

/// No count of changes that are through: those are even.
const NEVER: u64 = u64::MAX;
