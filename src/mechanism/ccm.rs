// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES-CCM (PKCS #11, section "AES-CCM Authenticated Encryption / Decryption"; SP 800-38C,
//! RFC 3610).

use super::aead::{self, Aead, Message};
use super::aes::{AES, SIZES};
use super::ccm_message::{Ccm, check};
use super::key::Key;
use super::{Cipher, Direction, Does, ParamKind, Params, Row};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanism.
pub const ROWS: &[Row] = &[Row {
    params: ParamKind::Ccm,
    does: Does { cipher: Some(begin), wrap: Some(wrap), message: Some(message), ..Does::NOTHING },
    ..Row::new(CKM_AES_CCM, "CKM_AES_CCM", AES, SIZES)
}];

fn begin(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Ccm { nonce, aad, tag, len } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let given = Message { nonce, aad, tag: *tag, len: *len };
    Ok(aead::cipher(message(row, key, &given, direction)?))
}

/// Begins to wrap: the length is that of the key, whatever the parameter says of it.
fn wrap(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Ccm { nonce, aad, tag, .. } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let given = Message { nonce, aad, tag: *tag, len: 0 };
    check(&given)?;
    let (key, nonce, aad) = (Arc::clone(key), nonce.to_vec(), aad.clone());
    Ok(Box::new(Wrap { row, key, nonce, aad, tag: *tag, direction }))
}

fn message(
    row: &'static Row,
    key: &Arc<Key>,
    message: &Message<'_>,
    direction: Direction,
) -> Result<Aead> {
    let ccm = Ccm::new(row, key, message, direction)?;
    Ok(Aead::ccm(ccm, direction, message.tag))
}

/// A wrap or unwrap: the message is begun when its length is known.
struct Wrap {
    row: &'static Row,
    key: Arc<Key>,
    nonce: Vec<u8>,
    aad: Vec<u8>,
    tag: usize,
    direction: Direction,
}

impl Cipher for Wrap {
    fn multi_part(&self) -> bool {
        false
    }

    fn whole_len(&self, input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => input.saturating_add(self.tag),
            Direction::Decrypt => input.saturating_sub(self.tag),
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let len = match self.direction {
            Direction::Encrypt => input.len(),
            Direction::Decrypt => {
                input.len().checked_sub(self.tag).ok_or(Error::EncryptedDataLenRange)?
            }
        };
        let given = Message { nonce: &self.nonce, aad: &self.aad, tag: self.tag, len };
        let sealed = message(self.row, &self.key, &given, self.direction)
            .map_err(|_| self.direction.length_error())?;
        aead::cipher(sealed).whole(input, output)
    }
}
