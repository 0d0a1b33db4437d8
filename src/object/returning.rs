// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token knows a key by when it comes back, and what such a key is then.

use super::value::{Attributes, Value};
use super::{Object, Template, attribute, separation};
use crate::error::Result;
use crate::mechanism::primitive;
use crate::vendor::{CKA_STRONGROOM_FINGERPRINT, CKA_STRONGROOM_USED};
use cryptoki_sys::*;

/// What tells a secret or private key from all others, whatever its attributes: a digest of its value
/// or of its public half. None for other objects.
pub fn identity(object: &Object) -> Result<Option<[u8; 32]>> {
    match object.class() {
        CKO_SECRET_KEY => {
            let key = object.key()?;
            key.secret().map(|value| primitive::sha256(value.expose())).transpose()
        }
        CKO_PRIVATE_KEY => primitive::sha256(&object.key()?.public_key_info()?).map(Some),
        _ => Ok(None),
    }
}

/// The object with the fingerprint that it is found by.
pub fn fingerprinted(object: &Object, fingerprint: &[u8]) -> Result<Object> {
    let mut attributes = object.attributes().duplicate()?;
    attributes.set(CKA_STRONGROOM_FINGERPRINT, Value::Bytes(fingerprint.to_vec()));
    Ok(object.with_attributes(attributes))
}

/// A key that the token holds already: its past is that of the one held, and what its template leaves
/// out is as that one has it.
pub fn as_held(key: &Object, held: &Object, template: &Template) -> Result<Object> {
    let mut attributes = key.attributes().duplicate()?;
    attributes.set(CKA_STRONGROOM_USED, Value::Number(key.used() | held.used()));
    for (id, guarded) in GUARDS {
        if template.attributes().get(*id).is_none() && held.attributes().flag(*id) == *guarded {
            attributes.set(*id, Value::Bool(*guarded));
        }
    }
    let usages = attribute::all().filter(|rule| rule.unsaid == attribute::Unsaid::Usage);
    for id in usages.map(|rule| rule.id) {
        if template.attributes().get(id).is_none() && attributes.has(id) {
            let both = attributes.flag(id) && held.attributes().flag(id);
            attributes.set(id, Value::Bool(both));
        }
    }
    if let (None, Some(list)) = (attributes.get(CKA_ALLOWED_MECHANISMS), allowed(held)) {
        attributes.set(CKA_ALLOWED_MECHANISMS, list.duplicate()?);
    }
    separation::settle(&mut attributes);
    Ok(key.with_attributes(attributes))
}

fn allowed(held: &Object) -> Option<&Value> {
    held.attributes().get(CKA_ALLOWED_MECHANISMS)
}

/// Whether a key is at least as guarded as another, and has no usage that the other has not.
pub fn no_less_guarded(key: &Object, held: &Object) -> bool {
    let (new, old) = (key.attributes(), held.attributes());
    let weaker = |(id, guarded): &(CK_ATTRIBUTE_TYPE, bool)| {
        old.flag(*id) == *guarded && new.flag(*id) != *guarded
    };
    let gained = |rule: &&attribute::Rule| {
        rule.unsaid == attribute::Unsaid::Usage && new.flag(rule.id) && !old.flag(rule.id)
    };
    let same = key.class() == held.class() && key.key_type() == held.key_type();
    same && !GUARDS.iter().any(weaker)
        && !attribute::all().any(|rule| gained(&rule))
        && within(new, allowed(held))
}

fn within(new: &Attributes, list: Option<&Value>) -> bool {
    match (list, new.get(CKA_ALLOWED_MECHANISMS)) {
        (Some(Value::Numbers(old)), Some(Value::Numbers(new))) => {
            new.iter().all(|one| old.contains(one))
        }
        (Some(_), _) => false,
        (None, _) => true,
    }
}

/// What guards a key, with the value that does.
const GUARDS: &[(CK_ATTRIBUTE_TYPE, bool)] = &[
    (CKA_SENSITIVE, true),
    (CKA_EXTRACTABLE, false),
    (CKA_PRIVATE, true),
    (CKA_WRAP_WITH_TRUSTED, true),
    (CKA_ALWAYS_AUTHENTICATE, true),
];
