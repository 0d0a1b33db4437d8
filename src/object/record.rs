// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How an object's attributes are written in its record: versioned, `CK_ULONG` as 64 bit, so that a
//! store moves between machines. `docs/store-format.md` specifies it.

use super::attribute::{self, HIDDEN};
use super::value::{Attributes, Value};
use crate::codec::{Filler, Reader};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The record of these attributes. It holds key material, so it goes to secret memory.
pub fn encode(attributes: &Attributes) -> Result<Secret> {
    Secret::with(length(attributes), |place| {
        let mut filler = Filler::new(place);
        write(filler.u8(VERSION)?, attributes)?;
        filler.end()
    })
}

/// The attributes of a record.
pub fn decode(record: &[u8]) -> Result<Attributes> {
    let mut reader = Reader::versioned(record, VERSION)?;
    let attributes = read(&mut reader, 0)?;
    reader.end()?;
    Ok(attributes)
}

/// The hidden attributes of a record that holds no others.
pub(super) fn decode_hidden(record: &[u8]) -> Result<Attributes> {
    let mut reader = Reader::versioned(record, VERSION)?;
    // Within: what is hidden stays in secret memory, though no class says so here.
    let attributes = read(&mut reader, 1)?;
    reader.end()?;
    Ok(attributes)
}

/// The length of that record, bytes.
pub fn length(attributes: &Attributes) -> usize {
    1 + list_length(attributes)
}

fn list_length(attributes: &Attributes) -> usize {
    let value = |value: &Value| match value {
        Value::Bool(_) => 1,
        Value::Number(_) => 8,
        Value::Numbers(values) => 4 + 8 * values.len(),
        Value::Template(inner) => list_length(inner),
        Value::Bytes(bytes) => 4 + bytes.len(),
        Value::Secret(secret) => 4 + secret.len(),
    };
    4 + attributes.iter().map(|(_, each)| 8 + 1 + value(each)).sum::<usize>()
}

fn write(filler: &mut Filler<'_>, attributes: &Attributes) -> Result<()> {
    filler.u32(attributes.len() as u32)?;
    for (id, value) in attributes.iter() {
        filler.u64(*id as u64)?;
        match value {
            Value::Bool(value) => drop(filler.u8(BOOL)?.u8(u8::from(*value))?),
            Value::Number(value) => drop(filler.u8(NUMBER)?.u64(*value)?),
            Value::Numbers(values) => {
                filler.u8(NUMBERS)?.u32(values.len() as u32)?;
                for value in values {
                    filler.u64(*value)?;
                }
            }
            Value::Template(inner) => write(filler.u8(TEMPLATE)?, inner)?,
            Value::Bytes(bytes) => drop(filler.u8(BYTES)?.bytes(bytes)?),
            Value::Secret(secret) => drop(filler.u8(BYTES)?.bytes(secret.expose())?),
        }
    }
    Ok(())
}

fn read(reader: &mut Reader<'_>, depth: usize) -> Result<Attributes> {
    let count = reader.u32()?;
    let mut attributes = Attributes::with_room(count as usize);
    for _ in 0..count {
        let id = CK_ATTRIBUTE_TYPE::try_from(reader.u64()?).map_err(|_| Error::DeviceError)?;
        let value = match reader.u8()? {
            BOOL => Value::Bool(reader.u8()? != 0),
            NUMBER => Value::Number(reader.u64()?),
            NUMBERS => {
                let count = reader.u32()?;
                Value::Numbers((0..count).map(|_| reader.u64()).collect::<Result<_>>()?)
            }
            TEMPLATE if depth < DEEPEST => Value::Template(read(reader, depth + 1)?),
            BYTES => octets(id, reader.bytes()?)?,
            _ => return Err(Error::TokenNotRecognized),
        };
        attributes.set(id, value);
    }
    let locked = matches!(attributes.number(CKA_CLASS), Some(CKO_PRIVATE_KEY | CKO_SECRET_KEY));
    Ok(if locked || depth > 0 { attributes } else { published(attributes) })
}

fn octets(id: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> Result<Value> {
    if attribute::has(id, HIDDEN) {
        return Ok(Value::Secret(Secret::copy_of(bytes)?));
    }
    Ok(Value::Bytes(bytes.to_vec()))
}

/// The value of a certificate or data object is not key material: it needs no locked memory.
pub(super) fn published(attributes: Attributes) -> Attributes {
    let mut plain = Attributes::default();
    for (id, value) in attributes {
        let value = match value {
            Value::Secret(secret) => Value::Bytes(secret.expose().to_vec()),
            other => other,
        };
        plain.set(id, value);
    }
    plain
}

const VERSION: u8 = 1;
const BOOL: u8 = 1;
const NUMBER: u8 = 2;
const BYTES: u8 = 3;
const NUMBERS: u8 = 4;
const TEMPLATE: u8 = 5;
const DEEPEST: usize = 4;
