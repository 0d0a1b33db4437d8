// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Signatures of two numbers, `r` and `s`: one after the other in PKCS #11, in DER for OpenSSL
//! (RFC 3279, sections 2.2.2 and 2.2.3).

use super::ossl::PkeyCtx;
use crate::codec::der;
use crate::error::{Error, Result};
use smallvec::SmallVec;

/// Signs; each number takes `half` bytes of `out`. Returns the length.
pub(super) fn sign(
    context: &mut PkeyCtx,
    data: &[u8],
    half: usize,
    out: &mut [u8],
) -> Result<usize> {
    let mut encoded = [0u8; LONGEST];
    let len = context.sign(data, &mut encoded)?;
    let out = out.get_mut(..2 * half).ok_or(Error::BufferTooSmall)?;
    let (r, s) = out.split_at_mut_checked(half).ok_or(Error::BufferTooSmall)?;
    let signature = encoded.get(..len).and_then(|whole| der::only(der::SEQUENCE, whole));
    signature.and_then(|content| read_halves(content, r, s)).ok_or(Error::DeviceError)?;
    Ok(2 * half)
}

/// Whether a signature of equal halves is good.
pub(super) fn verify(context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
    let (r, s) = signature.split_at(signature.len() / 2);
    context.verify(data, &encode(r, s))
}

/// Copies two INTEGERs to the ends of their fields.
fn read_halves(content: &[u8], r: &mut [u8], s: &mut [u8]) -> Option<()> {
    let (first, rest) = der::read(der::INTEGER, content)?;
    let second = der::only(der::INTEGER, rest)?;
    for (number, field) in [(first, r), (second, s)] {
        let digits = super::rsa_key::minimal(number);
        let at = field.len().checked_sub(digits.len())?;
        field.fill(0);
        field.get_mut(at..)?.copy_from_slice(digits);
    }
    Some(())
}

/// The DER of a signature (RFC 3279, section 2.2.3), without allocation.
fn encode(r: &[u8], s: &[u8]) -> SmallVec<[u8; LONGEST]> {
    let mut content = SmallVec::<[u8; LONGEST]>::new();
    for number in [r, s] {
        let digits = super::rsa_key::minimal(number);
        let positive = digits.first().is_some_and(|first| first & 0x80 == 0);
        // Never above 127: a coordinate has at most 66 bytes.
        content.extend([der::INTEGER, digits.len() as u8 + u8::from(!positive)]);
        content.extend((!positive).then_some(0));
        content.extend_from_slice(digits);
    }
    let mut encoded = SmallVec::new();
    encoded.push(der::SEQUENCE);
    // At most 138.
    encoded.extend((content.len() > 127).then_some(0x81));
    encoded.push(content.len() as u8);
    encoded.extend_from_slice(&content);
    encoded
}

/// Room for the DER of a signature: two INTEGERs of at most 66 bytes, a zero byte and a head each.
const LONGEST: usize = 256;
