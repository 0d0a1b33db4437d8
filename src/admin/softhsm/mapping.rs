// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What becomes of the attributes of a SoftHSM2 object: a template for `C_CreateObject`, and what is
//! not as it was. The attribute table says what a template may name; what a value may be, the library
//! says when the object is made. It imports `record` and `unlock`, and rooms below.

use super::record::{Record, Value};
use super::unlock::TokenKey;
use crate::codec::day_of_date;
use crate::error::{Error, Result};
use crate::object::Shape;
use crate::object::attribute::{self, Given, Kind, Rule, SO_ONLY, Unsaid};
use crate::secret::Secret;
use crate::types::{RawAttribute, RawValue};
use cryptoki_sys::*;

/// A template, with the memory it lies in.
pub(super) struct Mapped {
    attributes: Vec<(CK_ATTRIBUTE_TYPE, Owned)>,
    /// What is not as it was, in words.
    pub(super) changed: Vec<String>,
}

enum Owned {
    Plain(Vec<u8>),
    Secret(Secret),
    Template(Vec<(CK_ATTRIBUTE_TYPE, Owned)>),
}

/// Why an object cannot be carried.
pub(super) enum Unfit {
    /// What is always written is missing: it is half there.
    Unfinished(&'static str),
    /// The token has no objects of this class and type.
    Unknown,
    /// It is private, and no PIN opens it.
    Locked,
    /// A byte string does not open with the token's key.
    Sealed(u64),
    /// A value is not of the attribute's form.
    Form(&'static str),
    /// The library could not do it.
    Library(Error),
}

impl From<Error> for Unfit {
    fn from(error: Error) -> Unfit {
        Unfit::Library(error)
    }
}

impl Mapped {
    /// Maps an object; `key` opens the byte strings of a private one.
    pub(super) fn of(
        record: &Record,
        key: Option<&TokenKey>,
    ) -> std::result::Result<Mapped, Unfit> {
        let shape = finished(record)?;
        let private = record.flag(CKA_PRIVATE as u64) == Some(true);
        if private && key.is_none() {
            return Err(Unfit::Locked);
        }
        let key = key.filter(|_| private);
        let mut mapped = Mapped { attributes: Vec::new(), changed: Vec::new() };
        for (id, value) in &record.0 {
            let known = CK_ATTRIBUTE_TYPE::try_from(*id).ok();
            match known.and_then(|id| attribute::rule_for(id, shape)) {
                Some(rule) if rule.create != Given::Never && !COMPUTED.contains(&rule.id) => {
                    mapped.take(rule, value, key)?;
                }
                rule => mapped.drop(*id, rule, value),
            }
        }
        mapped.gain_no_usage(record, shape);
        Ok(mapped)
    }

    /// A usage that the source does not know is one that the key does not have.
    fn gain_no_usage(&mut self, record: &Record, shape: Shape) {
        let usages = attribute::rules(shape).filter(|rule| rule.unsaid == Unsaid::Usage);
        for rule in usages.filter(|rule| record.flag(rule.id as u64).is_none()) {
            self.attributes.push((rule.id, Owned::Plain(vec![0])));
        }
    }

    /// An attribute that a template may name.
    fn take(
        &mut self,
        rule: &'static Rule,
        value: &Value,
        key: Option<&TokenKey>,
    ) -> std::result::Result<(), Unfit> {
        let owned = match (rule.kind, value) {
            // The defaults: nothing is said.
            (_, Value::Bytes(bytes)) if bytes.is_empty() => return Ok(()),
            (_, Value::Mechanisms(set)) if set.is_empty() => return Ok(()),
            (_, Value::Template(inner)) if inner.is_empty() => return Ok(()),
            (Kind::Bool, Value::Flag(true)) if rule.has(SO_ONLY) => {
                self.say(rule, "becomes false: the security officer alone sets it");
                return Ok(());
            }
            (Kind::Bool, Value::Flag(flag)) => Owned::Plain(vec![u8::from(*flag)]),
            (Kind::Number | Kind::Choice(_), Value::Number(number)) => number_of(*number)?,
            (Kind::Mechanisms, Value::Mechanisms(set)) => mechanisms(set)?,
            (Kind::Template, Value::Template(inner)) => nested(inner)?,
            (
                Kind::Bytes | Kind::Integer | Kind::Date | Kind::Text | Kind::Labels,
                Value::Bytes(sealed),
            ) => {
                let opened = match key {
                    Some(key) => key.value(sealed).map_err(|error| match error {
                        Error::DataInvalid => Unfit::Sealed(rule.id as u64),
                        other => Unfit::Library(other),
                    })?,
                    None => Secret::copy_of(sealed)?,
                };
                match self.fitting(rule, opened)? {
                    Some(secret) => Owned::Secret(secret),
                    None => return Ok(()),
                }
            }
            _ => return Err(Unfit::Form(rule.name)),
        };
        self.attributes.push((rule.id, owned));
        Ok(())
    }

    /// Dates and texts must be some.
    fn fitting(&mut self, rule: &'static Rule, value: Secret) -> Result<Option<Secret>> {
        match rule.kind {
            _ if value.is_empty() => Ok(None),
            Kind::Date if day_of_date(value.expose()).is_none() => {
                self.say(rule, "dropped: it is no date");
                Ok(None)
            }
            Kind::Text => match String::from_utf8_lossy(value.expose()) {
                std::borrow::Cow::Borrowed(_) => Ok(Some(value)),
                std::borrow::Cow::Owned(text) => {
                    self.say(rule, "changed: it was not UTF-8");
                    Secret::take(text.into_bytes()).map(Some)
                }
            },
            _ => Ok(Some(value)),
        }
    }

    /// An attribute that a template may not name: said, where it said something.
    fn drop(&mut self, id: u64, rule: Option<&'static Rule>, value: &Value) {
        let silent = match value {
            Value::Flag(flag) => !flag,
            Value::Number(number) => *number == u64::MAX,
            Value::Bytes(bytes) => bytes.is_empty(),
            Value::Mechanisms(set) => set.is_empty(),
            Value::Template(inner) => inner.is_empty(),
        };
        match rule {
            _ if silent => {}
            Some(rule) if OUTSIDE.contains(&rule.id) => {
                self.say(rule, "becomes false: the key was outside this token");
            }
            Some(rule) if rule.id == CKA_KEY_GEN_MECHANISM => {
                self.say(rule, "dropped: this token did not make the key");
            }
            // The token computes them.
            Some(_) => {}
            None => {
                let known = attribute::all().find(|rule| rule.id as u64 == id);
                self.changed.push(match known {
                    Some(rule) => format!("{} dropped: such objects do not have it", rule.name),
                    None => format!("attribute {id:#x} dropped: this token does not know it"),
                });
            }
        }
    }

    fn say(&mut self, rule: &Rule, what: &str) {
        self.changed.push(format!("{} {what}", rule.name));
    }

    /// The template, as the library's face takes it.
    pub(super) fn raw(&self) -> Vec<RawAttribute<'_>> {
        raw(&self.attributes)
    }

    /// The bytes of an attribute of the template.
    pub(super) fn bytes(&self, id: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
        self.attributes.iter().find(|(known, _)| *known == id).and_then(|(_, owned)| match owned {
            Owned::Plain(bytes) => Some(bytes.as_slice()),
            Owned::Secret(secret) => Some(secret.expose()),
            Owned::Template(_) => None,
        })
    }
}

fn raw(attributes: &[(CK_ATTRIBUTE_TYPE, Owned)]) -> Vec<RawAttribute<'_>> {
    attributes
        .iter()
        .map(|(id, owned)| RawAttribute {
            id: *id,
            value: match owned {
                Owned::Plain(bytes) => RawValue::Bytes(bytes),
                Owned::Secret(secret) => RawValue::Bytes(secret.expose()),
                Owned::Template(inner) => RawValue::Template(raw(inner)),
            },
        })
        .collect()
}

