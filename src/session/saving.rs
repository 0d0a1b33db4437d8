// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `C_GetOperationState` and `C_SetOperationState`, for digests.

use super::digesting;
use super::operation::{Active, produce};
use super::saved::{Digest, LEN, SECRET};
use super::{Library, State};
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::types::Output;
use cryptoki_sys::*;

impl Library {
    /// `C_GetOperationState`.
    pub fn operation_state(&self, handle: u64, out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |session, state| {
            let active = state.saveable()?;
            produce(out, LEN, |name| {
                let mut secret = [0; SECRET];
                primitive::random(&mut secret)?;
                let (row, run) = (active.run.row, active.run.run.duplicate()?);
                let (session_state, fed) = (session.state(), active.fed);
                let digest = Digest { secret, session: session_state, row, run, fed };
                session.slot.saved.lock().keep(digest, name)
            })
            .map(drop)
        })
    }

    /// `C_SetOperationState`: what was in progress in the session ends.
    pub fn set_operation_state(&self, handle: u64, name: &[u8], keys: [u64; 2]) -> Result<()> {
        self.with_state(handle, |session, state| {
            let saved = session.slot.saved.lock();
            let digest = saved.find(name).filter(|digest| digest.session == session.state());
            let digest = digest.ok_or(Error::SavedStateInvalid)?;
            if keys != [0, 0] {
                return Err(Error::KeyNotNeeded);
            }
            let run = digest.run.duplicate()?;
            let run = digesting::Digest { row: digest.row, run, keyed: false };
            let mut active = Active::new(run, None, false);
            active.fed = digest.fed;
            drop(saved);
            state.cancel(CK_FLAGS::MAX);
            state.digest = Some(active);
            Ok(())
        })
    }
}

impl State {
    /// The digest in progress, if it can be saved. What uses a key cannot, nor a digest that took in
    /// the value of one.
    fn saveable(&self) -> Result<&Active<digesting::Digest>> {
        let keyed = [CKF_ENCRYPT, CKF_DECRYPT, CKF_SIGN, CKF_VERIFY];
        let others = keyed.iter().any(|flag| self.active() & flag != 0);
        match &self.digest {
            None if !others => Err(Error::OperationNotInitialized),
            Some(active) if !others && !active.run.keyed => Ok(active),
            _ => Err(Error::StateUnsaveable),
        }
    }
}
