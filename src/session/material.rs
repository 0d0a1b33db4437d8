// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects to records and back: the material of private keys goes apart, for those alone who use keys.

use crate::error::{Error, Result};
use crate::object::{self, Object};
use crate::secret::Secret;
use crate::store::{Keys, Vault};

/// The object of a record; without its material where the caller does not use keys.
pub(super) fn read(vault: &Vault, keys: Option<&Keys>, record: &Secret) -> Result<Object> {
    let mut attributes = object::decode(record.expose())?;
    if let (Some(keys), Some(sealed)) = (keys, object::material(&attributes)) {
        if let Some(material) = vault.open_material(keys, sealed)? {
            object::join(&mut attributes, &material)?;
        }
    }
    Ok(Object::new(attributes))
}

/// The record of an object. Where the caller does not use keys: also what is left in memory, without
/// the material that has just been put out of reach.
pub(super) fn write(
    vault: &Vault,
    keys: Option<&Keys>,
    object: &Object,
) -> Result<(Secret, Option<Object>)> {
    let attributes = object.attributes();
    let apart = object::has_material(object);
    if object::material(attributes).is_some() && !apart {
        // Material out of reach cannot come to be under another key.
        return Err(Error::TemplateInconsistent);
    }
    let Some(keys) = keys.filter(|_| apart && object::material(attributes).is_none()) else {
        return Ok((object::encode(attributes)?, None));
    };
    let (mut rest, material) = object::split(attributes)?;
    let Some(sealed) = vault.seal_material(keys, &material)? else {
        return Ok((object::encode(attributes)?, None));
    };
    object::set_material(&mut rest, sealed);
    let record = object::encode(&rest)?;
    Ok((record, (!keys.use_keys()).then(|| Object::new(rest))))
}