/// The shape of an object that is wholly there. SoftHSM2 writes attributes in the order of their
/// numbers, over the old file: what was cut off between two of them misses the last.
fn finished(record: &Record) -> std::result::Result<Shape, Unfit> {
    let number = |id: CK_ATTRIBUTE_TYPE| record.number(id as u64);
    let class = number(CKA_CLASS).ok_or(Unfit::Unfinished("CKA_CLASS"))?;
    let kind = number(CKA_CERTIFICATE_TYPE).or(number(CKA_KEY_TYPE));
    let always = ALWAYS.iter().filter(|(of, _)| of.is_none_or(|of| of as u64 == class));
    for (_, (id, name)) in always {
        if record.flag(*id as u64).is_none() {
            return Err(Unfit::Unfinished(name));
        }
    }
    let class = CK_OBJECT_CLASS::try_from(class).map_err(|_| Unfit::Unknown)?;
    Shape::of(class, kind).map_err(|error| match error {
        Error::TemplateIncomplete => Unfit::Unfinished("CKA_KEY_TYPE"),
        _ => Unfit::Unknown,
    })
}

fn number_of(number: u64) -> Result<Owned> {
    let number = CK_ULONG::try_from(number).map_err(|_| Error::AttributeValueInvalid)?;
    Ok(Owned::Plain(number.to_ne_bytes().to_vec()))
}

