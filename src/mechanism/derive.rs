// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What all derivations have in common: the keys they begin with, what they give, what a derived
//! value becomes, and what the new key inherits.

use super::secret_key;
use super::{Key, Params, Parts, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// Derives keys, data or public values.
pub type Derive = fn(&'static Row, &Base<'_>, &Params, &Spec) -> Result<Derived>;

/// The keys that a derivation begins with.
pub struct Base<'a> {
    /// The base key.
    pub key: &'a Arc<Key>,
    /// The keys that the parameter names by handle, in the order of [`Params::named_keys`].
    pub others: &'a [Arc<Key>],
}

impl Base<'_> {
    /// The value of the other key of this number.
    pub(super) fn other(&self, number: usize) -> Result<&[u8]> {
        self.others.get(number).ok_or(Error::MechanismParamInvalid)?.value()
    }
}

/// Which objects a derivation may begin with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// A key that may derive.
    Key,
    /// Such a key, or a data object.
    KeyOrData,
    /// A private key, whatever it may do: what is derived is no secret.
    PrivateKey,
}

/// What a derived key takes over from the keys it is derived from, besides its value: the rules that
/// the sections of the mechanisms give for `CKA_SENSITIVE`, `CKA_EXTRACTABLE`,
/// `CKA_ALWAYS_SENSITIVE` and `CKA_NEVER_EXTRACTABLE`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Inherit {
    /// The template is free; the history goes on from that of the base key.
    History,
    /// The key is guarded at least as well as each key it comes from, and its history is theirs.
    Guard,
    /// The same, and what the template leaves out is as the base key has it.
    GuardAndDefaults,
    /// What the template leaves out is as the base key has it; the history goes on from that of any
    /// key it comes from.
    Defaults,
    /// All as the base key has it; a template may not differ.
    Everything,
}

/// What a derivation gives.
pub struct Derived {
    /// The new objects: all of them are kept, or none.
    pub products: Vec<Product>,
    /// Public values that go back to the caller by way of the parameter, in the parameter's order.
    pub public: Vec<Vec<u8>>,
}

/// A new object.
pub struct Product {
    /// What it is made of.
    pub made: Made,
    /// The template it is made by: 0 for that of the call, then those of [`Spec::further`].
    pub template: usize,
    /// What it is for.
    pub purpose: Purpose,
    /// The mechanisms it may be used with, where these alone.
    pub allowed: Option<&'static [CK_MECHANISM_TYPE]>,
}

impl Product {
    /// The length of its value, bytes; none where it is no secret.
    pub fn len(&self) -> Option<usize> {
        match &self.made {
            Made::Value(value) | Made::Data(value) | Made::Key(Parts::Secret(_, value)) => {
                Some(value.len())
            }
            Made::Key(_) => None,
        }
    }
}

/// What a new object is made of.
pub enum Made {
    /// The value of a secret key of the type that the template asks for.
    Value(Secret),
    /// A key of a type that the mechanism settles.
    Key(Parts),
    /// The value of a data object.
    Data(Secret),
}

/// What a new key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// What the template says, or what its type serves.
    Asked,
    /// To make and verify MACs, whatever the template says of the key's type and uses.
    Authentication,
    /// To encrypt, decrypt and derive, where the template does not say.
    Encryption,
}

impl From<Secret> for Derived {
    fn from(value: Secret) -> Derived {
        Derived::from(Made::Value(value))
    }
}

impl From<Made> for Derived {
    fn from(made: Made) -> Derived {
        Derived { products: vec![Product::from(made)], public: Vec::new() }
    }
}

impl From<Made> for Product {
    fn from(made: Made) -> Product {
        Product { made, template: 0, purpose: Purpose::Asked, allowed: None }
    }
}

impl Derived {
    /// The front of a value that was derived whole, as long as `spec` wants it.
    pub(super) fn front(mut whole: Secret, spec: &Spec) -> Result<Derived> {
        let len = spec.length(Some(whole.len()))?;
        whole.truncate(len);
        Ok(Derived::from(whole))
    }
}

impl Spec {
    /// The length of a derived value, bytes (section "Miscellaneous simple key derivation
    /// mechanisms", which others repeat): what the template says, else what keys of the type have,
    /// else, where the template names neither, `whole`, all that the mechanism gives.
    ///
    /// - `TemplateIncomplete`: keys of the type have no length of their own, and none is named;
    /// - `TemplateInconsistent`: a length that keys of the type do not have;
    /// - `KeySizeRange`: more than the mechanism gives;
    /// - `AttributeValueInvalid`: none at all.
    pub fn length(&self, whole: Option<usize>) -> Result<usize> {
        let len = match (self.value_len, self.named_type) {
            (Some(len), _) => len,
            (None, Some(key_type)) => {
                secret_key::fixed_length(key_type).ok_or(Error::TemplateIncomplete)?
            }
            (None, None) => whole.ok_or(Error::TemplateIncomplete)?,
        };
        match len {
            _ if whole == Some(0) => Err(Error::KeySizeRange),
            0 => Err(Error::AttributeValueInvalid),
            _ if !secret_key::fits(self.key_type, len) => Err(Error::TemplateInconsistent),
            _ if whole.is_some_and(|whole| len > whole) => Err(Error::KeySizeRange),
            _ => Ok(len),
        }
    }

    /// The length of a key from a secret of `whole` bytes that two parties agree on: keys of a type
    /// without a length of its own take all of it, as clients that name the type alone rely on.
    pub(super) fn agreed_length(&self, whole: usize) -> Result<usize> {
        match (self.value_len, self.named_type) {
            (None, Some(key_type)) if secret_key::fixed_length(key_type).is_none() => {
                let fits = secret_key::fits(key_type, whole);
                fits.then_some(whole).ok_or(Error::TemplateIncomplete)
            }
            _ => self.length(Some(whole)),
        }
    }

    /// The same of a value that a mechanism makes as long as it is asked for, up to `most` bytes.
    pub(super) fn length_up_to(&self, most: usize) -> Result<usize> {
        match self.length(None)? {
            len if len > most => Err(Error::KeySizeRange),
            len => Ok(len),
        }
    }
}

/// The types of secret keys, any of which has a value to derive from.
pub(super) const SECRETS: &[CK_KEY_TYPE] = &[
    CKK_GENERIC_SECRET,
    CKK_AES,
    CKK_AES_XTS,
    CKK_CHACHA20,
    CKK_POLY1305,
    CKK_DES2,
    CKK_DES3,
    CKK_HKDF,
    CKK_SHA_1_HMAC,
    CKK_SHA224_HMAC,
    CKK_SHA256_HMAC,
    CKK_SHA384_HMAC,
    CKK_SHA512_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA512_224_HMAC,
    CKK_SHA512_256_HMAC,
    CKK_SHA3_224_HMAC,
    CKK_SHA3_256_HMAC,
    CKK_SHA3_384_HMAC,
    CKK_SHA3_512_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
    CKK_BLAKE2B_160_HMAC,
    CKK_BLAKE2B_256_HMAC,
    CKK_BLAKE2B_384_HMAC,
    CKK_BLAKE2B_512_HMAC,
];

/// Sizes of the keys that are derived from, bytes.
pub(super) const SIZES: (CK_ULONG, CK_ULONG) = (1, 8192);
