// SPDX-License-Identifier: Apache-2.0 OR MIT
//! RSA encryption and decryption: PKCS #1 v1.5, OAEP and raw (PKCS #11, section "RSA"; RFC 8017).

use super::checkout::Checkout;
use super::key::{Key, KeyClass};
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::ready::{Asymmetric, Purpose, Slot};
use super::{Cipher, Direction, Hash, Params, Row};
use crate::config::RSA_BITS;
use crate::error::{Error, Result};
use crate::secret::Secret;
use smallvec::SmallVec;
use std::sync::Arc;

/// `CKM_RSA_PKCS`. A ciphertext with bad padding decrypts to random bytes (OpenSSL's implicit
/// rejection), so that nobody learns which it was.
pub(super) fn pkcs(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::None = params else { return Err(Error::MechanismParamInvalid) };
    begin(row, key, direction, Padding::Pkcs)
}

/// `CKM_RSA_X_509`.
pub(super) fn raw(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::None = params else { return Err(Error::MechanismParamInvalid) };
    begin(row, key, direction, Padding::None)
}

/// `CKM_RSA_PKCS_OAEP`.
pub(super) fn oaep(
    row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    let Params::Oaep { hash, mgf, label } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    oaep_of(row, key, (*hash, *mgf), label, direction)
}

/// OAEP with these hashes (of the label, in the mask generation function) and this label.
pub(super) fn oaep_of(
    row: &'static Row,
    key: &Arc<Key>,
    (hash, mgf): (Hash, Hash),
    label: &[u8],
    direction: Direction,
) -> Result<Box<dyn Cipher>> {
    begin(row, key, direction, Padding::Oaep { hash, mgf, label })
}

/// A number below the modulus may be given with any length up to it; longer is `DataLenRange`, not
/// below is `too_large`.
pub(super) fn check_number(number: &[u8], modulus: &[u8], too_large: Error) -> Result<()> {
    if number.len() > modulus.len() {
        return Err(Error::DataLenRange);
    }
    // Of equal length, so that the order of bytes is the order of numbers.
    if number.len() == modulus.len() && number >= modulus {
        return Err(too_large);
    }
    Ok(())
}

enum Padding<'a> {
    None,
    Pkcs,
    Oaep { hash: Hash, mgf: Hash, label: &'a [u8] },
}

impl Padding<'_> {
    fn params(&self) -> ParamList<'_> {
        let params = ParamList::new();
        match self {
            Padding::None => params.text(c"pad-mode", c"none"),
            Padding::Pkcs => params.text(c"pad-mode", c"pkcs1"),
            Padding::Oaep { hash, mgf, label } => params
                .text(c"pad-mode", c"oaep")
                .text(c"digest", hash.name())
                .text(c"mgf1-digest", mgf.name())
                .octets(c"oaep-label", label),
        }
    }

    fn variant(&self) -> Option<u64> {
        match self {
            Padding::None | Padding::Pkcs => Some(0),
            Padding::Oaep { hash, mgf, label: [] } => Some(((*hash as u64) << 8) | *mgf as u64),
            Padding::Oaep { .. } => None,
        }
    }

    /// The longest plaintext for a modulus of `len` bytes.
    fn capacity(&self, len: usize) -> Option<usize> {
        match self {
            Padding::None => Some(len),
            Padding::Pkcs => len.checked_sub(11),
            Padding::Oaep { hash, .. } => len.checked_sub(2 * hash.len() + 2),
        }
    }
}

fn begin(
    row: &Row,
    key: &Arc<Key>,
    direction: Direction,
    padding: Padding<'_>,
) -> Result<Box<dyn Cipher>> {
    // Keys below today's strength decrypt what was encrypted once, and encrypt no more.
    if direction == Direction::Encrypt && key.bits() < RSA_BITS.0 {
        return Err(Error::KeySizeRange);
    }
    let (class, operation, purpose) = match direction {
        Direction::Encrypt => (KeyClass::Public, Operation::Encrypt, Purpose::Encrypt),
        Direction::Decrypt => (KeyClass::Private, Operation::Decrypt, Purpose::Decrypt),
    };
    let len = key.modulus()?.len();
    let capacity = padding.capacity(len).ok_or(Error::KeySizeRange)?;
    let slot = padding.variant().map(|variant| Slot { mechanism: row.id, purpose, variant });
    let context = Checkout::new(
        key,
        slot,
        |_| Ok(()),
        |key| {
            let pkey = PkeyCtx::new(key.pkey(class)?, operation, &padding.params())?;
            Ok(Asymmetric { pkey, md: None })
        },
    )?;
    let raw = matches!(padding, Padding::None);
    Ok(Box::new(RsaCipher { context, direction, len, capacity, raw }))
}

struct RsaCipher {
    context: Checkout<Asymmetric>,
    direction: Direction,
    /// The length of the modulus, bytes.
    len: usize,
    /// The longest plaintext, bytes.
    capacity: usize,
    raw: bool,
}

impl RsaCipher {
    fn encrypt(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        if input.len() > self.capacity {
            return Err(Error::DataLenRange);
        }
        if !self.raw {
            return self.context.last(|context| context.pkey.encrypt(input, output));
        }
        check_number(input, self.context.key().modulus()?, Error::DataInvalid)?;
        let mut padded = SmallVec::<[u8; 512]>::from_elem(0, self.len.saturating_sub(input.len()));
        padded.extend_from_slice(input);
        let result = self.context.last(|context| context.pkey.encrypt(&padded, output));
        zeroize::Zeroize::zeroize(padded.as_mut_slice());
        result
    }

    fn decrypt(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        if input.len() != self.len {
            return Err(Error::EncryptedDataLenRange);
        }
        // OpenSSL uses the whole length of the modulus while it takes the padding off.
        let mut plain = Secret::zeroed(self.len)?;
        let len = self
            .context
            .last(|context| context.pkey.decrypt(input, plain.expose_mut()))
            .map_err(|_| Error::EncryptedDataInvalid)?;
        let plain = plain.expose().get(..len).ok_or(Error::DeviceError)?;
        output.get_mut(..len).ok_or(Error::BufferTooSmall)?.copy_from_slice(plain);
        Ok(len)
    }
}

impl Cipher for RsaCipher {
    fn multi_part(&self) -> bool {
        false
    }

    fn exact(&self) -> bool {
        self.direction == Direction::Encrypt || self.raw
    }

    fn whole_len(&self, _input: usize) -> usize {
        match self.direction {
            Direction::Encrypt => self.len,
            Direction::Decrypt => self.capacity,
        }
    }

    fn whole(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        match self.direction {
            Direction::Encrypt => self.encrypt(input, output),
            Direction::Decrypt => self.decrypt(input, output),
        }
    }
}
