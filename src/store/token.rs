// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token is: its record.

use super::keys::Holds;
use super::pin::PinRecord;
use super::rotation::Rotation;
use super::rules::RulesHead;
use super::user::{User, named};
use crate::codec::{Reader, Writer};
use crate::config::{MAX_PIN, Separation};
use crate::error::{Error, Result};
use crate::safety::{Lifted, Safeguard};
use crate::types::{Holder, Role};

/// A token's record.
pub struct Token {
    /// Its number in the store, never used again: the slot it is in.
    pub id: i64,
    /// What it is called everywhere else.
    pub uuid: [u8; 16],
    /// 32 bytes, padded with blanks.
    pub label: [u8; 32],
    /// When it was initialised, seconds since 1970.
    pub created: u64,
    /// The generation of its key.
    pub generation: u32,
    /// The shortest PIN, bytes: kept here so that no application's configuration changes it.
    pub min_pin: u32,
    /// Wrong attempts after which a PIN is locked: kept here for the same reason.
    pub max_failures: u32,
    /// Which safeguards are lifted: kept here for the same reason.
    pub lifted: Lifted,
    /// Whether who uses keys also manages them.
    pub separation: Separation,
    /// Which policy it has.
    pub rules: RulesHead,
    pub(super) so: Option<PinRecord>,
    pub(super) user: Option<PinRecord>,
    /// What its use key is known by; none in a token of the first format, and in a strict one before
    /// the user's PIN was set first.
    pub(super) uses: Option<Uses>,
    /// Its named users.
    pub users: Vec<User>,
    /// When its key was renewed last, seconds since 1970; 0 where it never was.
    pub renewed: u64,
    /// What a rotation under way has left of the keys before.
    pub(super) rotation: Option<Rotation>,
}

/// What a token's record has of the use key: not the key.
pub(super) struct Uses {
    /// Which of the token's use keys it is; from 1.
    pub(super) generation: u32,
    /// Where material is deposited: an encapsulation key, sealed under the token key.
    pub(super) public: Vec<u8>,
    /// The seed of that pair, sealed under the use key.
    pub(super) seed: Vec<u8>,
}

/// How near a PIN is to being locked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Strikes {
    /// No wrong attempt since the last right one.
    None,
    /// Some.
    Some,
    /// The next wrong one locks it.
    Last,
    /// It is locked.
    Locked,
}

impl Token {
    /// The label without its padding.
    pub fn name(&self) -> String {
        String::from_utf8_lossy(&self.label).trim_end().to_string()
    }

    /// The serial number: 16 hexadecimal digits.
    pub fn serial(&self) -> String {
        hex::encode(self.uuid.first_chunk::<SERIAL>().copied().unwrap_or_default())
    }

    /// Whether the user has a PIN yet.
    pub fn user_pin_set(&self) -> bool {
        self.user.is_some()
    }

    /// Whether the token keeps material apart, under a use key: tokens of the first format do not.
    pub fn has_use_key(&self) -> bool {
        self.uses.is_some()
    }

    /// The role of a holder; none where there is no such user.
    pub fn role(&self, holder: &Holder) -> Option<Role> {
        match holder {
            Holder::So => Some(Role::So),
            Holder::User => Some(Role::User),
            Holder::Named(name) => named(&self.users, name).map(|user| user.role),
        }
    }

    /// Tells a named user from others of the same name; zeros for those without a name.
    pub fn user_id(&self, holder: &Holder) -> [u8; 8] {
        let Holder::Named(name) = holder else { return [0; 8] };
        named(&self.users, name).map_or([0; 8], |user| user.id)
    }

    /// How near a PIN is to being locked.
    pub fn strikes(&self, holder: &Holder) -> Strikes {
        match self.pin(holder).map_or(0, |pin| pin.failures) {
            0 => Strikes::None,
            failures if failures >= self.max_failures => Strikes::Locked,
            failures if failures + 1 >= self.max_failures => Strikes::Last,
            _ => Strikes::Some,
        }
    }

    /// Wrong attempts that a PIN has left before it is locked.
    pub fn attempts_left(&self, holder: &Holder) -> u32 {
        self.max_failures.saturating_sub(self.pin(holder).map_or(0, |pin| pin.failures))
    }

