// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Ciphers in their modes.

use super::{ParamList, check, ffi, library, method, owned};
use crate::error::{Error, Result};
use crate::mechanism::Direction;
use crate::secret::on_own_stack;
use std::ffi::{CStr, c_int};
use std::ptr::{self, NonNull};

macro_rules! modes {
    ($($(#[$doc:meta])* $mode:ident: $block:literal, [$($len:literal $name:literal)*];)*) => {
        /// A cipher in a mode; the length of the key says which variant of it.
        #[derive(Clone, Copy, PartialEq, Eq)]
        pub enum Mode { $($(#[$doc])* $mode,)* }

        impl Mode {
            /// Every mode, in the order of the library's list.
            pub(super) const ALL: &'static [Mode] = &[$(Mode::$mode,)*];

            /// The lengths of its keys, bytes, and OpenSSL's names with them.
            pub(super) fn variants(self) -> &'static [(usize, &'static CStr)] {
                match self { $(Mode::$mode => &[$(($len, $name),)*],)* }
            }

            /// The block it works by, bytes; 1 where it takes any length.
            pub fn block(self) -> usize {
                match self { $(Mode::$mode => $block,)* }
            }
        }
    };
}

modes! {
    /// AES, electronic codebook (SP 800-38A).
    Ecb: 16, [16 c"AES-128-ECB" 24 c"AES-192-ECB" 32 c"AES-256-ECB"];
    /// AES, cipher block chaining (SP 800-38A).
    Cbc: 16, [16 c"AES-128-CBC" 24 c"AES-192-CBC" 32 c"AES-256-CBC"];
    /// AES, counter (SP 800-38A).
    Ctr: 1, [16 c"AES-128-CTR" 24 c"AES-192-CTR" 32 c"AES-256-CTR"];
    /// AES, output feedback (SP 800-38A).
    Ofb: 1, [16 c"AES-128-OFB" 24 c"AES-192-OFB" 32 c"AES-256-OFB"];
    /// AES, cipher feedback by the bit (SP 800-38A).
    Cfb1: 1, [16 c"AES-128-CFB1" 24 c"AES-192-CFB1" 32 c"AES-256-CFB1"];
    /// AES, cipher feedback by the byte (SP 800-38A).
    Cfb8: 1, [16 c"AES-128-CFB8" 24 c"AES-192-CFB8" 32 c"AES-256-CFB8"];
    /// AES, cipher feedback by the block (SP 800-38A).
    Cfb128: 1, [16 c"AES-128-CFB" 24 c"AES-192-CFB" 32 c"AES-256-CFB"];
    /// AES, Galois/counter (SP 800-38D).
    Gcm: 1, [16 c"AES-128-GCM" 24 c"AES-192-GCM" 32 c"AES-256-GCM"];
    /// AES, XTS (SP 800-38E): one update takes a whole data unit.
    Xts: 1, [32 c"AES-128-XTS" 64 c"AES-256-XTS"];
    /// AES, key wrap, KW (SP 800-38F, section 6.2).
    Wrap: 1, [16 c"AES-128-WRAP" 24 c"AES-192-WRAP" 32 c"AES-256-WRAP"];
    /// AES, key wrap with padding, KWP (SP 800-38F, section 6.3).
    WrapPad: 1, [16 c"AES-128-WRAP-PAD" 24 c"AES-192-WRAP-PAD" 32 c"AES-256-WRAP-PAD"];
    /// ChaCha20 (RFC 8439); its vector is the block counter and the nonce.
    ChaCha20: 1, [32 c"ChaCha20"];
    /// ChaCha20 and Poly1305 (RFC 8439).
    ChaCha20Poly1305: 1, [32 c"ChaCha20-Poly1305"];
    /// Triple DES, electronic codebook (SP 800-67).
    Des3Ecb: 8, [16 c"DES-EDE-ECB" 24 c"DES-EDE3-ECB"];
    /// Triple DES, cipher block chaining (SP 800-67).
    Des3Cbc: 8, [16 c"DES-EDE-CBC" 24 c"DES-EDE3-CBC"];
}

impl Mode {
    /// OpenSSL's name of the variant with keys of this length.
    pub(super) fn name(self, key_len: usize) -> Result<&'static CStr> {
        let variant = self.variants().get(self.variant(key_len)?);
        variant.map(|(_, name)| *name).ok_or(Error::KeySizeRange)
    }

    /// Where the variant with keys of this length stands among the mode's.
    fn variant(self, key_len: usize) -> Result<usize> {
        let found = self.variants().iter().position(|(len, _)| *len == key_len);
        found.ok_or(Error::KeySizeRange)
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
        on_own_stack(|| {
            let variants = library()?.ciphers.get(mode as usize).ok_or(Error::MechanismInvalid)?;
            let method = method(variants, mode.variant(key.len())?)?;
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
            // `Mode::variant` fixed; the list is terminated.
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
            if mode.block() > 1 {
                // SAFETY: sets a flag of a live context.
                check(unsafe { ffi::EVP_CIPHER_CTX_set_padding(context.raw(), 0) })?;
            }
            Ok(context)
        })
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
        match (self.mode.block(), self.direction) {
            (1, Direction::Encrypt) if self.wraps() => input.div_ceil(8) * 8 + 8,
            (1, _) => input,
            // The last whole block may be the padding, so it is held until the end.
            (block, Direction::Decrypt) if self.padded => total.saturating_sub(1) / block * block,
            (block, _) => total / block * block,
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
            let mut run = || unsafe {
                ffi::EVP_CipherUpdate(
                    self.raw(),
                    room.as_mut_ptr(),
                    &mut len,
                    part.as_ptr(),
                    part.len() as c_int,
                )
            };
            // What is wrapped is a key, and those modes keep a block of it on the stack.
            check(if self.wraps() { on_own_stack(run) } else { run() })?;
            if self.mode.block() > 1 {
                self.held = (self.held + part.len()).saturating_sub(expected);
            }
            done += len as usize;
        }
        Ok(done)
    }

    /// Ends the message; writes at most one block and returns how much.
    pub fn finish(&mut self, output: &mut [u8]) -> Result<usize> {
        on_own_stack(|| {
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
        })
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

    fn wraps(&self) -> bool {
        matches!(self.mode, Mode::Wrap | Mode::WrapPad)
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

/// The longest block, bytes.
const BLOCK: usize = 16;
/// OpenSSL counts in `int`: longer input goes in pieces, each a whole number of blocks.
const CHUNK: usize = 1 << 30;

// include/openssl/evp.h
const EVP_CTRL_AEAD_SET_TAG: c_int = 0x11;
