// SPDX-License-Identifier: Apache-2.0 OR MIT
//! GCM with an initialisation vector longer than OpenSSL's cipher takes: its mode of operation
//! (`openssl/modes.h`) over its block cipher.

use super::super::Direction;
use super::cipher::{CipherCtx, Mode};
use super::owned;
use crate::error::{Error, Result};
use crate::secret::on_own_stack;
use std::ffi::{c_int, c_void};
use std::ptr::{self, NonNull};

/// One message.
pub struct LongGcm {
    context: NonNull<c_void>,
    /// What the mode encrypts blocks with. It is this value's own; the mode holds a pointer to it.
    block: NonNull<Block>,
    direction: Direction,
}

struct Block {
    cipher: CipherCtx,
    failed: bool,
}

// SAFETY: both are reached only through `&mut self`, and OpenSSL ties them to no thread.
unsafe impl Send for LongGcm {}

impl LongGcm {
    /// Begins a message.
    pub fn new(key: &[u8], iv: &[u8], direction: Direction) -> Result<LongGcm> {
        on_own_stack(|| {
            let cipher = CipherCtx::new(Mode::Ecb, key, Direction::Encrypt, 0)?;
            let block = Box::into_raw(Box::new(Block { cipher, failed: false }));
            // SAFETY: the function takes what it is given here; the mode begins by calling it.
            let made = owned(unsafe { CRYPTO_gcm128_new(block.cast(), encrypt_block) });
            let (Ok(context), Some(block)) = (made, NonNull::new(block)) else {
                // SAFETY: it came from a box, and nothing else has it.
                drop(unsafe { Box::from_raw(block) });
                return Err(Error::HostMemory);
            };
            let mut message = LongGcm { context, block, direction };
            // SAFETY: a live context; reads `iv.len()` bytes.
            unsafe { CRYPTO_gcm128_setiv(context.as_ptr(), iv.as_ptr(), iv.len()) };
            message.sound(0)?;
            Ok(message)
        })
    }

    /// Additional data, before any other.
    pub fn aad(&mut self, data: &[u8]) -> Result<()> {
        // SAFETY: a live context; reads `data.len()` bytes.
        let code = unsafe { CRYPTO_gcm128_aad(self.context.as_ptr(), data.as_ptr(), data.len()) };
        self.sound(code)
    }

    /// Encrypts or decrypts a part; returns its length.
    pub fn update(&mut self, input: &[u8], output: &mut [u8]) -> Result<usize> {
        let output = output.get_mut(..input.len()).ok_or(Error::BufferTooSmall)?;
        let run = match self.direction {
            Direction::Encrypt => CRYPTO_gcm128_encrypt,
            Direction::Decrypt => CRYPTO_gcm128_decrypt,
        };
        // SAFETY: a live context; reads and writes `input.len()` bytes, which `output` has.
        let code =
            unsafe { run(self.context.as_ptr(), input.as_ptr(), output.as_mut_ptr(), input.len()) };
        self.sound(code)?;
        Ok(input.len())
    }

    /// Ends the message: the first bytes of its tag.
    pub fn tag(&mut self, tag: &mut [u8]) -> Result<()> {
        // SAFETY: a live context; writes `tag.len()` bytes, and 16 at most.
        unsafe { CRYPTO_gcm128_tag(self.context.as_ptr(), tag.as_mut_ptr(), tag.len()) };
        self.sound(0)
    }

    /// Ends the message, which must have this tag.
    pub fn expect_tag(&mut self, tag: &[u8]) -> Result<()> {
        // SAFETY: a live context; reads `tag.len()` bytes, and refuses more than 16.
        let code = unsafe { CRYPTO_gcm128_finish(self.context.as_ptr(), tag.as_ptr(), tag.len()) };
        self.sound(code)
    }

    fn sound(&mut self, code: c_int) -> Result<()> {
        // SAFETY: the pointer is to this value's own block, and no call of the mode is under way.
        let failed = unsafe { self.block.as_ref() }.failed;
        if code == 0 && !failed { Ok(()) } else { Err(Error::FunctionFailed) }
    }
}

impl Drop for LongGcm {
    fn drop(&mut self) {
        // SAFETY: both are this value's own and are not used after; the mode wipes its context, the
        // block's cipher its key.
        unsafe {
            CRYPTO_gcm128_release(self.context.as_ptr());
            drop(Box::from_raw(self.block.as_ptr()));
        }
    }
}

/// The block cipher as the mode calls it; both blocks may be one.
unsafe extern "C" fn encrypt_block(input: *const u8, output: *mut u8, key: *const c_void) {
    let (mut plain, mut cipher) = ([0u8; BLOCK], [0u8; BLOCK]);
    // SAFETY: the mode gives blocks of 16 bytes and the key that it was made with, which nothing
    // else reaches during its calls.
    unsafe {
        ptr::copy_nonoverlapping(input, plain.as_mut_ptr(), BLOCK);
        let block = &mut *key.cast::<Block>().cast_mut();
        block.failed |= block.cipher.update(&plain, &mut cipher).is_err();
        ptr::copy_nonoverlapping(cipher.as_ptr(), output, BLOCK);
    }
    zeroize::Zeroize::zeroize(&mut plain);
    zeroize::Zeroize::zeroize(&mut cipher);
}

type BlockFn = unsafe extern "C" fn(*const u8, *mut u8, *const c_void);

unsafe extern "C" {
    fn CRYPTO_gcm128_new(key: *mut c_void, block: BlockFn) -> *mut c_void;
    fn CRYPTO_gcm128_setiv(context: *mut c_void, iv: *const u8, len: usize);
    fn CRYPTO_gcm128_aad(context: *mut c_void, data: *const u8, len: usize) -> c_int;
    fn CRYPTO_gcm128_encrypt(c: *mut c_void, input: *const u8, out: *mut u8, len: usize) -> c_int;
    fn CRYPTO_gcm128_decrypt(c: *mut c_void, input: *const u8, out: *mut u8, len: usize) -> c_int;
    fn CRYPTO_gcm128_finish(context: *mut c_void, tag: *const u8, len: usize) -> c_int;
    fn CRYPTO_gcm128_tag(context: *mut c_void, tag: *mut u8, len: usize);
    fn CRYPTO_gcm128_release(context: *mut c_void);
}

const BLOCK: usize = 16;
