// SPDX-License-Identifier: Apache-2.0 OR MIT
//! An object that has a handle, as this process knows it, and the leases that operations hold on it.

use crate::codec;
use crate::error::{Error, Result};
use crate::object::Object;
use crate::policy::{self, Use};
use parking_lot::RwLock;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// An object that has a handle.
pub(super) struct Entry {
    /// Where it is.
    pub(super) place: Place,
    /// Whether only the user may see it.
    pub(super) private: bool,
    pub(super) state: RwLock<State>,
    /// The count of the store's changes at which the state was last seen to be current.
    pub(super) checked: AtomicU64,
    /// What it was counted for when it came into memory, bytes.
    pub(super) weight: usize,
    /// Whether it was asked for since that was looked at last.
    pub(super) used: AtomicBool,
    /// Destroyed, or out of reach since logout: operations with it end.
    pub(super) revoked: AtomicBool,
    /// How often each use was found not to be permitted after a change: operations of that use end.
    taken: [AtomicU32; Use::ALL.len()],
    /// The slot's count of logins.
    epoch: Arc<AtomicU64>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In a session, under a handle: it dies with the session.
    Session(u64, u64),
    /// In the token: a row of the store.
    Token(i64),
}

pub(super) struct State {
    pub(super) object: Option<Arc<Object>>,
    pub(super) revision: u64,
}

/// A key in use by an operation. Destruction and logout revoke it, and a change of the key that no
/// longer permits the use: for good, whatever is permitted later.
pub(super) struct Lease {
    entry: Arc<Entry>,
    epoch: u64,
    usage: Use,
    /// How often the use had been taken from the key when the operation began.
    taken: u32,
    /// When the days of the key end the use, seconds since 1970.
    pub(super) until: Option<u64>,
}

impl Lease {
    /// To be made before anything is asked of the key: what is taken from it meanwhile counts.
    pub(super) fn new(entry: Arc<Entry>, usage: Use) -> Lease {
        let (epoch, taken) = (entry.epoch.load(Ordering::Acquire), entry.taken(usage));
        Lease { epoch, usage, taken, until: None, entry }
    }

    /// The object.
    pub(super) fn entry(&self) -> &Arc<Entry> {
        &self.entry
    }

    /// Whether the operation may go on.
    pub(super) fn check(&self) -> Result<()> {
        if self.entry.private && self.entry.epoch.load(Ordering::Acquire) != self.epoch {
            return Err(Error::UserNotLoggedIn);
        }
        let over = self.until.is_some_and(|until| now() >= until);
        let taken = self.entry.taken(self.usage) != self.taken;
        if over || taken || self.entry.revoked.load(Ordering::Acquire) {
            return Err(Error::OperationNotInitialized);
        }
        Ok(())
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

impl Entry {
    pub(super) fn new(
        place: Place,
        object: Object,
        revision: u64,
        checked: u64,
        epoch: Arc<AtomicU64>,
    ) -> Entry {
        Entry {
            place,
            private: object.private(),
            weight: object.weight() + size_of::<Entry>(),
            used: AtomicBool::new(false),
            state: RwLock::new(State { object: Some(Arc::new(object)), revision }),
            checked: AtomicU64::new(checked),
            revoked: AtomicBool::new(false),
            taken: Default::default(),
            epoch,
        }
    }

    fn taken(&self, usage: Use) -> u32 {
        self.taken.get(usage as usize).map_or(u32::MAX, |taken| taken.load(Ordering::Acquire))
    }

    /// Ends the operations that the key, as it is from now on, does not permit. Called with the state
    /// locked: who began by the old state has counted before.
    pub(super) fn withdraw(&self, object: &Object) {
        let today = codec::day_of(SystemTime::now());
        for (usage, taken) in Use::ALL.into_iter().zip(&self.taken) {
            if !policy::stands(object, usage, today) {
                taken.fetch_add(1, Ordering::AcqRel);
            }
        }
    }

    /// Whether nothing in the store has changed since the state was last seen to be current.
    pub(super) fn is_current(&self, now: Option<u64>) -> bool {
        match self.place {
            Place::Session(..) => true,
            Place::Token(_) => now == Some(self.checked.load(Ordering::Acquire)),
        }
    }
}
