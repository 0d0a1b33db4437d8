// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Gives OpenSSL its memory: all of it may hold what is made of keys (numbers, key schedules, states of
//! MACs and generators), so all of it is secret memory.

use crate::secret::heap;
use std::ffi::{c_char, c_int, c_void};

/// To be called before OpenSSL's first allocation: afterwards it declines. Returns whether it took.
pub(super) fn give() -> bool {
    // SAFETY: the three are as their C types say, and go together.
    unsafe { CRYPTO_set_mem_functions(allocate, resize, release) == 1 }
}

unsafe extern "C" fn allocate(len: usize, _: *const c_char, _: c_int) -> *mut c_void {
    heap::allocate(len).cast()
}

unsafe extern "C" fn resize(
    block: *mut c_void,
    len: usize,
    _: *const c_char,
    _: c_int,
) -> *mut c_void {
    // SAFETY: OpenSSL gives null or a block that it has from here.
    unsafe { heap::resize(block.cast(), len).cast() }
}

unsafe extern "C" fn release(block: *mut c_void, _: *const c_char, _: c_int) {
    // SAFETY: as for `resize`, and it uses the block no more.
    unsafe { heap::release(block.cast()) }
}

type Allocate = unsafe extern "C" fn(usize, *const c_char, c_int) -> *mut c_void;
type Resize = unsafe extern "C" fn(*mut c_void, usize, *const c_char, c_int) -> *mut c_void;
type Release = unsafe extern "C" fn(*mut c_void, *const c_char, c_int);

unsafe extern "C" {
    fn CRYPTO_set_mem_functions(allocate: Allocate, resize: Resize, release: Release) -> c_int;
}
