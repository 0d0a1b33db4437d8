// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Between the attributes of a key object and the values a mechanism works with.

use super::value::{Attributes, Value};
use crate::codec::der;
use crate::error::{Error, Result};
use crate::mechanism::Parts;
use crate::mechanism::parameter_set::ParameterSet;
use crate::mechanism::parts::{
    EcPrivate, EcPublic, FieldDomain, FieldPrivate, FieldPublic, RsaPrivate, RsaPublic, SetPrivate,
    SetPublic,
};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The values of a key object.
pub(super) fn from_attributes(attributes: &Attributes) -> Result<Parts> {
    let key_type = attributes.number(CKA_KEY_TYPE).ok_or(Error::TemplateIncomplete)?;
    let key_type = CK_KEY_TYPE::try_from(key_type).map_err(|_| Error::AttributeValueInvalid)?;
    match (attributes.number(CKA_CLASS), key_type) {
        (Some(CKO_SECRET_KEY), _) => Ok(Parts::Secret(key_type, secret(attributes, CKA_VALUE)?)),
        (Some(CKO_PUBLIC_KEY), CKK_RSA) => Ok(Parts::RsaPublic(rsa_public(attributes)?)),
        (Some(CKO_PRIVATE_KEY), CKK_RSA) => rsa_private(attributes).map(Parts::RsaPrivate),
        (Some(CKO_PUBLIC_KEY), CKK_HSS) => Ok(Parts::HssPublic(bytes(attributes, CKA_VALUE)?)),
        (Some(CKO_PUBLIC_KEY), _) if ParameterSet::has_some(key_type) => {
            let set = parameter_set(attributes, key_type)?;
            Ok(Parts::SetPublic(SetPublic { set, value: bytes(attributes, CKA_VALUE)? }))
        }
        (Some(CKO_PRIVATE_KEY), _) if ParameterSet::has_some(key_type) => {
            set_private(attributes, parameter_set(attributes, key_type)?).map(Parts::SetPrivate)
        }
        (Some(CKO_PUBLIC_KEY), CKK_DSA | CKK_DH | CKK_X9_42_DH) => {
            let value = bytes(attributes, CKA_VALUE)?;
            Ok(Parts::FieldPublic(FieldPublic { domain: domain(attributes, key_type)?, value }))
        }
        (Some(CKO_PRIVATE_KEY), CKK_DSA | CKK_DH | CKK_X9_42_DH) => {
            let value = secret(attributes, CKA_VALUE)?;
            Ok(Parts::FieldPrivate(FieldPrivate { domain: domain(attributes, key_type)?, value }))
        }
        (Some(CKO_DOMAIN_PARAMETERS), _) => domain(attributes, key_type).map(Parts::FieldDomain),
        (Some(CKO_PUBLIC_KEY), _) => Ok(Parts::EcPublic(EcPublic {
            key_type,
            params: bytes(attributes, CKA_EC_PARAMS)?,
            point: bytes(attributes, CKA_EC_POINT)?,
        })),
        (Some(CKO_PRIVATE_KEY), _) => Ok(Parts::EcPrivate(EcPrivate {
            key_type,
            params: bytes(attributes, CKA_EC_PARAMS)?,
            value: secret(attributes, CKA_VALUE)?,
        })),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// The attributes that a key's values give its object, class and key type included.
pub(super) fn to_attributes(parts: Parts) -> Attributes {
    let mut attributes = Attributes::default();
    match parts {
        Parts::Secret(key_type, value) => {
            head(&mut attributes, CKO_SECRET_KEY, key_type);
            attributes.set(CKA_VALUE, Value::Secret(value));
        }
        Parts::RsaPublic(key) => {
            head(&mut attributes, CKO_PUBLIC_KEY, CKK_RSA);
            set_rsa_public(&mut attributes, key);
        }
        Parts::RsaPrivate(key) => {
            head(&mut attributes, CKO_PRIVATE_KEY, CKK_RSA);
            set_rsa_public(&mut attributes, key.public);
            attributes.set(CKA_PRIVATE_EXPONENT, Value::Secret(key.exponent));
            for (id, value) in CRT.into_iter().zip(key.crt.into_iter().flatten()) {
                attributes.set(id, Value::Secret(value));
            }
        }
        Parts::EcPublic(key) => {
            head(&mut attributes, CKO_PUBLIC_KEY, key.key_type);
            attributes.set(CKA_EC_PARAMS, Value::Bytes(key.params));
            attributes.set(CKA_EC_POINT, Value::Bytes(der::wrap(der::OCTET_STRING, &key.point)));
        }
        Parts::EcPrivate(key) => {
            head(&mut attributes, CKO_PRIVATE_KEY, key.key_type);
            attributes.set(CKA_EC_PARAMS, Value::Bytes(key.params));
            attributes.set(CKA_VALUE, Value::Secret(key.value));
        }
        Parts::FieldPublic(key) => {
            head(&mut attributes, CKO_PUBLIC_KEY, key.domain.key_type);
            set_domain(&mut attributes, key.domain);
            attributes.set(CKA_VALUE, Value::Bytes(key.value));
        }
        Parts::FieldPrivate(key) => {
            head(&mut attributes, CKO_PRIVATE_KEY, key.domain.key_type);
            set_domain(&mut attributes, key.domain);
            attributes.set(CKA_VALUE, Value::Secret(key.value));
        }
        Parts::FieldDomain(domain) => {
            head(&mut attributes, CKO_DOMAIN_PARAMETERS, domain.key_type);
            set_domain(&mut attributes, domain);
        }
        Parts::SetPublic(key) => {
            head(&mut attributes, CKO_PUBLIC_KEY, key.set.key_type);
            attributes.set(CKA_PARAMETER_SET, Value::Number(key.set.id as u64));
            attributes.set(CKA_VALUE, Value::Bytes(key.value));
        }
        Parts::HssPublic(value) => {
            head(&mut attributes, CKO_PUBLIC_KEY, CKK_HSS);
            attributes.set(CKA_VALUE, Value::Bytes(value));
        }
        Parts::SetPrivate(key) => {
            head(&mut attributes, CKO_PRIVATE_KEY, key.set.key_type);
            attributes.set(CKA_PARAMETER_SET, Value::Number(key.set.id as u64));
            for (id, value) in [(CKA_SEED, key.seed), (CKA_VALUE, key.value)] {
                if let Some(value) = value {
                    attributes.set(id, Value::Secret(value));
                }
            }
        }
    }
    attributes
}

fn head(attributes: &mut Attributes, class: CK_OBJECT_CLASS, key_type: CK_KEY_TYPE) {
    attributes.set(CKA_CLASS, Value::Number(class as u64));
    attributes.set(CKA_KEY_TYPE, Value::Number(key_type as u64));
}

fn rsa_public(attributes: &Attributes) -> Result<RsaPublic> {
    Ok(RsaPublic {
        modulus: bytes(attributes, CKA_MODULUS)?,
        exponent: bytes(attributes, CKA_PUBLIC_EXPONENT)?,
    })
}

fn rsa_private(attributes: &Attributes) -> Result<RsaPrivate> {
    let given = CRT.iter().filter(|id| attributes.has(**id)).count();
    let crt = match given {
        0 => None,
        5 => {
            let [p, q, dp, dq, qinv] = CRT.map(|id| secret(attributes, id));
            Some([p?, q?, dp?, dq?, qinv?])
        }
        _ => return Err(Error::TemplateIncomplete),
    };
    let exponent = secret(attributes, CKA_PRIVATE_EXPONENT)?;
    Ok(RsaPrivate { public: rsa_public(attributes)?, exponent, crt })
}

fn parameter_set(attributes: &Attributes, key_type: CK_KEY_TYPE) -> Result<&'static ParameterSet> {
    let id = attributes.number(CKA_PARAMETER_SET).ok_or(Error::TemplateIncomplete)?;
    ParameterSet::find(key_type, id)
}

fn set_private(attributes: &Attributes, set: &'static ParameterSet) -> Result<SetPrivate> {
    let given = |id| attributes.has(id).then(|| secret(attributes, id)).transpose();
    let (seed, value) = (given(CKA_SEED)?, given(CKA_VALUE)?);
    match (&seed, &value) {
        (None, None) => Err(Error::TemplateIncomplete),
        (Some(_), _) if set.seed == 0 => Err(Error::TemplateInconsistent),
        _ => Ok(SetPrivate { set, seed, value }),
    }
}

fn set_rsa_public(attributes: &mut Attributes, key: RsaPublic) {
    attributes.set(CKA_MODULUS, Value::Bytes(key.modulus));
    attributes.set(CKA_PUBLIC_EXPONENT, Value::Bytes(key.exponent));
}

fn domain(attributes: &Attributes, key_type: CK_KEY_TYPE) -> Result<FieldDomain> {
    let (prime, base) = (bytes(attributes, CKA_PRIME)?, bytes(attributes, CKA_BASE)?);
    FieldDomain::new(key_type, &prime, attributes.bytes(CKA_SUBPRIME), &base)
}

fn set_domain(attributes: &mut Attributes, domain: FieldDomain) {
    attributes.set(CKA_PRIME, Value::Bytes(domain.prime));
    attributes.set(CKA_BASE, Value::Bytes(domain.base));
    if let Some(subprime) = domain.subprime {
        attributes.set(CKA_SUBPRIME, Value::Bytes(subprime));
    }
}

fn bytes(attributes: &Attributes, id: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>> {
    attributes.bytes(id).map(<[u8]>::to_vec).ok_or(Error::TemplateIncomplete)
}

fn secret(attributes: &Attributes, id: CK_ATTRIBUTE_TYPE) -> Result<Secret> {
    Secret::copy_of(attributes.bytes(id).ok_or(Error::TemplateIncomplete)?)
}

const CRT: [CK_ATTRIBUTE_TYPE; 5] =
    [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
