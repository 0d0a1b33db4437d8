// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Two operations fed by one call: the dual-function calls of PKCS #11. What the cipher does not give
//! out is not fed to the other operation either, so that a call made again feeds nothing twice.

use super::operation::step_both;
use super::{Library, State};
use crate::error::Result;
use crate::types::Output;
use cryptoki_sys::*;

impl Library {
    /// `C_DigestEncryptUpdate`.
    pub fn digest_encrypt(&self, handle: u64, part: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            let State { encrypt, digest, .. } = state;
            step_both(
                (encrypt, digest),
                |_| true,
                (part, out),
                |digest, plain, _| digest.run.update(plain),
            )?;
            state.encrypted(out);
            Ok(())
        })
    }

    /// `C_DecryptDigestUpdate`.
    pub fn decrypt_digest(&self, handle: u64, part: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, State { decrypt, digest, .. }| {
            step_both(
                (decrypt, digest),
                |_| true,
                (part, out),
                |digest, _, plain| digest.run.update(plain),
            )
        })
    }

    /// `C_SignEncryptUpdate`.
    pub fn sign_encrypt(&self, handle: u64, part: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            let State { encrypt, sign, .. } = state;
            step_both(
                (encrypt, sign),
                |signer| signer.multi_part(),
                (part, out),
                |signer, plain, _| signer.update(plain),
            )?;
            state.encrypted(out);
            Ok(())
        })
    }

    /// `C_DecryptVerifyUpdate`.
    pub fn decrypt_verify(&self, handle: u64, part: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            state.verifying(false)?;
            let State { decrypt, verify, .. } = state;
            step_both(
                (decrypt, verify),
                |verification| verification.run.multi_part(),
                (part, out),
                |verification, _, plain| verification.run.update(plain),
            )
        })
    }

    /// Ends two operations, if both are active: a dual-function call failed on its arguments.
    pub fn cancel_both(&self, handle: u64, flags: CK_FLAGS) -> Result<()> {
        self.with_state(handle, |_, state| {
            let other = flags & CKF_VERIFY != 0 && state.verifying(false).is_err();
            if state.active() & flags == flags && !other {
                state.cancel(flags);
            }
            Ok(())
        })
    }
}
