// SPDX-License-Identifier: Apache-2.0 OR MIT
//! OpenSSL called directly, the yardstick. Each case has two forms: `ready`, where key, algorithm
//! and context are made once and only the call for one message is repeated, the least that OpenSSL
//! itself can take; and `fresh`, where each message has a context of its own on the ready key.
#![allow(unsafe_code)] // EVP calls that the `openssl` crate has no safe form of, or adds checks to.

use std::ffi::{CStr, c_char};
use std::ptr;

use foreign_types::ForeignType;
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::md_ctx::MdCtx;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::{Padding, Rsa};

use crate::failure::Failure;

unsafe extern "C" {
    // Not among the bindings of `openssl-sys`.
    fn OSSL_PARAM_construct_utf8_string(
        key: *const c_char,
        value: *mut c_char,
        size: usize,
    ) -> openssl_sys::OSSL_PARAM;
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Scheme {
    RsaPkcs1,
    EcdsaP256,
    Ed25519,
}

/// A private key and a context that is ready to sign with it.
pub(crate) struct Signer {
    scheme: Scheme,
    context: PkeyCtx<Private>,
    key: PKey<Private>,
}

impl Signer {
    pub(crate) fn new(scheme: Scheme) -> Result<Self, Failure> {
        let key = match scheme {
            Scheme::RsaPkcs1 => PKey::from_rsa(Rsa::generate(2048)?)?,
            Scheme::EcdsaP256 => {
                let curve = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?;
                PKey::from_ec_key(EcKey::generate(&curve)?)?
            }
            Scheme::Ed25519 => PKey::generate_ed25519()?,
        };
        let context = sign_context(scheme, &key)?;
        Ok(Self { scheme, context, key })
    }

    /// `EVP_PKEY_sign` on the ready context.
    #[inline]
    pub(crate) fn ready(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Failure> {
        Ok(self.context.sign(data, Some(signature))?)
    }

    /// `EVP_PKEY_CTX_new`, `EVP_PKEY_sign_init`, `EVP_PKEY_sign`, free; for Ed25519, which had no
    /// such form before OpenSSL 3.4, `EVP_MD_CTX_new`, `EVP_DigestSignInit`, `EVP_DigestSign`, free.
    pub(crate) fn fresh(&mut self, data: &[u8], signature: &mut [u8]) -> Result<usize, Failure> {
        if self.scheme == Scheme::Ed25519 {
            let mut context = MdCtx::new()?;
            context.digest_sign_init(None, &self.key)?;
            return Ok(context.digest_sign(data, Some(signature))?);
        }
        Ok(sign_context(self.scheme, &self.key)?.sign(data, Some(signature))?)
    }
}

fn sign_context(scheme: Scheme, key: &PKey<Private>) -> Result<PkeyCtx<Private>, Failure> {
    let mut context = PkeyCtx::new(key)?;
    match scheme {
        Scheme::RsaPkcs1 => {
            context.sign_init()?;
            context.set_rsa_padding(Padding::PKCS1)?;
        }
        Scheme::EcdsaP256 => context.sign_init()?,
        Scheme::Ed25519 => sign_message_init(&context, c"ED25519")?,
    }
    Ok(context)
}

fn sign_message_init(context: &PkeyCtx<Private>, name: &CStr) -> Result<(), Failure> {
    // SAFETY: the name ends in NUL; the algorithm is checked, and freed after the context has taken
    // its own reference; the context is live.
    let done = unsafe {
        let algorithm =
            openssl_sys::EVP_SIGNATURE_fetch(ptr::null_mut(), name.as_ptr(), ptr::null());
        if algorithm.is_null() {
            return Err(ErrorStack::get().into());
        }
        let done =
            openssl_sys::EVP_PKEY_sign_message_init(context.as_ptr(), algorithm, ptr::null());
        openssl_sys::EVP_SIGNATURE_free(algorithm);
        done
    };
    succeeded(done)
}

/// AES-256-GCM with a context that has its key, and the key to give to others.
pub(crate) struct Gcm {
    cipher: openssl::cipher::Cipher,
    context: *mut openssl_sys::EVP_CIPHER_CTX,
    key: [u8; 32],
}

impl Gcm {
    pub(crate) fn new() -> Result<Self, Failure> {
        let cipher = openssl::cipher::Cipher::fetch(None, "AES-256-GCM", None)?;
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key)?;
        let context = keyed(&cipher, &key, &[0; 12])?;
        Ok(Self { cipher, context, key })
    }

    /// `EVP_EncryptInit_ex` with the IV only, `EVP_EncryptUpdate`, `EVP_EncryptFinal_ex`, the tag.
    #[inline]
    pub(crate) fn ready(
        &mut self,
        iv: &[u8; 12],
        data: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Failure> {
        // SAFETY: the context is live and keyed, and the IV has the default 12 bytes.
        let done = unsafe {
            openssl_sys::EVP_EncryptInit_ex(
                self.context,
                ptr::null(),
                ptr::null_mut(),
                ptr::null(),
                iv.as_ptr(),
            )
        };
        succeeded(done)?;
        encrypt(self.context, data, sealed)
    }

    /// `EVP_CIPHER_CTX_new`, `EVP_EncryptInit_ex` with fetched cipher, key and IV, the same
    /// calls after it, free.
    pub(crate) fn fresh(
        &mut self,
        iv: &[u8; 12],
        data: &[u8],
        sealed: &mut [u8],
    ) -> Result<(), Failure> {
        let context = keyed(&self.cipher, &self.key, iv)?;
        let result = encrypt(context, data, sealed);
        // SAFETY: made above and used nowhere else.
        unsafe { openssl_sys::EVP_CIPHER_CTX_free(context) };
        result
    }
}

impl Drop for Gcm {
    fn drop(&mut self) {
        // SAFETY: made in `new` and owned by this value alone.
        unsafe { openssl_sys::EVP_CIPHER_CTX_free(self.context) };
    }
}

fn keyed(
    cipher: &openssl::cipher::Cipher,
    key: &[u8; 32],
    iv: &[u8; 12],
) -> Result<*mut openssl_sys::EVP_CIPHER_CTX, Failure> {
    // SAFETY: the cipher is live and takes a 32-byte key and, by default, a 12-byte IV. A failed
    // initialisation ends the program, so the context is not freed on that path.
    unsafe {
        let context = openssl_sys::EVP_CIPHER_CTX_new();
        if context.is_null() {
            return Err(ErrorStack::get().into());
        }
        let done = openssl_sys::EVP_EncryptInit_ex(
            context,
            cipher.as_ptr().cast_const(),
            ptr::null_mut(),
            key.as_ptr(),
            iv.as_ptr(),
        );
        succeeded(done)?;
        Ok(context)
    }
}

#[inline]
fn encrypt(
    context: *mut openssl_sys::EVP_CIPHER_CTX,
    data: &[u8],
    sealed: &mut [u8],
) -> Result<(), Failure> {
    if sealed.len() < data.len() + 16 {
        return Err(Failure::say("no room for the tag"));
    }
    let mut length = 0;
    // SAFETY: the context is live and set up to encrypt; `sealed` has room for the data, as GCM adds
    // nothing to it, and for 16 bytes of tag after it.
    unsafe {
        let out = sealed.as_mut_ptr();
        let tag = out.add(data.len());
        succeeded(openssl_sys::EVP_EncryptUpdate(
            context,
            out,
            &mut length,
            data.as_ptr(),
            data.len() as i32,
        ))?;
        succeeded(openssl_sys::EVP_EncryptFinal_ex(context, tag, &mut length))?;
        succeeded(openssl_sys::EVP_CIPHER_CTX_ctrl(
            context,
            openssl_sys::EVP_CTRL_GCM_GET_TAG,
            16,
            tag.cast(),
        ))
    }
}

/// HMAC-SHA-256 with a context that has its key.
pub(crate) struct Hmac {
    context: *mut openssl_sys::EVP_MAC_CTX,
    algorithm: *mut openssl_sys::EVP_MAC,
    key: [u8; 32],
}

impl Hmac {
    pub(crate) fn new() -> Result<Self, Failure> {
        let mut key = [0; 32];
        openssl::rand::rand_bytes(&mut key)?;
        // SAFETY: the name ends in NUL, and a NULL answer is refused before use.
        let algorithm =
            unsafe { openssl_sys::EVP_MAC_fetch(ptr::null_mut(), c"HMAC".as_ptr(), ptr::null()) };
        if algorithm.is_null() {
            return Err(ErrorStack::get().into());
        }
        let context = keyed_mac(algorithm, &key)?;
        Ok(Self { context, algorithm, key })
    }

    /// `EVP_MAC_init` without a key, which takes the last one, `EVP_MAC_update`, `EVP_MAC_final`.
    #[inline]
    pub(crate) fn ready(&mut self, data: &[u8], mac: &mut [u8; 32]) -> Result<(), Failure> {
        // SAFETY: the context is live and keyed; NULL keeps the key and the digest.
        succeeded(unsafe { openssl_sys::EVP_MAC_init(self.context, ptr::null(), 0, ptr::null()) })?;
        finish_mac(self.context, data, mac)
    }

    /// `EVP_MAC_CTX_new`, `EVP_MAC_init` with digest and key, the same calls after it, free.
    pub(crate) fn fresh(&mut self, data: &[u8], mac: &mut [u8; 32]) -> Result<(), Failure> {
        let context = keyed_mac(self.algorithm, &self.key)?;
        let result = finish_mac(context, data, mac);
        // SAFETY: made above and used nowhere else.
        unsafe { openssl_sys::EVP_MAC_CTX_free(context) };
        result
    }
}

impl Drop for Hmac {
    fn drop(&mut self) {
        // SAFETY: both were made in `new` and are owned by this value alone.
        unsafe {
            openssl_sys::EVP_MAC_CTX_free(self.context);
            openssl_sys::EVP_MAC_free(self.algorithm);
        }
    }
}

fn keyed_mac(
    algorithm: *mut openssl_sys::EVP_MAC,
    key: &[u8; 32],
) -> Result<*mut openssl_sys::EVP_MAC_CTX, Failure> {
    // SAFETY: the algorithm is live; the parameters point to a name that outlives the call, and end
    // with the end mark. A failed initialisation ends the program: the context is then not freed.
    unsafe {
        let context = openssl_sys::EVP_MAC_CTX_new(algorithm);
        if context.is_null() {
            return Err(ErrorStack::get().into());
        }
        let parameters = [
            OSSL_PARAM_construct_utf8_string(c"digest".as_ptr(), c"SHA256".as_ptr().cast_mut(), 0),
            openssl_sys::OSSL_PARAM_construct_end(),
        ];
        succeeded(openssl_sys::EVP_MAC_init(
            context,
            key.as_ptr(),
            key.len(),
            parameters.as_ptr(),
        ))?;
        Ok(context)
    }
}

#[inline]
fn finish_mac(
    context: *mut openssl_sys::EVP_MAC_CTX,
    data: &[u8],
    mac: &mut [u8; 32],
) -> Result<(), Failure> {
    let mut length = 0;
    // SAFETY: the context is live and initialised, and `mac` has the room that is said.
    unsafe {
        succeeded(openssl_sys::EVP_MAC_update(context, data.as_ptr(), data.len()))?;
        succeeded(openssl_sys::EVP_MAC_final(context, mac.as_mut_ptr(), &mut length, mac.len()))
    }
}

#[inline]
fn succeeded(done: i32) -> Result<(), Failure> {
    if done == 1 {
        return Ok(());
    }
    Err(ErrorStack::get().into())
}
