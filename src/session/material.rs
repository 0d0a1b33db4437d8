// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects to records and back: the material of private keys goes apart, for those alone who use keys.

use crate::error::{Error, Result};
use crate::object::{self, Object};
use crate::secret::Secret;
use crate::store::{Keys, Vault, material_generation};

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

/// The record of an object.
pub(super) struct Written {
    pub(super) record: Secret,
    /// Which use key the material in it rests under, where it has any.
    pub(super) material: Option<u32>,
    /// Where the caller does not use keys: what is left in memory, without the material that has just
    /// been put out of reach.
    pub(super) left: Option<Object>,
}

/// The record of an object.
pub(super) fn write(vault: &Vault, keys: Option<&Keys>, object: &Object) -> Result<Written> {
    let attributes = object.attributes();
    let apart = object::has_material(object);
    let sealed = object::material(attributes);
    if sealed.is_some() && !apart {
        // Material out of reach cannot come to be under another key.
        return Err(Error::TemplateInconsistent);
    }
    let whole =
        |material| Ok(Written { record: object::encode(attributes)?, material, left: None });
    if let Some(sealed) = sealed {
        return whole(Some(material_generation(sealed)?));
    }
    let Some(keys) = keys.filter(|_| apart) else { return whole(None) };
    let (mut rest, material) = object::split(attributes)?;
    let Some(sealed) = vault.seal_material(keys, &material)? else { return whole(None) };
    let generation = material_generation(&sealed)?;
    object::set_material(&mut rest, sealed);
    let record = object::encode(&rest)?;
    let left = (!keys.use_keys()).then(|| Object::new(rest));
    Ok(Written { record, material: Some(generation), left })
}

/// The record with its material under another key.
pub(super) fn renew(record: &Secret, renew: &dyn Fn(&[u8]) -> Result<Vec<u8>>) -> Result<Secret> {
    let mut attributes = object::decode(record.expose())?;
    match object::material(&attributes).map(renew).transpose()? {
        None => record.duplicate(),
        Some(sealed) => {
            object::set_material(&mut attributes, sealed);
            object::encode(&attributes)
        }
    }
}

/// An object with the material, out of reach, that its record has now: it was brought under another key.
pub(super) fn caught_up(object: Object, record: &Secret) -> Result<Object> {
    let now = object::decode(record.expose())?;
    match (object::material(object.attributes()), object::material(&now)) {
        (Some(_), Some(sealed)) => object::with_material(&object, sealed.to_vec()),
        _ => Ok(object),
    }
}
