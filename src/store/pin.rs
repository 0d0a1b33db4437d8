// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How a PIN opens a token's keys: two wraps, one inside the other.
//!
//! The inner wrap is under Argon2id(PIN), the outer under the store's PIN key, which only the seal
//! opens. So who steals the files without the seal has nothing to test a PIN against; and the
//! master key can be rotated by re-wrapping the outer layer, without any PIN.

use super::keys::Holds;
use crate::codec::{Reader, Writer};
use crate::config::Kdf;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;

/// A PIN in a token record.
pub struct PinRecord {
    /// How much it wraps; none for a record of the first format, which wraps the token key.
    pub(super) holds: Option<Holds>,
    salt: [u8; SALT],
    /// What testing it costs.
    pub(super) kdf: Kdf,
    /// Wrong attempts since the last right one.
    pub failures: u32,
    wrap: Vec<u8>,
}

impl PinRecord {
    /// Wraps keys under a new PIN; `context` binds them to store, token, holder and how much it is.
    pub(super) fn create(
        pin: &[u8],
        kdf: &Kdf,
        pin_key: &Secret,
        context: &[u8],
        (holds, keys): (Holds, &Secret),
        stretch: Stretch,
    ) -> Result<PinRecord> {
        let mut salt = [0; SALT];
        primitive::random(&mut salt)?;
        let inner_key = stretch(pin, &salt, kdf)?;
        let inner = primitive::seal(&inner_key, context, keys.expose())?;
        let wrap = primitive::seal(pin_key, context, &inner)?;
        Ok(PinRecord { holds: Some(holds), salt, kdf: kdf.clone(), failures: 0, wrap })
    }

    /// The keys, if this is the PIN.
    pub fn open(
        &self,
        pin: &[u8],
        pin_key: &Secret,
        context: &[u8],
        stretch: Stretch,
    ) -> Result<Secret> {
        let inner = primitive::open(pin_key, context, &self.wrap).map_err(|_| {
            tracing::error!("a PIN record was altered: run 'strongroom check'");
            Error::DeviceError
        })?;
        let key = stretch(pin, &self.salt, &self.kdf)?;
        primitive::open(&key, context, inner.expose()).map_err(|_| Error::PinIncorrect)
    }

    /// Puts the outer layer under another PIN key of the store.
    pub(super) fn carry(&mut self, context: &[u8], (old, new): (&Secret, &Secret)) -> Result<()> {
        let inner = primitive::open(old, context, &self.wrap).map_err(|_| {
            tracing::error!("a PIN record was altered: run 'strongroom check'");
            Error::DeviceError
        })?;
        self.wrap = primitive::seal(new, context, inner.expose())?;
        Ok(())
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        match self.holds {
            None => writer.u8(FIRST_FORM),
            Some(holds) => writer.u8(FORM).u8(holds.number()),
        };
        let Kdf { memory_kib, passes, lanes } = self.kdf;
        writer.raw(&self.salt).u32(memory_kib).u32(passes).u32(lanes);
        writer.u32(self.failures).bytes(&self.wrap);
    }

    /// The record of a PIN; none where none is set.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<PinRecord>> {
        let holds = match reader.u8()? {
            0 => return Ok(None),
            FIRST_FORM => None,
            FORM => Some(Holds::from_number(reader.u8()?)?),
            _ => return Err(Error::DeviceError),
        };
        Ok(Some(PinRecord {
            holds,
            salt: reader.array()?,
            kdf: Kdf { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? },
            failures: reader.u32()?,
            wrap: reader.bytes()?.to_vec(),
        }))
    }
}

/// The function that makes a key of a PIN: the seal's, passed in by the caller.
pub type Stretch = fn(&[u8], &[u8], &Kdf) -> Result<Secret>;

const SALT: usize = 16;
/// A wrap of the token key, and one that says what it holds.
const FIRST_FORM: u8 = 1;
const FORM: u8 = 2;
