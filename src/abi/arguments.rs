// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Arguments that several functions have in common.

use super::pointer::Pointer;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::{CStr, c_void};
use std::path::PathBuf;

/// Bytes that must be there: a PIN, a signature, a wrapped key. NULL is `CKR_ARGUMENTS_BAD`.
pub(super) fn text(pointer: Pointer<'_, CK_BYTE>, len: CK_ULONG) -> Result<&[u8]> {
    pointer.required()?;
    pointer.slice(len)
}

pub(super) fn reserved_is_null(reserved: Pointer<'_, c_void>) -> Result<()> {
    if reserved.is_null() { Ok(()) } else { Err(Error::ArgumentsBad) }
}

/// The arguments of `C_Initialize`, section 5.4: mutex functions all or none (the operating system's
/// locks serve in every case), and in `pReserved` nothing or the string `conf=PATH`.
pub(super) fn initialisation(args: Pointer<'_, CK_C_INITIALIZE_ARGS>) -> Result<Option<PathBuf>> {
    if args.is_null() {
        return Ok(None);
    }
    let args = args.read()?;
    let given = [
        args.CreateMutex.is_some(),
        args.DestroyMutex.is_some(),
        args.LockMutex.is_some(),
        args.UnlockMutex.is_some(),
    ];
    if given.contains(&true) && given.contains(&false) {
        return Err(Error::ArgumentsBad);
    }
    if args.pReserved.is_null() {
        return Ok(None);
    }
    if !is_string(args.pReserved) {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: the kernel has just read a string that ends in zero from there.
    let text = unsafe { CStr::from_ptr(args.pReserved.cast()) };
    let path = text.to_str().ok().and_then(|text| text.strip_prefix("conf="));
    path.filter(|path| !path.is_empty()).map(PathBuf::from).map(Some).ok_or(Error::ArgumentsBad)
}

/// Whether a string no longer than a path can be read from there. Section 5.4 has `pReserved` NULL and
/// anything else refused, so callers set what is no address at all to see that it is; the kernel tells
/// that without a fault.
fn is_string(address: *mut c_void) -> bool {
    // SAFETY: the kernel checks the address that it reads the name of a file from.
    let found = unsafe { libc::access(address.cast_const().cast(), libc::F_OK) };
    let error = std::io::Error::last_os_error().raw_os_error();
    found == 0 || !matches!(error, Some(libc::EFAULT | libc::ENAMETOOLONG))
}

/// The parameter of a message that is signed or verified: no mechanism here has one.
pub(super) fn nothing(parameter_len: CK_ULONG) -> Result<()> {
    if parameter_len == 0 { Ok(()) } else { Err(Error::MechanismParamInvalid) }
}
