// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Moving in from SoftHSM2: its tokens are read, and what is in one is carried over, each object by
//! the rules of `C_CreateObject`. The source is never written to. It imports the files beside it, the
//! room above and rooms below.

mod database;
mod files;
mod mapping;
mod record;
mod source;
mod unlock;

pub use record::{Fault, Record};
pub use source::Source;

use super::failure::{Failure, Outcome};
use super::inventory::Class;
use super::kind::{describe, describe_set};
use super::pins::Visit;
use super::template::Sheet;
use crate::error::Result;
use crate::object::{self, Maker, Object, Reading, Template, Value, attribute};
use crate::safety::{Lifted, Safeguard};
use crate::secret::Secret;
use cryptoki_sys::*;
use mapping::{Mapped, Unfit};
use serde::Serialize;
use std::collections::HashSet;
use unlock::TokenKey;

/// A token of SoftHSM2 that is open.
pub struct Unlocked {
    source: Source,
    key: Option<TokenKey>,
}

/// What was carried over, or would be.
#[derive(Debug, Serialize)]
pub struct Report {
    /// The token that is moved out of.
    pub from: End,
    /// The token that is moved into.
    pub into: End,
    /// Whether nothing was done.
    pub dry_run: bool,
    /// How many objects were carried over.
    pub carried: usize,
    /// How many were there already.
    pub present: usize,
    /// How many were left behind.
    pub left: usize,
    /// Each object.
    pub objects: Vec<Moved>,
}

/// One end of a move.
#[derive(Debug, Serialize)]
pub struct End {
    /// The label of the token.
    pub label: String,
    /// Its serial number.
    pub serial: String,
}

/// What became of an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Fate {
    /// It is in the token now; after a dry run, it could be.
    Carried,
    /// The token has it already.
    Present,
    /// It was left behind.
    Left,
}

/// An object, and what became of it.
#[derive(Debug, Serialize)]
pub struct Moved {
    /// Where it lies in the source: a file, or a number of its database.
    pub source: String,
    /// Its class, where that is known.
    pub class: Option<Class>,
    /// Its type and size.
    #[serde(rename = "type")]
    pub kind: String,
    /// `CKA_ID`, hexadecimal.
    pub id: String,
    /// `CKA_LABEL`.
    pub label: String,
    /// What became of it.
    pub fate: Fate,
    /// What is not as it was.
    pub changed: Vec<String>,
    /// Why it was left behind.
    pub why: Option<String>,
    /// What to do about that.
    pub next: Option<String>,
}

impl Source {
    /// Opens the token with its user PIN.
    pub fn open(self, pin: Option<&Secret>) -> Outcome<Unlocked> {
        let key = pin.map(|pin| self.unlock(pin)).transpose()?;
        Ok(Unlocked { source: self, key })
    }
}

impl Visit<'_> {
    /// Carries every object of a SoftHSM2 token over that is not there yet, one by one: wholly or
    /// not at all. `dry_run` says what would be, and does nothing.
    pub fn move_in(&self, from: &Unlocked, dry_run: bool) -> Outcome<Report> {
        let token = self.desk.opened.vault.token(self.token.id);
        let token = token.map_err(|error| Failure::of("cannot read the token", error))?;
        let lifted = token.map(|token| token.lifted).unwrap_or_default();
        let mut mover = Mover { visit: self, lifted, dry_run, done: HashSet::new() };
        let mut objects = Vec::new();
        for (name, read) in &from.source.objects {
            objects.push(match read {
                Ok(record) => mover.carry(name, record, from.key.as_ref()),
                Err(fault) => Moved::left(name, source::words(*fault), DAMAGED.to_string()),
            });
        }
        let count = |fate| objects.iter().filter(|moved| moved.fate == fate).count();
        Ok(Report {
            from: End { label: from.source.label.clone(), serial: from.source.serial.clone() },
            into: End { label: self.token.label.clone(), serial: self.token.serial.clone() },
            dry_run,
            carried: count(Fate::Carried),
            present: count(Fate::Present),
            left: count(Fate::Left),
            objects,
        })
    }
}

struct Mover<'a> {
    visit: &'a Visit<'a>,
    lifted: Lifted,
    dry_run: bool,
    /// What was met before, by [`identity`].
    done: HashSet<[u8; 32]>,
}

