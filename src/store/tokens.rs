// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens made, and their keys opened by PINs.

use super::RowKind;
use super::keys::{Holds, KEY, Keys};
use super::pin::PinRecord;
use super::policy;
use super::ring::Ring;
use super::rules::RulesHead;
use super::token::{SERIAL, Token, Uses};
use super::vault::Vault;
use crate::codec::{Reader, Writer};
use crate::config::{Config, Kdf, Separation};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::safety::Lifted;
use crate::types::{Holder, Role};

impl Vault {
    /// All tokens that were made, by number; an error for each that is gone or not as it was written.
    pub fn tokens(&self) -> Result<Vec<(i64, Result<Token>)>> {
        self.reading(|ring| {
            let mut tokens = Vec::new();
            self.store.look(&mut |now| {
                let (_, heads) = self.known(ring, now)?;
                for id in heads.ids(RowKind::Token) {
                    let row = now.row(RowKind::Token, id).and_then(|row| row.ok_or(Error::Altered));
                    match row.and_then(|row| self.listed_token(ring, &heads, &row)) {
                        Err(error) if error != Error::Altered => return Err(error),
                        token => tokens.push((id, token)),
                    }
                }
                Ok(())
            })?;
            Ok(tokens)
        })
    }

    /// One token; none when it is gone.
    pub fn token(&self, id: i64) -> Result<Option<Token>> {
        self.reading(|ring| {
            self.store.token(id)?.map(|row| self.read_token(ring, &row)).transpose()
        })
    }

    /// Makes a token with the number `id`, which no token has had.
    pub fn create_token(
        &self,
        id: i64,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        self.writing(|ring| {
            let token = self.fresh_token(ring, None, label, so_pin, config)?;
            self.change_with(ring, |change| match change.token(id)? {
                None => change.put_token(id, &token),
                // Another process was faster: the slot holds a token now, and its list tells.
                Some(_) => Err(Error::SlotIdInvalid),
            })
        })
    }

    /// Makes a token anew in its slot: another key, no objects, no user PIN, the same serial number.
    /// The caller has tested the security officer's PIN.
    pub fn reinitialise(
        &self,
        old: &Token,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        self.writing(|ring| {
            let token = self.fresh_token(ring, Some(old), label, so_pin, config)?;
            self.change_with(ring, |change| {
                change.delete_objects_of(old.id)?;
                policy::forget(change.tx, old.id)?;
                change.put_token(old.id, &token)
            })
        })
    }

    /// Opens with a PIN what its holder's role needs. The attempt is charged, durably, before the PIN
    /// is tested; where it cannot be written there is no attempt. A name that no user has is answered
    /// as a wrong PIN is, after the same work.
    pub fn open_token(&self, token: &Token, holder: &Holder, pin: &[u8]) -> Result<Keys> {
        let _turn = self.store.turn()?;
        self.edit_token(token.id, &token.uuid, |token| {
            let max = token.max_failures;
            let Some(record) = token.pin_mut(holder) else { return Ok(()) };
            if record.failures >= max {
                return Err(Error::PinLocked);
            }
            record.failures += 1;
            Ok(())
        })?;
        let keys = self.reading(|ring| self.try_pin(ring, token, holder, pin))?;
        let cleared = self.edit_token(token.id, &token.uuid, |token| {
            if let Some(record) = token.pin_mut(holder) {
                record.failures = 0;
            }
            Ok(())
        });
        if cleared.is_err() {
            // The right PIN was given: it is the next one that clears the count.
            tracing::warn!(
                "a right PIN still counts as an attempt: the store could not be written"
            );
        }
        Ok(keys)
    }

