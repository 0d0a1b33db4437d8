// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slots and tokens: one slot for each token, and one more, without a token, at the end.

use super::slot::Slot;
use super::{Library, open, opening};
use crate::call;
use crate::config::MAX_PIN;
use crate::error::{Error, Result};
use crate::mechanism::{self, Row};
use crate::policy;
use crate::seal;
use crate::store::{Strikes, Token, Vault};
use crate::types::Holder;
use cryptoki_sys::*;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// What `C_GetSlotInfo` tells.
pub struct SlotState {
    /// Whether the slot's token is initialised.
    pub initialised: bool,
}

/// What `C_GetTokenInfo` tells.
pub struct TokenState {
    /// 32 bytes, padded with blanks.
    pub label: [u8; 32],
    /// 16 digits; blanks before the token is initialised.
    pub serial: String,
    /// `CKF_*`.
    pub flags: CK_FLAGS,
    /// Sessions of this process: all, read/write.
    pub sessions: (usize, usize),
    /// The shortest and longest PIN, bytes.
    pub pin: (usize, usize),
}

impl Library {
    /// The slots. `count_only` is the call that asks how many there are: the one at which the
    /// specification has the set looked at anew.
    pub fn slot_list(&self, with_token: bool, count_only: bool) -> Result<Vec<CK_SLOT_ID>> {
        if count_only || self.slots.read().is_empty() {
            let _ = self.refresh();
        }
        let mut list = self.taken();
        // The slot at the end holds a token too, only not an initialised one: C_InitToken makes it.
        let _ = with_token;
        list.push(next_slot(list.last()));
        Ok(list)
    }

    /// What there is to know of a slot.
    pub fn slot_info(&self, id: CK_SLOT_ID) -> Result<SlotState> {
        match self.slot(id) {
            Err(Error::SlotIdInvalid) => Err(Error::SlotIdInvalid),
            slot => Ok(SlotState { initialised: slot.is_ok_and(|slot| slot.is_some()) }),
        }
    }

    /// What there is to know of the token in a slot, as it is now.
    pub fn token_info(&self, id: CK_SLOT_ID) -> Result<TokenState> {
        let Some(slot) = self.slot_now(id)? else {
            return Ok(TokenState {
                label: [b' '; 32],
                serial: String::new(),
                flags: ABILITIES,
                sessions: (0, 0),
                pin: (self.config.pin.min_length, MAX_PIN),
            });
        };
        let token = slot.vault.token(slot.token.id)?.ok_or(Error::TokenNotPresent)?;
        let read_write = open(&slot.read_write);
        Ok(TokenState {
            label: token.label,
            serial: token.serial(),
            flags: flags(&token),
            sessions: (open(&slot.read_only) + read_write, read_write),
            pin: (token.min_pin as usize, MAX_PIN),
        })
    }

