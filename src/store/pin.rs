// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How a PIN opens a token's keys: two wraps, one inside the other, around the seed of the holder's pair.
//! It imports `super::{auditor, keys, shares}` and what all of this room may.
//!
//! The inner wrap is under Argon2id(PIN), the outer under the store's PIN key, which only the seal
//! opens. So who steals the files without the seal has nothing to test a PIN against; and the
//! master key can be rotated by re-wrapping the outer layer, without any PIN.

use super::auditor::{AuditPair, AuditSeed};
use super::keys::Holds;
use super::shares::Shares;
use crate::codec::{Reader, Writer};
use crate::config::Kdf;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::secret::Secret;

/// A PIN in a token record.
pub struct PinRecord {
    /// How much its holder holds; none for a record of the first format, which wraps the token key.
    pub(super) holds: Option<Holds>,
    /// The keys, sealed to the holder's pair; none where the PIN wraps what it opens itself.
    pub(super) shares: Option<Shares>,
    salt: [u8; SALT],
    /// What testing it costs.
    pub(super) kdf: Kdf,
    /// Wrong attempts since the last right one.
    pub failures: u32,
    wrap: Vec<u8>,
    /// The pair of who may check the audit log.
    pub(super) audit: Option<AuditPair>,
}

/// What a PIN is to open.
pub(super) struct Content {
    /// How much that is.
    pub(super) holds: Holds,
    /// What is wrapped: a seed, or random bytes for who holds nothing.
    pub(super) wrapped: Secret,
    /// The keys, sealed to the pair of that seed.
    pub(super) shares: Option<Shares>,
}

/// What a right PIN opened.
pub(super) struct Unwrapped {
    /// What was wrapped.
    pub(super) content: Secret,
    /// The key that Argon2id made of the PIN.
    inner: Secret,
}

impl PinRecord {
    /// Wraps something under a new PIN; `context` binds it to store, token, holder and how much it is.
    pub(super) fn create(
        pin: &[u8],
        kdf: &Kdf,
        pin_key: &Secret,
        context: &[u8],
        content: Content,
        stretch: Stretch,
    ) -> Result<PinRecord> {
        let mut salt = [0; SALT];
        primitive::random(&mut salt)?;
        let inner = stretch(pin, &salt, kdf)?;
        PinRecord::wrap((salt, kdf), (&inner, pin_key), context, content)
    }

    /// The same PIN, which has just been given, around something else.
    pub(super) fn rewrapped(
        &self,
        given: &Unwrapped,
        pin_key: &Secret,
        context: &[u8],
        content: Content,
    ) -> Result<PinRecord> {
        PinRecord::wrap((self.salt, &self.kdf), (&given.inner, pin_key), context, content)
    }

    /// What it wraps, if this is the PIN.
    pub(super) fn open(
        &self,
        pin: &[u8],
        pin_key: &Secret,
        context: &[u8],
        stretch: Stretch,
    ) -> Result<Unwrapped> {
        let outer = primitive::open(pin_key, context, &self.wrap).map_err(|_| {
            tracing::error!("a PIN record was altered: run 'strongroom check'");
            Error::DeviceError
        })?;
        let inner = stretch(pin, &self.salt, &self.kdf)?;
        let content = primitive::open(&inner, context, outer.expose());
        Ok(Unwrapped { content: content.map_err(|_| Error::PinIncorrect)?, inner })
    }

    /// Whether its holder's keys can be renewed without the PIN: who holds nothing needs no renewal.
    pub(super) fn renewable(&self) -> bool {
        self.shares.is_some() || self.holds == Some(Holds::Nothing)
    }

    /// The pair of who may check the audit log that is kept beside it, where there is one.
    pub(super) fn audit_seed(
        &self,
        context: &[u8],
        given: &Unwrapped,
    ) -> Result<Option<AuditSeed>> {
        self.audit.as_ref().map(|pair| pair.open(context, &given.content)).transpose()
    }

    /// Whether it is the same PIN as another, not one that was set since.
    pub(super) fn same_as(&self, other: &PinRecord) -> bool {
        self.wrap == other.wrap
    }

    fn wrap(
        (salt, kdf): ([u8; SALT], &Kdf),
        (inner, outer): (&Secret, &Secret),
        context: &[u8],
        content: Content,
    ) -> Result<PinRecord> {
        let Content { holds, wrapped, shares } = content;
        let wrap = primitive::seal(inner, context, wrapped.expose())?;
        let wrap = primitive::seal(outer, context, &wrap)?;
        let kdf = kdf.clone();
        Ok(PinRecord { holds: Some(holds), shares, salt, kdf, failures: 0, wrap, audit: None })
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
        match (self.holds, &self.shares) {
            (None, _) => writer.u8(FIRST_FORM),
            (Some(holds), shares) => {
                let form = if shares.is_none() { ITSELF } else { PAIR };
                let form = if self.audit.is_none() { form } else { form + AUDITS };
                writer.u8(form).u8(holds.number())
            }
        };
        let Kdf { memory_kib, passes, lanes } = self.kdf;
        writer.raw(&self.salt).u32(memory_kib).u32(passes).u32(lanes);
        writer.u32(self.failures).bytes(&self.wrap);
        if let Some(shares) = &self.shares {
            shares.encode(writer);
        }
        if let Some(pair) = &self.audit {
            pair.encode(writer);
        }
    }

    /// The record of a PIN; none where none is set.
    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<Option<PinRecord>> {
        let form = reader.u8()?;
        let holds = match form {
            0 => return Ok(None),
            FIRST_FORM => None,
            ITSELF..=LAST_FORM => Some(Holds::from_number(reader.u8()?)?),
            _ => return Err(Error::DeviceError),
        };
        let mut record = PinRecord {
            holds,
            shares: None,
            salt: reader.array()?,
            kdf: Kdf { memory_kib: reader.u32()?, passes: reader.u32()?, lanes: reader.u32()? },
            failures: reader.u32()?,
            wrap: reader.bytes()?.to_vec(),
            audit: None,
        };
        if let Some(holds) = holds.filter(|_| matches!(form, PAIR | PAIR_AUDITS)) {
            if holds == Holds::Nothing {
                return Err(Error::DeviceError);
            }
            record.shares = Some(Shares::decode(reader, holds)?);
        }
        if form > PAIR {
            record.audit = Some(AuditPair::decode(reader)?);
        }
        Ok(Some(record))
    }
}

/// The function that makes a key of a PIN: the seal's, passed in by the caller.
pub type Stretch = fn(&[u8], &[u8], &Kdf) -> Result<Secret>;

const SALT: usize = 16;
/// A wrap of the token key; one of what it says it holds, which those who hold nothing still have; one
/// of the seed of a pair.
const FIRST_FORM: u8 = 1;
const ITSELF: u8 = 2;
const PAIR: u8 = 3;
/// The latter two with the pair of who may check the audit log behind.
const AUDITS: u8 = 2;
const PAIR_AUDITS: u8 = PAIR + AUDITS;
const LAST_FORM: u8 = PAIR_AUDITS;
