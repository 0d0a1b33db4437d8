// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token is: its record, and the key that opens its private objects.

use super::pin::PinRecord;
use crate::codec::{Reader, Writer};
use crate::config::{MAX_PIN, Separation};
use crate::error::{Error, Result};
use crate::safety::{Lifted, Safeguard};
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
    /// Which safeguards are lifted: kept here for the same reason.
    pub lifted: Lifted,
    /// Whether who uses keys also manages them.
    pub separation: Separation,
    pub(super) so: Option<PinRecord>,
    pub(super) user: Option<PinRecord>,
}

/// The key of a token, opened by a PIN.
pub struct TokenKey {
    /// 256 bits; wraps the keys of the private objects.
    pub key: Secret,
    /// Which of the token's keys it is.
    pub generation: u32,
    /// The token it is of: one made anew in the same slot has another.
    pub uuid: [u8; 16],
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

    pub(super) fn pin(&self, role: Role) -> Option<&PinRecord> {
        match role {
            Role::So => self.so.as_ref(),
            Role::User => self.user.as_ref(),
        }
    }

    pub(super) fn pin_slot(&mut self, role: Role) -> &mut Option<PinRecord> {
        match role {
            Role::So => &mut self.so,
            Role::User => &mut self.user,
        }
    }

    pub(super) fn check_new_pin(&self, pin: &[u8]) -> Result<()> {
        self.lifted.check(Safeguard::PinLength, pin.len() < SAFE_PIN)?;
        if pin.len() < self.min_pin as usize || pin.len() > MAX_PIN {
            return Err(Error::PinLenRange);
        }
        std::str::from_utf8(pin).map(drop).map_err(|_| Error::PinInvalid)
    }

    pub(super) fn encode(&self) -> Vec<u8> {
        let mut writer = Writer::versioned(VERSION);
        writer.raw(&self.uuid).raw(&self.label).u64(self.created).u32(self.generation);
        writer.u32(self.min_pin).u32(self.max_failures);
        writer.u32(self.lifted.bits()).u8(u8::from(self.separation == Separation::Strict));
        for pin in [&self.so, &self.user] {
            writer.u8(u8::from(pin.is_some()));
            if let Some(pin) = pin {
                pin.encode(&mut writer);
            }
        }
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
            so: read_pin(&mut reader)?,
            user: read_pin(&mut reader)?,
        };
        reader.end()?;
        Ok(token)
    }

    /// What a PIN's wrap is bound to.
    pub(super) fn context(&self, store: &[u8; 16], role: Role) -> Vec<u8> {
        Writer::versioned(CONTEXT_VERSION)
            .raw(b"strongroom token key")
            .raw(store)
            .raw(&self.uuid)
            .u8(match role {
                Role::So => 0,
                Role::User => 1,
            })
            .u32(self.generation)
            .finish()
    }
}

fn read_pin(reader: &mut Reader<'_>) -> Result<Option<PinRecord>> {
    match reader.u8()? {
        0 => Ok(None),
        1 => PinRecord::decode(reader).map(Some),
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
const VERSION: u8 = 2;
const FIRST_VERSION: u8 = 1;
/// The format of the contexts that wraps are bound to.
const CONTEXT_VERSION: u8 = 1;
/// The shortest PIN of a safe token, bytes.
const SAFE_PIN: usize = 4;
/// How much of the identifier is the serial number, bytes.
pub(super) const SERIAL: usize = 8;
