// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Templates: what an application says about an object, parsed by the attribute table once, before
//! any rule looks at it.

use super::attribute::{self, Kind};
use super::value::{Attributes, Value};
use crate::codec::day_of_date;
use crate::error::{Error, Result};
use crate::secret::Secret;
use crate::types::{RawAttribute, RawValue, ULONG};
use cryptoki_sys::*;

/// Typed attributes from an application.
pub struct Template(Attributes);

impl Template {
    /// Parses a template that makes or changes an object: every attribute must be known
    /// (`CKR_ATTRIBUTE_TYPE_INVALID`), well written (`CKR_ATTRIBUTE_VALUE_INVALID`), and said once or
    /// twice alike (`CKR_TEMPLATE_INCONSISTENT`).
    pub fn parse(raw: &[RawAttribute<'_>]) -> Result<Template> {
        let mut attributes = Attributes::default();
        for attribute in raw {
            let kind = attribute::kind(attribute.id).ok_or(Error::AttributeTypeInvalid)?;
            let value = parse_value(attribute, kind)?;
            match attributes.get(attribute.id) {
                Some(earlier) if !earlier.same(&value) => return Err(Error::TemplateInconsistent),
                _ => attributes.set(attribute.id, value),
            }
        }
        Ok(Template(attributes))
    }

    /// Parses a template to search with; none where it names something no object here has, so that
    /// nothing can match (clients probe for other tokens' vendor attributes).
    pub fn parse_search(raw: &[RawAttribute<'_>]) -> Result<Option<Template>> {
        match Template::parse(raw) {
            Ok(template) => Ok(Some(template)),
            Err(Error::AttributeTypeInvalid | Error::TemplateInconsistent) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Says that the object is public, where the template leaves it to the token and the object ends
    /// with the session. (What `CKA_PRIVATE` is by default is the token's to say, section 4.4.)
    pub fn in_public(&mut self) {
        if !self.0.flag(CKA_TOKEN) && self.0.get(CKA_PRIVATE).is_none() {
            self.0.set(CKA_PRIVATE, Value::Bool(false));
        }
    }

    /// Adds what another key prescribes for keys made with it (`CKA_UNWRAP_TEMPLATE`,
    /// `CKA_DERIVE_TEMPLATE`): the caller's template may repeat it, not contradict it.
    pub fn prescribe(&mut self, prescribed: Option<&Value>) -> Result<()> {
        let Some(Value::Template(prescribed)) = prescribed else { return Ok(()) };
        for (id, value) in prescribed.iter() {
            match self.0.get(*id) {
                Some(given) if !given.same(value) => return Err(Error::TemplateInconsistent),
                Some(_) => {}
                None => self.0.set(*id, value.duplicate()?),
            }
        }
        Ok(())
    }

    /// A second copy, for a second object.
    pub fn duplicate(&self) -> Result<Template> {
        self.0.duplicate().map(Template)
    }

    /// Takes attributes out.
    pub fn leave_out(&mut self, ids: &[CK_ATTRIBUTE_TYPE]) {
        ids.iter().for_each(|id| self.0.remove(*id));
    }

    /// The attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.0
    }

    /// The attributes one by one.
    pub fn iter(&self) -> std::slice::Iter<'_, (CK_ATTRIBUTE_TYPE, Value)> {
        self.0.iter()
    }

    /// A number, or none.
    pub fn number(&self, id: CK_ATTRIBUTE_TYPE) -> Option<u64> {
        self.0.number(id)
    }
}

fn parse_value(attribute: &RawAttribute<'_>, kind: Kind) -> Result<Value> {
    let bytes = match (&attribute.value, kind) {
        (RawValue::Template(inner), Kind::Template) => {
            return Ok(Value::Template(Template::parse(inner)?.0));
        }
        (RawValue::Bytes([]), Kind::Template) => {
            return Ok(Value::Template(Attributes::default()));
        }
        (RawValue::Bytes(bytes), kind) if kind != Kind::Template => *bytes,
        _ => return Err(Error::AttributeValueInvalid),
    };
    if bytes.len() > LONGEST {
        return Err(Error::DeviceMemory);
    }
    match kind {
        Kind::Bool => parse_bool(bytes),
        Kind::Number => parse_number(bytes).map(Value::Number),
        Kind::Choice(last) => match parse_number(bytes)? {
            number if number <= last => Ok(Value::Number(number)),
            _ => Err(Error::AttributeValueInvalid),
        },
        Kind::Date => parse_date(bytes),
        Kind::Labels => parse_labels(bytes),
        Kind::Integer => parse_integer(attribute.id, bytes),
        Kind::Mechanisms => parse_mechanisms(bytes),
        Kind::Bytes | Kind::Text | Kind::Template => octets(attribute.id, bytes),
    }
}

fn parse_bool(bytes: &[u8]) -> Result<Value> {
    match bytes {
        [0] => Ok(Value::Bool(false)),
        [1] => Ok(Value::Bool(true)),
        _ => Err(Error::AttributeValueInvalid),
    }
}

fn parse_number(bytes: &[u8]) -> Result<u64> {
    let native: [u8; ULONG] = bytes.try_into().map_err(|_| Error::AttributeValueInvalid)?;
    Ok(widen(CK_ULONG::from_ne_bytes(native)))
}

/// "Information unavailable" is all ones in every width.
fn widen(number: CK_ULONG) -> u64 {
    if number == CK_UNAVAILABLE_INFORMATION { u64::MAX } else { number as u64 }
}

fn parse_date(bytes: &[u8]) -> Result<Value> {
    let known = bytes.is_empty() || bytes >= EARLIEST && day_of_date(bytes).is_some();
    if known { Ok(Value::Bytes(bytes.to_vec())) } else { Err(Error::AttributeValueInvalid) }
}

/// Lines of "key=value", each key once; kept in order, so that what says the same is the same.
fn parse_labels(bytes: &[u8]) -> Result<Value> {
    let text = std::str::from_utf8(bytes).map_err(|_| Error::AttributeValueInvalid)?;
    let mut lines: Vec<&str> = text.lines().collect();
    lines.sort_unstable();
    let keys: Option<Vec<&str>> =
        lines.iter().map(|line| line.split_once('=').map(|(key, _)| key)).collect();
    let mut keys = keys.ok_or(Error::AttributeValueInvalid)?;
    keys.dedup();
    let well = |key: &&str| !key.is_empty() && !key.contains(char::is_whitespace);
    let plain = lines.iter().all(|line| !line.contains(char::is_control));
    if !plain || keys.len() != lines.len() || keys.len() > LABELS || !keys.iter().all(well) {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(Value::Bytes(lines.join("\n").into_bytes()))
}

fn parse_integer(id: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> Result<Value> {
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    match bytes.get(zeros..) {
        Some(digits) if !digits.is_empty() => octets(id, digits),
        _ => Err(Error::AttributeValueInvalid),
    }
}

fn parse_mechanisms(bytes: &[u8]) -> Result<Value> {
    if bytes.len() % ULONG != 0 {
        return Err(Error::AttributeValueInvalid);
    }
    bytes.chunks_exact(ULONG).map(parse_number).collect::<Result<_>>().map(Value::Numbers)
}

/// Byte arrays that may be key material go to secret memory before anything is known of the object.
fn octets(id: CK_ATTRIBUTE_TYPE, bytes: &[u8]) -> Result<Value> {
    if attribute::has(id, attribute::HIDDEN) {
        return Ok(Value::Secret(Secret::copy_of(bytes)?));
    }
    Ok(Value::Bytes(bytes.to_vec()))
}

/// The earliest date that an attribute may say.
const EARLIEST: &[u8] = b"19000101";
/// The most labels of a key: a search asks for all of its own at once.
const LABELS: usize = 32;
/// The longest attribute value, bytes.
const LONGEST: usize = 1 << 20;
