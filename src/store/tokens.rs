// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens made, and their keys opened by PINs.

use super::RowKind;
use super::auditor::{AuditPair, AuditSeed, audits};
use super::change::Change;
use super::keys::{Holds, KEY, Keys, Own, TokenKeys, UseSide};
use super::pin::{Content, PinRecord, Unwrapped};
use super::policy;
use super::ring::Ring;
use super::rules::RulesHead;
use super::shares::Shares;
use super::state::{MAC, State};
use super::token::{SERIAL, Token, Uses};
use super::vault::{STATE, Vault};
use crate::codec::{Reader, Writer};
use crate::config::{Config, Kdf, Separation};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::safety::Lifted;
use crate::types::{Holder, Role};

/// A state of all tokens and seal slots together.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Heading([u8; MAC]);

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

    /// What is another after each change of a token or a seal slot: tells, for less than it takes to read
    /// a token, that it is the same. None where it cannot be read.
    pub fn heads(&self) -> Option<Heading> {
        let heads = self.reading(|ring| {
            let sealed = self.store.value(STATE)?.unwrap_or_default();
            State::open(&sealed, &ring.current, &self.id).map(|state| Heading(*state.heads.bytes()))
        });
        heads.ok()
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
        let charge = |token: &mut Token| {
            let max = token.max_failures;
            let Some(record) = token.pin_mut(holder) else { return Ok(()) };
            if record.failures >= max {
                return Err(Error::PinLocked);
            }
            record.failures += 1;
            Ok(())
        };
        self.writing(|ring| self.note_token_with(ring, token.id, &token.uuid, charge))?;
        let (now, keys, given) = self.reading(|ring| self.try_pin(ring, token, holder, pin))?;
        let (record, role) = now.pin(holder).zip(now.role(holder)).ok_or(Error::GeneralError)?;
        let cleared = self.writing(|ring| {
            let fresh = self.newer(ring, &now, (holder, role), &given, &keys)?;
            self.note_token_with(ring, token.id, &token.uuid, |edited| {
                let same = same_keys(edited, &now).is_ok();
                let Some(place) = edited.pin_mut(holder) else { return Ok(false) };
                // Somebody may have set another PIN meanwhile.
                let fresh = fresh.as_ref().filter(|_| same && place.same_as(record));
                if let Some(fresh) = fresh {
                    *place = decoded(&fresh.record)?;
                }
                place.failures = 0;
                Ok(fresh.is_some())
            })
            .map(|written| fresh.filter(|_| written))
        });
        match cleared {
            Ok(Some(fresh)) => fresh.taken_by(&keys, holder),
            Ok(None) => {}
            // The right PIN was given: it is the next one that clears the count.
            Err(_) => tracing::warn!(
                "a right PIN still counts as an attempt: the store could not be written"
            ),
        }
        Ok(keys)
    }

    /// The keys that a PIN opens; the attempt was charged.
    fn try_pin(
        &self,
        ring: &Ring,
        token: &Token,
        holder: &Holder,
        pin: &[u8],
    ) -> Result<(Token, Keys, Unwrapped)> {
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
        let (keys, given) = self.opened(ring, &now, (holder, role), record, pin)?;
        Ok((now, keys, given))
    }

    /// What a PIN opens, if it is the one of this record.
    fn opened(
        &self,
        ring: &Ring,
        token: &Token,
        (holder, role): (&Holder, Role),
        record: &PinRecord,
        pin: &[u8],
    ) -> Result<(Keys, Unwrapped)> {
        let context = token.wrap_context(&self.id, (holder, role), record);
        let given = record.open(pin, &ring.current.pin, &context, self.stretch)?;
        let (own, held) = match record.shares {
            Some(_) => {
                let seed = given.content.duplicate()?;
                let own = Own { holder: holder.clone(), role, seed };
                let held = self.token_keys_of(token, &own)?;
                (Some(own), held)
            }
            None => {
                let holds = record.holds.unwrap_or(Holds::TokenKey);
                (None, self.token_keys_within(token, holds, &given.content)?)
            }
        };
        let keys = Keys::new(token.uuid, token.user_id(holder), own, held);
        let seed = record.audit_seed(&context, &given)?;
        seed.into_iter().for_each(|seed| keys.keep_audit_seed(holder, seed));
        Ok((keys, given))
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
        let role = |token: &Token| token.role(holder).ok_or(Error::UserNotLoggedIn);
        let own = self.give_pin((id, keys), (holder, role), (pin, config), |now, _, record| {
            if now.user_id(holder) != keys.user && matches!(holder, Holder::Named(_)) {
                // Another by now has this name.
                return Err(Error::UserNotLoggedIn);
            }
            match (holder, now.pin_mut(holder)) {
                (_, Some(old)) => *old = record,
                (Holder::So, None) => now.so = Some(record),
                (Holder::User, None) => now.user = Some(record),
                (Holder::Named(_), None) => return Err(Error::UserNotLoggedIn),
            }
            Ok(())
        })?;
        if let Some(own) = own.filter(|_| keys.own().is_some_and(|old| old.holder == *holder)) {
            keys.adopt(own);
        }
        Ok(())
    }

    /// Makes the record of a holder's new PIN, which `put` brings into the token as it is by then; beside
    /// it, the token as it was when the record was made. Returns the pair that the PIN opens where its
    /// holder has one.
    pub(super) fn give_pin(
        &self,
        (id, keys): (i64, &Keys),
        (holder, role): (&Holder, impl Fn(&Token) -> Result<Role>),
        (pin, config): (&[u8], &Config),
        put: impl Fn(&mut Token, &Token, PinRecord) -> Result<()>,
    ) -> Result<Option<Own>> {
        settled(|| {
            // The slow part is done before the store is locked.
            let token = self.same_token(id, keys)?;
            let who = (holder, role(&token)?);
            let held = self.token_keys_at(keys, &token)?;
            self.writing(|ring| {
                let pin = (pin, keys.audit_seed_of(holder));
                let (record, own) = self.pin_record(ring, &token, who, pin, config, &held)?;
                let encoded = encoded(&record);
                self.edit_token_with(ring, id, &keys.uuid, |now| {
                    same_keys(now, &token)?;
                    put(now, &token, decoded(&encoded)?)
                })?;
                Ok(own)
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
        let (uses, held) = self.fresh_token_keys(&token, true)?;
        let uses = uses.ok_or(Error::GeneralError)?;
        let (generation, public, seed) = (uses.generation, &uses.public, &uses.seed);
        let fresh = || Uses { generation, public: public.clone(), seed: seed.clone() };
        token.uses = Some(fresh());
        let user = (&Holder::User, Role::User);
        self.writing(|ring| {
            let encoded =
                encoded(&self.pin_record(ring, &token, user, (pin, None), config, &held)?.0);
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
    pub(super) fn edit_token<T>(
        &self,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<T>,
    ) -> Result<T> {
        self.writing(|ring| self.edit_token_with(ring, id, uuid, &edit))
    }

    /// The same with these keys of the store, under which part of the change was made.
    pub(super) fn edit_token_with<T>(
        &self,
        ring: &Ring,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<T>,
    ) -> Result<T> {
        self.change_with(ring, |change| change.edit_token(id, uuid, &edit))
    }

    /// The same for what a token notes of itself.
    fn note_token_with<T>(
        &self,
        ring: &Ring,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<T>,
    ) -> Result<T> {
        self.change_with(ring, |change| {
            change.upkeep();
            change.edit_token(id, uuid, &edit)
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
            renewed: 0,
            rotation: None,
        };
        // A strict token has no keys before it has a user: its security officer never has them.
        let (uses, held) =
            self.fresh_token_keys(&token, token.separation == Separation::Standard)?;
        token.uses = uses;
        let officer = (&Holder::So, Role::So);
        token.so = Some(self.pin_record(ring, &token, officer, (so_pin, None), config, &held)?.0);
        Ok(token)
    }

    /// The keys of a token that has had none, and how its record keeps the use key, where it is to have
    /// one.
    fn fresh_token_keys(
        &self,
        token: &Token,
        with_uses: bool,
    ) -> Result<(Option<Uses>, TokenKeys)> {
        let key = primitive::random_secret(KEY)?;
        let uses = with_uses.then(|| self.fresh_uses(token, &key)).transpose()?;
        let (record, side) =
            uses.map_or((None, UseSide::default()), |(uses, side)| (Some(uses), side));
        Ok((record, TokenKeys::alone(token.generation, Some(key), side)))
    }

    /// The token, if it is the one that these keys are of.
    pub(super) fn same_token(&self, id: i64, keys: &Keys) -> Result<Token> {
        let token = self.token(id)?.filter(|token| token.uuid == keys.uuid);
        token.ok_or(Error::DeviceRemoved)
    }

    /// The record of a new PIN, and the pair that it opens where its holder has one. `kept` is the pair of
    /// who may check the audit log that they have already.
    pub(super) fn pin_record(
        &self,
        ring: &Ring,
        token: &Token,
        who: (&Holder, Role),
        (pin, kept): (&[u8], Option<&AuditSeed>),
        config: &Config,
        held: &TokenKeys,
    ) -> Result<(PinRecord, Option<Own>)> {
        token.check_new_pin(pin)?;
        let holds = Holds::of(who.1, token.separation, token.uses.is_some());
        let (content, own) = self.content(token, who, holds, held)?;
        let context = match own {
            None => token.context(&self.id, who, Some(holds)),
            Some(_) => token.pair_context(&self.id, who, holds),
        };
        let (kdf, pin_key) = (&config.kdf, &ring.current.pin);
        let pair = match audits(who.1) {
            true => Some(AuditPair::of(kept, &context, &content.wrapped)?.0),
            false => None,
        };
        let mut record = PinRecord::create(pin, kdf, pin_key, &context, content, self.stretch)?;
        record.audit = pair;
        Ok((record, own))
    }

    /// What a holder's PIN is to open: a new pair, with as much sealed to it as they hold.
    pub(super) fn content(
        &self,
        token: &Token,
        (holder, role): (&Holder, Role),
        holds: Holds,
        held: &TokenKeys,
    ) -> Result<(Content, Option<Own>)> {
        held.suffices(holds)?;
        let token_key = held.token.as_ref().filter(|_| holds != Holds::Nothing);
        let Some(token_key) = token_key else {
            // Nothing but the PIN itself is tested.
            let wrapped = primitive::random_secret(KEY)?;
            return Ok((Content { holds, wrapped, shares: None }, None));
        };
        let context = token.pair_context(&self.id, (holder, role), holds);
        let uses = held.uses.key.as_ref().filter(|_| holds == Holds::Both);
        let uses = uses.map(|uses| (held.uses.generation, &uses.key));
        let (seed, shares) = Shares::create(&context, (held.generation, token_key), uses)?;
        let own = Own { holder: holder.clone(), role, seed: seed.duplicate()? };
        Ok((Content { holds, wrapped: seed, shares: Some(shares) }, Some(own)))
    }
}

/// Tries again what was made with keys that were renewed meanwhile.
pub(super) fn settled<T>(attempt: impl Fn() -> Result<T>) -> Result<T> {
    for _ in 0..ATTEMPTS {
        match attempt() {
            Err(Error::KeysRenewed) => {}
            done => return done,
        }
    }
    Err(Error::FunctionFailed)
}

const ATTEMPTS: usize = 8;

impl Change<'_> {
    fn edit_token<T>(
        &self,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<T>,
    ) -> Result<T> {
        let mut token = self.token(id)?.ok_or(Error::TokenNotPresent)?;
        if token.uuid != *uuid {
            return Err(Error::DeviceRemoved);
        }
        let value = edit(&mut token)?;
        self.put_token(id, &token)?;
        Ok(value)
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
    if keys(now) == keys(before) { Ok(()) } else { Err(Error::KeysRenewed) }
}
