// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signatures that give back the data.

use super::Library;
use super::crypto::{Call, begin};
use super::operation::{Kind, ahead, deliver, produce, step};
use crate::error::{Error, Result};
use crate::mechanism::Key;
use crate::policy::Use;
use crate::types::Output;
use std::sync::Arc;

impl Library {
    /// `C_SignRecoverInit`; without a mechanism it ends the operation at hand.
    pub fn sign_recover_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.sign_recover, call)? else { return Ok(()) };
            let make = call.row.does.sign_recover.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            let on = (&**session, &mut state.footing);
            state.sign_recover = Some(self.active(on, key, Use::SignRecover, &call, begin)?);
            Ok(())
        })
    }

    /// `C_SignRecover`.
    pub fn sign_recover(&self, handle: u64, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            let out = &mut ahead(out, &state.sign_recover, Kind::Whole);
            step(
                &mut state.sign_recover,
                Kind::Whole,
                |_| false,
                |signer, _| produce(out, signer.len(), |room| signer.whole(data, room)),
            )
        })
    }

    /// `C_VerifyRecoverInit`; without a mechanism it ends the operation at hand.
    pub fn verify_recover_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.verify_recover, call)? else { return Ok(()) };
            let make = call.row.does.verify_recover.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            let on = (&**session, &mut state.footing);
            let active = self.active(on, key, Use::VerifyRecover, &call, begin)?;
            state.verify_recover = Some(active);
            Ok(())
        })
    }

    /// `C_VerifyRecover`. A bad signature outranks a short buffer (section 5.16), so that the data
    /// is recovered first, whatever the buffer.
    pub fn verify_recover(
        &self,
        handle: u64,
        signature: &[u8],
        out: &mut dyn Output,
    ) -> Result<()> {
        self.with_state(handle, |_, state| {
            let out = &mut ahead(out, &state.verify_recover, Kind::Whole);
            step(
                &mut state.verify_recover,
                Kind::Whole,
                |_| false,
                |recoverer, _| deliver(out, &recoverer.recover(signature)?),
            )
        })
    }
}
