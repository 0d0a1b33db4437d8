// SPDX-License-Identifier: Apache-2.0 OR MIT
//! HMAC (FIPS 198-1) over hashes that OpenSSL's own HMAC cannot be told by a name: the shorter forms
//! of BLAKE2b.

use super::Hash;
use super::mac::Code;
use super::ossl::MdCtx;
use crate::error::{Error, Result};
use crate::secret::Secret;

/// A code in progress.
pub(super) struct Hmac {
    inner: MdCtx,
    outer: MdCtx,
}

impl Hmac {
    /// Begins with a key of any length.
    pub(super) fn new(hash: Hash, key: &[u8]) -> Result<Hmac> {
        let mut block = Secret::zeroed(hash.block())?;
        if key.len() > hash.block() {
            let mut digest = MdCtx::new(hash)?;
            digest.update(key)?;
            digest.finish(block.expose_mut())?;
        } else {
            let place = block.expose_mut().get_mut(..key.len()).ok_or(Error::DeviceError)?;
            place.copy_from_slice(key);
        }
        let inner = padded(hash, &mut block, INNER)?;
        // The inner padding is still on it.
        let outer = padded(hash, &mut block, INNER ^ OUTER)?;
        Ok(Hmac { inner, outer })
    }
}

fn padded(hash: Hash, block: &mut Secret, padding: u8) -> Result<MdCtx> {
    block.expose_mut().iter_mut().for_each(|byte| *byte ^= padding);
    let mut context = MdCtx::new(hash)?;
    context.update(block.expose())?;
    Ok(context)
}

impl Code for Hmac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.inner.update(data)
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        let mut digest = [0; LONGEST];
        let len = self.inner.finish(&mut digest)?;
        self.outer.update(digest.get(..len).ok_or(Error::DeviceError)?)?;
        self.outer.finish(&mut digest)?;
        code.copy_from_slice(digest.get(..code.len()).ok_or(Error::DeviceError)?);
        Ok(())
    }
}

const INNER: u8 = 0x36;
const OUTER: u8 = 0x5C;
/// The longest digest, bytes.
const LONGEST: usize = 64;