fn mechanisms(set: &[u64]) -> Result<Owned> {
    let mut bytes = Vec::new();
    for number in set {
        let number = CK_ULONG::try_from(*number).map_err(|_| Error::AttributeValueInvalid)?;
        bytes.extend_from_slice(&number.to_ne_bytes());
    }
    Ok(Owned::Plain(bytes))
}

/// The values in a nested template are not encrypted.
fn nested(inner: &[(u64, Value)]) -> Result<Owned> {
    let one = |(id, value): &(u64, Value)| {
        let id = CK_ATTRIBUTE_TYPE::try_from(*id).map_err(|_| Error::AttributeTypeInvalid)?;
        let owned = match value {
            Value::Flag(flag) => Owned::Plain(vec![u8::from(*flag)]),
            Value::Number(number) => number_of(*number)?,
            Value::Bytes(bytes) => Owned::Plain(bytes.to_vec()),
            Value::Mechanisms(set) => mechanisms(set)?,
            Value::Template(_) => return Err(Error::AttributeValueInvalid),
        };
        Ok((id, owned))
    };
    inner.iter().map(one).collect::<Result<_>>().map(Owned::Template)
}

/// What the token computes, whatever was kept of it.
const COMPUTED: &[CK_ATTRIBUTE_TYPE] = &[CKA_CHECK_VALUE, CKA_PUBLIC_KEY_INFO];

/// What no key can claim that was outside.
const OUTSIDE: &[CK_ATTRIBUTE_TYPE] = &[CKA_LOCAL, CKA_ALWAYS_SENSITIVE, CKA_NEVER_EXTRACTABLE];

/// The class (or all), and an attribute that SoftHSM2 always writes for it.
type Always = (Option<CK_OBJECT_CLASS>, (CK_ATTRIBUTE_TYPE, &'static str));
const ALWAYS: &[Always] = &[
    (None, (CKA_TOKEN, "CKA_TOKEN")),
    (None, (CKA_PRIVATE, "CKA_PRIVATE")),
    (None, (CKA_MODIFIABLE, "CKA_MODIFIABLE")),
    (Some(CKO_PRIVATE_KEY), (CKA_SENSITIVE, "CKA_SENSITIVE")),
    (Some(CKO_PRIVATE_KEY), (CKA_EXTRACTABLE, "CKA_EXTRACTABLE")),
    (Some(CKO_PRIVATE_KEY), (CKA_ALWAYS_AUTHENTICATE, "CKA_ALWAYS_AUTHENTICATE")),
    (Some(CKO_PRIVATE_KEY), (CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED")),
    (Some(CKO_SECRET_KEY), (CKA_SENSITIVE, "CKA_SENSITIVE")),
    (Some(CKO_SECRET_KEY), (CKA_EXTRACTABLE, "CKA_EXTRACTABLE")),
    (Some(CKO_SECRET_KEY), (CKA_WRAP_WITH_TRUSTED, "CKA_WRAP_WITH_TRUSTED")),
];
