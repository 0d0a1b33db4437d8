// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The names that a policy knows: operations, roles, classes and types of keys. One row each. It
//! imports nothing of the crate.

use cryptoki_sys::*;
use serde::Serialize;

macro_rules! operations {
    ($($variant:ident $name:literal;)*) => {
        /// What is done with a key.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
        #[serde(rename_all = "lowercase")]
        #[allow(missing_docs, reason = "docs/policy.md says what each is")]
        pub enum Operation { $($variant,)* }

        impl Operation {
            /// All of them.
            pub const ALL: &'static [Operation] = &[$(Operation::$variant,)*];

            /// What a policy calls it.
            pub fn name(self) -> &'static str {
                match self { $(Operation::$variant => $name,)* }
            }
        }
    };
}

operations! {
    Encrypt "encrypt";
    Decrypt "decrypt";
    Sign "sign";
    Verify "verify";
    Wrap "wrap";
    Unwrap "unwrap";
    Derive "derive";
    Encapsulate "encapsulate";
    Decapsulate "decapsulate";
    Digest "digest";
    Generate "generate";
    Import "import";
    Copy "copy";
    Change "change";
    Destroy "destroy";
    Export "export";
}

/// A set of operations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations(u32);

impl Operations {
    /// All of them.
    pub const ALL: Operations = Operations((1 << Operation::ALL.len()) - 1);
    /// None.
    pub const NONE: Operations = Operations(0);

    /// Those by which a key comes to be.
    pub const BIRTHS: Operations =
        Operations((1 << Operation::Generate as u32) | (1 << Operation::Import as u32));

    /// Without these.
    pub fn without(self, other: Operations) -> Operations {
        Operations(self.0 & !other.0)
    }

    /// Whether both have one.
    pub fn meets(self, other: Operations) -> bool {
        self.0 & other.0 != 0
    }

    /// With one more.
    pub fn with(self, operation: Operation) -> Operations {
        Operations(self.0 | (1 << operation as u32))
    }

    /// Whether an operation is among them.
    pub fn has(self, operation: Operation) -> bool {
        self.0 & (1 << operation as u32) != 0
    }

    /// Whether all of `other` are among them.
    pub fn covers(self, other: Operations) -> bool {
        self.0 & other.0 == other.0
    }
}

macro_rules! parties {
    ($($(#[doc = $what:literal])+ $variant:ident $name:literal;)*) => {
        /// In what part someone uses a token.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Party { $($(#[doc = $what])+ $variant,)* }

        impl Party {
            /// All of them.
            pub const ALL: &'static [Party] = &[$(Party::$variant,)*];

            /// What a policy calls it.
            pub fn name(self) -> &'static str {
                match self { $(Party::$variant => $name,)* }
            }
        }
    };
}

parties! {
    /// The security officer.
    So "so";
    /// The user of `C_Login`.
    User "user";
    /// Who uses keys.
    Operator "operator";
    /// Who makes, changes and destroys keys.
    Manager "manager";
    /// Who reads the log.
    Auditor "auditor";
    /// Who approves.
    Custodian "custodian";
    /// Who has not logged in.
    Public "public";
}

/// A set of parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// None.
    pub const NONE: Roles = Roles(0);

    /// These.
    pub fn these(parties: &[Party]) -> Roles {
        parties.iter().fold(Roles::NONE, |all, one| Roles(all.0 | (1 << *one as u8)))
    }

    /// Whether both have one.
    pub fn meets(self, other: Roles) -> bool {
        self.0 & other.0 != 0
    }

    /// Whether all of `other` are among them.
    pub fn covers(self, other: Roles) -> bool {
        self.0 & other.0 == other.0
    }
}

/// The operation of a name.
pub fn operation_named(name: &str) -> Option<Operation> {
    Operation::ALL.iter().copied().find(|operation| operation.name() == name)
}

/// The part of a name.
pub fn party_named(name: &str) -> Option<Party> {
    Party::ALL.iter().copied().find(|party| party.name() == name)
}

/// The classes of keys.
pub(super) const CLASSES: &[(&str, CK_ULONG)] =
    &[("private", CKO_PRIVATE_KEY), ("public", CKO_PUBLIC_KEY), ("secret", CKO_SECRET_KEY)];

/// The types of keys: the names of `CKK_*` without it.
pub(super) const KEY_TYPES: &[(&str, CK_ULONG)] = &[
    ("rsa", CKK_RSA),
    ("dsa", CKK_DSA),
    ("dh", CKK_DH),
    ("x9-42-dh", CKK_X9_42_DH),
    ("ec", CKK_EC),
    ("ec-edwards", CKK_EC_EDWARDS),
    ("ec-montgomery", CKK_EC_MONTGOMERY),
    ("ml-dsa", CKK_ML_DSA),
    ("ml-kem", CKK_ML_KEM),
    ("slh-dsa", CKK_SLH_DSA),
    ("hss", CKK_HSS),
    ("generic-secret", CKK_GENERIC_SECRET),
    ("aes", CKK_AES),
    ("aes-xts", CKK_AES_XTS),
    ("des2", CKK_DES2),
    ("des3", CKK_DES3),
    ("chacha20", CKK_CHACHA20),
    ("poly1305", CKK_POLY1305),
    ("hkdf", CKK_HKDF),
    ("sha-1-hmac", CKK_SHA_1_HMAC),
    ("sha224-hmac", CKK_SHA224_HMAC),
    ("sha256-hmac", CKK_SHA256_HMAC),
    ("sha384-hmac", CKK_SHA384_HMAC),
    ("sha512-hmac", CKK_SHA512_HMAC),
    ("sha3-224-hmac", CKK_SHA3_224_HMAC),
    ("sha3-256-hmac", CKK_SHA3_256_HMAC),
    ("sha3-384-hmac", CKK_SHA3_384_HMAC),
    ("sha3-512-hmac", CKK_SHA3_512_HMAC),
];

/// Days, from Monday.
pub(super) const DAYS: &[&str] = &["mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The units of a rate's window, in seconds.
pub(super) const UNITS: &[(char, u64)] = &[('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)];
