// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The objects of a token: listed, shown, chosen, destroyed.

use super::failure::{Failure, Outcome};
use super::key_life::KeyLife;
use super::kind::{USAGES, describe, describe_set};
use super::pins::Visit;
use super::said::Said;
use super::template::Sheet;
use crate::error::Result;
use crate::mechanism;
use crate::object::attribute::{self, Kind};
use crate::object::{Reading, Shape, State, Value};
use crate::session::View;
use crate::vendor::*;
use cryptoki_sys::*;
use serde::Serialize;

/// What someone wants: every part that is said must fit.
#[derive(Clone, Debug, Default)]
pub struct Wanted {
    /// `CKA_ID`.
    pub id: Option<Vec<u8>>,
    /// `CKA_LABEL`.
    pub label: Option<String>,
    /// The class.
    pub class: Option<Class>,
    /// What is said of a key.
    pub said: Said,
}

/// The classes of objects, by the names that the command gives them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[allow(missing_docs, reason = "each variant is named after its CKO_* class")]
pub enum Class {
    Private,
    Public,
    Secret,
    Certificate,
    Data,
    Trust,
    Parameters,
    Destroyed,
}

/// An object, as a list shows it.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// `CKA_ID`, hexadecimal.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
    /// Its class.
    pub class: Option<Class>,
    /// Its type and size, as `key generate --type` takes them; `x509`.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it may be used for.
    pub usages: Vec<&'static str>,
    /// Whether only the user sees it.
    pub private: bool,
    /// Whether its value is never shown; none for objects without a secret value.
    pub sensitive: Option<bool>,
    /// Whether it may leave the token wrapped; none for objects without a secret value.
    pub extractable: Option<bool>,
    /// `CKA_UNIQUE_ID`.
    pub unique_id: String,
    /// The life of a key.
    #[serde(flatten)]
    pub life: Option<KeyLife>,
    #[serde(skip)]
    pub(super) handle: u64,
}

/// An attribute, as `key show` shows it.
#[derive(Debug, Serialize)]
pub struct Shown {
    /// Its name.
    pub name: &'static str,
    /// Its value: a boolean, a number, text, or bytes in hexadecimal. None where it is hidden.
    pub value: Option<serde_json::Value>,
    /// Whether it is there and may not be shown.
    pub hidden: bool,
}

impl Class {
    /// Every class, with its name and number.
    pub const ALL: &'static [(Class, &'static str, CK_OBJECT_CLASS)] = &[
        (Class::Private, "private", CKO_PRIVATE_KEY),
        (Class::Public, "public", CKO_PUBLIC_KEY),
        (Class::Secret, "secret", CKO_SECRET_KEY),
        (Class::Certificate, "certificate", CKO_CERTIFICATE),
        (Class::Data, "data", CKO_DATA),
        (Class::Trust, "trust", CKO_TRUST),
        (Class::Parameters, "parameters", CKO_DOMAIN_PARAMETERS),
        (Class::Destroyed, "destroyed", CKO_STRONGROOM_DESTROYED),
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        Class::ALL.iter().find(|(class, ..)| *class == self).map_or("?", |(_, name, _)| name)
    }

    pub(super) fn of(number: u64) -> Option<Class> {
        let known = Class::ALL.iter().find(|(.., known)| *known as u64 == number);
        known.map(|(class, ..)| *class)
    }

    pub(super) fn number(self) -> CK_OBJECT_CLASS {
        let known = Class::ALL.iter().find(|(class, ..)| *class == self);
        known.map_or(CK_UNAVAILABLE_INFORMATION, |(.., number)| *number)
    }
}

impl Wanted {
    pub(super) fn sheet(&self) -> Sheet {
        let mut sheet = Sheet::default().flag(CKA_TOKEN, true);
        if let Some(id) = &self.id {
            sheet = sheet.bytes(CKA_ID, id);
        }
        if let Some(label) = &self.label {
            sheet = sheet.bytes(CKA_LABEL, label.as_bytes());
        }
        if let Some(class) = self.class {
            sheet = sheet.number(CKA_CLASS, class.number());
        }
        self.said.write(sheet, &self.said.labels)
    }

    /// In words.
    pub fn words(&self) -> String {
        let class = self.class.map_or("object", Class::name);
        let id = self.id.as_ref().map(|id| format!(" with id {}", hex::encode(id)));
        let label =
            self.label.as_ref().map(|label| format!(" labelled '{}'", label.escape_debug()));
        [class, &id.unwrap_or_default(), &label.unwrap_or_default()].concat()
    }
}