    /// The keys that a PIN opens; the attempt was charged.
    fn try_pin(&self, ring: &Ring, token: &Token, holder: &Holder, pin: &[u8]) -> Result<Keys> {
        let now = self.store.token(token.id)?.map(|row| self.read_token(ring, &row)).transpose()?;
        let now = now.filter(|now| now.uuid == token.uuid).ok_or(Error::DeviceRemoved)?;
        let (Some(record), Some(role)) = (now.pin(holder), now.role(holder)) else {
            if !matches!(holder, Holder::Named(_)) {
                return Err(Error::UserPinNotInitialized);
            }
            // As dear as another PIN of this token.
            let cost = now.so.as_ref().map_or_else(Kdf::default, |so| so.kdf.clone());
            (self.stretch)(pin, &[0; 16], &cost)?;
            return Err(Error::PinIncorrect);
        };
        let context = now.context(&self.id, (holder, role), record.holds);
        let wrapped = record.open(pin, &ring.current.pin, &context, self.stretch)?;
        let mut keys = now.keys(record.holds.unwrap_or(Holds::TokenKey), &wrapped)?;
        keys.deposit = self.deposit(&now, &keys)?;
        keys.user = now.user_id(holder);
        Ok(keys)
    }

    /// Sets the PIN of a holder; the keys prove the right to, and must hold what the role needs.
    pub fn set_pin(
        &self,
        id: i64,
        holder: &Holder,
        keys: &Keys,
        pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        // The slow part is done before the store is locked.
        let token = self.same_token(id, keys)?;
        let role = token.role(holder).ok_or(Error::UserNotLoggedIn)?;
        self.writing(|ring| {
            let record = self.pin_record(ring, &token, (holder, role), pin, config, keys)?;
            let encoded = encoded(&record);
            self.edit_token_with(ring, id, &keys.uuid, |now| {
                same_keys(now, &token)?;
                if now.user_id(holder) != keys.user && matches!(holder, Holder::Named(_)) {
                    // Another by now has this name.
                    return Err(Error::UserNotLoggedIn);
                }
                let record = decoded(&encoded)?;
                match (holder, now.pin_mut(holder)) {
                    (_, Some(old)) => *old = record,
                    (Holder::So, None) => now.so = Some(record),
                    (Holder::User, None) => now.user = Some(record),
                    (Holder::Named(_), None) => return Err(Error::UserNotLoggedIn),
                }
                Ok(())
            })
        })
    }

    /// Sets the first PIN of the user of a strict token, and makes the token's keys, which nobody had
    /// before. `FunctionFailed` where it was set already: who has the keys helps then.
    pub fn set_first_pin(&self, id: i64, so: &Keys, pin: &[u8], config: &Config) -> Result<()> {
        let mut token = self.same_token(id, so)?;
        if token.user.is_some() || token.uses.is_some() {
            tracing::error!(
                "the user of a strict token has a PIN, and the security officer has no key to set \
                 another with: 'strongroom pin unblock --as NAME' does, with an operator's PIN"
            );
            return Err(Error::FunctionFailed);
        }
        let mut keys = self.fresh_token_key(&token)?;
        let uses = self.fresh_uses(&token, &mut keys)?;
        let (generation, public, seed) = (uses.generation, &uses.public, &uses.seed);
        let fresh = || Uses { generation, public: public.clone(), seed: seed.clone() };
        token.uses = Some(fresh());
        let user = (&Holder::User, Role::User);
        self.writing(|ring| {
            let encoded = encoded(&self.pin_record(ring, &token, user, pin, config, &keys)?);
            self.edit_token_with(ring, id, &so.uuid, |now| {
                if now.user.is_some() || now.uses.is_some() {
                    return Err(Error::FunctionFailed);
                }
                now.uses = Some(fresh());
                now.user = Some(decoded(&encoded)?);
                Ok(())
            })
        })
    }

    /// Lifts these safeguards of a token, and puts all others back. The caller has tested the security
    /// officer's PIN.
    pub fn lift(&self, id: i64, so: &Keys, lifted: Lifted) -> Result<()> {
        self.edit_token(id, &so.uuid, |token| {
            token.lifted = lifted;
            Ok(())
        })
    }

