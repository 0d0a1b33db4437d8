// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Types that the boundary and the rooms below it share: what an application gave, and where its
//! output goes. It imports nothing of the crate.

use cryptoki_sys::*;

/// One attribute of an application's template, its memory already checked.
pub struct RawAttribute<'a> {
    /// `CKA_*`.
    pub id: CK_ATTRIBUTE_TYPE,
    /// Its value.
    pub value: RawValue<'a>,
}

/// The value of such an attribute.
pub enum RawValue<'a> {
    /// Bytes, whose meaning the attribute table knows.
    Bytes(&'a [u8]),
    /// A nested template (`CKA_WRAP_TEMPLATE` and its kind).
    Template(Vec<RawAttribute<'a>>),
}

/// Where a call's output goes: a buffer of the application, or a question for its length (PKCS #11,
/// section 5.2). The one implementation lives at the boundary.
pub trait Output {
    /// The size of the buffer, bytes; none where only the length is asked for.
    fn capacity(&self) -> Option<usize>;
    /// The first `len` bytes of the buffer; empty where it is smaller.
    fn room(&mut self, len: usize) -> &mut [u8];
    /// Tells the application the length.
    fn set_len(&mut self, len: usize);
}

/// Who logs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The security officer (`CKU_SO`).
    So,
    /// The normal user (`CKU_USER`).
    User,
}

/// The size of a `CK_ULONG` here, bytes.
pub const ULONG: usize = std::mem::size_of::<CK_ULONG>();
