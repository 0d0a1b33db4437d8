// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attribute values, typed, and the sorted list of them that an object is.

use crate::error::Result;
use crate::secret::Secret;
use cryptoki_sys::*;
use zeroize::Zeroize;

/// The value of an attribute.
pub enum Value {
    /// `CK_BBOOL`.
    Bool(bool),
    /// `CK_ULONG` and its synonyms, 64 bit on every machine.
    Number(u64),
    /// Byte arrays, strings, big integers, dates.
    Bytes(Vec<u8>),
    /// Byte arrays that are key material.
    Secret(Secret),
    /// Arrays of `CK_MECHANISM_TYPE`.
    Numbers(Vec<u64>),
    /// Nested templates.
    Template(Attributes),
}

impl Value {
    /// A second copy, for a new object.
    pub fn duplicate(&self) -> Result<Value> {
        Ok(match self {
            Value::Bool(value) => Value::Bool(*value),
            Value::Number(value) => Value::Number(*value),
            Value::Bytes(value) => Value::Bytes(value.clone()),
            Value::Secret(value) => Value::Secret(value.duplicate()?),
            Value::Numbers(value) => Value::Numbers(value.clone()),
            Value::Template(value) => Value::Template(value.duplicate()?),
        })
    }

    /// Whether both say the same.
    pub fn same(&self, other: &Value) -> bool {
        match (self, other) {
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Number(a), Value::Number(b)) => a == b,
            (Value::Numbers(a), Value::Numbers(b)) => a == b,
            (Value::Template(a), Value::Template(b)) => a.same(b),
            _ => match (self.octets(), other.octets()) {
                (Some(a), Some(b)) => a == b,
                _ => false,
            },
        }
    }

    /// The bytes of a byte array, secret or not.
    pub fn octets(&self) -> Option<&[u8]> {
        match self {
            Value::Bytes(bytes) => Some(bytes),
            Value::Secret(secret) => Some(secret.expose()),
            _ => None,
        }
    }

    /// Overwrites bytes that are not in memory that sees to it itself.
    fn wipe(&mut self) {
        if let Value::Bytes(bytes) = self {
            bytes.zeroize();
        }
    }

    /// The bytes that stand for this value in a search tag.
    pub fn canonical(&self) -> Vec<u8> {
        match self {
            Value::Bool(value) => vec![u8::from(*value)],
            Value::Number(value) => value.to_be_bytes().to_vec(),
            Value::Numbers(values) => values.iter().flat_map(|value| value.to_be_bytes()).collect(),
            _ => self.octets().unwrap_or_default().to_vec(),
        }
    }
}

/// Attributes by ascending type, each at most once.
#[derive(Default)]
pub struct Attributes(Vec<(CK_ATTRIBUTE_TYPE, Value)>);

impl Attributes {
    /// None, with room for so many, as far as an object can have them.
    pub fn with_room(many: usize) -> Attributes {
        Attributes(Vec::with_capacity(many.min(MOST)))
    }

    /// The value of an attribute.
    pub fn get(&self, id: CK_ATTRIBUTE_TYPE) -> Option<&Value> {
        let at = self.0.binary_search_by_key(&id, |(id, _)| *id).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// Sets an attribute, in the place of a value it may have had.
    pub fn set(&mut self, id: CK_ATTRIBUTE_TYPE, value: Value) {
        // Records are in order.
        if self.0.last().is_none_or(|(last, _)| *last < id) {
            return self.0.push((id, value));
        }
        match self.0.binary_search_by_key(&id, |(id, _)| *id) {
            Ok(at) => {
                if let Some(slot) = self.0.get_mut(at) {
                    std::mem::replace(&mut slot.1, value).wipe();
                }
            }
            Err(at) => self.0.insert(at, (id, value)),
        }
    }

    /// Sets an attribute that has no value yet.
    pub fn set_default(&mut self, id: CK_ATTRIBUTE_TYPE, value: Value) {
        if !self.has(id) {
            self.set(id, value);
        }
    }

    /// Takes an attribute out.
    pub fn remove(&mut self, id: CK_ATTRIBUTE_TYPE) {
        self.0.retain_mut(|(other, value)| {
            let kept = *other != id;
            if !kept {
                value.wipe();
            }
            kept
        });
    }

    /// Whether the attribute is there.
    pub fn has(&self, id: CK_ATTRIBUTE_TYPE) -> bool {
        self.get(id).is_some()
    }

    /// A boolean attribute.
    pub fn bool(&self, id: CK_ATTRIBUTE_TYPE) -> Option<bool> {
        match self.get(id) {
            Some(Value::Bool(value)) => Some(*value),
            _ => None,
        }
    }

    /// A boolean attribute, false where it is absent.
    pub fn flag(&self, id: CK_ATTRIBUTE_TYPE) -> bool {
        self.bool(id).unwrap_or(false)
    }

    /// A number.
    pub fn number(&self, id: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        match self.get(id) {
            Some(Value::Number(value)) => Some(*value),
            _ => None,
        }
    }

    /// The bytes of a byte array.
    pub fn bytes(&self, id: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.get(id).and_then(Value::octets)
    }

    /// All of them, by ascending type.
    pub fn iter(&self) -> std::slice::Iter<'_, (CK_ATTRIBUTE_TYPE, Value)> {
        self.0.iter()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A second copy, for a new object.
    pub fn duplicate(&self) -> Result<Attributes> {
        let copies = self.0.iter().map(|(id, value)| Ok((*id, value.duplicate()?)));
        Ok(Attributes(copies.collect::<Result<_>>()?))
    }

    fn same(&self, other: &Attributes) -> bool {
        self.len() == other.len()
            && self.0.iter().zip(&other.0).all(|((a, x), (b, y))| a == b && x.same(y))
    }
}

impl IntoIterator for Attributes {
    type Item = (CK_ATTRIBUTE_TYPE, Value);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(mut self) -> Self::IntoIter {
        std::mem::take(&mut self.0).into_iter()
    }
}

/// Labels and the like of private objects do not outlive the login in memory. (They need not be locked;
/// what is key material is a [`Value::Secret`].)
impl Drop for Attributes {
    fn drop(&mut self) {
        self.0.iter_mut().for_each(|(_, value)| value.wipe());
    }
}

/// For how many attributes room is made at once: a count that is read is not believed.
const MOST: usize = 64;
