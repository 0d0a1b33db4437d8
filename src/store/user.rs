// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Named users, as a token's record has them.

use super::pin::PinRecord;
use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::types::Role;

/// A named user.
pub struct User {
    /// Tells a user from an earlier one of the same name, and from themselves before their PIN was
    /// reset: a login that stood then does not stand now.
    pub id: [u8; 8],
    /// 1 to 32 bytes, unique in the token.
    pub name: String,
    /// What they are there for.
    pub role: Role,
    pub(super) pin: PinRecord,
}

/// The user of this name.
pub(super) fn named<'a>(users: &'a [User], name: &str) -> Option<&'a User> {
    users.iter().find(|user| user.name == name)
}

/// Whether a user may be called so: no colon, which ends the name in `name:PIN`.
pub fn good_name(name: &str) -> bool {
    (1..=NAME).contains(&name.len())
        && name.trim() == name
        && !name.chars().any(|c| c == ':' || c.is_control())
}

impl User {
    pub(super) fn encode(&self, writer: &mut Writer) {
        let role = Role::NAMED.iter().position(|role| *role == self.role).unwrap_or_default();
        writer.raw(&self.id).bytes(self.name.as_bytes()).u8(FIRST + role as u8);
        self.pin.encode(writer);
    }

    pub(super) fn decode_all(reader: &mut Reader<'_>) -> Result<Vec<User>> {
        let count = reader.u32()?;
        (0..count).map(|_| User::decode(reader)).collect()
    }

    fn decode(reader: &mut Reader<'_>) -> Result<User> {
        let id = reader.array()?;
        let name = std::str::from_utf8(reader.bytes()?).map_err(|_| Error::DeviceError)?;
        let name = name.to_string();
        let role = reader.u8()?.checked_sub(FIRST).and_then(|n| Role::NAMED.get(usize::from(n)));
        let role = *role.ok_or(Error::TokenNotRecognized)?;
        let pin = PinRecord::decode(reader)?.ok_or(Error::DeviceError)?;
        Ok(User { id, name, role, pin })
    }
}

/// The number of the first role of named users in records.
const FIRST: u8 = 2;
/// The longest name, bytes.
const NAME: usize = 32;
