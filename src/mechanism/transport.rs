// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys wrapped under an AES key that is made for the occasion: what `CKM_RSA_AES_KEY_WRAP` and the
//! ECDH-AES wraps have in common. The wrap is KWP (SP 800-38F, section 6.3).

use super::Direction;
use super::ossl::{CipherCtx, Mode};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// The length of `len` bytes wrapped.
pub(super) fn wrapped_len(len: usize) -> usize {
    len.div_ceil(UNIT).saturating_add(1).saturating_mul(UNIT)
}

/// Wraps; `out` has at least [`wrapped_len`] bytes. Returns the length.
pub(super) fn wrap(key: &Secret, plain: &[u8], out: &mut [u8]) -> Result<usize> {
    if plain.is_empty() {
        return Err(Error::DataLenRange);
    }
    let mut context = CipherCtx::new(Mode::WrapPad, key.expose(), Direction::Encrypt, 0)?;
    context.start(&[])?;
    context.update(plain, out)
}

/// Unwraps. Returns the length of what is in `out`.
pub(super) fn unwrap(key: &Secret, wrapped: &[u8], out: &mut [u8]) -> Result<usize> {
    if wrapped.len() % UNIT != 0 || wrapped.len() < 2 * UNIT {
        return Err(Error::EncryptedDataLenRange);
    }
    let mut context = CipherCtx::new(Mode::WrapPad, key.expose(), Direction::Decrypt, 0)?;
    context.start(&[])?;
    // OpenSSL uses more room than the result takes.
    let mut plain = Secret::zeroed(wrapped.len())?;
    let len =
        context.update(wrapped, plain.expose_mut()).map_err(|_| Error::EncryptedDataInvalid)?;
    let plain = plain.expose().get(..len).ok_or(Error::DeviceError)?;
    out.get_mut(..len).ok_or(Error::BufferTooSmall)?.copy_from_slice(plain);
    Ok(len)
}

/// The semiblock, bytes.
const UNIT: usize = 8;