    /// The mechanisms of the token in a slot.
    pub fn mechanisms(&self, id: CK_SLOT_ID) -> Result<impl Iterator<Item = &'static Row>> {
        let ground = self.ground(id)?;
        Ok(mechanism::all().filter(move |row| policy::flags(row, &ground) != 0))
    }

    /// The sizes of key, smallest and largest, and the flags that policy leaves a mechanism.
    pub fn mechanism_info(
        &self,
        id: CK_SLOT_ID,
        mechanism: CK_MECHANISM_TYPE,
    ) -> Result<((CK_ULONG, CK_ULONG), CK_FLAGS)> {
        let (row, ground) = (mechanism::find(mechanism), self.ground(id)?);
        let row = row?;
        match policy::flags(row, &ground) {
            0 => Err(Error::MechanismInvalid),
            flags => Ok(((policy::smallest_key(row, &ground), row.sizes.1), flags)),
        }
    }

    /// The ground of the token in a slot, or of the one that would be made there.
    fn ground(&self, id: CK_SLOT_ID) -> Result<Arc<policy::Ground>> {
        match self.slot_now(id)? {
            Some(slot) => slot.ground(),
            None => {
                Ok(Arc::new(policy::Ground::new(self.config.token.lifted(), &self.config.policy)))
            }
        }
    }

    /// Makes a token in the slot at the end, and the store with it where there is none; or makes
    /// the token of another slot anew, which takes its security officer's PIN.
    pub fn init_token(&self, id: CK_SLOT_ID, pin: &[u8], label: [u8; 32]) -> Result<()> {
        call::subject(String::from_utf8_lossy(&label).trim_end());
        let known = self.taken().contains(&id);
        match self.slot(id)? {
            // The store could be read only now, or another process was faster: nobody was told of this
            // token, and whoever names its slot did not mean to erase it.
            Some(_) if !known => {
                tracing::error!(
                    "slot {id} has a token that was not there before: list slots again"
                );
                return Err(Error::DeviceError);
            }
            None => {
                let vault = self.vault_or_new()?;
                vault.create_token(token_id(id), label, pin, &self.config)?;
            }
            Some(slot) => {
                call::on_token(&slot.token.serial());
                // No session opens until this is done; those that wait look the slot up again.
                let _transition = slot.transition.lock();
                if open(&slot.read_only) + open(&slot.read_write) > 0 {
                    return Err(Error::SessionExists);
                }
                slot.vault.open_token(&slot.token, &Holder::So, pin)?;
                slot.vault.reinitialise(&slot.token, label, pin, &self.config)?;
                slot.retired.store(true, Ordering::Release);
                self.slots.write().remove(&id);
            }
        }
        self.refresh()?;
        self.heed_auditors();
        self.know(Some(id));
        Ok(())
    }

    /// The slot of this number; none within for the slot at the end.
    pub(super) fn slot(&self, id: CK_SLOT_ID) -> Result<Option<Arc<Slot>>> {
        let slots = self.slots.read();
        if let Some(slot) = slots.get(&id) {
            return Ok(Some(slot.clone()));
        }
        drop(slots);
        let taken = self.taken();
        if taken.contains(&id) {
            // Its token is not as it was written. It may have been put right.
            self.refresh()?;
            let slot = self.slots.read().get(&id).cloned();
            return slot.map(Some).ok_or(Error::DeviceError);
        }
        // Where the store was not read yet, its slots are not known, and its fault is the answer.
        if id != next_slot(taken.last()) && self.vault.lock().is_some() {
            return Err(Error::SlotIdInvalid);
        }
        // A store that is there and cannot be read is not a free slot.
        self.refresh()?;
        if let Some(slot) = self.slots.read().get(&id) {
            return Ok(Some(slot.clone()));
        }
        match self.taken() {
            taken if taken.contains(&id) => Err(Error::DeviceError),
            taken if id == next_slot(taken.last()) => Ok(None),
            _ => Err(Error::SlotIdInvalid),
        }
    }

    /// The same with the token that is there now: with one that another process made anew its sessions are
    /// gone, and whoever asks about the slot means the token that took its place. Where nothing in the store
    /// has changed since the token was seen it costs a comparison.
    fn slot_now(&self, id: CK_SLOT_ID) -> Result<Option<Arc<Slot>>> {
        let Some(slot) = self.slot(id)? else { return Ok(None) };
        match slot.present() {
            Err(Error::DeviceRemoved) if slot.known.is_gone() => {
                self.close_sessions(&slot);
                self.refresh()?;
                self.slot(id)
            }
            there => there.map(|()| Some(slot)),
        }
    }

    /// The slots that have a token, be it one that is refused.
    fn taken(&self) -> Vec<CK_SLOT_ID> {
        let slots = self.slots.read();
        let mut taken: Vec<_> = slots.keys().copied().collect();
        taken.extend(self.refused.read().iter().filter(|id| !slots.contains_key(id)));
        taken.sort_unstable();
        taken
    }

    /// Looks at the store anew: tokens that other processes made get their slots.
    pub(super) fn refresh(&self) -> Result<()> {
        let Some(vault) = self.vault()? else { return Ok(()) };
        for (number, token) in vault.tokens()? {
            let id = slot_id(number);
            let Ok(token) = token else {
                // Its slot stays in the list, so that nobody hides a token: it is refused there.
                let idle = |slot: &Arc<Slot>| open(&slot.read_only) + open(&slot.read_write) == 0;
                let mut slots = self.slots.write();
                if slots.get(&id).is_some_and(idle) {
                    slots.remove(&id);
                }
                drop(slots);
                self.refused.write().insert(id);
                continue;
            };
            self.refused.write().remove(&id);
            let mut slots = self.slots.write();
            // A token that was made anew is another token: whoever had sessions keeps the old one.
            let known = slots.get(&id).is_some_and(|slot| {
                slot.token.uuid == token.uuid || open(&slot.read_only) + open(&slot.read_write) > 0
            });
            if !known {
                slots.insert(id, Arc::new(Slot::new(token, vault.clone(), &self.config.policy)));
            }
        }
        Ok(())
    }

    /// The store, opened when it is first there.
    pub(super) fn vault(&self) -> Result<Option<Arc<Vault>>> {
        let mut vault = self.vault.lock();
        if vault.is_none() {
            *vault = opening::open_store(&self.config, None)?.map(|opened| opened.vault);
            vault.iter().try_for_each(|vault| self.keep_journal(vault))?;
        }
        Ok(vault.clone())
    }

    fn vault_or_new(&self) -> Result<Arc<Vault>> {
        // Held throughout: two connections' worth of openings at once would not exclude each other.
        let mut vault = self.vault.lock();
        if vault.is_none() {
            let there = opening::open_store(&self.config, None)?;
            let opened = match there {
                Some(opened) => opened,
                None => opening::create_store(&self.config, seal::Kind::File, None)?,
            };
            *vault = Some(opened.vault);
            vault.iter().try_for_each(|vault| self.keep_journal(vault))?;
        }
        vault.clone().ok_or(Error::GeneralError)
    }
}

