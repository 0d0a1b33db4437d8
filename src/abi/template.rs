// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Templates: read from the application's memory, and attribute values written to it.

use super::pointer::Pointer;
use crate::error::{Error, Result};
use crate::object::attribute::{Kind, kind};
use crate::object::{Attributes, Reading, Value};
use crate::session::View;
use crate::types::{RawAttribute, RawValue, ULONG};
use cryptoki_sys::*;

/// The attributes of a template.
pub(super) fn read(
    template: Pointer<'_, CK_ATTRIBUTE>,
    count: CK_ULONG,
) -> Result<Vec<RawAttribute<'_>>> {
    if count > MOST {
        return Err(Error::ArgumentsBad);
    }
    template.slice(count)?.iter().map(|attribute| read_one(attribute, 0)).collect()
}

fn read_one<'a>(attribute: &CK_ATTRIBUTE, depth: usize) -> Result<RawAttribute<'a>> {
    // SAFETY: an attribute of a template points at as many bytes as it says, by the caller's promise.
    let pointer: Pointer<'a, u8> = unsafe { Pointer::inner(attribute.pValue.cast()) };
    let bad = |_| Error::AttributeValueInvalid;
    let nested = kind(attribute.type_) == Some(Kind::Template);
    let value = if nested && attribute.ulValueLen > 0 {
        let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
        let count = attribute.ulValueLen / size;
        if attribute.ulValueLen % size != 0 || count > MOST {
            return Err(Error::AttributeValueInvalid);
        }
        // Section "Template Attributes": a template inside a template may be declined.
        if depth > 0 {
            return Err(Error::TemplateInconsistent);
        }
        let inner = pointer.cast::<CK_ATTRIBUTE>().slice(count).map_err(bad)?;
        let inner = inner.iter().map(|attribute| read_one(attribute, depth + 1));
        RawValue::Template(inner.collect::<Result<_>>()?)
    } else {
        RawValue::Bytes(pointer.slice(attribute.ulValueLen).map_err(bad)?)
    };
    Ok(RawAttribute { id: attribute.type_, value })
}

/// The template of `C_GetAttributeValue`, to be answered.
pub(super) fn questions(
    template: Pointer<'_, CK_ATTRIBUTE>,
    count: CK_ULONG,
) -> Result<&mut [CK_ATTRIBUTE]> {
    if count > MOST {
        return Err(Error::ArgumentsBad);
    }
    template.slice_mut(count)
}

/// `C_GetAttributeValue`: every attribute is answered; the code is that of the worst answer.
pub(super) fn answer(view: &View, questions: &mut [CK_ATTRIBUTE]) -> Result<()> {
    let mut result = Ok(());
    for attribute in questions {
        let answered = match view.read(attribute.type_) {
            Reading::Value(value) => write(attribute, value),
            Reading::Sensitive => refuse(attribute, Error::AttributeSensitive),
            Reading::Absent => refuse(attribute, Error::AttributeTypeInvalid),
        };
        result = result.and(answered);
    }
    result
}

/// The attributes whose values are asked for, not their lengths alone.
pub(super) fn given(questions: &[CK_ATTRIBUTE]) -> impl Iterator<Item = CK_ATTRIBUTE_TYPE> + '_ {
    let asked = questions.iter().filter(|attribute| !attribute.pValue.is_null());
    asked.map(|attribute| attribute.type_)
}

/// Why an attribute is not given: its length says that it is not, the code says why.
fn refuse(attribute: &mut CK_ATTRIBUTE, error: Error) -> Result<()> {
    attribute.ulValueLen = CK_UNAVAILABLE_INFORMATION;
    Err(error)
}

fn write(attribute: &mut CK_ATTRIBUTE, value: &Value) -> Result<()> {
    match value {
        Value::Bool(value) => write_bytes(attribute, &[u8::from(*value)]),
        Value::Number(value) => write_bytes(attribute, &native(*value)),
        Value::Bytes(bytes) => write_bytes(attribute, bytes),
        Value::Secret(secret) => write_bytes(attribute, secret.expose()),
        Value::Numbers(values) => {
            let bytes: Vec<u8> = values.iter().flat_map(|value| native(*value)).collect();
            write_bytes(attribute, &bytes)
        }
        Value::Template(inner) => write_template(attribute, inner),
    }
}

