// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The few operations that the rooms beside this one stand on (`store`, `seal`, `audit`): they
//! have no keys in the sense of PKCS #11 and need no table.

use super::Direction;
use super::hash::Hash;
use super::key::Key;
use super::ossl::{self, CipherCtx, Kdf, MacCtx, MacKind, Mode, ParamList};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::{CKK_AES, CKK_AES_XTS, CKK_DES2, CKK_DES3};
use parking_lot::Mutex;

pub use super::ossl::{equal, random};

/// New random bytes for a key.
pub fn random_secret(len: usize) -> Result<Secret> {
    Secret::with(len, ossl::random_private)
}

/// Mixes what an application gives into the random generator, of whatever length it is.
pub fn seed_random(seed: &[u8]) -> Result<()> {
    let mut digest = [0; 64];
    ossl::digest(Hash::Sha512, seed, &mut digest)?;
    ossl::seed(&digest)
}

/// Seeds the random generators anew: what a forked child has of them tells nothing of what they give
/// from now on.
pub fn refresh_random() -> Result<()> {
    ossl::seed(&[])
}

/// Encrypts and authenticates: a random 96-bit nonce, the ciphertext, a 128-bit tag (AES-256-GCM,
/// SP 800-38D). The key has 32 bytes.
pub fn seal(key: &Secret, aad: &[u8], plaintext: &[u8]) -> Result<Vec<u8>> {
    let mut sealed = vec![0u8; Sealer::MORE + plaintext.len()];
    Sealer::new(key)?.seal(aad, plaintext, &mut sealed)?;
    Ok(sealed)
}

/// Seals as [`seal`] does, many times with one key.
pub struct Sealer(CipherCtx);

impl Sealer {
    /// By how much more there is of it sealed, bytes.
    pub const MORE: usize = NONCE + TAG;

    /// With a key of 32 bytes.
    pub fn new(key: &Secret) -> Result<Sealer> {
        gcm(key, Direction::Encrypt).map(Sealer)
    }

    /// Fills `sealed`, which is longer by [`Sealer::MORE`] bytes.
    pub fn seal(&mut self, aad: &[u8], plaintext: &[u8], sealed: &mut [u8]) -> Result<()> {
        let context = &mut self.0;
        let (nonce, rest) = sealed.split_at_mut_checked(NONCE).ok_or(Error::DeviceError)?;
        let (ciphertext, tag) =
            rest.split_at_mut_checked(plaintext.len()).ok_or(Error::DeviceError)?;
        random(nonce)?;
        context.start(nonce)?;
        context.aad(aad)?;
        context.update(plaintext, ciphertext)?;
        context.finish(&mut [])?;
        context.tag(tag)
    }
}

/// Opens what [`seal`] made with the same key and associated data. Whatever is wrong with it is
/// `EncryptedDataInvalid`.
pub fn open(key: &Secret, aad: &[u8], sealed: &[u8]) -> Result<Secret> {
    let invalid = Error::EncryptedDataInvalid;
    let (nonce, rest) = sealed.split_at_checked(NONCE).ok_or(invalid)?;
    let len = rest.len().checked_sub(TAG).ok_or(invalid)?;
    let (ciphertext, tag) = rest.split_at_checked(len).ok_or(invalid)?;
    let mut context = gcm(key, Direction::Decrypt)?;
    let mut plaintext = Secret::zeroed(len)?;
    let open = |context: &mut CipherCtx, plaintext: &mut Secret| {
        context.start(nonce)?;
        context.aad(aad)?;
        context.update(ciphertext, plaintext.expose_mut())?;
        context.expect_tag(tag)?;
        context.finish(&mut [])
    };
    match open(&mut context, &mut plaintext) {
        Ok(_) => Ok(plaintext),
        Err(_) => Err(invalid),
    }
}

/// HMAC-SHA-256 (FIPS 198-1) over the parts one after the other.
pub fn hmac_sha256(key: &Secret, parts: &[&[u8]]) -> Result<[u8; 32]> {
    tag_of(&mut MacCtx::new(MacKind::Hmac(Hash::Sha256), key.expose())?, parts)
}

/// What makes each key of a chain of the one before it.
#[derive(Default)]
pub struct Ratchet(Option<MacCtx>);

impl Ratchet {
    /// HMAC-SHA-256 over the parts, and with the same key over a label, which makes the next key.
    pub fn tag_and_next(
        &mut self,
        key: &Secret,
        parts: &[&[u8]],
        label: &[u8],
    ) -> Result<([u8; 32], Secret)> {
        let context = match &mut self.0 {
            Some(context) => {
                context.rekey(key.expose())?;
                context
            }
            none => none.insert(MacCtx::new(MacKind::Hmac(Hash::Sha256), key.expose())?),
        };
        let tag = tag_of(context, parts)?;
        context.restart()?;
        context.update(label)?;
        let next = Secret::with(32, |out| context.finish(out).map(drop))?;
        Ok((tag, next))
    }
}

/// HMAC-SHA-256 with one key, many times, from any thread.
pub struct Mac {
    key: Secret,
    ready: Mutex<Vec<MacCtx>>,
}

impl Mac {
    /// Keeps a copy of the key.
    pub fn new(key: &Secret) -> Result<Mac> {
        Ok(Mac { key: key.duplicate()?, ready: Mutex::new(Vec::new()) })
    }

