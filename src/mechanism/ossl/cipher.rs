// SPDX-License-Identifier: Apache-2.0 OR MIT
//! AES in its modes.

use super::{ParamList, check, ffi, library, method, owned};
use crate::error::{Error, Result};
use crate::mechanism::Direction;
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

/// A mode of AES.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Electronic codebook (SP 800-38A).
    Ecb,
    /// Cipher block chaining (SP 800-38A).
    Cbc,
    /// Counter (SP 800-38A).
    Ctr,
    /// Galois/counter (SP 800-38D).
    Gcm,
    /// Key wrap, KW (SP 800-38F, section 6.2).
    Wrap,
    /// Key wrap with padding, KWP (SP 800-38F, section 6.3).
    WrapPad,
}

impl Mode {
    /// Every mode, in the order of the library's list.
    pub(super) const ALL: &'static [Mode] =
        &[Mode::Ecb, Mode::Cbc, Mode::Ctr, Mode::Gcm, Mode::Wrap, Mode::WrapPad];

    /// OpenSSL's names with keys of 16, 24 and 32 bytes.
    pub(super) fn names(self) -> [&'static CStr; 3] {
        match self {
            Mode::Ecb => [c"AES-128-ECB", c"AES-192-ECB", c"AES-256-ECB"],
            Mode::Cbc => [c"AES-128-CBC", c"AES-192-CBC", c"AES-256-CBC"],
            Mode::Ctr => [c"AES-128-CTR", c"AES-192-CTR", c"AES-256-CTR"],
            Mode::Gcm => [c"AES-128-GCM", c"AES-192-GCM", c"AES-256-GCM"],
            Mode::Wrap => [c"AES-128-WRAP", c"AES-192-WRAP", c"AES-256-WRAP"],
            Mode::WrapPad => [c"AES-128-WRAP-PAD", c"AES-192-WRAP-PAD", c"AES-256-WRAP-PAD"],
        }
    }

    fn index(self, key_len: usize) -> Result<usize> {
        match key_len {
            16 | 24 | 32 => Ok(3 * self as usize + (key_len - 16) / 8),
            _ => Err(Error::KeySizeRange),
        }
    }
}

/// A cipher with its key, for one direction. It knows what OpenSSL holds back, so that the length
/// of every output is known before.
pub struct CipherCtx {
    context: NonNull<ffi::EVP_CIPHER_CTX>,
    mode: Mode,
    direction: Direction,
    padded: bool,
    iv_len: usize,
    /// Bytes taken in and not yet given out (block modes only).
    held: usize,
}

// SAFETY: the context is reached only through `&mut self`, and OpenSSL ties it to no thread.
unsafe impl Send for CipherCtx {}

impl CipherCtx {
    /// Sets the key. `iv_len` is the length of the initialisation vectors that will follow, 0 for
    /// a mode without one or for the standard's default of a key wrap.
    pub fn new(mode: Mode, key: &[u8], direction: Direction, iv_len: usize) -> Result<CipherCtx> {
        let method = method(&library()?.ciphers, mode.index(key.len())?)?;
        // SAFETY: no preconditions; null is refused.
        let context = owned(unsafe { ffi::EVP_CIPHER_CTX_new() })?;
        let context = CipherCtx { context, mode, direction, padded: false, iv_len, held: 0 };
        let encrypt = c_int::from(direction == Direction::Encrypt);
        let len = iv_len as u64;
        let params = match mode {
            Mode::Gcm => ParamList::new().number(c"ivlen", &len),
            _ => ParamList::new(),
        };
        // SAFETY: a new context, a fetched method and a key of the method's length, which
        // `Mode::index` fixed; the list is terminated.
        check(unsafe {
            EVP_CipherInit_ex2(
                context.raw(),
                method,
                key.as_ptr(),
                ptr::null(),
                encrypt,
                params.as_ptr(),
            )
        })?;
        // SAFETY: reads a number out of a live, initialised context.
        let wanted = unsafe { ffi::EVP_CIPHER_CTX_get_iv_length(context.raw()) };
        if iv_len != 0 && usize::try_from(wanted) != Ok(iv_len) {
            return Err(Error::MechanismParamInvalid);
        }
        if matches!(mode, Mode::Ecb | Mode::Cbc) {
            // SAFETY: sets a flag of a live context.
            check(unsafe { ffi::EVP_CIPHER_CTX_set_padding(context.raw(), 0) })?;
        }
        Ok(context)
    }

