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
    let (class, key_type, values) = match parts {
        Parts::Secret(key_type, value) => {
            (CKO_SECRET_KEY, key_type, vec![hidden(CKA_VALUE, value)])
        }
        Parts::RsaPublic(key) => (CKO_PUBLIC_KEY, CKK_RSA, of_rsa_public(key)),
        Parts::RsaPrivate(key) => (CKO_PRIVATE_KEY, CKK_RSA, of_rsa_private(key)),
        Parts::EcPublic(key) => {
            let point = der::wrap(der::OCTET_STRING, &key.point);
            let values = vec![shown(CKA_EC_PARAMS, key.params), shown(CKA_EC_POINT, point)];
            (CKO_PUBLIC_KEY, key.key_type, values)
        }
        Parts::EcPrivate(key) => {
            let values = vec![shown(CKA_EC_PARAMS, key.params), hidden(CKA_VALUE, key.value)];
            (CKO_PRIVATE_KEY, key.key_type, values)
        }
        Parts::FieldPublic(key) => {
            let value = Some(shown(CKA_VALUE, key.value));
            (CKO_PUBLIC_KEY, key.domain.key_type, of_domain(key.domain, value))
        }
        Parts::FieldPrivate(key) => {
            let value = Some(hidden(CKA_VALUE, key.value));
            (CKO_PRIVATE_KEY, key.domain.key_type, of_domain(key.domain, value))
        }
        Parts::FieldDomain(domain) => {
            (CKO_DOMAIN_PARAMETERS, domain.key_type, of_domain(domain, None))
        }
        Parts::SetPublic(key) => {
            (CKO_PUBLIC_KEY, key.set.key_type, vec![of_set(key.set), shown(CKA_VALUE, key.value)])
        }
        Parts::HssPublic(value) => (CKO_PUBLIC_KEY, CKK_HSS, vec![shown(CKA_VALUE, value)]),
        Parts::SetPrivate(key) => {
            let secrets = [(CKA_SEED, key.seed), (CKA_VALUE, key.value)];
            let secrets = secrets.into_iter().filter_map(|(id, value)| Some(hidden(id, value?)));
            let values = std::iter::once(of_set(key.set)).chain(secrets).collect();
            (CKO_PRIVATE_KEY, key.set.key_type, values)
        }
    };
    let mut attributes = Attributes::default();
    attributes.set(CKA_CLASS, Value::Number(class as u64));
    attributes.set(CKA_KEY_TYPE, Value::Number(key_type as u64));
    for (id, value) in values {
        attributes.set(id, value);
    }
    attributes
}

/// An attribute and its value.
type Row = (CK_ATTRIBUTE_TYPE, Value);

fn shown(id: CK_ATTRIBUTE_TYPE, value: Vec<u8>) -> Row {
    (id, Value::Bytes(value))
}

fn hidden(id: CK_ATTRIBUTE_TYPE, value: Secret) -> Row {
    (id, Value::Secret(value))
}

fn of_rsa_public(key: RsaPublic) -> Vec<Row> {
    vec![shown(CKA_MODULUS, key.modulus), shown(CKA_PUBLIC_EXPONENT, key.exponent)]
}

fn of_rsa_private(key: RsaPrivate) -> Vec<Row> {
    let mut values = of_rsa_public(key.public);
    values.push(hidden(CKA_PRIVATE_EXPONENT, key.exponent));
    let crt = CRT.into_iter().zip(key.crt.into_iter().flatten());
    values.extend(crt.map(|(id, value)| hidden(id, value)));
    values
}

fn of_domain(domain: FieldDomain, value: Option<Row>) -> Vec<Row> {
    let mut values = vec![shown(CKA_PRIME, domain.prime), shown(CKA_BASE, domain.base)];
    values.extend(domain.subprime.map(|subprime| shown(CKA_SUBPRIME, subprime)));
    values.extend(value);
    values
}

fn of_set(set: &ParameterSet) -> Row {
    (CKA_PARAMETER_SET, Value::Number(set.id as u64))
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

fn domain(attributes: &Attributes, key_type: CK_KEY_TYPE) -> Result<FieldDomain> {
    let (prime, base) = (bytes(attributes, CKA_PRIME)?, bytes(attributes, CKA_BASE)?);
    FieldDomain::new(key_type, &prime, attributes.bytes(CKA_SUBPRIME), &base)
}

fn bytes(attributes: &Attributes, id: CK_ATTRIBUTE_TYPE) -> Result<Vec<u8>> {
    attributes.bytes(id).map(<[u8]>::to_vec).ok_or(Error::TemplateIncomplete)
}

fn secret(attributes: &Attributes, id: CK_ATTRIBUTE_TYPE) -> Result<Secret> {
    Secret::copy_of(attributes.bytes(id).ok_or(Error::TemplateIncomplete)?)
}

const CRT: [CK_ATTRIBUTE_TYPE; 5] =
    [CKA_PRIME_1, CKA_PRIME_2, CKA_EXPONENT_1, CKA_EXPONENT_2, CKA_COEFFICIENT];
