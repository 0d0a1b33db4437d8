// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A key as mechanisms see it: decoded once, validated, kept ready.

use super::curve::Curve;
use super::field_key::FieldKey;
use super::hss_key::HssKey;
use super::nonce::Count;
use super::ossl::Pkey;
use super::parameter_set::ParameterSet;
use super::parts::{EcPrivate, EcPublic, Parts};
use super::ready::Ready;
use super::{ec_key, rsa_key, secret_key, set_key, spki};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The class of a key object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeyClass {
    /// `CKO_SECRET_KEY`.
    Secret,
    /// `CKO_PUBLIC_KEY`.
    Public,
    /// `CKO_PRIVATE_KEY`.
    Private,
}

/// A key, decoded, with the contexts that wait for its next operation.
pub struct Key {
    material: Material,
    class: KeyClass,
    ready: Ready,
    nonces: Count,
}

enum Material {
    Secret(CK_KEY_TYPE, Secret),
    Rsa { pkey: Pkey, modulus: Vec<u8> },
    Curve { pkey: Pkey, curve: &'static Curve, params: Vec<u8>, point: Vec<u8> },
    Field(FieldKey),
    Set { pkey: Pkey, set: &'static ParameterSet },
    Hss(HssKey),
}

impl Key {
    /// Decodes and validates values from outside.
    ///
    /// - `AttributeValueInvalid`: an RSA modulus not between 512 and 16384 bits, private values
    ///   that are out of range or do not fit together, a secret key of a wrong length;
    /// - `PublicKeyInvalid`: a point that is not on its curve or is infinity, an even modulus, an
    ///   unusable exponent;
    /// - `CurveNotSupported`, `DomainParamsInvalid`: see [`Curve::find`]; the latter for numbers
    ///   too that make no group;
    /// - for keys with a parameter set see `set_key`.
    pub fn new(parts: &Parts) -> Result<Key> {
        Key::decode(parts, true)
    }

    /// The same without the expensive checks: the values come from a record of ours that was
    /// authenticated, or from a generation of ours.
    pub fn from_record(parts: &Parts) -> Result<Key> {
        Key::decode(parts, false)
    }

    fn decode(parts: &Parts, validate: bool) -> Result<Key> {
        super::ossl::initialise()?;
        let (class, material) = match parts {
            Parts::Secret(key_type, value) => {
                if validate {
                    secret_key::check(*key_type, value.expose())?;
                }
                (KeyClass::Secret, Material::Secret(*key_type, value.duplicate()?))
            }
            Parts::RsaPublic(public) => (
                KeyClass::Public,
                Material::Rsa {
                    pkey: rsa_key::public(public, validate)?,
                    modulus: rsa_key::minimal(&public.modulus).to_vec(),
                },
            ),
            Parts::RsaPrivate(private) => (
                KeyClass::Private,
                Material::Rsa {
                    pkey: rsa_key::private(private, validate)?,
                    modulus: rsa_key::minimal(&private.public.modulus).to_vec(),
                },
            ),
            Parts::EcPublic(public) => {
                let curve = Curve::find(public.key_type, &public.params)?;
                let (pkey, point) = ec_key::public(curve, &public.point, validate)?;
                let params = public.params.clone();
                (KeyClass::Public, Material::Curve { pkey, curve, params, point })
            }
            Parts::EcPrivate(private) => {
                let curve = Curve::find(private.key_type, &private.params)?;
                let pkey = ec_key::private(curve, &private.value)?;
                let params = private.params.clone();
                (KeyClass::Private, Material::Curve { pkey, curve, params, point: Vec::new() })
            }
            Parts::FieldPublic(public) => {
                (KeyClass::Public, Material::Field(FieldKey::public(public, validate)?))
            }
            Parts::FieldPrivate(private) => {
                (KeyClass::Private, Material::Field(FieldKey::private(private, validate)?))
            }
            Parts::FieldDomain(_) => return Err(Error::KeyTypeInconsistent),
            Parts::SetPublic(public) => (
                KeyClass::Public,
                Material::Set { pkey: set_key::public(public)?, set: public.set },
            ),
            Parts::SetPrivate(private) => (
                KeyClass::Private,
                Material::Set { pkey: set_key::private(private, validate)?, set: private.set },
            ),
            Parts::HssPublic(value) => (KeyClass::Public, Material::Hss(HssKey::read(value)?)),
        };
        Ok(Key { material, class, ready: Ready::default(), nonces: Count::default() })
    }

    /// Its `CKK_*` type.
    pub fn key_type(&self) -> CK_KEY_TYPE {
        match &self.material {
            Material::Secret(key_type, _) => *key_type,
            Material::Rsa { .. } => CKK_RSA,
            Material::Curve { curve, .. } => curve.key_type,
            Material::Field(key) => key.domain.key_type,
            Material::Set { set, .. } => set.key_type,
            Material::Hss(_) => CKK_HSS,
        }
    }

    /// Its size in bits: of the modulus, of the curve's field, of the secret value, of the public
    /// key of a parameter set.
    pub fn bits(&self) -> usize {
        match &self.material {
            Material::Secret(_, value) => value.len() * 8,
            Material::Rsa { modulus, .. } => rsa_key::bit_length(modulus),
            Material::Curve { curve, .. } => curve.bits,
            Material::Field(key) => key.domain.bits(),
            Material::Set { set, .. } => set.public * 8,
            Material::Hss(key) => key.value.len() * 8,
        }
    }

    /// The value of a secret key.
    pub fn secret(&self) -> Option<&Secret> {
        match &self.material {
            Material::Secret(_, value) => Some(value),
            _ => None,
        }
    }

    /// The DER of its SubjectPublicKeyInfo (`CKA_PUBLIC_KEY_INFO`), for public and private keys.
    /// A secret key has none: `KeyTypeInconsistent`.
    pub fn public_key_info(&self) -> Result<Vec<u8>> {
        spki::encode(&self.public_parts()?)
    }

    /// The values of the public half of a public or private key.
    pub fn public_parts(&self) -> Result<Parts> {
        match &self.material {
            Material::Secret(..) => Err(Error::KeyTypeInconsistent),
            Material::Rsa { pkey, .. } => rsa_key::public_parts(pkey).map(Parts::RsaPublic),
            Material::Curve { pkey, curve, params, point } => {
                let point = match point.is_empty() {
                    true => ec_key::point(curve, pkey)?,
                    false => point.clone(),
                };
                Ok(Parts::EcPublic(EcPublic {
                    key_type: curve.key_type,
                    params: params.clone(),
                    point,
                }))
            }
            Material::Field(key) => key.public_parts().map(Parts::FieldPublic),
            Material::Set { pkey, set } => set_key::public_parts(set, pkey).map(Parts::SetPublic),
            Material::Hss(key) => Ok(Parts::HssPublic(key.value.clone())),
        }
    }

    /// All values of a private key. Where an RSA key was given by `n`, `e` and `d` alone, its
    /// factors and CRT values are here too, and so is the expanded form of a key given by its seed.
    pub fn private_parts(&self) -> Result<Parts> {
        match (&self.material, self.class) {
            (Material::Rsa { pkey, .. }, KeyClass::Private) => {
                rsa_key::private_parts(pkey).map(Parts::RsaPrivate)
            }
            (Material::Curve { pkey, curve, params, .. }, KeyClass::Private) => {
                let value = ec_key::private_value(curve, pkey)?;
                let (key_type, params) = (curve.key_type, params.clone());
                Ok(Parts::EcPrivate(EcPrivate { key_type, params, value }))
            }
            (Material::Field(key), KeyClass::Private) => {
                key.private_parts().map(Parts::FieldPrivate)
            }
            (Material::Set { pkey, set }, KeyClass::Private) => {
                set_key::private_parts(set, pkey).map(Parts::SetPrivate)
            }
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The key in OpenSSL, if it is of the class that the operation needs.
    pub(super) fn pkey(&self, class: KeyClass) -> Result<&Pkey> {
        match &self.material {
            Material::Rsa { pkey, .. }
            | Material::Curve { pkey, .. }
            | Material::Field(FieldKey { pkey, .. })
            | Material::Set { pkey, .. }
                if self.class == class =>
            {
                Ok(pkey)
            }
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The size of the private value of a Diffie-Hellman key, bits (`CKA_VALUE_BITS`).
    pub fn value_bits(&self) -> Option<usize> {
        match &self.material {
            Material::Field(key) if key.domain.key_type == CKK_DH => key.value_bits,
            _ => None,
        }
    }

    /// The key as one in a finite field.
    pub(super) fn field(&self) -> Result<&FieldKey> {
        match &self.material {
            Material::Field(key) => Ok(key),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The modulus, big-endian, without leading zeros.
    pub(super) fn modulus(&self) -> Result<&[u8]> {
        match &self.material {
            Material::Rsa { modulus, .. } => Ok(modulus),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The curve.
    pub(super) fn curve(&self) -> Result<&'static Curve> {
        match &self.material {
            Material::Curve { curve, .. } => Ok(curve),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The levels of an HSS key, and the types of its top tree and of that tree's one-time
    /// signatures.
    pub fn hss_types(&self) -> Option<[u32; 3]> {
        match &self.material {
            Material::Hss(key) => Some([key.levels, key.top.lms_type, key.top.ots_type]),
            _ => None,
        }
    }

    /// The HSS key.
    pub(super) fn hss(&self) -> Result<&HssKey> {
        match &self.material {
            Material::Hss(key) => Ok(key),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The parameter set.
    pub(super) fn parameter_set(&self) -> Result<&'static ParameterSet> {
        match &self.material {
            Material::Set { set, .. } => Ok(set),
            _ => Err(Error::KeyTypeInconsistent),
        }
    }

    /// The value of a secret key, for a mechanism that needs one.
    pub(super) fn value(&self) -> Result<&[u8]> {
        self.secret().map(Secret::expose).ok_or(Error::KeyTypeInconsistent)
    }

    /// The nonces that were made with it.
    pub fn nonces(&self) -> &Count {
        &self.nonces
    }

    /// The contexts that wait for this key's next operation.
    pub(super) fn ready(&self) -> &Ready {
        &self.ready
    }
}
