// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signing and verifying, and MACs.

use super::crypto::begin;
use super::operation::{Kind, Written, produce, step};
use super::{Call, Library};
use crate::error::{Error, Result};
use crate::mechanism::Key;
use crate::policy::Use;
use crate::types::Output;
use std::sync::Arc;

impl Library {
    /// `C_SignInit`; without a mechanism it ends the operation at hand.
    pub fn sign_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.sign, call)? else { return Ok(()) };
            let make = call.row.does.sign.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            state.sign = Some(self.active(session, key, Use::Sign, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Sign` and `C_SignFinal`, by `kind`.
    pub fn sign(&self, handle: u64, kind: Kind, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.sign,
                kind,
                |signer| signer.multi_part(),
                |signer, _| {
                    produce(out, signer.len(), |room| match kind {
                        Kind::Whole => signer.whole(data, room),
                        _ => signer.finish(room),
                    })
                },
            )
        })
    }

    /// `C_SignUpdate`.
    pub fn sign_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.sign,
                Kind::Part,
                |signer| signer.multi_part(),
                |signer, _| signer.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_VerifyInit`; without a mechanism it ends the operation at hand.
    pub fn verify_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.verify, call)? else { return Ok(()) };
            let make = call.row.does.verify.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            state.verify = Some(self.active(session, key, Use::Verify, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Verify` and `C_VerifyFinal`, by `kind`.
    pub fn verify(&self, handle: u64, kind: Kind, data: &[u8], signature: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.verify,
                kind,
                |verifier| verifier.multi_part(),
                |verifier, _| {
                    let verdict = match kind {
                        Kind::Whole => verifier.whole(data, signature),
                        _ => verifier.finish(signature),
                    };
                    verdict.map(|()| Written::All)
                },
            )
        })
    }

    /// `C_VerifyUpdate`.
    pub fn verify_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.verify,
                Kind::Part,
                |verifier| verifier.multi_part(),
                |verifier, _| verifier.update(data).map(|()| Written::All),
            )
        })
    }
}
