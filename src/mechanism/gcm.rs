// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES-GCM and AES-GMAC (PKCS #11, sections "AES-GCM Authenticated Encryption / Decryption",
//! "AES-GMAC"; SP 800-38D).

use super::aead::{self, Aead, Message};
use super::aes::{AES, SIZES};
use super::checkout::Checkout;
use super::key::Key;
use super::mac::{Code, Mac};
use super::ossl::{CipherCtx, LongGcm, Mode};
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

/// Begins a message. The initialisation vector has a byte or more, the tag a length of SP 800-38D,
/// section 5.2.1.2.
fn message(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Aead> {
    if message.nonce.len() > LONGEST_IV {
        let long = long(key, message, direction)?;
        return Ok(Aead::long_gcm(long, direction, message.tag));
    }
    let context = context(row, key, message, direction)?;
    Ok(Aead::keyed(context, direction, message.tag))
}

/// A message whose vector is too long for the contexts that keys keep.
fn long(key: &Key, message: &Message<'_>, direction: Direction) -> Result<LongGcm> {
    if !TAGS.contains(&message.tag) {
        return Err(Error::MechanismParamInvalid);
    }
    let mut long = LongGcm::new(key.value()?, message.nonce, direction)?;
    long.aad(message.aad)?;
    Ok(long)
}

fn context(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Checkout<CipherCtx>> {
    let iv = message.nonce;
    if iv.is_empty() || !TAGS.contains(&message.tag) {
        return Err(Error::MechanismParamInvalid);
    }
    let mut context =
        Checkout::cipher(key, (row.id, iv.len() as u64), (Mode::Gcm, direction), iv.len())?;
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
    let gmac = match iv.len() > LONGEST_IV {
        true => Gmac::Long(long(key, &given, Direction::Encrypt)?),
        false => Gmac::Keyed(context(row, key, &given, Direction::Encrypt)?),
    };
    Ok(Mac::new(gmac, given.tag))
}

enum Gmac {
    Keyed(Checkout<CipherCtx>),
    Long(LongGcm),
}

impl Code for Gmac {
    fn update(&mut self, data: &[u8]) -> Result<()> {
        let done = match self {
            Gmac::Keyed(context) => context.step(|context| context.aad(data)),
            Gmac::Long(message) => message.aad(data),
        };
        done.map_err(|_| Error::DataLenRange)
    }

    fn finish(&mut self, code: &mut [u8]) -> Result<()> {
        match self {
            Gmac::Keyed(context) => context.last(|context| {
                context.end()?;
                context.tag(code)
            }),
            Gmac::Long(message) => message.tag(code),
        }
    }
}

/// What OpenSSL's cipher holds (providers: `GCM_IV_MAX_SIZE`), bytes.
const LONGEST_IV: usize = 128;
/// The lengths of tag, bytes.
const TAGS: &[usize] = &[4, 8, 12, 13, 14, 15, 16];
