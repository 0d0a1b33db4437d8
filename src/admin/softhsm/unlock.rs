// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a user PIN opens: the key of a SoftHSM2 token, and with it the values of private objects.
//! It imports `error` and `secret`.

use crate::error::{Error, Result};
use crate::secret::{Secret, on_clean_stack};
use openssl::sha::Sha256;
use openssl::symm::{Cipher, Crypter, Mode};
use zeroize::Zeroize;

/// The key that encrypts a token's values.
pub(super) struct TokenKey(Secret);

impl TokenKey {
    /// Opens what is kept for a PIN: a salt, an initialisation vector, and three known bytes before
    /// the key, encrypted. A PIN that does not fit is `PinIncorrect`, a record that nothing could
    /// open `DataInvalid`.
    pub(super) fn open(kept: &[u8], pin: &Secret) -> Result<TokenKey> {
        let (salt, sealed) = kept.split_at_checked(SALT).ok_or(Error::DataInvalid)?;
        if sealed.len() != SEALED {
            return Err(Error::DataInvalid);
        }
        let opened = decrypt(&stretched(salt, pin)?, sealed).map_err(|error| match error {
            Error::DataInvalid => Error::PinIncorrect,
            other => other,
        })?;
        match opened.expose().split_at_checked(KNOWN.len()) {
            Some((KNOWN, key)) if key.len() == KEY => Ok(TokenKey(Secret::copy_of(key)?)),
            _ => Err(Error::PinIncorrect),
        }
    }

    /// The value of a byte string of a private object.
    pub(super) fn value(&self, sealed: &[u8]) -> Result<Secret> {
        match sealed {
            [] => Secret::zeroed(0),
            sealed => decrypt(&self.0, sealed),
        }
    }
}

/// The key for a PIN: SHA-256 over salt and PIN, then over what came out, as often as the last byte
/// of the salt says.
fn stretched(salt: &[u8], pin: &Secret) -> Result<Secret> {
    on_clean_stack(|| {
        let mut hash = Sha256::new();
        hash.update(salt);
        hash.update(pin.expose());
        let mut state = hash.finish();
        let more = salt.last().copied().map_or(0, u32::from);
        for _ in 1..(ROUNDS + more) {
            let mut hash = Sha256::new();
            hash.update(&state);
            state = hash.finish();
        }
        let key = Secret::copy_of(&state);
        state.zeroize();
        key
    })
}

/// AES-256-CBC with PKCS #7 padding, the initialisation vector first.
fn decrypt(key: &Secret, sealed: &[u8]) -> Result<Secret> {
    on_clean_stack(|| {
        let (iv, sealed) = sealed.split_at_checked(BLOCK).ok_or(Error::DataInvalid)?;
        let mut crypter =
            Crypter::new(Cipher::aes_256_cbc(), Mode::Decrypt, key.expose(), Some(iv))
                .map_err(|_| Error::FunctionFailed)?;
        let mut opened = Secret::zeroed(sealed.len() + BLOCK)?;
        let out = opened.expose_mut();
        let wrong = |_| Error::DataInvalid;
        let mut length = crypter.update(sealed, out).map_err(wrong)?;
        let rest = out.get_mut(length..).ok_or(Error::DataInvalid)?;
        length += crypter.finalize(rest).map_err(wrong)?;
        opened.truncate(length);
        Ok(opened)
    })
}

const SALT: usize = 8;
const BLOCK: usize = 16;
const KEY: usize = 32;
/// An initialisation vector; the known bytes and the key, padded.
const SEALED: usize = BLOCK + 48;
const KNOWN: &[u8] = b"RJR";
/// The fewest rounds.
const ROUNDS: u32 = 1500;
