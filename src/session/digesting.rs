// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Digesting.

use super::crypto::begin;
use super::operation::{Active, Kind, Written, produce, step};
use super::{Call, Library};
use crate::error::{Error, Result};
use crate::policy;
use crate::types::Output;

impl Library {
    /// `C_DigestInit`; without a mechanism it ends the operation at hand.
    pub fn digest_init(&self, handle: u64, call: Option<Call>) -> Result<()> {
        self.with_state(handle, |_, state| {
            let Some(call) = begin(&mut state.digest, call)? else { return Ok(()) };
            let make = call.row.does.digest.ok_or(Error::MechanismInvalid)?;
            state.digest = Some(Active::new(make(call.row, &call.params)?, None, false));
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
                |digester, _| {
                    produce(out, digester.len(), |room| {
                        digester.update(data)?;
                        digester.finish(room)
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
                |digester, _| digester.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_DigestKey`.
    pub fn digest_key(&self, handle: u64, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            step(
                &mut state.digest,
                Kind::Part,
                |_| true,
                |digester, _| {
                    let key = session.key_object(key)?;
                    policy::may_digest(&key)?;
                    let value = key.key()?.secret().ok_or(Error::KeyIndigestible)?;
                    digester.update(value.expose()).map(|()| Written::All)
                },
            )
        })
    }
}
