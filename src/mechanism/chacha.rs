// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ChaCha20, Poly1305 and both together (PKCS #11, sections "ChaCha20", "Poly1305",
//! "ChaCha20/Poly1305 ... Authenticated Encryption / Decryption"; RFC 8439).
//!
//! Of the three variants OpenSSL has the IETF's. The original differs in where counter and nonce
//! meet, and XChaCha20 is the original under a key made from the first part of its nonce.

use super::aead::{self, Aead, Message};
use super::checkout::Checkout;
use super::key::Key;
use super::ossl::{CipherCtx, MacKind, Mode};
use super::parts::Parts;
use super::primitive::random_secret;
use super::ready::{Purpose, Slot};
use super::stream::Stream;
use super::{Cipher, Direction, Does, ParamKind, Params, Row, Signer, Spec, Verifier, mac};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms.
pub const ROWS: &[Row] = &[
    generation(CKM_CHACHA20_KEY_GEN, "CKM_CHACHA20_KEY_GEN", CHACHA),
    Row {
        params: ParamKind::ChaCha20,
        does: Does { cipher: Some(stream), wrap: Some(stream), ..Does::NOTHING },
        ..Row::new(CKM_CHACHA20, "CKM_CHACHA20", CHACHA, BITS)
    },
    Row {
        params: ParamKind::ChaCha20Poly1305,
        does: Does { cipher: Some(sealed), message: Some(message), ..Does::NOTHING },
        ..Row::new(CKM_CHACHA20_POLY1305, "CKM_CHACHA20_POLY1305", CHACHA, BITS)
    },
    generation(CKM_POLY1305_KEY_GEN, "CKM_POLY1305_KEY_GEN", POLY),
    Row {
        does: Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING },
        ..Row::new(CKM_POLY1305, "CKM_POLY1305", POLY, BYTES)
    },
];

const CHACHA: &[CK_KEY_TYPE] = &[CKK_CHACHA20];
const POLY: &[CK_KEY_TYPE] = &[CKK_POLY1305];
/// Where the standard counts bytes.
const BYTES: (CK_ULONG, CK_ULONG) = (32, 32);
/// Where the standard counts bits.
const BITS: (CK_ULONG, CK_ULONG) = (256, 256);

const fn generation(
    id: CK_MECHANISM_TYPE,
    name: &'static str,
    keys: &'static [CK_KEY_TYPE],
) -> Row {
    let does = Does { generate: Some(generate), ..Does::NOTHING };
    Row { does, ..Row::new(id, name, keys, BYTES) }
}

/// A new key of 32 bytes, the one length there is.
fn generate(row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    match spec.value_len {
        None | Some(KEY) => Ok(Parts::Secret(key_type, random_secret(KEY)?)),
        Some(_) => Err(Error::AttributeValueInvalid),
    }
}

fn stream(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    _: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::ChaCha20(given) = params else { return Err(Error::MechanismParamInvalid) };
    let (nonce, subkey) = extended(key, &given.nonce)?;
    // The IETF's nonce takes the place of the upper half of the counter.
    let width = if given.wide { 64 } else { 32 };
    let mut block = [0; BLOCK];
    let counter = given.counter.to_le_bytes();
    let front = counter.get(..BLOCK - nonce.len()).unwrap_or_default();
    block.iter_mut().zip(front.iter().chain(nonce)).for_each(|(place, byte)| *place = *byte);
    let blocks = (1u128 << width) - u128::from(given.counter);
    let own = Slot { mechanism: row.id, purpose: Purpose::Encrypt, variant: 0 };
    let context = keyed(key, own, subkey, |value| {
        CipherCtx::new(Mode::ChaCha20, value, Direction::Encrypt, BLOCK)
    })?;
    Ok(Box::new(Stream::begin(context, &block, blocks * KEYSTREAM)?))
}

fn sealed(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Sealed { nonce, aad } = params else { return Err(Error::MechanismParamInvalid) };
    Ok(aead::cipher(message(row, key, &Message { nonce, aad, tag: TAG, len: 0 }, direction)?))
}

/// Begins a message: a nonce of 8, 12 or 24 bytes, and a tag of 16.
fn message(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Aead> {
    if message.tag != TAG {
        return Err(Error::MechanismParamInvalid);
    }
    let (nonce, subkey) = extended(key, message.nonce)?;
    // A nonce of 64 bits stands behind the upper half of a counter that stays zero.
    let mut whole = [0; NONCE];
    let place = whole.iter_mut().rev().zip(nonce.iter().rev());
    place.for_each(|(place, byte)| *place = *byte);
    let own = Slot { mechanism: row.id, purpose: Purpose::of(direction), variant: 0 };
    let mut context = keyed(key, own, subkey, |value| {
        CipherCtx::new(Mode::ChaCha20Poly1305, value, direction, NONCE)
    })?;
    context.step(|context| {
        context.start(&whole)?;
        context.aad(message.aad)
    })?;
    Ok(Aead::keyed(context, direction, TAG))
}

/// A context of the key, which is kept for its next message, or of a key made for this one.
fn keyed(
    key: &Arc<Key>,
    own: Slot,
    subkey: Option<Secret>,
    make: impl FnOnce(&[u8]) -> Result<CipherCtx>,
) -> Result<Checkout<CipherCtx>> {
    match subkey {
        None => Checkout::new(key, Some(own), |_| Ok(()), |key| make(key.value()?)),
        Some(subkey) => Checkout::new(key, None, |_| Ok(()), |_| make(subkey.expose())),
    }
}

/// The nonce that the cipher itself takes, and the key if it is another: XChaCha20 makes one of
/// the first 16 bytes of its 24.
fn extended<'a>(key: &Key, nonce: &'a [u8]) -> Result<(&'a [u8], Option<Secret>)> {
    match nonce.len() {
        8 | NONCE => Ok((nonce, None)),
        24 => {
            let (first, rest) = nonce.split_at(BLOCK);
            Ok((rest, Some(subkey(key.value()?, first)?)))
        }
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// HChaCha20 (Bernstein, "Extending the Salsa20 nonce", for ChaCha20): the first and last row of the
/// state after its rounds. The cipher adds the state before them, whose values are known.
fn subkey(key: &[u8], first: &[u8]) -> Result<Secret> {
    let mut context = CipherCtx::new(Mode::ChaCha20, key, Direction::Encrypt, BLOCK)?;
    context.start(first)?;
    let mut block = Secret::zeroed(KEYSTREAM as usize)?;
    context.update(&[0; KEYSTREAM as usize], block.expose_mut())?;
    let rows = block.expose().split_at_checked(3 * BLOCK).ok_or(Error::DeviceError)?;
    let after = rows.0.chunks(4).take(4).chain(rows.1.chunks(4));
    let before = CONSTANT.chunks(4).chain(first.chunks(4));
    Secret::with(KEY, |out| {
        for (place, (after, before)) in out.chunks_mut(4).zip(after.zip(before)) {
            place.copy_from_slice(&word(after).wrapping_sub(word(before)).to_le_bytes());
        }
        Ok(())
    })
}

fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    mac::signer(row, key, params, MacKind::Poly1305)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    mac::verifier(row, key, params, MacKind::Poly1305)
}

const KEY: usize = 32;
const TAG: usize = 16;
/// The nonce of RFC 8439, bytes.
const NONCE: usize = 12;
/// Counter and nonce together, and a row of the state, bytes.
const BLOCK: usize = 16;
/// A block of key stream, bytes.
const KEYSTREAM: u128 = 64;
/// The first row of the state.
const CONSTANT: &[u8; BLOCK] = b"expand 32-byte k";
