// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one pointer type: the rules for NULL and lengths, written once.
//!
//! A [`Pointer`] is an argument of a `C_*` call. Its caller promises, as every C caller must, that
//! what is not NULL points at as many elements as the call's length says, for the length of the call.

use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::marker::PhantomData;

/// A pointer argument, good for the call `'a`.
pub(super) struct Pointer<'a, T>(*mut T, PhantomData<&'a T>);

impl<T> Clone for Pointer<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for Pointer<'_, T> {}

/// Arguments of C functions: numbers stay, pointers become [`Pointer`]s.
pub(super) trait Argument {
    /// What the body of a row sees.
    type Seen;
    /// # Safety
    /// A pointer is NULL or valid for the length that its call gives it, until the call ends.
    unsafe fn seen(self) -> Self::Seen;
}

impl Argument for CK_ULONG {
    type Seen = CK_ULONG;
    unsafe fn seen(self) -> CK_ULONG {
        self
    }
}

impl Argument for CK_BBOOL {
    type Seen = CK_BBOOL;
    unsafe fn seen(self) -> CK_BBOOL {
        self
    }
}

impl Argument for CK_NOTIFY {
    type Seen = ();
    unsafe fn seen(self) {}
}

impl<T: 'static> Argument for *mut T {
    type Seen = Pointer<'static, T>;
    unsafe fn seen(self) -> Pointer<'static, T> {
        Pointer(self, PhantomData)
    }
}

impl<'a, T> Pointer<'a, T> {
    /// A pointer found inside a structure of the application's.
    ///
    /// # Safety
    /// As for [`Argument::seen`].
    pub(super) unsafe fn inner(pointer: *mut T) -> Pointer<'a, T> {
        Pointer(pointer, PhantomData)
    }

    pub(super) fn is_null(self) -> bool {
        self.0.is_null()
    }

    /// NULL is `CKR_ARGUMENTS_BAD`.
    pub(super) fn required(self) -> Result<()> {
        if self.is_null() { Err(Error::ArgumentsBad) } else { Ok(()) }
    }

    pub(super) fn raw(self) -> *mut T {
        self.0
    }

    /// The same address as a pointer to bytes or to another structure.
    pub(super) fn cast<U>(self) -> Pointer<'a, U> {
        Pointer(self.0.cast(), PhantomData)
    }

    /// What it points at; NULL is `CKR_ARGUMENTS_BAD`.
    pub(super) fn read(self) -> Result<T>
    where
        T: Copy,
    {
        self.required()?;
        // SAFETY: not NULL, so valid by the caller's promise; alignment is not presumed.
        Ok(unsafe { self.0.read_unaligned() })
    }

    /// Writes what it points at; NULL is `CKR_ARGUMENTS_BAD`.
    pub(super) fn write(self, value: T) -> Result<()> {
        self.required()?;
        // SAFETY: as in `read`, and the promise for an output argument is that it may be written.
        unsafe { self.0.write_unaligned(value) };
        Ok(())
    }

    /// `len` elements. NULL with length 0 is empty; NULL with a length, or a length that no memory
    /// has, is `CKR_ARGUMENTS_BAD`.
    pub(super) fn slice(self, len: CK_ULONG) -> Result<&'a [T]> {
        let len = bounded::<T>(len)?;
        if len == 0 {
            return Ok(&[]);
        }
        if self.is_null() || !self.0.is_aligned() {
            return Err(Error::ArgumentsBad);
        }
        // SAFETY: not NULL, aligned, `len` elements by the caller's promise and no longer than
        // memory can be.
        Ok(unsafe { std::slice::from_raw_parts(self.0, len) })
    }

    /// `len` elements to write. The same rules as for [`Pointer::slice`].
    pub(super) fn slice_mut(self, len: CK_ULONG) -> Result<&'a mut [T]> {
        let len = bounded::<T>(len)?;
        if len == 0 {
            return Ok(&mut []);
        }
        if self.is_null() || !self.0.is_aligned() {
            return Err(Error::ArgumentsBad);
        }
        // SAFETY: as in `slice`; the caller promises a buffer that this call alone writes, and no
        // other slice of it is made while this one lives.
        Ok(unsafe { std::slice::from_raw_parts_mut(self.0, len) })
    }
}

fn bounded<T>(len: CK_ULONG) -> Result<usize> {
    let len = usize::try_from(len).map_err(|_| Error::ArgumentsBad)?;
    match len.checked_mul(size_of::<T>()) {
        Some(bytes) if isize::try_from(bytes).is_ok() => Ok(len),
        _ => Err(Error::ArgumentsBad),
    }
}
