// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Asymmetric keys and the operations on them.

use super::params::{OCTET_STRING, UNSIGNED_INTEGER};
use super::{ParamList, check, clear_errors, ffi, library, owned};
use crate::error::{Error, Result};
use crate::secret::{Secret, on_clean_stack, on_own_stack};
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};

/// What a list of parameters describes.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Half {
    /// A public key.
    Public,
    /// A private key, with or without the public half.
    Private,
    /// Domain parameters without a key.
    Parameters,
}

/// An asymmetric key, public or private.
pub struct Pkey(NonNull<ffi::EVP_PKEY>);

// SAFETY: the key is immutable once made; its reference count, its caches and its RSA blinding are
// guarded by OpenSSL's own locks.
unsafe impl Send for Pkey {}
// SAFETY: as above.
unsafe impl Sync for Pkey {}

impl Pkey {
    /// Makes a key from its values. `FunctionFailed` where OpenSSL refuses them.
    pub fn from_params(algorithm: &CStr, half: Half, params: &ParamList<'_>) -> Result<Pkey> {
        on_own_stack(|| {
            let context = KeyContext::new(algorithm)?;
            let selection = match half {
                Half::Public => ffi::EVP_PKEY_PUBLIC_KEY,
                Half::Private => ffi::EVP_PKEY_KEYPAIR,
                Half::Parameters => KEY_PARAMETERS,
            };
            let mut key = ptr::null_mut();
            // SAFETY: a live context and a terminated list, which is only read (the pointer is mutable
            // in the C prototype alone); on success `key` is a reference of ours.
            unsafe {
                check(ffi::EVP_PKEY_fromdata_init(context.0.as_ptr()))?;
                check(ffi::EVP_PKEY_fromdata(
                    context.0.as_ptr(),
                    &mut key,
                    selection,
                    params.as_ptr().cast_mut(),
                ))?;
            }
            owned(key).map(Pkey)
        })
    }

    /// Makes a new key pair.
    pub fn generate(algorithm: &CStr, params: &ParamList<'_>) -> Result<Pkey> {
        on_clean_stack(|| {
            let context = KeyContext::new(algorithm)?;
            let mut key = ptr::null_mut();
            // SAFETY: as in `from_params`.
            unsafe {
                check(ffi::EVP_PKEY_keygen_init(context.0.as_ptr()))?;
                check(ffi::EVP_PKEY_CTX_set_params(context.0.as_ptr(), params.as_ptr()))?;
                check(ffi::EVP_PKEY_generate(context.0.as_ptr(), &mut key))?;
            }
            owned(key).map(Pkey)
        })
    }

    /// Makes new domain parameters.
    pub fn generate_params(algorithm: &CStr, params: &ParamList<'_>) -> Result<Pkey> {
        let context = KeyContext::new(algorithm)?;
        let mut key = ptr::null_mut();
        // SAFETY: as in `from_params`.
        unsafe {
            check(ffi::EVP_PKEY_paramgen_init(context.0.as_ptr()))?;
            check(ffi::EVP_PKEY_CTX_set_params(context.0.as_ptr(), params.as_ptr()))?;
            check(ffi::EVP_PKEY_generate(context.0.as_ptr(), &mut key))?;
        }
        owned(key).map(Pkey)
    }

    /// Reads a private key in any encoding OpenSSL knows: PEM or DER; PKCS #8, encrypted or not,
    /// PKCS #1, SEC 1. OpenSSL never asks for a passphrase: without one, an empty one is tried.
    pub fn decode_private(encoded: &[u8], passphrase: &[u8]) -> Result<Pkey> {
        on_clean_stack(|| {
            let mut key = ptr::null_mut();
            let (mut data, mut len) = (encoded.as_ptr(), encoded.len());
            // SAFETY: the decoder writes one reference to `key`, reads `len` bytes of `data` and
            // copies the passphrase, which it wipes when it is freed.
            unsafe {
                let decoder = owned(ffi::OSSL_DECODER_CTX_new_for_pkey(
                    &mut key,
                    ptr::null(),
                    ptr::null(),
                    ptr::null(),
                    ffi::EVP_PKEY_KEYPAIR,
                    library()?.context,
                    ptr::null(),
                ))?;
                let mut code = ffi::OSSL_DECODER_CTX_set_passphrase(
                    decoder.as_ptr(),
                    passphrase.as_ptr(),
                    passphrase.len(),
                );
                if code == 1 {
                    code = ffi::OSSL_DECODER_from_data(decoder.as_ptr(), &mut data, &mut len);
                }
                ffi::OSSL_DECODER_CTX_free(decoder.as_ptr());
                check(code)?;
            }
            // A decoder that succeeds may still have complained on its way.
            clear_errors();
            owned(key).map(Pkey)
        })
    }