/// The slot of a token: slots count from 0, tokens from 1.
pub fn slot_id(token: i64) -> CK_SLOT_ID {
    CK_SLOT_ID::try_from(token - 1).unwrap_or(CK_SLOT_ID::MAX)
}

fn token_id(slot: CK_SLOT_ID) -> i64 {
    i64::try_from(slot).map_or(i64::MAX, |slot| slot.saturating_add(1))
}

fn next_slot(last: Option<&CK_SLOT_ID>) -> CK_SLOT_ID {
    last.map_or(0, |last| last + 1)
}

fn flags(token: &Token) -> CK_FLAGS {
    let strikes = |holder, low, last, locked| match token.strikes(holder) {
        Strikes::None => 0,
        Strikes::Some => low,
        Strikes::Last => low | last,
        Strikes::Locked => low | locked,
    };
    let user = if token.user_pin_set() { CKF_USER_PIN_INITIALIZED } else { 0 };
    ABILITIES
        | CKF_TOKEN_INITIALIZED
        | user
        | strikes(
            &Holder::User,
            CKF_USER_PIN_COUNT_LOW,
            CKF_USER_PIN_FINAL_TRY,
            CKF_USER_PIN_LOCKED,
        )
        | strikes(&Holder::So, CKF_SO_PIN_COUNT_LOW, CKF_SO_PIN_FINAL_TRY, CKF_SO_PIN_LOCKED)
}

/// What every token here can do, and wants.
const ABILITIES: CK_FLAGS = CKF_RNG
    | CKF_LOGIN_REQUIRED
    | CKF_CLOCK_ON_TOKEN
    | CKF_RESTORE_KEY_NOT_NEEDED
    | CKF_DUAL_CRYPTO_OPERATIONS;