    /// Changes a token's record, if it is still the same token: another process may have made the
    /// slot's token anew.
    pub(super) fn edit_token(
        &self,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<()>,
    ) -> Result<()> {
        self.writing(|ring| self.edit_token_with(ring, id, uuid, &edit))
    }

    /// The same with these keys of the store, under which part of the change was made.
    pub(super) fn edit_token_with(
        &self,
        ring: &Ring,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<()>,
    ) -> Result<()> {
        self.change_with(ring, |change| {
            let mut token = change.token(id)?.ok_or(Error::TokenNotPresent)?;
            if token.uuid != *uuid {
                return Err(Error::DeviceRemoved);
            }
            edit(&mut token)?;
            change.put_token(id, &token)
        })
    }

    /// A token whose one PIN is the security officer's, in the place of an old one or in none yet. Its
    /// number is given when it is stored.
    fn fresh_token(
        &self,
        ring: &Ring,
        old: Option<&Token>,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<Token> {
        let mut uuid = [0; 16];
        primitive::random(&mut uuid)?;
        if let Some(old) = old {
            // The serial number is the device's, and stays; the other half tells the tokens apart.
            let serial = uuid.iter_mut().zip(&old.uuid).take(SERIAL);
            serial.for_each(|(byte, old)| *byte = *old);
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut token = Token {
            id: 0,
            uuid,
            label,
            created: now.map_or(0, |age| age.as_secs()),
            generation: 1,
            min_pin: config.pin.min_length as u32,
            max_failures: config.pin.max_failures,
            lifted: config.token.lifted(),
            separation: config.token.separation,
            rules: RulesHead::default(),
            so: None,
            user: None,
            uses: None,
            users: Vec::new(),
        };
        // A strict token has no keys before it has a user: its security officer never has them.
        let mut keys = self.fresh_token_key(&token)?;
        if token.separation == Separation::Standard {
            token.uses = Some(self.fresh_uses(&token, &mut keys)?);
        }
        let so = (&Holder::So, Role::So);
        token.so = Some(self.pin_record(ring, &token, so, so_pin, config, &keys)?);
        Ok(token)
    }

    fn fresh_token_key(&self, token: &Token) -> Result<Keys> {
        token.keys(Holds::TokenKey, &primitive::random_secret(KEY)?)
    }

    /// The token, if it is the one that these keys are of.
    pub(super) fn same_token(&self, id: i64, keys: &Keys) -> Result<Token> {
        let token = self.token(id)?.filter(|token| token.uuid == keys.uuid);
        token.ok_or(Error::DeviceRemoved)
    }

    pub(super) fn pin_record(
        &self,
        ring: &Ring,
        token: &Token,
        (holder, role): (&Holder, Role),
        pin: &[u8],
        config: &Config,
        keys: &Keys,
    ) -> Result<PinRecord> {
        token.check_new_pin(pin)?;
        let holds = Holds::of(role, token.separation, token.uses.is_some());
        let context = token.context(&self.id, (holder, role), Some(holds));
        let wrapped = keys.to_wrap(holds)?;
        let (kdf, pin_key) = (&config.kdf, &ring.current.pin);
        PinRecord::create(pin, kdf, pin_key, &context, (holds, &wrapped), self.stretch)
    }
}

/// A change may be tried more than once: what it puts into the record is kept encoded.
pub(super) fn encoded(record: &PinRecord) -> Vec<u8> {
    let mut writer = Writer::default();
    record.encode(&mut writer);
    writer.finish()
}

pub(super) fn decoded(record: &[u8]) -> Result<PinRecord> {
    PinRecord::decode(&mut Reader::new(record))?.ok_or(Error::GeneralError)
}

/// The keys of a token may have been renewed since its record was read.
pub(super) fn same_keys(now: &Token, before: &Token) -> Result<()> {
    let keys = |token: &Token| (token.generation, token.use_generation());
    if keys(now) == keys(before) { Ok(()) } else { Err(Error::DeviceRemoved) }
}
