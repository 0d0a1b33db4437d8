// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Parameters of ciphers.

use super::{Asker, Parameter, field};
use crate::abi::pointer::Pointer;
use crate::error::{Error, Result};
use crate::mechanism::Params;
use crate::mechanism::params::{ChaCha20, Iv};
use crate::mechanism::primitive::random;
use cryptoki_sys::*;

impl Parameter<'_> {
    pub(super) fn iv(&self, len: usize) -> Result<Params> {
        if self.len as usize != len {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Iv(Iv::from_slice(self.bytes.slice(self.len)?)))
    }

    pub(super) fn counter(&self) -> Result<Params> {
        let given: CK_AES_CTR_PARAMS = self.structure()?;
        match given.ulCounterBits {
            bits @ 1..=128 => Ok(Params::Counter { bits: bits as usize, block: given.cb }),
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    pub(super) fn gcm(&self) -> Result<Params> {
        if self.asker != Asker::Other && self.len as usize == size_of::<CK_GCM_WRAP_PARAMS>() {
            return self.gcm_wrap();
        }
        let given: CK_GCM_PARAMS = self.structure()?;
        if given.ulTagBits > 128 {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Gcm {
            iv: Iv::from_slice(field(given.pIv, given.ulIvLen)?),
            aad: octets(given.pAAD, given.ulAADLen)?,
            tag_bits: given.ulTagBits as usize,
        })
    }

    fn gcm_wrap(&self) -> Result<Params> {
        let given: CK_GCM_WRAP_PARAMS = self.structure()?;
        if given.ulTagBits > 128 {
            return Err(Error::MechanismParamInvalid);
        }
        let aad = octets(given.pAAD, given.ulAADLen)?;
        let how = (given.ulIvFixedBits, given.ivGenerator);
        let iv = self.generated(given.pIv, given.ulIvLen, how)?;
        Ok(Params::Gcm { iv, aad, tag_bits: given.ulTagBits as usize })
    }

    pub(super) fn ccm(&self) -> Result<Params> {
        if self.asker != Asker::Other && self.len as usize == size_of::<CK_CCM_WRAP_PARAMS>() {
            return self.ccm_wrap();
        }
        let given: CK_CCM_PARAMS = self.structure()?;
        if given.ulMACLen > 16 || given.ulNonceLen > LONGEST_IV {
            return Err(Error::MechanismParamInvalid);
        }
        Ok(Params::Ccm {
            nonce: Iv::from_slice(field(given.pNonce, given.ulNonceLen)?),
            aad: octets(given.pAAD, given.ulAADLen)?,
            tag: given.ulMACLen as usize,
            len: given.ulDataLen as usize,
        })
    }

    fn ccm_wrap(&self) -> Result<Params> {
        let given: CK_CCM_WRAP_PARAMS = self.structure()?;
        if given.ulMACLen > 16 {
            return Err(Error::MechanismParamInvalid);
        }
        let aad = octets(given.pAAD, given.ulAADLen)?;
        let how = (given.ulNonceFixedBits, given.nonceGenerator);
        let nonce = self.generated(given.pNonce, given.ulNonceLen, how)?;
        Ok(Params::Ccm { nonce, aad, tag: given.ulMACLen as usize, len: 0 })
    }

    /// The vector that a key is wrapped with: the application's, or its first bits and random ones
    /// behind them, which the application is told. For unwrapping it is always the application's.
    /// (A counter that begins with zero in each call would give the same vector twice.)
    fn generated(
        &self,
        place: *mut CK_BYTE,
        len: CK_ULONG,
        (fixed, generator): (CK_ULONG, CK_GENERATOR_FUNCTION),
    ) -> Result<Iv> {
        if len > LONGEST_IV {
            return Err(Error::MechanismParamInvalid);
        }
        let given = Iv::from_slice(field(place, len)?);
        match generator {
            _ if self.asker == Asker::Unwrap => return Ok(given),
            CKG_NO_GENERATE => return Ok(given),
            CKG_GENERATE | CKG_GENERATE_RANDOM => {}
            _ => return Err(Error::MechanismParamInvalid),
        }
        let free = (8 * len).checked_sub(fixed).ok_or(Error::MechanismParamInvalid)?;
        if fixed > 0 && free < LEAST_FREE {
            return Err(Error::MechanismParamInvalid);
        }
        let mut made = Iv::from_elem(0, given.len());
        random(&mut made)?;
        for (index, (made, given)) in made.iter_mut().zip(&given).enumerate() {
            let kept = (fixed as usize).saturating_sub(8 * index).min(8) as u32;
            let mask = !0xFFu8.checked_shr(kept).unwrap_or(0);
            *made = (given & mask) | (*made & !mask);
        }
        // SAFETY: the specification has the caller give a buffer of this length to write.
        unsafe { Pointer::inner(place) }.slice_mut(len)?.copy_from_slice(&made);
        Ok(made)
    }

    pub(super) fn chacha20(&self) -> Result<Params> {
        let given: CK_CHACHA20_PARAMS = self.structure()?;
        // The original has a counter of 64 bits and XChaCha20 too, the IETF's one of 32.
        let counter = match (given.blockCounterBits, given.ulNonceBits) {
            (32, 64 | 96 | 192) => field(given.pBlockCounter, 4)?,
            (64, 64 | 192) => field(given.pBlockCounter, 8)?,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let number = |bytes: &[u8]| {
            bytes.iter().rev().fold(0, |number, byte| (number << 8) | u64::from(*byte))
        };
        Ok(Params::ChaCha20(ChaCha20 {
            counter: number(counter),
            wide: given.blockCounterBits == 64,
            nonce: Iv::from_slice(field(given.pNonce, given.ulNonceBits / 8)?),
        }))
    }

    pub(super) fn chacha20_poly1305(&self) -> Result<Params> {
        let given: CK_SALSA20_CHACHA20_POLY1305_PARAMS = self.structure()?;
        Ok(Params::Sealed {
            nonce: Iv::from_slice(field(given.pNonce, sealed_nonce(given.ulNonceLen)?)?),
            aad: octets(given.pAAD, given.ulAADLen)?,
        })
    }
}

/// The length of a nonce of ChaCha20-Poly1305, bytes. The specification counts it in bits, and some
/// applications count it in bytes: no length is both.
pub(super) fn sealed_nonce(given: CK_ULONG) -> Result<CK_ULONG> {
    match given {
        64 | 96 | 192 => Ok(given / 8),
        8 | 12 | 24 => Ok(given),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// Bytes that a structure points at, as a value; none is no allocation.
fn octets(pointer: *mut CK_BYTE, len: CK_ULONG) -> Result<Vec<u8>> {
    match field(pointer, len)? {
        [] => Ok(Vec::new()),
        bytes => Ok(bytes.to_vec()),
    }
}

/// The longest initialisation vector, bytes.
const LONGEST_IV: CK_ULONG = 256;
/// The fewest random bits of a vector of which a part is fixed.
const LEAST_FREE: CK_ULONG = 32;
