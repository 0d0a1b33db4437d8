// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Digesting.

use super::asking::Doing;
use super::crypto::begin;
use super::noting::note;
use super::operation::{Active, Kind, Written, produce, step};
use super::permission::today;
use super::{Call, Library};
use crate::error::{Error, Result};
use crate::mechanism::{Digester, Row};
use crate::policy::rules::Operation;
use crate::policy::{self, Group, Use, life};
use crate::types::Output;
use cryptoki_sys::CKF_DIGEST;

/// A digest in progress.
pub(super) struct Digest {
    /// By which mechanism.
    pub(super) row: &'static Row,
    /// What runs.
    pub(super) run: Box<dyn Digester>,
    /// Whether the value of a key went in: then its state is not the application's to keep.
    pub(super) keyed: bool,
}

impl Library {
    /// `C_DigestInit`; without a mechanism it ends the operation at hand.
    pub fn digest_init(&self, handle: u64, call: Option<Call>) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.digest, call)? else { return Ok(()) };
            let make = call.row.does.digest.ok_or(Error::MechanismInvalid)?;
            policy::offered(call.row, CKF_DIGEST, session.slot.ground()?.as_ref())?;
            let run = Digest { row: call.row, run: make(call.row, &call.params)?, keyed: false };
            state.digest = Some(Active::new(run, None, false));
            Ok(())
        })
    }

    /// `C_Digest` and `C_DigestFinal`, by `kind`.
    pub fn digest(&self, handle: u64, kind: Kind, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.digest,
                kind,
                |_| true,
                |digest, _| {
                    produce(out, digest.run.len(), |room| {
                        digest.run.update(data)?;
                        digest.run.finish(room)
                    })
                },
            )
        })
    }

    /// `C_DigestUpdate`.
    pub fn digest_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.digest,
                Kind::Part,
                |_| true,
                |digest, _| digest.run.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_DigestKey`. A key that cannot be digested leaves the digest as it was.
    pub fn digest_key(&self, handle: u64, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let digest = state.digest.as_ref().ok_or(Error::OperationNotInitialized)?;
            session.slot.admit(Group::DigestKey)?;
            let handle_of_key = key;
            let key = session.key_object(key)?;
            note(&key);
            policy::may_digest(&key, digest.run.row)?;
            life::permit(&key, Use::Derive, today()).map_err(|_| Error::KeyIndigestible)?;
            let value = key.key()?.secret().ok_or(Error::KeyIndigestible)?;
            session.ask(&key, Doing(Operation::Digest, Some(digest.run.row)))?;
            let now = session.slot.vault.glance();
            let counted = (handle_of_key, &*key);
            let tally = state.footing.tallies.of(session, now, counted, digest.run.row)?;
            tally.map_or(Ok(()), |tally| tally.settle())?;
            step(
                &mut state.digest,
                Kind::Part,
                |_| true,
                |digest, _| {
                    digest.keyed = true;
                    digest.run.update(value.expose()).map(|()| Written::All)
                },
            )
        })
    }
}