impl Summary {
    /// The state of a key.
    pub fn state(&self) -> Option<&'static str> {
        self.life.as_ref().map(|life| life.state)
    }

    /// The labels of a key, apart into key and value.
    pub(super) fn labels(&self) -> Vec<(String, String)> {
        let labels = self.life.iter().flat_map(|life| &life.labels);
        let apart = labels.filter_map(|label| label.split_once('='));
        apart.map(|(key, value)| (key.to_string(), value.to_string())).collect()
    }

    /// In words, for a list of candidates.
    pub fn words(&self) -> String {
        let class = self.class.map_or("object", Class::name);
        format!("{class} {}: id {}, label '{}'", self.kind, self.id, self.label.escape_debug())
    }
}

impl Visit<'_> {
    /// The objects that fit; all where nothing is wanted.
    pub fn objects(&self, wanted: &Wanted) -> Outcome<Vec<Summary>> {
        self.search(&wanted.sheet()).map_err(|error| Failure::of("cannot read the objects", error))
    }

    /// The objects that fit: at least one.
    pub fn some_objects(&self, wanted: &Wanted) -> Outcome<Vec<Summary>> {
        let found = self.objects(wanted)?;
        if found.is_empty() {
            return Err(Failure::new(
                format!("token '{}' has no {}", self.token.label, wanted.words()),
                "'strongroom key list' shows what it has",
            ));
        }
        Ok(found)
    }

    /// The one object that fits.
    pub fn one_object(&self, wanted: &Wanted) -> Outcome<Summary> {
        let mut found = self.some_objects(wanted)?;
        match found.pop() {
            Some(only) if found.is_empty() => Ok(only),
            last => {
                found.extend(last);
                Err(ambiguous(&found))
            }
        }
    }

    /// Destroys an object; the reason stays on record with what is left of a key.
    pub fn destroy(&self, object: &Summary, reason: &str) -> Outcome<()> {
        let doing = || format!("cannot destroy the {}", object.words());
        self.library()
            .destroy_for(self.session, object.handle, reason)
            .map_err(|error| Failure::of(doing(), error))
    }

    /// All attributes of an object.
    pub fn show(&self, object: &Summary) -> Outcome<Vec<Shown>> {
        self.attributes(object.handle).map_err(|error| Failure::of("cannot read the object", error))
    }

    fn attributes(&self, handle: u64) -> Result<Vec<Shown>> {
        let view = self.library().view(self.session, handle)?;
        let class = number(&view, CKA_CLASS).unwrap_or(u64::MAX);
        let kind = number(&view, CKA_CERTIFICATE_TYPE).or(number(&view, CKA_KEY_TYPE));
        let class = CK_OBJECT_CLASS::try_from(class).unwrap_or(CK_UNAVAILABLE_INFORMATION);
        let shape = Shape::of(class, kind)?;
        let shown = attribute::rules(shape).filter_map(|rule| match view.read(rule.id) {
            Reading::Value(value) => {
                let value = Some(render(rule.id, rule.kind, value));
                Some(Shown { name: rule.name, value, hidden: false })
            }
            Reading::Sensitive => Some(Shown { name: rule.name, value: None, hidden: true }),
            Reading::Absent => None,
        });
        Ok(shown.collect())
    }

    pub(super) fn search(&self, sheet: &Sheet) -> Result<Vec<Summary>> {
        let (library, session) = (self.library(), self.session);
        library.find_init(session, &sheet.raw())?;
        let mut found = Vec::new();
        loop {
            let batch = library.find(session, BATCH)?;
            if batch.is_empty() {
                break;
            }
            for handle in batch {
                found.push(self.summary(handle)?);
            }
        }
        library.find_final(session)?;
        Ok(found)
    }

    pub(super) fn summary(&self, handle: u64) -> Result<Summary> {
        let view = self.library().view(self.session, handle)?;
        let usages = USAGES.iter().filter(|usage| flag(&view, usage.id) == Some(true));
        Ok(Summary {
            id: hex::encode(bytes(&view, CKA_ID).unwrap_or_default()),
            label: text(&view, CKA_LABEL),
            class: number(&view, CKA_CLASS).and_then(Class::of),
            kind: kind(&view),
            usages: usages.map(|usage| usage.name).collect(),
            private: flag(&view, CKA_PRIVATE).unwrap_or(false),
            sensitive: flag(&view, CKA_SENSITIVE),
            extractable: flag(&view, CKA_EXTRACTABLE),
            unique_id: text(&view, CKA_UNIQUE_ID),
            life: KeyLife::of(&view),
            handle,
        })
    }
}