/// A number in the width of this machine; "unavailable" is all ones in every width.
fn native(value: u64) -> [u8; ULONG] {
    CK_ULONG::try_from(value).unwrap_or(CK_UNAVAILABLE_INFORMATION).to_ne_bytes()
}

fn write_bytes(attribute: &mut CK_ATTRIBUTE, bytes: &[u8]) -> Result<()> {
    // SAFETY: as in `read_one`; an attribute to be answered may be written.
    let buffer: Pointer<'_, u8> = unsafe { Pointer::inner(attribute.pValue.cast()) };
    if !buffer.is_null() {
        if (attribute.ulValueLen as usize) < bytes.len() {
            return refuse(attribute, Error::BufferTooSmall);
        }
        buffer.slice_mut(bytes.len() as CK_ULONG)?.copy_from_slice(bytes);
    }
    attribute.ulValueLen = bytes.len() as CK_ULONG;
    Ok(())
}

/// A nested template: its attributes one by one, each with a buffer of its own or none (section
/// "Template Attributes", and the end of that on `C_GetAttributeValue`).
fn write_template(attribute: &mut CK_ATTRIBUTE, inner: &Attributes) -> Result<()> {
    let size = size_of::<CK_ATTRIBUTE>() as CK_ULONG;
    let needed = inner.len() as CK_ULONG * size;
    // SAFETY: as in `write_bytes`.
    let buffer: Pointer<'_, CK_ATTRIBUTE> = unsafe { Pointer::inner(attribute.pValue.cast()) };
    if buffer.is_null() {
        attribute.ulValueLen = needed;
        return Ok(());
    }
    let places = buffer.slice_mut((attribute.ulValueLen / size).min(MOST))?;
    let named = places.iter().any(|place| !NAMELESS.contains(&place.type_));
    let wanted = places.len().min(inner.len());
    if let Err(error) = if named { known(places, inner) } else { unknown(places, inner) } {
        return refuse(attribute, error);
    }
    attribute.ulValueLen = wanted as CK_ULONG * size;
    let mut result = Ok(());
    for place in places.iter_mut().take(wanted) {
        let value = inner.get(place.type_).ok_or(Error::TemplateInconsistent);
        result = result.and(value.and_then(|value| write(place, value)));
    }
    result
}

/// The application knows the types: all of them, each once, or fewer where it leaves some out.
fn known(places: &[CK_ATTRIBUTE], inner: &Attributes) -> Result<()> {
    let mut seen = Vec::new();
    for place in places {
        if !inner.has(place.type_) || seen.contains(&place.type_) {
            return Err(Error::TemplateInconsistent);
        }
        seen.push(place.type_);
    }
    Ok(())
}

/// The application does not know the types: it learns them in order. An array of zeros was not
/// prepared as that section has it, and is taken as the older rule of `C_GetAttributeValue` says.
fn unknown(places: &mut [CK_ATTRIBUTE], inner: &Attributes) -> Result<()> {
    let prepared = places.iter().any(|place| place.type_ == CK_UNAVAILABLE_INFORMATION);
    if places.len() < inner.len() {
        return Err(Error::BufferTooSmall);
    }
    if prepared && places.len() > inner.len() {
        return Err(Error::TemplateInconsistent);
    }
    places.iter_mut().zip(inner.iter()).for_each(|(place, (id, _))| place.type_ = *id);
    Ok(())
}

/// What an application puts where it does not know the type of an attribute.
const NAMELESS: [CK_ATTRIBUTE_TYPE; 2] = [CK_UNAVAILABLE_INFORMATION, 0];

/// More attributes than any object has: a bound on what a hostile count can make us read.
const MOST: CK_ULONG = 512;
