// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The only door to OpenSSL: its initialisation, the algorithms fetched once, and, in the modules
//! below, small owners of its objects. Nothing above this file is `unsafe`.
//!
//! Contracts that hold throughout:
//! - every wrapper owns exactly one reference and gives it back on drop;
//! - a call that fails leaves the thread's error queue empty and nothing printed;
//! - secrets reach OpenSSL from [`crate::secret::Secret`] and come back into one; what OpenSSL
//!   itself keeps of them it wipes when the object is freed (`BN_clear_free`,
//!   `OPENSSL_secure_clear_free`, `OPENSSL_cleanse`).

#![allow(unsafe_code, reason = "OpenSSL's C interface; each block argues its safety")]

mod cipher;
mod gcm128;
mod kdf;
mod kem;
mod mac;
mod md;
mod memory;
mod params;
mod pkey;

pub use cipher::{CipherCtx, Mode};
pub use gcm128::LongGcm;
pub use kdf::{Kdf, derive};
pub use kem::{decapsulate, encapsulate};
pub use mac::{MacCtx, MacKind};
pub use md::{MdCtx, digest};
pub use params::{ParamList, native};
pub use pkey::{Half, Operation, Pkey, PkeyCtx, agree, agree_padded};

use super::Hash;
use crate::error::{Error, Result};
use crate::secret::on_own_stack;
use openssl_sys as ffi;
use std::ffi::{CStr, c_char, c_int, c_uint, c_void};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, Ordering};

/// Makes OpenSSL ready. It must come before any other OpenSSL call of the process, and again in a
/// forked child; calling it at other times costs a load and a comparison.
///
/// - No configuration file is read: `OPENSSL_init_crypto` marks the configuration as settled
///   (crypto/init.c, `ossl_no_config_int` under `RUN_ONCE(&config, …)`), so that the implicit
///   `OPENSSL_INIT_LOAD_CONFIG` of a first fetch (crypto/provider_core.c) or of `OPENSSL_init_ssl`
///   finds the once-flag taken and does nothing.
/// - No `atexit` handler: the once-flag `register_atexit` is taken by the variant that does
///   nothing. OpenSSL's memory is left to the end of the process on purpose: the host may call
///   `C_Finalize` when its own libraries are half torn down.
/// - The `openssl` crate is told that initialisation is done, so it never calls
///   `OPENSSL_init_ssl`.
///
/// In a child made by `fork` another thread of the parent may have held one of OpenSSL's locks, so
/// the child gets a library context of its own, with fresh locks, algorithm stores and random
/// generators. The parent's is left behind.
pub fn initialise() -> Result<()> {
    let current = LIBRARY.load(Ordering::Acquire);
    // SAFETY: the pointer is null or came from `Box::into_raw` below and is never freed once it
    // was published.
    let forked = match unsafe { current.as_ref() } {
        Some(library) if library.pid == std::process::id() => return Ok(()),
        Some(_) => true,
        None => false,
    };
    if !forked && !memory::give() {
        tracing::warn!("OpenSSL was in use before: its memory is not locked");
    }
    // SAFETY: no arguments but flags; documented as callable at any time from any thread.
    check(unsafe {
        OPENSSL_init_crypto(INIT_NO_LOAD_CONFIG | ffi::OPENSSL_INIT_NO_ATEXIT, ptr::null())
    })?;
    // SAFETY: initialisation was done explicitly just now, as the function asks.
    unsafe { ffi::assume_init() };
    // Gives the calling thread its OpenSSL state now: it is likely the one that forks, and in a
    // child the lock that a thread's first call takes (crypto/initthread.c) may be stuck.
    clear_errors();
    let made = Box::into_raw(Box::new(Library::fetch(forked)?));
    if LIBRARY.compare_exchange(current, made, Ordering::AcqRel, Ordering::Acquire).is_err() {
        // SAFETY: `made` came from `Box::into_raw` above and was not published. (Its few
        // references to algorithms stay counted; another thread's library holds the same ones.)
        drop(unsafe { Box::from_raw(made) });
    }
    Ok(())
}

/// Fills `out` from the public random generator (SP 800-90A CTR_DRBG, seeded by the kernel).
pub fn random(out: &mut [u8]) -> Result<()> {
    // SAFETY: writes exactly `out.len()` bytes to `out`.
    check(unsafe { RAND_bytes_ex(library()?.context, out.as_mut_ptr(), out.len(), 0) })
}

/// Fills `out` from the generator kept apart for private values.
pub fn random_private(out: &mut [u8]) -> Result<()> {
    // SAFETY: writes exactly `out.len()` bytes to `out`.
    let context = library()?.context;
    // SAFETY: writes exactly `out.len()` bytes to `out`.
    check(on_own_stack(|| unsafe { RAND_priv_bytes_ex(context, out.as_mut_ptr(), out.len(), 0) }))
}

/// Mixes bytes into the generator from which those of all threads are seeded, beside what the kernel
/// gives; none of its own entropy is lost whatever they are.
pub fn seed(bytes: &[u8]) -> Result<()> {
    // SAFETY: `context` is null or a live library context, whose generator it is; it lives as long.
    let primary = unsafe { RAND_get0_primary(library()?.context) };
    let primary = owned(primary)?;
    // SAFETY: no entropy of the caller's, so the generator asks its source; reads `bytes.len()` bytes
    // of additional input. OpenSSL locks the generator itself.
    check(unsafe {
        EVP_RAND_reseed(primary.as_ptr(), 0, ptr::null(), 0, bytes.as_ptr(), bytes.len())
    })
}

