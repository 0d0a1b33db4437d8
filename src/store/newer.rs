// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The record of a PIN that an older version wrote, brought to the form of today when the PIN is given.
//! It imports `super::{auditor, keys, pin, ring, token, tokens, vault}` and what all of this room may.

use super::auditor::{AuditPair, AuditSeed, audits};
use super::keys::{Holds, Keys, Own};
use super::pin::Unwrapped;
use super::ring::Ring;
use super::token::Token;
use super::tokens::{decoded, encoded};
use super::vault::Vault;
use crate::error::{Error, Result};
use crate::types::{Holder, Role};

/// The record of today, and what is new in it.
pub(super) struct Newer {
    /// The record, encoded.
    pub(super) record: Vec<u8>,
    own: Option<Own>,
    audit: Option<AuditSeed>,
}

impl Newer {
    /// The record was written: whoever gave the PIN has what is new.
    pub(super) fn taken_by(self, keys: &Keys, holder: &Holder) {
        self.own.into_iter().for_each(|own| keys.adopt(own));
        self.audit.into_iter().for_each(|seed| keys.keep_audit_seed(holder, seed));
    }
}

impl Vault {
    /// A record that wraps keys itself gets a pair, so that the keys can be renewed; and who may check
    /// the audit log one for that. None where nothing is missing.
    pub(super) fn newer(
        &self,
        ring: &Ring,
        token: &Token,
        who: (&Holder, Role),
        given: &Unwrapped,
        keys: &Keys,
    ) -> Result<Option<Newer>> {
        let record = token.pin(who.0).ok_or(Error::GeneralError)?;
        if !record.renewable() {
            return self.with_pair(ring, token, who, given, keys).map(Some);
        }
        if !audits(who.1) || record.audit.is_some() {
            return Ok(None);
        }
        let context = token.wrap_context(&self.id, who, record);
        let (pair, seed) = AuditPair::of(None, &context, &given.content)?;
        let mut record = decoded(&encoded(record))?;
        record.audit = Some(pair);
        Ok(Some(Newer { record: encoded(&record), own: None, audit: Some(seed) }))
    }

    fn with_pair(
        &self,
        ring: &Ring,
        token: &Token,
        who: (&Holder, Role),
        given: &Unwrapped,
        keys: &Keys,
    ) -> Result<Newer> {
        let record = token.pin(who.0).ok_or(Error::GeneralError)?;
        let holds = record.holds.unwrap_or(Holds::TokenKey);
        let (content, own) = self.content(token, who, holds, &keys.current())?;
        let context = token.pair_context(&self.id, who, holds);
        let pair = audits(who.1).then(|| AuditPair::of(None, &context, &content.wrapped));
        let (pair, audit) = pair.transpose()?.unzip();
        let mut record = record.rewrapped(given, &ring.current.pin, &context, content)?;
        record.audit = pair;
        let own = Some(own.ok_or(Error::GeneralError)?);
        Ok(Newer { record: encoded(&record), own, audit })
    }
}
