// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slot events: tokens that appear in the store, and tokens made anew, since the application last
//! heard of their slots.

use super::Library;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::collections::BTreeMap;

/// What the application knows to be in each slot: the identity of its token.
pub(super) type Known = BTreeMap<CK_SLOT_ID, [u8; 16]>;

impl Library {
    /// `C_WaitForSlotEvent`, without the waiting: a slot in which something happened, or `NoEvent`.
    pub fn slot_event(&self) -> Result<CK_SLOT_ID> {
        let _ = self.refresh();
        let now = self.tokens();
        let mut known = self.known.lock();
        let event = now.iter().find(|(slot, token)| known.get(slot) != Some(token));
        let (slot, token) = event.ok_or(Error::NoEvent)?;
        known.insert(*slot, *token);
        Ok(*slot)
    }

    /// What is in the slots now is what the application knows: at the beginning, and of a slot whose
    /// token it made itself.
    pub(super) fn know(&self, slot: Option<CK_SLOT_ID>) {
        let now = self.tokens();
        let mut known = self.known.lock();
        known.extend(now.into_iter().filter(|(id, _)| slot.is_none_or(|slot| slot == *id)));
    }

    fn tokens(&self) -> Known {
        self.slots.read().iter().map(|(id, slot)| (*id, slot.token.uuid)).collect()
    }
}
