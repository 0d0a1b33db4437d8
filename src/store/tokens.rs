// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens made, and their keys opened by PINs.

use super::RowKind;
use super::pin::PinRecord;
use super::token::{SERIAL, Token, TokenKey};
use super::vault::Vault;
use crate::codec::{Reader, Writer};
use crate::config::Config;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::safety::Lifted;
use crate::types::Role;

impl Vault {
    /// All tokens, by number, if they are all that were made.
    pub fn tokens(&self) -> Result<Vec<Token>> {
        let mut tokens = Vec::new();
        self.store.look(&mut |now| {
            self.state(now)?;
            let rows = now.rows(RowKind::Token)?;
            tokens = rows.iter().map(|row| self.read_token(row)).collect::<Result<_>>()?;
            Ok(())
        })?;
        Ok(tokens)
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
        let token = self.fresh_token(None, label, so_pin, config)?;
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

    /// Makes a token anew in its slot: another key, no objects, no user PIN, the same serial number.
    /// The caller has tested the security officer's PIN.
    pub fn reinitialise(
        &self,
        old: &Token,
        label: [u8; 32],
        so_pin: &[u8],
        config: &Config,
    ) -> Result<()> {
        let token = self.fresh_token(Some(old), label, so_pin, config)?;
        self.change(|change| {
            change.delete_objects_of(old.id)?;
            change.put_token(old.id, &token)
        })
    }

    /// Opens the token key with a PIN. The attempt is charged, durably, before the PIN is tested;
    /// where it cannot be written there is no attempt.
    pub fn open_token(&self, token: &Token, role: Role, pin: &[u8]) -> Result<TokenKey> {
        let _turn = self.store.turn()?;
        self.edit_token(token.id, &token.uuid, |token| {
            let max = token.max_failures;
            let record = token.pin_slot(role).as_mut().ok_or(Error::UserPinNotInitialized)?;
            if record.failures >= max {
                return Err(Error::PinLocked);
            }
            record.failures += 1;
            Ok(())
        })?;
        let now = self.token(token.id)?.filter(|now| now.uuid == token.uuid);
        let now = now.ok_or(Error::DeviceRemoved)?;
        let record = now.pin(role).ok_or(Error::UserPinNotInitialized)?;
        let context = now.context(&self.id, role);
        let key = record.open(pin, &self.pin_key, &context, self.stretch)?;
        let cleared = self.edit_token(token.id, &token.uuid, |token| {
            if let Some(record) = token.pin_slot(role) {
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
        Ok(TokenKey { key, generation: now.generation, uuid: now.uuid })
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
        let token = self.token(id)?.filter(|token| token.uuid == key.uuid);
        let token = token.ok_or(Error::DeviceRemoved)?;
        let encoded = {
            let mut writer = Writer::default();
            self.pin_record(&token, role, pin, config, key)?.encode(&mut writer);
            writer.finish()
        };
        self.edit_token(id, &key.uuid, |now| {
            if now.generation != key.generation {
                return Err(Error::DeviceRemoved);
            }
            *now.pin_slot(role) = Some(PinRecord::decode(&mut Reader::new(&encoded))?);
            Ok(())
        })
    }

    /// Lifts these safeguards of a token, and puts all others back; the token key proves the right to.
    pub fn lift(&self, id: i64, key: &TokenKey, lifted: Lifted) -> Result<()> {
        self.edit_token(id, &key.uuid, |token| {
            token.lifted = lifted;
            Ok(())
        })
    }

    /// Changes a token's record, if it is still the same token: another process may have made the
    /// slot's token anew.
    fn edit_token(
        &self,
        id: i64,
        uuid: &[u8; 16],
        edit: impl Fn(&mut Token) -> Result<()>,
    ) -> Result<()> {
        self.change(|change| {
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
            so: None,
            user: None,
        };
        let key = TokenKey { key: primitive::random_secret(32)?, generation: 1, uuid };
        token.so = Some(self.pin_record(&token, Role::So, so_pin, config, &key)?);
        Ok(token)
    }

    fn pin_record(
        &self,
        token: &Token,
        role: Role,
        pin: &[u8],
        config: &Config,
        key: &TokenKey,
    ) -> Result<PinRecord> {
        token.check_new_pin(pin)?;
        let context = token.context(&self.id, role);
        PinRecord::create(pin, &config.kdf, &self.pin_key, &context, &key.key, self.stretch)
    }
}
