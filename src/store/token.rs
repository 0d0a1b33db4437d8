// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens: their records, their PINs, and the key that opens their private objects.

use super::pin::PinRecord;
use super::vault::Vault;
use super::{Row, RowKind};
use crate::codec::{Reader, Writer};
use crate::config::{Config, MAX_PIN};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;
use crate::types::Role;

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
    so: Option<PinRecord>,
    user: Option<PinRecord>,
}

/// The key of a token, opened by a PIN.
pub struct TokenKey {
    /// 256 bits; wraps the keys of the private objects.
    pub key: Secret,
    /// Which of the token's keys it is.
    pub generation: u32,
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
        self.uuid.iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// Whether the user has a PIN yet.
    pub fn user_pin_set(&self) -> bool {
        self.user.is_some()
    }

    /// How near the PIN of a role is to being locked.
    pub fn strikes(&self, role: Role) -> Strikes {
        match self.pin(role).map_or(0, |pin| pin.failures) {
            0 => Strikes::None,
            failures if failures >= self.max_failures => Strikes::Locked,
            failures if failures + 1 >= self.max_failures => Strikes::Last,
            _ => Strikes::Some,
        }
    }

    /// Wrong attempts that the PIN of a role has left before it is locked.
    pub fn attempts_left(&self, role: Role) -> u32 {
        self.max_failures.saturating_sub(self.pin(role).map_or(0, |pin| pin.failures))
    }

    fn pin(&self, role: Role) -> Option<&PinRecord> {
        match role {
            Role::So => self.so.as_ref(),
            Role::User => self.user.as_ref(),
        }
    }

    fn pin_slot(&mut self, role: Role) -> &mut Option<PinRecord> {
        match role {
            Role::So => &mut self.so,
            Role::User => &mut self.user,
        }
    }

    fn check_new_pin(&self, pin: &[u8]) -> Result<()> {
        if pin.len() < self.min_pin as usize || pin.len() > MAX_PIN {
            return Err(Error::PinLenRange);
        }
        std::str::from_utf8(pin).map(drop).map_err(|_| Error::PinInvalid)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VERSION);
        writer.raw(&self.uuid).raw(&self.label).u64(self.created).u32(self.generation);
        writer.u32(self.min_pin).u32(self.max_failures);
        for pin in [&self.so, &self.user] {
            writer.u8(u8::from(pin.is_some()));
            if let Some(pin) = pin {
                pin.encode(&mut writer);
            }
        }
        writer.finish()
    }

    pub(super) fn decode(id: i64, record: &[u8]) -> Result<Token> {
        let mut reader = Reader::versioned(record, VERSION)?;
        let token = Token {
            id,
            uuid: reader.array()?,
            label: reader.array()?,
            created: reader.u64()?,
            generation: reader.u32()?,
            min_pin: reader.u32()?,
            max_failures: reader.u32()?,
            so: read_pin(&mut reader)?,
            user: read_pin(&mut reader)?,
        };
        reader.end()?;
        Ok(token)
    }

    /// A token whose one PIN is the security officer's. Its number is given when it is stored.
    fn fresh(vault: &Vault, label: [u8; 32], so_pin: &[u8], config: &Config) -> Result<Token> {
        let mut uuid = [0; 16];
        primitive::random(&mut uuid)?;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        let mut token = Token {
            id: 0,
            uuid,
            label,
            created: now.map_or(0, |age| age.as_secs()),
            generation: 1,
            min_pin: config.pin.min_length as u32,
            max_failures: config.pin.max_failures,
            so: None,
            user: None,
        };
        let key = TokenKey { key: primitive::random_secret(32)?, generation: 1 };
        token.so = Some(token.pin_record(vault, Role::So, so_pin, config, &key)?);
        Ok(token)
    }

    fn pin_record(
        &self,
        vault: &Vault,
        role: Role,
        pin: &[u8],
        config: &Config,
        key: &TokenKey,
    ) -> Result<PinRecord> {
        self.check_new_pin(pin)?;
        let context = self.context(vault, role);
        PinRecord::create(pin, &config.kdf, &vault.pin_key, &context, &key.key, vault.stretch)
    }

    /// What a PIN's wrap is bound to.
    fn context(&self, vault: &Vault, role: Role) -> Vec<u8> {
        Writer::versioned(VERSION)
            .raw(b"strongroom token key")
            .raw(&vault.id)
            .raw(&self.uuid)
            .u8(match role {
                Role::So => 0,
                Role::User => 1,
            })
            .u32(self.generation)
            .finish()
    }
}

