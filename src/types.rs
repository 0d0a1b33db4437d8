// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Types that the boundary and the rooms below it share: what an application gave, and where its
//! output goes. It imports `error` alone.

use crate::error::Result;
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
    /// What is to be done before the output is the application's; where it fails it gets nothing.
    fn settle(&mut self) -> Result<()> {
        Ok(())
    }
}

/// What whoever is logged in is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The security officer (`CKU_SO`).
    So,
    /// The normal user (`CKU_USER`), who has no name.
    User,
    /// A named user who uses keys.
    Operator,
    /// A named user who makes, changes and destroys keys.
    Manager,
    /// A named user who reads.
    Auditor,
    /// A named user who approves.
    Custodian,
}

impl Role {
    /// The roles of named users.
    pub const NAMED: &'static [Role] =
        &[Role::Operator, Role::Manager, Role::Auditor, Role::Custodian];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Role::So => "security officer",
            Role::User => "user",
            Role::Operator => "operator",
            Role::Manager => "manager",
            Role::Auditor => "auditor",
            Role::Custodian => "custodian",
        }
    }

    /// Whether it sees private objects: it has the token key.
    pub fn sees_private(self) -> bool {
        !matches!(self, Role::So | Role::Custodian)
    }
}

/// Whose PIN it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Holder {
    /// The security officer's.
    So,
    /// That of the user without a name.
    User,
    /// A named user's.
    Named(String),
}

/// The size of a `CK_ULONG` here, bytes.
pub const ULONG: usize = std::mem::size_of::<CK_ULONG>();
