// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A small PKCS #11 caller for the tests: it enters the built library by its C symbols, as an
//! application does, and hands every return value back as it is.

#![allow(
    dead_code,
    unused_imports,
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise, and no one test uses all of the harness"
)]

pub mod answer;
pub mod child;
pub mod document;
pub mod ec;
pub mod fixture;
pub mod forked;
pub mod group;
pub mod heard;
pub mod hearing;
pub mod kept;
pub mod keys;
pub mod mechanism;
pub mod message;
pub mod module;
pub mod names;
pub mod needles;
pub mod object;
pub mod operation;
pub mod people;
pub mod reference;
pub mod said;
pub mod session;
pub mod sets;
pub mod template;
pub mod vectors;

pub use answer::{Answer, R, Rv, outcome};
pub use cryptoki_sys::*;
pub use fixture::{Fixture, SO_PIN, Token, USER_PIN, User};
pub use fixture::{child_on, initialize_child, join, joined};
pub use mechanism::Mech;
pub(crate) use module::p11;
pub use module::{Module, module};
pub use object::Obj;
pub use session::Session;
pub(crate) use template::template;
pub use template::{Template, Value};

/// The length that fits no memory.
pub const HUGE: CK_ULONG = CK_ULONG::MAX;

/// The pointer of bytes that a C function takes as `CK_BYTE_PTR` but only reads.
pub fn bytes(data: &[u8]) -> *mut u8 {
    data.as_ptr().cast_mut()
}

/// The length of bytes as the C interface counts it.
pub fn len(data: &[u8]) -> CK_ULONG {
    data.len() as CK_ULONG
}

/// Bytes from hexadecimal, blanks ignored.
pub fn unhex(text: &str) -> Vec<u8> {
    let digits: String = text.chars().filter(|c| !c.is_whitespace()).collect();
    hex::decode(&digits).unwrap_or_else(|e| panic!("bad hexadecimal {text:?}: {e}"))
}