impl Vault {
    /// All tokens, by number.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let rows = self.store.rows(RowKind::Token)?;
        rows.iter().map(|row| self.read_token(row)).collect()
    }

    /// One token; none when it is gone.
    pub fn token(&self, id: i64) -> Result<Option<Token>> {
        self.store.token(id)?.map(|row| self.read_token(&row)).transpose()
    }

    /// Makes a token with the number `id`, which no token has had: the first free is
    /// [`Vault::next_token`].
    pub fn create_token(
        &self,
        id: i64,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        let token = Token::fresh(self, label, so_pin, config)?;
        self.change(|change| match change.token(id)? {
            None => change.put_token(id, &token),
            // Another process was faster: the slot holds a token now, and its list tells.
            Some(_) => Err(Error::SlotIdInvalid),
        })
    }

    /// The number of the next token.
    pub fn next_token(&self) -> Result<i64> {
        Ok(1 + self.store.rows(RowKind::Token)?.last().map_or(0, |row| row.id))
    }

    /// Makes a token anew in its slot: another key, no objects, no user PIN. The caller has tested
    /// the security officer's PIN.
    pub fn reinitialise(
        &self,
        id: i64,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        let token = Token::fresh(self, label, so_pin, config)?;
        self.change(|change| {
            change.delete_objects_of(id)?;
            change.put_token(id, &token)
        })
    }

    /// Opens the token key with a PIN. The attempt is charged, durably, before the PIN is tested;
    /// where it cannot be written there is no attempt.
    pub fn open_token(&self, id: i64, role: Role, pin: &[u8]) -> Result<TokenKey> {
        self.edit_token(id, |token| {
            let max = token.max_failures;
            let record = token.pin_slot(role).as_mut().ok_or(Error::UserPinNotInitialized)?;
            if record.failures >= max {
                return Err(Error::PinLocked);
            }
            record.failures += 1;
            Ok(())
        })?;
        let token = self.token(id)?.ok_or(Error::TokenNotPresent)?;
        let record = token.pin(role).ok_or(Error::UserPinNotInitialized)?;
        let context = token.context(self, role);
        let key = record.open(pin, &self.pin_key, &context, self.stretch)?;
        self.edit_token(id, |token| {
            if let Some(record) = token.pin_slot(role) {
                record.failures = 0;
            }
            Ok(())
        })?;
        Ok(TokenKey { key, generation: token.generation })
    }

    /// Sets the PIN of a role; the token key proves the right to.
    pub fn set_pin(
        &self,
        id: i64,
        role: Role,
        key: &TokenKey,
        pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        // The slow part is done before the store is locked.
        let token = self.token(id)?.ok_or(Error::TokenNotPresent)?;
        let encoded = {
            let mut writer = Writer::default();
            token.pin_record(self, role, pin, config, key)?.encode(&mut writer);
            writer.finish()
        };
        self.edit_token(id, |now| {
            if now.uuid != token.uuid || now.generation != key.generation {
                return Err(Error::DeviceRemoved);
            }
            *now.pin_slot(role) = Some(PinRecord::decode(&mut Reader::new(&encoded))?);
            Ok(())
        })
    }

    fn edit_token(&self, id: i64, edit: impl Fn(&mut Token) -> Result<()>) -> Result<()> {
        self.change(|change| {
            let mut token = change.token(id)?.ok_or(Error::TokenNotPresent)?;
            edit(&mut token)?;
            change.put_token(id, &token)
        })
    }

    pub(super) fn read_token(&self, row: &Row) -> Result<Token> {
        Token::decode(row.id, self.authentic(RowKind::Token, row)?)
    }
}

fn read_pin(reader: &mut Reader<'_>) -> Result<Option<PinRecord>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => PinRecord::decode(reader).map(Some),
        _ => Err(Error::DeviceError),
    }
}

const VERSION: u8 = 1;
