// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pair of who may check the chain of the audit log: a user of role auditor, or the security
//! officer. It imports what all of this room may.
//!
//! The pair is beside the PIN's record and not the one that a token's keys are sealed to: that one is
//! made anew with each PIN, and the first keys of old chains are sealed to this one for good. Whoever
//! changes their own PIN takes it along; a PIN that another sets comes with another pair.

use crate::codec::{Reader, Writer};
use crate::error::{Error, Result};
use crate::mechanism::kem;
use crate::mechanism::primitive;
use crate::secret::Secret;
use crate::types::Role;

/// The pair in the record of a PIN.
#[derive(Clone)]
pub(super) struct AuditPair {
    /// An encapsulation key of ML-KEM-1024.
    pub(super) public: Vec<u8>,
    /// The seed, under what the PIN opens.
    sealed: Vec<u8>,
}

/// Whether the PIN of a role comes with a pair.
pub(super) fn audits(role: Role) -> bool {
    matches!(role, Role::So | Role::Auditor)
}

impl AuditPair {
    /// The pair of a new PIN: the one that its holder has already, as its seed, or another. `opens` is
    /// what the PIN opens, `context` what that is bound to.
    pub(super) fn of(
        kept: Option<&AuditSeed>,
        context: &[u8],
        opens: &Secret,
    ) -> Result<(AuditPair, AuditSeed)> {
        let seed = match kept {
            Some(kept) => AuditSeed { public: kept.public.clone(), seed: kept.seed.duplicate()? },
            None => {
                let (public, seed) = kem::generate()?;
                AuditSeed { public, seed }
            }
        };
        let place = place(context, &seed.public);
        let sealed = primitive::seal(&wrapping(opens, context)?, &place, seed.seed.expose())?;
        Ok((AuditPair { public: seed.public.clone(), sealed }, seed))
    }

    /// The seed, for who has what the PIN opens.
    pub(super) fn open(&self, context: &[u8], opens: &Secret) -> Result<AuditSeed> {
        let place = place(context, &self.public);
        let seed = primitive::open(&wrapping(opens, context)?, &place, &self.sealed);
        let seed = seed.map_err(|_| {
            tracing::error!("the pair of an auditor was altered: run 'strongroom check'");
            Error::DeviceError
        })?;
        Ok(AuditSeed { public: self.public.clone(), seed })
    }

    pub(super) fn encode(&self, writer: &mut Writer) {
        writer.bytes(&self.public).bytes(&self.sealed);
    }

    pub(super) fn decode(reader: &mut Reader<'_>) -> Result<AuditPair> {
        Ok(AuditPair { public: reader.bytes()?.to_vec(), sealed: reader.bytes()?.to_vec() })
    }
}

/// What opens the first keys of chains.
pub struct AuditSeed {
    public: Vec<u8>,
    /// 64 bytes, of ML-KEM-1024.
    pub seed: Secret,
}

fn wrapping(opens: &Secret, context: &[u8]) -> Result<Secret> {
    primitive::hkdf_sha256(opens.expose(), &[], &[context, PURPOSE].concat(), KEY)
}

fn place(context: &[u8], public: &[u8]) -> Vec<u8> {
    Writer::default().raw(context).raw(PURPOSE).bytes(public).finish()
}

const PURPOSE: &[u8] = b"pair of auditor";
/// Bytes.
const KEY: usize = 32;