    /// A number of the key, big-endian, padded on the left to `len` bytes.
    pub fn integer(&self, name: &CStr, len: usize) -> Result<Secret> {
        on_own_stack(|| {
            let mut value = Secret::zeroed(len)?;
            self.get(name, UNSIGNED_INTEGER, value.expose_mut())?;
            value.expose_mut().reverse();
            Ok(value)
        })
    }

    /// A byte string of the key, at most `limit` bytes long.
    pub fn octets(&self, name: &CStr, limit: usize) -> Result<Secret> {
        on_own_stack(|| {
            let mut value = Secret::zeroed(limit)?;
            let len = self.get(name, OCTET_STRING, value.expose_mut())?;
            value.truncate(len);
            Ok(value)
        })
    }

    /// The name of its group, where it has one.
    pub fn group(&self) -> Option<String> {
        let mut name = [0u8; 64];
        let mut len = 0;
        // SAFETY: writes at most `name.len()` bytes to `name` and the length to `len`.
        let code = unsafe {
            ffi::EVP_PKEY_get_utf8_string_param(
                self.0.as_ptr(),
                c"group".as_ptr(),
                name.as_mut_ptr().cast(),
                name.len(),
                &mut len,
            )
        };
        check(code).ok()?;
        name.get(..len).and_then(|name| std::str::from_utf8(name).ok()).map(str::to_owned)
    }

    /// Whether it is a key of the algorithm.
    pub fn is_a(&self, algorithm: &CStr) -> bool {
        // SAFETY: reads a live key and a C string.
        unsafe { ffi::EVP_PKEY_is_a(self.0.as_ptr(), algorithm.as_ptr()) == 1 }
    }

    /// The length of its modulus or order, bits.
    pub fn bits(&self) -> usize {
        // SAFETY: reads a number of a live key.
        usize::try_from(unsafe { ffi::EVP_PKEY_get_bits(self.0.as_ptr()) }).unwrap_or_default()
    }

    /// Validates the public half as its algorithm defines it (for curves SP 800-56A rev. 3,
    /// section 5.6.2.3).
    pub fn public_is_valid(&self) -> Result<bool> {
        let context = KeyContext::of(self)?;
        // SAFETY: a live context over a live key.
        Ok(check(unsafe { ffi::EVP_PKEY_public_check(context.0.as_ptr()) }).is_ok())
    }

    /// Whether the public half belongs to the private one.
    pub fn halves_agree(&self) -> Result<bool> {
        on_own_stack(|| {
            let context = KeyContext::of(self)?;
            // SAFETY: a live context over a live key.
            Ok(check(unsafe { EVP_PKEY_pairwise_check(context.0.as_ptr()) }).is_ok())
        })
    }

    fn get(&self, name: &CStr, data_type: c_uint, out: &mut [u8]) -> Result<usize> {
        let param = |key: *const c_char, data_type, data: *mut c_void, data_size| ffi::OSSL_PARAM {
            key,
            data_type,
            data,
            data_size,
            return_size: usize::MAX,
        };
        let mut params = [
            param(name.as_ptr(), data_type, out.as_mut_ptr().cast(), out.len()),
            param(ptr::null(), 0, ptr::null_mut(), 0),
        ];
        // SAFETY: the list is terminated; OpenSSL writes at most `out.len()` bytes to `out`.
        check(unsafe { ffi::EVP_PKEY_get_params(self.0.as_ptr(), params.as_mut_ptr()) })?;
        let [value, _] = params;
        match value.return_size {
            len if len <= out.len() => Ok(len),
            _ => Err(Error::FunctionFailed),
        }
    }
}

impl Drop for Pkey {
    fn drop(&mut self) {
        // SAFETY: the one reference this value owns.
        unsafe { ffi::EVP_PKEY_free(self.0.as_ptr()) };
    }
}