    /// Whose PIN these bytes are: `name:PIN` of a named user, or the PIN of the user without a name.
    pub fn whose<'a>(&self, pin: &'a [u8]) -> (Holder, &'a [u8]) {
        let colon = pin.iter().position(|byte| *byte == b':');
        let parts = colon.and_then(|at| Some((pin.get(..at)?, pin.get(at + 1..)?)));
        let found = parts.and_then(|(name, rest)| {
            let user = self.users.iter().find(|user| user.name.as_bytes() == name)?;
            Some((Holder::Named(user.name.clone()), rest))
        });
        found.unwrap_or((Holder::User, pin))
    }

    /// Whether its keys are being renewed; and whether with everything beneath them.
    pub fn rotating(&self) -> Option<bool> {
        self.rotation.as_ref().map(|rotation| rotation.whole)
    }

    /// Whose PINs wrap the keys themselves, as older versions wrote them: the keys cannot be renewed for
    /// them before they have logged in once.
    pub fn not_renewable(&self) -> Vec<Holder> {
        let holders = self.holders().into_iter();
        let old = |holder: &Holder| self.pin(holder).is_some_and(|pin| !pin.renewable());
        holders.filter(old).collect()
    }

    /// Everyone who has a PIN.
    pub(super) fn holders(&self) -> Vec<Holder> {
        let named = self.users.iter().map(|user| Holder::Named(user.name.clone()));
        let all = [Holder::So, Holder::User].into_iter().chain(named);
        all.filter(|holder| self.pin(holder).is_some()).collect()
    }

    /// Which use key it has; 0 where it has none.
    pub fn use_generation(&self) -> u32 {
        self.uses.as_ref().map_or(0, |uses| uses.generation)
    }

    pub(super) fn pin(&self, holder: &Holder) -> Option<&PinRecord> {
        match holder {
            Holder::So => self.so.as_ref(),
            Holder::User => self.user.as_ref(),
            Holder::Named(name) => named(&self.users, name).map(|user| &user.pin),
        }
    }

    pub(super) fn pin_mut(&mut self, holder: &Holder) -> Option<&mut PinRecord> {
        match holder {
            Holder::So => self.so.as_mut(),
            Holder::User => self.user.as_mut(),
            Holder::Named(name) => {
                self.users.iter_mut().find(|user| user.name == *name).map(|user| &mut user.pin)
            }
        }
    }

    /// Visits the records of all PINs, each with what its wrap is bound to.
    pub(super) fn each_pin(
        &mut self,
        store: &[u8; 16],
        mut visit: impl FnMut(&mut PinRecord, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let named = self.users.iter().map(|user| Holder::Named(user.name.clone()));
        let holders: Vec<_> = [Holder::So, Holder::User].into_iter().chain(named).collect();
        for holder in &holders {
            let (Some(role), Some(pin)) = (self.role(holder), self.pin(holder)) else { continue };
            let context = self.wrap_context(store, (holder, role), pin);
            if let Some(pin) = self.pin_mut(holder) {
                visit(pin, &context)?;
            }
        }
        Ok(())
    }

    pub(super) fn check_new_pin(&self, pin: &[u8]) -> Result<()> {
        self.lifted.check(Safeguard::PinLength, pin.len() < SAFE_PIN)?;
        if pin.len() < self.min_pin as usize || pin.len() > MAX_PIN {
            return Err(Error::PinLenRange);
        }
        if self.whose(pin).0 != Holder::User {
            // It would be taken for the PIN of the user whose name it begins with.
            tracing::warn!("a new PIN begins with the name of a user and a colon");
            return Err(Error::PinInvalid);
        }
        std::str::from_utf8(pin).map(drop).map_err(|_| Error::PinInvalid)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VERSION);
        writer.raw(&self.uuid).raw(&self.label).u64(self.created).u32(self.generation);
        writer.u32(self.min_pin).u32(self.max_failures);
        writer.u32(self.lifted.bits()).u8(u8::from(self.separation == Separation::Strict));
        self.rules.encode(&mut writer);
        for pin in [&self.so, &self.user] {
            match pin {
                None => drop(writer.u8(0)),
                Some(pin) => pin.encode(&mut writer),
            }
        }
        writer.u8(u8::from(self.uses.is_some()));
        if let Some(uses) = &self.uses {
            writer.u32(uses.generation).bytes(&uses.public).bytes(&uses.seed);
        }
        writer.u32(self.users.len() as u32);
        for user in &self.users {
            user.encode(&mut writer);
        }
        writer.u64(self.renewed);
        Rotation::encode(self.rotation.as_ref(), &mut writer);
        writer.finish()
    }

    pub(super) fn decode(id: i64, record: &[u8]) -> Result<Token> {
        let (version, mut reader) = Reader::of_versions(record, FIRST_VERSION..=VERSION)?;
        let token = Token {
            id,
            uuid: reader.array()?,
            label: reader.array()?,
            created: reader.u64()?,
            generation: reader.u32()?,
            min_pin: reader.u32()?,
            max_failures: reader.u32()?,
            // Older tokens had no choice: they are what a new one is where nothing is chosen.
            lifted: if version < 2 { Lifted::default() } else { read_lifted(&mut reader)? },
            separation: if version < 2 {
                Separation::Standard
            } else {
                read_separation(&mut reader)?
            },
            rules: match version < 2 {
                true => RulesHead::default(),
                false => RulesHead::decode(&mut reader)?,
            },
            so: PinRecord::decode(&mut reader)?,
            user: PinRecord::decode(&mut reader)?,
            uses: if version < 2 { None } else { read_uses(&mut reader)? },
            users: if version < 2 { Vec::new() } else { User::decode_all(&mut reader)? },
            renewed: if version < 3 { 0 } else { reader.u64()? },
            rotation: if version < 3 { None } else { Rotation::decode(&mut reader)? },
        };
        reader.end()?;
        Ok(token)
    }

    /// What the wrap of a PIN is bound to, by the form of its record.
    pub(super) fn wrap_context(
        &self,
        store: &[u8; 16],
        who: (&Holder, Role),
        record: &PinRecord,
    ) -> Vec<u8> {
        match (record.holds, &record.shares) {
            (Some(holds), Some(_)) => self.pair_context(store, who, holds),
            (holds, _) => self.context(store, who, holds),
        }
    }

    /// What the wrap of a PIN is bound to that wraps the keys themselves: whose it is, what it holds, and
    /// which keys those are. None for `holds` is the first format, which knew two roles and held the
    /// token key.
    pub(super) fn context(
        &self,
        store: &[u8; 16],
        (holder, role): (&Holder, Role),
        holds: Option<Holds>,
    ) -> Vec<u8> {
        let mut writer = Writer::versioned(if holds.is_some() { 2 } else { 1 });
        writer.raw(b"strongroom token key").raw(store).raw(&self.uuid).u8(number(role));
        let (token, uses) = (self.generation, self.use_generation());
        if let Some(holds) = holds {
            writer.u8(holds.number()).bytes(name(holder));
            writer.u32(if holds == Holds::Both { uses } else { 0 });
        }
        writer.u32(if holds == Some(Holds::Nothing) { 0 } else { token }).finish()
    }

    /// What a holder's pair is bound to, the wrap of its seed and the keys sealed to it: whose it is, and
    /// what they hold. It outlives the generations of the keys, which their seals are bound to besides.
    pub(super) fn pair_context(
        &self,
        store: &[u8; 16],
        (holder, role): (&Holder, Role),
        holds: Holds,
    ) -> Vec<u8> {
        let mut writer = Writer::versioned(3);
        writer.raw(b"strongroom holder").raw(store).raw(&self.uuid);
        writer.u8(number(role)).u8(holds.number()).bytes(name(holder)).finish()
    }
}

