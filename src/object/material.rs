// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The material of a key apart from the rest of its attributes, so that who manages keys holds them
//! without it.

use super::attribute::{self, HIDDEN};
use super::record;
use super::value::{Attributes, Value};
use super::{Object, Shape};
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::vendor::CKA_STRONGROOM_MATERIAL;
use cryptoki_sys::*;

/// Whether an object has material that rests apart: a private object with a secret or private key.
pub fn has_material(object: &Object) -> bool {
    object.private() && matches!(object.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY)
}

/// What is left of attributes without their material, and the record of that material.
pub fn split(attributes: &Attributes) -> Result<(Attributes, Secret)> {
    let (mut rest, mut hidden) = (Attributes::default(), Attributes::default());
    for (id, value) in attributes.iter() {
        let part = if attribute::has(*id, HIDDEN) { &mut hidden } else { &mut rest };
        part.set(*id, value.duplicate()?);
    }
    Ok((rest, record::encode(&hidden)?))
}

/// Puts sealed material in the place of the material.
pub fn set_material(rest: &mut Attributes, sealed: Vec<u8>) {
    rest.set(CKA_STRONGROOM_MATERIAL, Value::Bytes(sealed));
}

/// An object with other sealed material in the place of what it has.
pub fn with_material(object: &Object, sealed: Vec<u8>) -> Result<Object> {
    let mut attributes = object.attributes().duplicate()?;
    set_material(&mut attributes, sealed);
    Ok(object.with_attributes(attributes))
}

/// The sealed material that attributes have in the place of their material.
pub fn material(attributes: &Attributes) -> Option<&[u8]> {
    attributes.bytes(CKA_STRONGROOM_MATERIAL)
}

/// Puts material back in its place.
pub fn join(attributes: &mut Attributes, material: &Secret) -> Result<()> {
    for (id, value) in record::decode_hidden(material.expose())? {
        if !attribute::has(id, HIDDEN) {
            return Err(Error::DeviceError);
        }
        attributes.set(id, value);
    }
    attributes.remove(CKA_STRONGROOM_MATERIAL);
    Ok(())
}

/// Whether an attribute is among the material that this object has sealed.
pub(super) fn sealed(object: &Object, id: CK_ATTRIBUTE_TYPE) -> bool {
    let kind = object.key_type();
    let rule = || attribute::rule_for(id, Shape::of(object.class(), kind).ok()?);
    material(object.attributes()).is_some() && rule().is_some_and(|rule| rule.has(HIDDEN))
}