/// Several objects fit where one is needed.
pub(super) fn ambiguous(found: &[Summary]) -> Failure {
    let list: Vec<_> = found.iter().map(|object| format!("\n    {}", object.words())).collect();
    Failure::new(
        format!("{} objects fit:{}", found.len(), list.concat()),
        "say which: by --id, --label and --class together",
    )
}

fn kind(view: &View) -> String {
    if number(view, CKA_CERTIFICATE_TYPE) == Some(CKC_X_509 as u64) {
        return "x509".to_string();
    }
    let value_bits = number(view, CKA_VALUE_LEN).map(|bytes| bytes * 8);
    let modulus_bits = || {
        let modulus = bytes(view, CKA_MODULUS)?;
        let zeros = modulus.first().map_or(0, |byte| u64::from(byte.leading_zeros()));
        Some((modulus.len() as u64 * 8).saturating_sub(zeros))
    };
    let bits = value_bits.or_else(modulus_bits);
    let set = number(view, CKA_PARAMETER_SET);
    if let Some(name) = set.and_then(|set| describe_set(number(view, CKA_KEY_TYPE), set)) {
        return name;
    }
    describe(number(view, CKA_KEY_TYPE), bytes(view, CKA_EC_PARAMS), bits)
}

fn render(id: CK_ATTRIBUTE_TYPE, kind: Kind, value: &Value) -> serde_json::Value {
    match value {
        Value::Bool(value) => (*value).into(),
        Value::Number(value) => name_of(id, *value).map_or_else(|| (*value).into(), Into::into),
        Value::Numbers(values) => {
            let name = |value: &u64| name_of(CKA_KEY_GEN_MECHANISM, *value);
            values
                .iter()
                .map(|value| name(value).unwrap_or_else(|| format!("{value:#x}")))
                .collect()
        }
        Value::Template(inner) => {
            let entry = |(id, value): &(CK_ATTRIBUTE_TYPE, Value)| {
                let kind = attribute::kind(*id).unwrap_or(Kind::Bytes);
                (format!("{id:#x}"), render(*id, kind, value))
            };
            serde_json::Value::Object(inner.iter().map(entry).collect())
        }
        Value::Bytes(_) | Value::Secret(_) => {
            let octets = value.octets().unwrap_or_default();
            match kind {
                Kind::Text | Kind::Date | Kind::Labels => String::from_utf8_lossy(octets).into(),
                _ => hex::encode(octets).into(),
            }
        }
    }
}

/// The names of numbers that have some.
fn name_of(id: CK_ATTRIBUTE_TYPE, value: u64) -> Option<String> {
    match id {
        CKA_CLASS => Class::of(value).map(|class| class.name().to_string()),
        CKA_KEY_TYPE => Some(describe(Some(value), None, None)),
        CKA_STRONGROOM_STATE => State::from_number(value).map(|state| state.name().to_string()),
        CKA_CERTIFICATE_TYPE if value == CKC_X_509 as u64 => Some("x509".to_string()),
        CKA_KEY_GEN_MECHANISM if value == u64::MAX => Some("none: not made in a token".to_string()),
        CKA_KEY_GEN_MECHANISM => {
            let row = mechanism::all().find(|row| row.id as u64 == value);
            row.map(|row| row.name.to_string())
        }
        _ => None,
    }
}

pub(super) fn bytes(view: &View, id: CK_ATTRIBUTE_TYPE) -> Option<&[u8]> {
    match view.read(id) {
        Reading::Value(value) => value.octets(),
        _ => None,
    }
}

pub(super) fn number(view: &View, id: CK_ATTRIBUTE_TYPE) -> Option<u64> {
    match view.read(id) {
        Reading::Value(Value::Number(number)) => Some(*number),
        _ => None,
    }
}

fn flag(view: &View, id: CK_ATTRIBUTE_TYPE) -> Option<bool> {
    match view.read(id) {
        Reading::Value(Value::Bool(flag)) => Some(*flag),
        _ => None,
    }
}

pub(super) fn text(view: &View, id: CK_ATTRIBUTE_TYPE) -> String {
    String::from_utf8_lossy(bytes(view, id).unwrap_or_default()).into_owned()
}

/// Objects asked for at once.
const BATCH: usize = 256;