    /// The code over the parts one after the other.
    pub fn tag(&self, parts: &[&[u8]]) -> Result<[u8; 32]> {
        let waiting = self.ready.lock().pop();
        let mut context = match waiting {
            Some(mut context) => {
                context.restart()?;
                context
            }
            None => MacCtx::new(MacKind::Hmac(Hash::Sha256), self.key.expose())?,
        };
        let tag = tag_of(&mut context, parts)?;
        let mut ready = self.ready.lock();
        if ready.len() < READY {
            ready.push(context);
        }
        Ok(tag)
    }

    /// Frees what was made of the key; it is made again when it is needed.
    pub fn forget(&self) {
        self.ready.lock().clear();
    }
}

/// AES-256 (FIPS 197) over single blocks, many times, from any thread: a permutation of blocks that
/// only who has the key can follow or undo. Equal blocks come out equal: it hides what a block is, not
/// that two are the same.
pub struct Permutation {
    key: Secret,
    there: Mutex<Vec<CipherCtx>>,
    back: Mutex<Vec<CipherCtx>>,
}

impl Permutation {
    /// Keeps a copy of the key, of 32 bytes.
    pub fn new(key: &Secret) -> Result<Permutation> {
        if key.len() != 32 {
            return Err(Error::KeySizeRange);
        }
        Ok(Permutation { key: key.duplicate()?, there: Mutex::default(), back: Mutex::default() })
    }

    /// Where a block goes.
    pub fn apply(&self, block: &[u8; 16]) -> Result<[u8; 16]> {
        self.run(&self.there, Direction::Encrypt, block)
    }

    /// Where a block came from.
    pub fn undo(&self, block: &[u8; 16]) -> Result<[u8; 16]> {
        self.run(&self.back, Direction::Decrypt, block)
    }

    /// Frees what was made of the key; it is made again when it is needed.
    pub fn forget(&self) {
        self.there.lock().clear();
        self.back.lock().clear();
    }

    fn run(
        &self,
        ready: &Mutex<Vec<CipherCtx>>,
        direction: Direction,
        block: &[u8; 16],
    ) -> Result<[u8; 16]> {
        let waiting = ready.lock().pop();
        let mut context = match waiting {
            Some(context) => context,
            None => CipherCtx::new(Mode::Ecb, self.key.expose(), direction, 0)?,
        };
        let mut out = [0; 16];
        context.start(&[])?;
        if context.update(block, &mut out)? != out.len() {
            return Err(Error::GeneralError);
        }
        let mut ready = ready.lock();
        if ready.len() < READY {
            ready.push(context);
        }
        Ok(out)
    }
}

/// HKDF-SHA-256 (RFC 5869), extract and expand.
pub fn hkdf_sha256(key: &[u8], salt: &[u8], info: &[u8], len: usize) -> Result<Secret> {
    let params = ParamList::new()
        .text(c"digest", Hash::Sha256.name())
        .octets(c"key", key)
        .octets(c"salt", salt)
        .octets(c"info", info);
    Secret::with(len, |out| ossl::derive(Kdf::Hkdf, &params, out))
}

/// SHA-1 (FIPS 180-4): for check values and key identifiers, where the standard wants it.
pub fn sha1(data: &[u8]) -> Result<[u8; 20]> {
    let mut out = [0; 20];
    ossl::digest(Hash::Sha1, data, &mut out)?;
    Ok(out)
}

/// SHA-256 (FIPS 180-4).
pub fn sha256(data: &[u8]) -> Result<[u8; 32]> {
    let mut out = [0; 32];
    ossl::digest(Hash::Sha256, data, &mut out)?;
    Ok(out)
}

/// `CKA_CHECK_VALUE` (PKCS #11, sections "AES secret key objects", "Generic secret key objects"):
/// of a key of a block cipher the first bytes of a zero block encrypted (for XTS with a vector of
/// zeros), of all others the first bytes of the SHA-1; keys that are not secret have none.
pub fn check_value(key: &Key) -> Result<Option<[u8; 3]>> {
    let Some(value) = key.secret() else { return Ok(None) };
    let mut block = [0u8; 32];
    let zero = [0; 16];
    let cipher = match key.key_type() {
        CKK_AES => Some((Mode::Ecb, &zero[..0])),
        CKK_AES_XTS => Some((Mode::Xts, &zero[..])),
        CKK_DES2 | CKK_DES3 => Some((Mode::Des3Ecb, &zero[..0])),
        _ => None,
    };
    match cipher {
        Some((mode, iv)) => {
            let mut context = CipherCtx::new(mode, value.expose(), Direction::Encrypt, iv.len())?;
            context.start(iv)?;
            context.update(&zero, &mut block)?;
        }
        None => {
            ossl::digest(Hash::Sha1, value.expose(), &mut block)?;
        }
    }
    let [first, second, third, ..] = block;
    Ok(Some([first, second, third]))
}

fn gcm(key: &Secret, direction: Direction) -> Result<CipherCtx> {
    if key.len() != 32 {
        return Err(Error::KeySizeRange);
    }
    CipherCtx::new(Mode::Gcm, key.expose(), direction, NONCE)
}

fn tag_of(context: &mut MacCtx, parts: &[&[u8]]) -> Result<[u8; 32]> {
    for part in parts {
        context.update(part)?;
    }
    let mut tag = [0; 32];
    context.finish(&mut tag)?;
    Ok(tag)
}

const NONCE: usize = 12;
const TAG: usize = 16;
/// How many keyed contexts of a [`Mac`] or [`Permutation`] wait at most.
const READY: usize = 8;
