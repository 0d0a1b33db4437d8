// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects as SoftHSM2 writes them, read from bytes: object files, and the arrays in its database.
//! Pure functions; lengths are believed only as far as there are bytes. It imports nothing of the
//! crate.

use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The attributes of an object, as they lie on disk: of a private object the byte strings are
/// encrypted.
#[derive(Default)]
pub struct Record(pub(super) BTreeMap<u64, Value>);

/// A value on disk.
pub(super) enum Value {
    Flag(bool),
    Number(u64),
    Bytes(Zeroizing<Vec<u8>>),
    Mechanisms(Vec<u64>),
    Template(Vec<(u64, Value)>),
}

/// Why bytes are no object.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// There are none: it was made and not yet written.
    Empty,
    /// They end inside a value.
    Short,
    /// A value is of a form that no known version writes.
    Form(u64),
    /// An attribute comes twice.
    Twice(u64),
}

impl Record {
    /// An object file: its generation, then attributes to the end, each with its number, its form
    /// and its value. Numbers have eight bytes, the first the highest.
    pub fn read(file: &[u8]) -> Result<Record, Fault> {
        if file.is_empty() {
            return Err(Fault::Empty);
        }
        let mut bytes = Bytes { rest: file, layout: Layout::File };
        bytes.number()?;
        let mut attributes = BTreeMap::new();
        while !bytes.rest.is_empty() {
            let id = bytes.number()?;
            let value = match bytes.number()? {
                FILE_FLAG => Value::Flag(bytes.flag()?),
                FILE_NUMBER => Value::Number(bytes.number()?),
                FILE_BYTES => Value::Bytes(bytes.string()?),
                FILE_TEMPLATE => {
                    let length = bytes.number()?;
                    Value::Template(template(Bytes { rest: bytes.take(length)?, ..bytes })?)
                }
                FILE_MECHANISMS => Value::Mechanisms(bytes.mechanisms()?),
                form => return Err(Fault::Form(form)),
            };
            if attributes.insert(id, value).is_some() {
                return Err(Fault::Twice(id));
            }
        }
        Ok(Record(attributes))
    }

    pub(super) fn flag(&self, id: u64) -> Option<bool> {
        match self.0.get(&id) {
            Some(Value::Flag(flag)) => Some(*flag),
            _ => None,
        }
    }

    pub(super) fn number(&self, id: u64) -> Option<u64> {
        match self.0.get(&id) {
            Some(Value::Number(number)) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn bytes(&self, id: u64) -> Option<&[u8]> {
        match self.0.get(&id) {
            Some(Value::Bytes(bytes)) => Some(bytes),
            _ => None,
        }
    }
}

/// A nested template from a database's array.
pub(super) fn array(bytes: &[u8]) -> Result<Value, Fault> {
    Ok(Value::Template(template(Bytes { rest: bytes, layout: Layout::Database })?))
}

/// A set of mechanisms from a database's blob.
pub(super) fn mechanism_blob(bytes: &[u8]) -> Result<Value, Fault> {
    Ok(Value::Mechanisms(Bytes { rest: bytes, layout: Layout::Database }.all_numbers()?))
}

/// Attributes to the end of the bytes; a template in a template is written by no version.
fn template(mut bytes: Bytes<'_>) -> Result<Vec<(u64, Value)>, Fault> {
    let mut attributes = Vec::new();
    while !bytes.rest.is_empty() {
        let id = bytes.number()?;
        let value = match bytes.kind()? {
            KIND_FLAG => Value::Flag(bytes.flag()?),
            KIND_NUMBER => Value::Number(bytes.number()?),
            KIND_BYTES => Value::Bytes(bytes.string()?),
            KIND_MECHANISMS => Value::Mechanisms(bytes.mechanisms()?),
            form => return Err(Fault::Form(form)),
        };
        attributes.push((id, value));
    }
    Ok(attributes)
}

/// Who wrote the bytes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// An object file: everything in eight bytes, the first the highest.
    File,
    /// A database: as the machine has it (of the machines it runs on, the first byte the lowest).
    Database,
}

#[derive(Clone, Copy)]
struct Bytes<'a> {
    rest: &'a [u8],
    layout: Layout,
}

impl<'a> Bytes<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Fault> {
        let length = usize::try_from(length).map_err(|_| Fault::Short)?;
        let (taken, rest) = self.rest.split_at_checked(length).ok_or(Fault::Short)?;
        self.rest = rest;
        Ok(taken)
    }

    fn number(&mut self) -> Result<u64, Fault> {
        let bytes = self.take(8)?.try_into().map_err(|_| Fault::Short)?;
        Ok(match self.layout {
            Layout::File => u64::from_be_bytes(bytes),
            Layout::Database => u64::from_le_bytes(bytes),
        })
    }

    fn kind(&mut self) -> Result<u64, Fault> {
        if self.layout == Layout::File {
            return self.number();
        }
        let bytes = self.take(4)?.try_into().map_err(|_| Fault::Short)?;
        Ok(u64::from(u32::from_le_bytes(bytes)))
    }

    fn flag(&mut self) -> Result<bool, Fault> {
        Ok(self.take(1)? != [0])
    }

    fn string(&mut self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let length = self.number()?;
        Ok(Zeroizing::new(self.take(length)?.to_vec()))
    }

    /// A file counts mechanisms, a database the bytes they take.
    fn mechanisms(&mut self) -> Result<Vec<u64>, Fault> {
        let count = self.number()?;
        let length = match self.layout {
            Layout::File => count.checked_mul(8).ok_or(Fault::Short)?,
            Layout::Database => count,
        };
        Bytes { rest: self.take(length)?, ..*self }.all_numbers()
    }

    fn all_numbers(mut self) -> Result<Vec<u64>, Fault> {
        let mut numbers = Vec::new();
        while !self.rest.is_empty() {
            numbers.push(self.number()?);
        }
        Ok(numbers)
    }
}

const FILE_FLAG: u64 = 1;
const FILE_NUMBER: u64 = 2;
const FILE_BYTES: u64 = 3;
const FILE_TEMPLATE: u64 = 4;
const FILE_MECHANISMS: u64 = 5;

/// Inside a template the forms have other numbers.
const KIND_FLAG: u64 = 1;
const KIND_NUMBER: u64 = 2;
const KIND_BYTES: u64 = 3;
const KIND_MECHANISMS: u64 = 5;
