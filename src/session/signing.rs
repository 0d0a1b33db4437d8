// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signing and verifying, and MACs.

use super::crypto::begin;
use super::operation::{Kind, Written, ahead, produce, step};
use super::{Call, Library, State};
use crate::error::{Error, Result};
use crate::mechanism::{Key, Verifier};
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
            let on = (&**session, &mut state.footing);
            state.sign = Some(self.active(on, key, Use::Sign, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Sign` and `C_SignFinal`, by `kind`.
    pub fn sign(&self, handle: u64, kind: Kind, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            let out = &mut ahead(out, &state.sign, kind);
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
        self.verification(handle, call, key, None)
    }

    /// `C_VerifySignatureInit` with a mechanism: the signature comes first.
    pub fn verify_signature_init(
        &self,
        handle: u64,
        call: Call,
        key: u64,
        signature: &[u8],
    ) -> Result<()> {
        self.verification(handle, Some(call), key, Some(signature))
    }

    fn verification(
        &self,
        handle: u64,
        call: Option<Call>,
        key: u64,
        signature: Option<&[u8]>,
    ) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.verify, call)? else { return Ok(()) };
            let make = call.row.does.verify.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| {
                let signature = signature.map(kept).transpose()?;
                Ok(Verification { run: make(call.row, key, &call.params)?, signature })
            };
            let on = (&**session, &mut state.footing);
            state.verify = Some(self.active(on, key, Use::Verify, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Verify` and `C_VerifyFinal`, by `kind`.
    pub fn verify(&self, handle: u64, kind: Kind, data: &[u8], signature: &[u8]) -> Result<()> {
        self.verify_step(handle, kind, false, |verification| match kind {
            Kind::Whole => verification.run.whole(data, signature),
            _ => verification.run.finish(signature),
        })
    }

    /// `C_VerifyUpdate`.
    pub fn verify_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.verify_step(handle, Kind::Part, false, |verification| verification.run.update(data))
    }

    /// `C_VerifySignature`, `C_VerifySignatureUpdate`, `C_VerifySignatureFinal`, by `kind`.
    pub fn verify_signature(&self, handle: u64, kind: Kind, data: &[u8]) -> Result<()> {
        self.verify_step(handle, kind, true, |Verification { run, signature }| {
            let signature = signature.as_deref().unwrap_or_default();
            match kind {
                Kind::Whole => run.whole(data, signature),
                Kind::Part => run.update(data),
                Kind::Last => run.finish(signature),
            }
        })
    }

    /// Ends a verification, if it is of this kind: a call of it failed on its arguments.
    pub fn end_verification(&self, handle: u64, ahead: bool) -> Result<()> {
        self.with_state(handle, |_, state| {
            state.verifying(ahead)?;
            state.verify = None;
            Ok(())
        })
    }

    fn verify_step(
        &self,
        handle: u64,
        kind: Kind,
        ahead: bool,
        call: impl FnOnce(&mut Verification) -> Result<()>,
    ) -> Result<()> {
        self.with_state(handle, |_, state| {
            state.verifying(ahead)?;
            step(
                &mut state.verify,
                kind,
                |verification| verification.run.multi_part(),
                |verification, _| call(verification).map(|()| Written::All),
            )
        })
    }
}

fn kept(signature: &[u8]) -> Result<Vec<u8>> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(signature.len()).map_err(|_| Error::HostMemory)?;
    copy.extend_from_slice(signature);
    Ok(copy)
}

/// A verification in progress.
pub(super) struct Verification {
    /// What runs.
    pub(super) run: Box<dyn Verifier>,
    /// The signature, where it came first.
    signature: Option<Vec<u8>>,
}

impl State {
    /// Whether a verification is active that has got its signature `ahead`, or one that has not: each
    /// answers to its own functions.
    pub(super) fn verifying(&self, ahead: bool) -> Result<()> {
        match &self.verify {
            Some(active) if active.run.signature.is_some() == ahead => Ok(()),
            _ => Err(Error::OperationNotInitialized),
        }
    }
}