    /// Turns PKCS #7 padding on; it stays on when the context is started again.
    pub fn pad(&mut self) -> Result<()> {
        self.padded = true;
        // SAFETY: sets a flag of a live context.
        check(unsafe { ffi::EVP_CIPHER_CTX_set_padding(self.raw(), 1) })
    }

    /// Begins a message with the key the context has. `iv` has the length given to
    /// [`CipherCtx::new`].
    pub fn start(&mut self, iv: &[u8]) -> Result<()> {
        if iv.len() != self.iv_len {
            return Err(Error::MechanismParamInvalid);
        }
        self.held = 0;
        let pointer = if iv.is_empty() { ptr::null() } else { iv.as_ptr() };
        // SAFETY: a keyed context; OpenSSL reads as many bytes of the vector as `new` made sure
        // it wants, and `iv` has that many, or it is null.
        check(unsafe {
            EVP_CipherInit_ex2(self.raw(), ptr::null(), ptr::null(), pointer, -1, ptr::null())
        })
    }

    /// How much [`CipherCtx::update`] of `input` bytes writes: exact but for unwrapping a key,
    /// where OpenSSL also uses the room for itself.
    pub fn update_len(&self, input: usize) -> usize {
        let total = self.held.saturating_add(input);
        match (self.mode, self.direction) {
            (Mode::Ctr | Mode::Gcm, _) | (Mode::Wrap | Mode::WrapPad, Direction::Decrypt) => input,
            (Mode::Wrap | Mode::WrapPad, Direction::Encrypt) => input.div_ceil(8) * 8 + 8,
            // The last whole block may be the padding, so it is held until the end.
            (_, Direction::Decrypt) if self.padded => total.saturating_sub(1) / BLOCK * BLOCK,
            _ => total / BLOCK * BLOCK,
        }
    }

    /// How many bytes were taken in and not given out yet.
    pub fn held(&self) -> usize {
        self.held
    }

    /// Takes in additional authenticated data.
    pub fn aad(&mut self, data: &[u8]) -> Result<()> {
        for part in data.chunks(CHUNK) {
            let mut len = 0;
            // SAFETY: reads `part.len()` bytes; a null output means associated data and is not
            // written.
            check(unsafe {
                ffi::EVP_CipherUpdate(
                    self.raw(),
                    ptr::null_mut(),
                    &mut len,
                    part.as_ptr(),
                    part.len() as c_int,
                )
            })?;
        }
        Ok(())
    }