/// Compares in time that depends on the lengths alone.
pub fn equal(a: &[u8], b: &[u8]) -> bool {
    if a.len() != b.len() {
        return false;
    }
    // SAFETY: both slices are as long as the length given; only read.
    unsafe { ffi::CRYPTO_memcmp(a.as_ptr().cast(), b.as_ptr().cast(), a.len()) == 0 }
}

/// The library, initialised if nobody did it before.
pub(super) fn library() -> Result<&'static Library> {
    let current = LIBRARY.load(Ordering::Acquire);
    // SAFETY: null, or a published `Library`, which is never freed or changed.
    if let Some(library) = unsafe { current.as_ref() } {
        return Ok(library);
    }
    initialise()?;
    // SAFETY: as above; `initialise` published one.
    unsafe { LIBRARY.load(Ordering::Acquire).as_ref() }.ok_or(Error::DeviceError)
}

/// The algorithms this library uses, fetched once: a fetch costs more than a short MAC.
pub(super) struct Library {
    pid: u32,
    context: *mut ffi::OSSL_LIB_CTX,
    digests: Vec<Fetched<ffi::EVP_MD>>,
    /// By mode and then by length of key.
    ciphers: Vec<Vec<Fetched<ffi::EVP_CIPHER>>>,
    macs: Vec<Fetched<ffi::EVP_MAC>>,
    kdfs: Vec<Fetched<ffi::EVP_KDF>>,
}

impl Library {
    fn fetch(forked: bool) -> Result<Library> {
        let context = match forked {
            // SAFETY: no preconditions; a null result is refused below.
            true => unsafe { ffi::OSSL_LIB_CTX_new() },
            false => ptr::null_mut(),
        };
        if forked && context.is_null() {
            return Err(Error::HostMemory);
        }
        // SAFETY: as below.
        let cipher = |name| unsafe { ffi::EVP_CIPHER_fetch(context, name, ptr::null()) };
        let ciphers = Mode::ALL
            .iter()
            .map(|mode| fetch_all(mode.variants().iter().map(|(_, name)| *name), cipher));
        // SAFETY: for all four fetches: `context` is null or a live library context, the names are
        // C strings, null properties are allowed; `Fetched` takes over the one reference returned.
        unsafe {
            Ok(Library {
                pid: std::process::id(),
                context,
                digests: fetch_all(
                    Hash::ALL.iter().map(|hash| hash.family().unwrap_or(hash.name())),
                    |name| ffi::EVP_MD_fetch(context, name, ptr::null()),
                )?,
                ciphers: ciphers.collect::<Result<_>>()?,
                macs: fetch_all(MacKind::ALL.iter().map(|mac| mac.name()), |name| {
                    ffi::EVP_MAC_fetch(context, name, ptr::null())
                })?,
                kdfs: fetch_all(Kdf::ALL.iter().map(|kdf| kdf.name()), |name| {
                    ffi::EVP_KDF_fetch(context, name, ptr::null())
                })?,
            })
        }
    }
}

// SAFETY: the context and the fetched methods are immutable from here on and counted atomically;
// OpenSSL shares them between threads itself.
unsafe impl Send for Library {}
// SAFETY: as above.
unsafe impl Sync for Library {}

/// An algorithm fetched and kept for the life of the process.
struct Fetched<T>(NonNull<T>);

fn fetch_all<T>(
    names: impl Iterator<Item = &'static CStr>,
    fetch: impl Fn(*const c_char) -> *mut T,
) -> Result<Vec<Fetched<T>>> {
    names.map(|name| owned(fetch(name.as_ptr())).map(Fetched)).collect()
}

/// The method at `index` of one of the library's lists.
fn method<T>(list: &[Fetched<T>], index: usize) -> Result<*mut T> {
    list.get(index).map(|fetched| fetched.0.as_ptr()).ok_or(Error::MechanismInvalid)
}

/// Success is 1 in OpenSSL; everything else clears the error queue and is a failure whose reason
/// the caller decides (OpenSSL's own reasons never leave this file).
fn check(code: c_int) -> Result<()> {
    if code == 1 {
        return Ok(());
    }
    clear_errors();
    Err(Error::FunctionFailed)
}

/// A new object, or `HostMemory` with the error queue cleared.
fn owned<T>(pointer: *mut T) -> Result<NonNull<T>> {
    NonNull::new(pointer).ok_or_else(|| {
        clear_errors();
        Error::HostMemory
    })
}

fn clear_errors() {
    // SAFETY: touches the calling thread's own queue only.
    unsafe { ffi::ERR_clear_error() };
}

unsafe extern "C" {
    fn OPENSSL_init_crypto(options: u64, settings: *const c_void) -> c_int;
    fn RAND_bytes_ex(
        context: *mut ffi::OSSL_LIB_CTX,
        out: *mut u8,
        len: usize,
        strength: c_uint,
    ) -> c_int;
    fn RAND_priv_bytes_ex(
        context: *mut ffi::OSSL_LIB_CTX,
        out: *mut u8,
        len: usize,
        strength: c_uint,
    ) -> c_int;
    fn RAND_get0_primary(context: *mut ffi::OSSL_LIB_CTX) -> *mut c_void;
    fn EVP_RAND_reseed(
        generator: *mut c_void,
        prediction_resistance: c_int,
        entropy: *const u8,
        entropy_len: usize,
        additional: *const u8,
        additional_len: usize,
    ) -> c_int;
}

/// The one `Library` of this process. Process-wide as the heap is: it holds no state of a token.
/// An atomic pointer and not a lock, because a lock held at the moment of a `fork` stays held in
/// the child.
static LIBRARY: AtomicPtr<Library> = AtomicPtr::new(ptr::null_mut());

/// include/openssl/crypto.h
const INIT_NO_LOAD_CONFIG: u64 = 0x80;
