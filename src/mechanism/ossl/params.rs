// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `OSSL_PARAM` lists over borrowed values: nothing is copied, so nothing is left to wipe.

use crate::error::Result;
use crate::secret::Secret;
use openssl_sys as ffi;
use smallvec::SmallVec;
use std::ffi::{CStr, c_uint};
use std::marker::PhantomData;

/// A list of parameters for OpenSSL, which only reads them.
pub struct ParamList<'a> {
    /// Always ends with the terminator.
    list: SmallVec<[ffi::OSSL_PARAM; 12]>,
    values: PhantomData<&'a [u8]>,
}

impl<'a> ParamList<'a> {
    /// An empty list.
    pub fn new() -> ParamList<'a> {
        let mut list = SmallVec::new();
        list.push(END);
        ParamList { list, values: PhantomData }
    }

    /// Adds a byte string.
    pub fn octets(self, key: &'static CStr, value: &'a [u8]) -> ParamList<'a> {
        self.with(key, OCTET_STRING, value)
    }

    /// Adds a character string.
    pub fn text(self, key: &'static CStr, value: &'a CStr) -> ParamList<'a> {
        self.with(key, UTF8_STRING, value.to_bytes())
    }

    /// Adds a small number.
    pub fn number(self, key: &'static CStr, value: &'a u64) -> ParamList<'a> {
        // The bytes of an integer in the machine's own order are what OpenSSL wants.
        // SAFETY: eight initialised bytes that live as long as `value`.
        let bytes = unsafe { std::slice::from_raw_parts((value as *const u64).cast(), 8) };
        self.with(key, UNSIGNED_INTEGER, bytes)
    }

    /// Adds a big number, in the order [`native`] gives.
    pub fn integer(self, key: &'static CStr, value: &'a Secret) -> ParamList<'a> {
        self.with(key, UNSIGNED_INTEGER, value.expose())
    }

    /// The list, for a call that reads it.
    pub(super) fn as_ptr(&self) -> *const ffi::OSSL_PARAM {
        self.list.as_ptr()
    }

    fn with(mut self, key: &'static CStr, data_type: c_uint, value: &'a [u8]) -> ParamList<'a> {
        // OpenSSL's type has one pointer for reading and writing; these lists are only given to
        // functions that read.
        let data = value.as_ptr().cast_mut().cast();
        let at = self.list.len().saturating_sub(1);
        let param = ffi::OSSL_PARAM {
            key: key.as_ptr(),
            data_type,
            data,
            data_size: value.len(),
            return_size: 0,
        };
        self.list.insert(at, param);
        self
    }
}

impl Default for ParamList<'_> {
    fn default() -> Self {
        ParamList::new()
    }
}

/// A big-endian number in the machine's byte order, as `OSSL_PARAM` carries it.
pub fn native(big_endian: &[u8]) -> Result<Secret> {
    let mut value = Secret::copy_of(big_endian)?;
    value.expose_mut().reverse();
    Ok(value)
}

const END: ffi::OSSL_PARAM = ffi::OSSL_PARAM {
    key: std::ptr::null(),
    data_type: 0,
    data: std::ptr::null_mut(),
    data_size: 0,
    return_size: 0,
};

// include/openssl/core.h
pub(super) const UNSIGNED_INTEGER: c_uint = 2;
const UTF8_STRING: c_uint = 4;
pub(super) const OCTET_STRING: c_uint = 5;
