// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `C_GetInterfaceList` and `C_GetInterface`: "PKCS 11" in three versions, the newest first.

use super::output;
use super::pointer::Pointer;
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::CStr;

/// Structures that hold pointers to other statics, which never change.
pub(super) struct Fixed<T>(pub(super) T);

// SAFETY: what is inside is constant, and points at constants.
unsafe impl<T> Sync for Fixed<T> {}

/// The interfaces of the library.
pub(super) type Interfaces = Fixed<[CK_INTERFACE; 3]>;

const NAME: &CStr = c"PKCS 11";

/// "PKCS 11" with the functions of a list, which begins with its version.
pub(super) const fn interface(list: *const std::ffi::c_void) -> CK_INTERFACE {
    CK_INTERFACE {
        pInterfaceName: NAME.as_ptr().cast_mut().cast(),
        pFunctionList: list.cast_mut(),
        // A forked child can initialise the library anew.
        flags: CKF_INTERFACE_FORK_SAFE,
    }
}

/// `C_GetInterfaceList`.
pub(super) fn list(
    interfaces: &'static Interfaces,
    buffer: Pointer<'_, CK_INTERFACE>,
    count: Pointer<'_, CK_ULONG>,
) -> Result<()> {
    output::list(&interfaces.0, buffer, count)
}

/// `C_GetInterface`: the first that has the name, the version and all of the flags that are asked
/// for. One that is not there is `CKR_FUNCTION_FAILED`.
pub(super) fn find(
    interfaces: &'static Interfaces,
    name: Pointer<'_, CK_UTF8CHAR>,
    version: Pointer<'_, CK_VERSION>,
    place: Pointer<'_, *mut CK_INTERFACE>,
    flags: CK_FLAGS,
) -> Result<()> {
    if place.is_null() {
        return Err(Error::ArgumentsBad);
    }
    // SAFETY: a name is a string that ends in zero, by the caller's promise.
    let named = (!name.is_null()).then(|| unsafe { CStr::from_ptr(name.raw().cast()) });
    let wanted = if version.is_null() { None } else { Some(version.read()?) };
    let found = interfaces.0.iter().find(|interface| {
        // SAFETY: every list begins with its version and never changes.
        let version = unsafe { interface.pFunctionList.cast::<CK_VERSION>().read() };
        named.is_none_or(|named| named == NAME)
            && wanted.is_none_or(|v| (v.major, v.minor) == (version.major, version.minor))
            && flags & interface.flags == flags
    });
    place.write((found.ok_or(Error::FunctionFailed)? as *const CK_INTERFACE).cast_mut())
}