impl Mover<'_> {
    fn carry(&mut self, name: &str, record: &Record, key: Option<&TokenKey>) -> Moved {
        let mapped = match Mapped::of(record, key) {
            Ok(mapped) => mapped,
            Err(unfit) => {
                let (why, next) = explain(&unfit, record);
                let class = record.number(CKA_CLASS as u64).and_then(Class::of);
                return Moved { class, ..Moved::left(name, why, next) };
            }
        };
        let made = self.make(&mapped);
        let mut moved = Moved::left(name, String::new(), String::new());
        moved.class = record.number(CKA_CLASS as u64).and_then(Class::of);
        moved.id = hex::encode(mapped.bytes(CKA_ID).unwrap_or_default());
        moved.label = text(mapped.bytes(CKA_LABEL));
        moved.changed = mapped.changed;
        match made {
            Ok((object, fate)) => {
                moved.kind = kind(&object);
                moved.fate = fate;
                (moved.why, moved.next) = (None, None);
                if fate == Fate::Carried && self.undecided(&object) {
                    moved.changed.push(UNDECIDED.to_string());
                }
            }
            Err(error) => {
                let failure = Failure::of("the token does not take it", error);
                (moved.why, moved.next) = (Some(failure.what), Some(failure.next));
                moved.changed.clear();
            }
        }
        moved
    }

    /// The object by the rules of any creation; then, unless it is there, in the token.
    fn make(&mut self, mapped: &Mapped) -> Result<(Object, Fate)> {
        let template = Template::parse(&mapped.raw())?;
        let object = object::create(&template, Maker { so: false, lifted: self.lifted })?;
        let identity = identity(|id| object.attributes().get(id));
        if self.done.contains(&identity) || self.is_there(&object, &identity)? {
            return Ok((object, Fate::Present));
        }
        if !self.dry_run {
            let visit = self.visit;
            visit.library().create_object(visit.session, &mapped.raw())?;
        }
        self.done.insert(identity);
        Ok((object, Fate::Carried))
    }

    fn is_there(&self, object: &Object, wanted: &[u8; 32]) -> Result<bool> {
        let label = object.attributes().bytes(CKA_LABEL).unwrap_or_default();
        let sheet = Sheet::default()
            .flag(CKA_TOKEN, true)
            .number(CKA_CLASS, object.class())
            .bytes(CKA_LABEL, label);
        for found in self.visit.search(&sheet)? {
            let view = self.visit.library().view(self.visit.session, found.handle)?;
            let read = |id| match view.read(id) {
                Reading::Value(value) => Some(value),
                _ => None,
            };
            if identity(read) == *wanted {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Whether the first use of a key decides what it is for.
    fn undecided(&self, object: &Object) -> bool {
        let serves = |usage: &CK_ATTRIBUTE_TYPE| {
            let shape = object::Shape::of(object.class(), object.key_type());
            let key_type = object.key_type().unwrap_or(u64::MAX);
            let served = shape.is_ok_and(|shape| object::serves(shape, key_type, *usage));
            served && object.permits(*usage)
        };
        let locked = matches!(object.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY);
        locked
            && self.lifted.stands(Safeguard::SeparateUsages)
            && [CKA_WRAP, CKA_UNWRAP].iter().any(serves)
            && [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_DERIVE].iter().any(serves)
    }
}

impl Moved {
    fn left(source: &str, why: String, next: String) -> Moved {
        Moved {
            source: source.to_string(),
            class: None,
            kind: String::new(),
            id: String::new(),
            label: String::new(),
            fate: Fate::Left,
            changed: Vec::new(),
            why: Some(why),
            next: Some(next),
        }
    }
}

/// By what an object is known again: class, type, names, and what tells of its value.
fn identity<'a>(read: impl Fn(CK_ATTRIBUTE_TYPE) -> Option<&'a Value>) -> [u8; 32] {
    let key = read(CKA_KEY_TYPE).is_some();
    let mut hash = openssl::sha::Sha256::new();
    for id in KNOWN_BY.iter().filter(|id| !key || **id != CKA_VALUE) {
        hash.update(&(*id as u64).to_be_bytes());
        match read(*id) {
            Some(Value::Number(number)) => hash.update(&number.to_be_bytes()),
            Some(other) => {
                let octets = other.octets().unwrap_or_default();
                hash.update(&(octets.len() as u64).to_be_bytes());
                hash.update(octets);
            }
            None => {}
        }
    }
    hash.finish()
}

fn kind(object: &Object) -> String {
    let attributes = object.attributes();
    if object.class() == CKO_CERTIFICATE {
        return "x509".to_string();
    }
    if let Some(set) = attributes.number(CKA_PARAMETER_SET) {
        return describe_set(object.key_type(), set).unwrap_or_default();
    }
    let bits = object.key().map(|key| key.bits() as u64).ok();
    describe(object.key_type(), attributes.bytes(CKA_EC_PARAMS), bits)
}

fn text(bytes: Option<&[u8]>) -> String {
    String::from_utf8_lossy(bytes.unwrap_or_default()).into_owned()
}

fn explain(unfit: &Unfit, record: &Record) -> (String, String) {
    match unfit {
        Unfit::Unfinished(name) => {
            (format!("it has no {name}: half written, or cut off"), DAMAGED.to_string())
        }
        Unfit::Locked => (
            "it is private, which needs the user PIN, and this token keeps none".to_string(),
            DAMAGED.to_string(),
        ),
        Unfit::Sealed(id) => {
            let known = attribute::all().find(|rule| rule.id as u64 == *id);
            let name = known.map_or("a value", |rule| rule.name);
            (format!("{name} does not open with the token's key"), DAMAGED.to_string())
        }
        Unfit::Form(name) => {
            (format!("{name} is not of the form that the standard gives it"), DAMAGED.to_string())
        }
        Unfit::Unknown => {
            let number = |id: CK_ATTRIBUTE_TYPE| {
                record.number(id as u64).map_or("none".to_string(), |number| format!("{number:#x}"))
            };
            (
                format!(
                    "objects of class {} and key type {} are not supported",
                    number(CKA_CLASS),
                    number(CKA_KEY_TYPE)
                ),
                "go on using it where it is, or replace the key by one of a type that 'strongroom \
                 key generate --help' lists"
                    .to_string(),
            )
        }
        Unfit::Library(error) => {
            let failure = Failure::of("it cannot be read", *error);
            (failure.what, failure.next)
        }
    }
}

const DAMAGED: &str = "if an application is just writing it, end that and try again; else restore \
                       it from a backup";
const UNDECIDED: &str = "may be used for keys (wrap, unwrap) and for data: the first use decides \
                         for one of the two (safeguard separate-usages)";
const KNOWN_BY: &[CK_ATTRIBUTE_TYPE] = &[
    CKA_CLASS,
    CKA_KEY_TYPE,
    CKA_CERTIFICATE_TYPE,
    CKA_LABEL,
    CKA_ID,
    CKA_APPLICATION,
    CKA_OBJECT_ID,
    CKA_PUBLIC_KEY_INFO,
    CKA_CHECK_VALUE,
    CKA_VALUE_LEN,
    CKA_VALUE,
];