    /// Encrypts or decrypts a part; returns how much it wrote, [`CipherCtx::update_len`] at most.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let mut done = 0;
        for part in input.chunks(CHUNK) {
            let room = output.get_mut(done..).unwrap_or_default();
            let expected = self.update_len(part.len());
            if room.len() < expected {
                return Err(Error::BufferTooSmall);
            }
            let mut len = 0;
            // SAFETY: reads `part.len()` bytes; writes no more than `update_len` says (for the
            // block modes: providers/implementations/ciphers/ciphercommon.c; for the key wraps
            // crypto/modes/wrap128.c, which wipes as much as it was given when it fails).
            check(unsafe {
                ffi::EVP_CipherUpdate(
                    self.raw(),
                    room.as_mut_ptr(),
                    &mut len,
                    part.as_ptr(),
                    part.len() as c_int,
                )
            })?;
            if matches!(self.mode, Mode::Ecb | Mode::Cbc) {
                self.held = (self.held + part.len()).saturating_sub(expected);
            }
            done += len as usize;
        }
        Ok(done)
    }

    /// Ends the message; writes at most one block and returns how much.
    pub fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        let mut block = [0u8; 2 * BLOCK];
        let mut len = 0;
        // SAFETY: at most one block is written, and there is room for two.
        let code = unsafe { EVP_CipherFinal_ex(self.raw(), block.as_mut_ptr(), &mut len) };
        let result = check(code).and_then(|()| {
            let last = block.get(..len as usize).ok_or(Error::DeviceError)?;
            output.get_mut(..last.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(last);
            Ok(last.len())
        });
        zeroize::Zeroize::zeroize(&mut block);
        result
    }

    /// Ends a message of a mode that holds nothing back: nothing is written.
    pub fn end(&mut self) -> Result<()> {
        let mut block = [0u8; 2 * BLOCK];
        let mut len = 0;
        // SAFETY: at most one block is written, and there is room for two.
        check(unsafe { EVP_CipherFinal_ex(self.raw(), block.as_mut_ptr(), &mut len) })
    }

    /// The tag of a finished encryption, `tag.len()` bytes of it.
    pub fn tag(&mut self, tag: &mut [u8]) -> Result<()> {
        // Asked for directly: the control call of old builds the same list, the long way round.
        // SAFETY: the list lives through the call and ends with its terminator; `tag.len()` bytes
        // are written to `tag`; OpenSSL refuses lengths above 16.
        check(unsafe {
            let (place, len) = (tag.as_mut_ptr().cast(), tag.len());
            let mut params = [
                ffi::OSSL_PARAM_construct_octet_string(c"tag".as_ptr(), place, len),
                ffi::OSSL_PARAM_construct_end(),
            ];
            EVP_CIPHER_CTX_get_params(self.raw(), params.as_mut_ptr())
        })
    }

    /// The tag that the decryption must end with.
    pub fn expect_tag(&mut self, tag: &[u8]) -> Result<()> {
        // SAFETY: reads `tag.len()` bytes of `tag` (the pointer is mutable in the C prototype
        // alone); OpenSSL refuses lengths above 16.
        check(unsafe {
            ffi::EVP_CIPHER_CTX_ctrl(
                self.raw(),
                EVP_CTRL_AEAD_SET_TAG,
                tag.len() as c_int,
                tag.as_ptr().cast_mut().cast(),
            )
        })
    }

    fn raw(&self) -> *mut ffi::EVP_CIPHER_CTX {
        self.context.as_ptr()
    }
}

impl Drop for CipherCtx {
    fn drop(&mut self) {
        // SAFETY: the one reference this value owns; OpenSSL wipes the key in it.
        unsafe { ffi::EVP_CIPHER_CTX_free(self.raw()) };
    }
}

unsafe extern "C" {
    fn EVP_CipherInit_ex2(
        context: *mut ffi::EVP_CIPHER_CTX,
        cipher: *const ffi::EVP_CIPHER,
        key: *const u8,
        iv: *const u8,
        encrypt: c_int,
        params: *const ffi::OSSL_PARAM,
    ) -> c_int;
    fn EVP_CipherFinal_ex(
        context: *mut ffi::EVP_CIPHER_CTX,
        out: *mut u8,
        len: *mut c_int,
    ) -> c_int;
    fn EVP_CIPHER_CTX_get_params(
        context: *mut ffi::EVP_CIPHER_CTX,
        params: *mut ffi::OSSL_PARAM,
    ) -> c_int;
}

/// The block of AES, bytes.
const BLOCK: usize = 16;
/// OpenSSL counts in `int`: longer input goes in pieces, each a whole number of blocks.
const CHUNK: usize = 1 << 30;

// include/openssl/evp.h
const EVP_CTRL_AEAD_SET_TAG: c_int = 0x11;
