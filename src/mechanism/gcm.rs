// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES-GCM and AES-GMAC (PKCS #11, sections "AES-GCM Authenticated Encryption / Decryption",
//! "AES-GMAC"; SP 800-38D).

use super::aead::{self, Aead, Message};
use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::mac::{Code, Mac};
use super::ossl::{CipherCtx, Mode};
use super::ready::{Purpose, Slot};
use super::{Cipher, Direction, Does, ParamKind, Params, Row, Signer, Verifier};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms of Galois/counter mode.
pub const ROWS: &[Row] = &[
    Row {
        params: ParamKind::Gcm,
        does: Does {
            cipher: Some(begin),
            wrap: Some(begin),
            message: Some(message),
            ..Does::NOTHING
        },
        ..Row::new(CKM_AES_GCM, "CKM_AES_GCM", AES, SIZES)
    },
    Row {
        params: ParamKind::Gcm,
        does: Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING },
        ..Row::new(CKM_AES_GMAC, "CKM_AES_GMAC", AES, SIZES)
    },
];

fn begin(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Gcm { iv, aad, tag_bits } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let given = Message { nonce: iv, aad, tag: bytes(*tag_bits)?, len: 0 };
    Ok(aead::cipher(message(row, key, &given, direction)?))
}

/// Begins a message. The initialisation vector has 1 to 128 bytes (the standard allows more, which
/// OpenSSL does not take), the tag a length of SP 800-38D, section 5.2.1.2.
fn message(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Aead> {
    let context = context(row, key, message, direction)?;
    Ok(Aead::keyed(context, direction, message.tag))
}

fn context(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Checkout<CipherCtx>> {
    let iv = message.nonce;
    if !(1..=LONGEST_IV).contains(&iv.len()) || !TAGS.contains(&message.tag) {
        return Err(Error::MechanismParamInvalid);
    }
    let slot =
        Slot { mechanism: row.id, purpose: Purpose::of(direction), variant: iv.len() as u64 };
    let make = |key: &Key| CipherCtx::new(Mode::Gcm, key.value()?, direction, iv.len());
    let mut context = Checkout::new(key, Some(slot), |_| Ok(()), make)?;
    context.step(|context| {
        context.start(iv)?;
        context.aad(message.aad)
    })?;
    Ok(context)
}

fn bytes(bits: usize) -> Result<usize> {
    if bits % 8 == 0 { Ok(bits / 8) } else { Err(Error::MechanismParamInvalid) }
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    Ok(Box::new(gmac(row, key, params)?))
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    Ok(Box::new(gmac(row, key, params)?))
}

/// The data that is signed is GCM's additional data: the parameter has none of its own.
fn gmac(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Mac<Gmac>> {
    let Params::Gcm { iv, aad, tag_bits } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    if !aad.is_empty() {
        return Err(Error::MechanismParamInvalid);
    }
    let given = Message { nonce: iv, aad, tag: bytes(*tag_bits)?, len: 0 };
    Ok(Mac::new(Gmac(context(row, key, &given, Direction::Encrypt)?), given.tag))
}

struct Gmac(Checkout<CipherCtx>);

impl Code for Gmac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        self.0.step(|context| context.aad(data)).map_err(|_| Error::DataLenRange)
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        self.0.last(|context| {
            context.end()?;
            context.tag(code)
        })
    }
}

/// What OpenSSL holds (providers: `GCM_IV_MAX_SIZE`), bytes.
const LONGEST_IV: usize = 128;
/// The lengths of tag, bytes.
const TAGS: &[usize] = &[4, 8, 12, 13, 14, 15, 16];