fn name(holder: &Holder) -> &[u8] {
    if let Holder::Named(name) = holder { name.as_bytes() } else { b"" }
}

/// The number of a role in records and contexts.
pub(super) fn number(role: Role) -> u8 {
    match role {
        Role::So => 0,
        Role::User => 1,
        Role::Operator => 2,
        Role::Manager => 3,
        Role::Auditor => 4,
        Role::Custodian => 5,
    }
}

fn read_uses(reader: &mut Reader<'_>) -> Result<Option<Uses>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => Ok(Some(Uses {
            generation: reader.u32()?,
            public: reader.bytes()?.to_vec(),
            seed: reader.bytes()?.to_vec(),
        })),
        _ => Err(Error::DeviceError),
    }
}

fn read_lifted(reader: &mut Reader<'_>) -> Result<Lifted> {
    Lifted::from_bits(reader.u32()?).ok_or(Error::TokenNotRecognized)
}

fn read_separation(reader: &mut Reader<'_>) -> Result<Separation> {
    match reader.u8()? {
        0 => Ok(Separation::Standard),
        1 => Ok(Separation::Strict),
        _ => Err(Error::DeviceError),
    }
}

/// The format of records as they are written, and the oldest that is read.
const VERSION: u8 = 4;
const FIRST_VERSION: u8 = 1;
/// The shortest PIN of a safe token, bytes.
const SAFE_PIN: usize = 4;
/// How much of the identifier is the serial number, bytes.
pub(super) const SERIAL: usize = 8;