/// What a context is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Operation {
    /// Signs a digest, or whatever the padding takes.
    Sign,
    /// Verifies over a digest.
    Verify,
    /// Signs a message with the signature algorithm named.
    SignMessage(&'static CStr),
    /// Verifies over a message.
    VerifyMessage(&'static CStr),
    /// Encrypts.
    Encrypt,
    /// Decrypts.
    Decrypt,
}

/// A key set up for one kind of operation, which can be repeated.
pub struct PkeyCtx {
    context: KeyContext,
    operation: Operation,
}

// SAFETY: the context is reached only through `&mut self`, and OpenSSL ties it to no thread.
unsafe impl Send for PkeyCtx {}

impl PkeyCtx {
    /// Sets a key up.
    pub fn new(key: &Pkey, operation: Operation, params: &ParamList<'_>) -> Result<PkeyCtx> {
        on_own_stack(|| {
            let context = KeyContext::of(key)?;
            let raw = context.0.as_ptr();
            // SAFETY: a live context over a live key; the list is terminated and only read. A fetched
            // signature is counted by the context itself, so our reference goes at once.
            unsafe {
                match operation {
                    Operation::Sign => check(ffi::EVP_PKEY_sign_init(raw))?,
                    Operation::Verify => check(ffi::EVP_PKEY_verify_init(raw))?,
                    Operation::Encrypt => check(ffi::EVP_PKEY_encrypt_init(raw))?,
                    Operation::Decrypt => check(ffi::EVP_PKEY_decrypt_init(raw))?,
                    Operation::SignMessage(name) | Operation::VerifyMessage(name) => {
                        let context = library()?.context;
                        let signature =
                            owned(ffi::EVP_SIGNATURE_fetch(context, name.as_ptr(), ptr::null()))?
                                .as_ptr();
                        let code = match operation {
                            Operation::SignMessage(_) => {
                                ffi::EVP_PKEY_sign_message_init(raw, signature, params.as_ptr())
                            }
                            _ => ffi::EVP_PKEY_verify_message_init(raw, signature, params.as_ptr()),
                        };
                        ffi::EVP_SIGNATURE_free(signature);
                        check(code)?;
                    }
                }
                if !matches!(operation, Operation::SignMessage(_) | Operation::VerifyMessage(_)) {
                    check(ffi::EVP_PKEY_CTX_set_params(raw, params.as_ptr()))?;
                }
            }
            Ok(PkeyCtx { context, operation })
        })
    }

    /// Signs `data`; `out` has room for the longest signature of the key. Returns the length.
    pub fn sign(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if !matches!(self.operation, Operation::Sign | Operation::SignMessage(_)) {
            return Err(Error::DeviceError);
        }
        let mut len = out.len();
        // SAFETY: reads `data.len()` bytes; OpenSSL is told the room in `out` and refuses less
        // than it needs.
        check(on_own_stack(|| unsafe {
            ffi::EVP_PKEY_sign(self.raw(), out.as_mut_ptr(), &mut len, data.as_ptr(), data.len())
        }))?;
        Ok(len)
    }

    /// Whether `signature` is one of `data`.
    pub fn verify(&mut self, data: &[u8], signature: &[u8]) -> Result<bool> {
        if !matches!(self.operation, Operation::Verify | Operation::VerifyMessage(_)) {
            return Err(Error::DeviceError);
        }
        // SAFETY: only reads both slices.
        let code = unsafe {
            ffi::EVP_PKEY_verify(
                self.raw(),
                signature.as_ptr(),
                signature.len(),
                data.as_ptr(),
                data.len(),
            )
        };
        Ok(check(code).is_ok())
    }

    /// Encrypts `data`; returns the length of what it wrote to `out`.
    pub fn encrypt(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if self.operation != Operation::Encrypt {
            return Err(Error::DeviceError);
        }
        let mut len = self.room(out, data, ffi::EVP_PKEY_encrypt)?;
        // SAFETY: reads `data.len()` bytes; `out` has the room OpenSSL asked for.
        check(on_own_stack(|| unsafe {
            ffi::EVP_PKEY_encrypt(self.raw(), out.as_mut_ptr(), &mut len, data.as_ptr(), data.len())
        }))?;
        Ok(len)
    }

    /// Decrypts `data`; `out` has room for as many bytes as the modulus, whatever the padding
    /// leaves of them. Returns the length.
    pub fn decrypt(&mut self, data: &[u8], out: &mut [u8]) -> Result<usize> {
        if self.operation != Operation::Decrypt {
            return Err(Error::DeviceError);
        }
        let mut len = self.room(out, data, ffi::EVP_PKEY_decrypt)?;
        // SAFETY: reads `data.len()` bytes; `out` has the room OpenSSL asked for.
        check(on_own_stack(|| unsafe {
            ffi::EVP_PKEY_decrypt(self.raw(), out.as_mut_ptr(), &mut len, data.as_ptr(), data.len())
        }))?;
        Ok(len)
    }

    /// Asks how much room an operation wants and returns the room there is, if it suffices.
    fn room(&mut self, out: &[u8], data: &[u8], ask: Transform) -> Result<usize> {
        let mut wanted = 0;
        // SAFETY: a null output asks for the length.
        check(unsafe { ask(self.raw(), ptr::null_mut(), &mut wanted, data.as_ptr(), data.len()) })?;
        if out.len() < wanted {
            return Err(Error::BufferTooSmall);
        }
        Ok(out.len())
    }

    fn raw(&self) -> *mut ffi::EVP_PKEY_CTX {
        self.context.0.as_ptr()
    }
}

/// The value two keys agree on (ECDH, X25519, X448), `len` bytes. The peer's key is validated.
pub fn agree(key: &Pkey, peer: &Pkey, len: usize) -> Result<Secret> {
    agree_with(key, peer, len, None)
}

/// The same for Diffie-Hellman in a finite field: a number, filled up with zeros in front.
pub fn agree_padded(key: &Pkey, peer: &Pkey, len: usize) -> Result<Secret> {
    agree_with(key, peer, len, Some(&ParamList::new().number(c"pad", &1)))
}

/// Not every algorithm takes parameters, be there none in the list.
fn agree_with(
    key: &Pkey,
    peer: &Pkey,
    len: usize,
    params: Option<&ParamList<'_>>,
) -> Result<Secret> {
    on_own_stack(|| {
        let context = KeyContext::of(key)?;
        let mut secret = Secret::zeroed(len)?;
        let mut written = len;
        // SAFETY: live keys; OpenSSL is told the room in `secret` and refuses less than it needs.
        unsafe {
            check(ffi::EVP_PKEY_derive_init(context.0.as_ptr()))?;
            if let Some(params) = params {
                check(ffi::EVP_PKEY_CTX_set_params(context.0.as_ptr(), params.as_ptr()))?;
            }
            check(ffi::EVP_PKEY_derive_set_peer(context.0.as_ptr(), peer.0.as_ptr()))?;
            check(ffi::EVP_PKEY_derive(
                context.0.as_ptr(),
                secret.expose_mut().as_mut_ptr(),
                &mut written,
            ))?;
        }
        if written == len { Ok(secret) } else { Err(Error::DeviceError) }
    })
}

/// A context for operations with a key, or for making one.
pub(super) struct KeyContext(NonNull<ffi::EVP_PKEY_CTX>);

impl KeyContext {
    fn new(algorithm: &CStr) -> Result<KeyContext> {
        let context = library()?.context;
        // SAFETY: a library context or null, a C string, no properties; null is refused.
        owned(unsafe { ffi::EVP_PKEY_CTX_new_from_name(context, algorithm.as_ptr(), ptr::null()) })
            .map(KeyContext)
    }

    /// For operations with this key, which the context keeps alive.
    pub(super) fn of(key: &Pkey) -> Result<KeyContext> {
        let context = library()?.context;
        // SAFETY: a library context or null and a live key, which the context counts.
        owned(unsafe { EVP_PKEY_CTX_new_from_pkey(context, key.0.as_ptr(), ptr::null()) })
            .map(KeyContext)
    }

    /// The context, for a call of OpenSSL.
    pub(super) fn as_ptr(&self) -> *mut ffi::EVP_PKEY_CTX {
        self.0.as_ptr()
    }
}

impl Drop for KeyContext {
    fn drop(&mut self) {
        // SAFETY: the one reference this value owns.
        unsafe { ffi::EVP_PKEY_CTX_free(self.0.as_ptr()) };
    }
}

/// include/openssl/evp.h, `EVP_PKEY_KEY_PARAMETERS`: domain parameters and other parameters.
const KEY_PARAMETERS: c_int = 0x84;

type Transform =
    unsafe extern "C" fn(*mut ffi::EVP_PKEY_CTX, *mut u8, *mut usize, *const u8, usize) -> c_int;

unsafe extern "C" {
    fn EVP_PKEY_CTX_new_from_pkey(
        context: *mut ffi::OSSL_LIB_CTX,
        key: *mut ffi::EVP_PKEY,
        properties: *const c_char,
    ) -> *mut ffi::EVP_PKEY_CTX;
    fn EVP_PKEY_pairwise_check(context: *mut ffi::EVP_PKEY_CTX) -> c_int;
}
