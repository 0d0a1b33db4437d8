// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token holds: the attribute table, object classes, templates, and the rules of `CKA_*` as
//! data. It may import `mechanism` (for the keys inside objects) and layer 0.

mod annex;
pub mod attribute;
mod build;
mod builtin;
mod change;
mod consistency;
mod derived;
mod heritage;
mod life;
mod material;
mod parts;
mod record;
mod returning;
pub mod separation;
mod shape;
mod template;
mod tombstone;
mod value;

pub use annex::Annex;
pub use build::{Maker, Origin, announced, create, new_key};
pub use builtin::{Builtin, asked_for, builtins};
pub use change::{copy, modify};
pub use derived::derived;
pub use heritage::Heritage;
pub use life::{Life, State, Transition};
pub use material::{has_material, join, material, set_material, split, with_material};
pub use record::{decode, encode};
pub use returning::{as_held, fingerprinted, identity, no_less_guarded};
pub use shape::{Shape, serves};
pub use template::Template;
pub use tombstone::tombstone;
pub use value::{Attributes, Value};

use crate::codec;
use crate::error::{Error, Result};
use crate::mechanism::Key;
use crate::vendor::*;
use attribute::Kind;
use cryptoki_sys::*;
use std::sync::{Arc, OnceLock};
use std::time::SystemTime;

/// An object: its attributes, and its key decoded at the first use.
pub struct Object {
    attributes: Attributes,
    summary: Summary,
    key: OnceLock<Arc<Key>>,
    annex: Annex,
}

/// What every use of an object asks for, read from its attributes once.
struct Summary {
    class: CK_OBJECT_CLASS,
    key_type: Option<u64>,
    on_token: bool,
    private: bool,
    always_authenticate: bool,
    restricted: bool,
    /// A bit for each of [`USAGES`].
    usages: u16,
    /// What it was used for, where that excludes other uses.
    used: separation::Uses,
    own_nonces: bool,
    life: Life,
    fingerprint: Option<[u8; 16]>,
}

/// What an application that asks for an attribute gets.
pub enum Reading<'a> {
    /// The value.
    Value(&'a Value),
    /// It exists and may not be shown.
    Sensitive,
    /// The object has no such attribute.
    Absent,
}

impl Object {
    /// An object of these attributes, whose key (if it has one) is decoded when first used.
    pub fn new(attributes: Attributes) -> Object {
        Object {
            summary: Summary::of(&attributes),
            attributes,
            key: OnceLock::new(),
            annex: Annex::default(),
        }
    }

    /// An object whose key is at hand already.
    pub fn with_key(attributes: Attributes, key: Arc<Key>) -> Object {
        Object {
            summary: Summary::of(&attributes),
            attributes,
            key: OnceLock::from(key),
            annex: Annex::default(),
        }
    }

    /// What the rooms above keep beside it.
    pub fn annex(&self) -> &Annex {
        &self.annex
    }

    /// The same object with other attributes: its key, if it was decoded, is kept.
    fn with_attributes(&self, attributes: Attributes) -> Object {
        match self.key.get().cloned() {
            Some(key) => Object::with_key(attributes, key),
            None => Object::new(attributes),
        }
    }

    /// About how much memory it takes, bytes: an object and what is kept beside it, and for a key what
    /// OpenSSL makes of its value, several times as long.
    pub fn weight(&self) -> usize {
        let attributes = record::length(&self.attributes);
        match self.summary.class {
            CKO_PRIVATE_KEY | CKO_SECRET_KEY | CKO_PUBLIC_KEY => OF_KEY + 4 * attributes,
            _ => OF_OBJECT + attributes,
        }
    }

    /// All its attributes.
    pub fn attributes(&self) -> &Attributes {
        &self.attributes
    }

    /// `CKA_CLASS`.
    pub fn class(&self) -> CK_OBJECT_CLASS {
        self.summary.class
    }

    /// `CKA_KEY_TYPE`.
    pub fn key_type(&self) -> Option<u64> {
        self.summary.key_type
    }

    /// Whether a usage attribute (`CKA_SIGN` and its kind) is true.
    pub fn permits(&self, usage: CK_ATTRIBUTE_TYPE) -> bool {
        let bit = USAGES.iter().position(|known| *known == usage);
        bit.is_some_and(|bit| (self.summary.usages >> bit) & 1 == 1)
    }

    /// What it was used for, where that excludes other uses (`CKA_STRONGROOM_USED`).
    pub fn used(&self) -> separation::Uses {
        self.summary.used
    }

    /// Whether it encrypts under initialisation vectors that the token makes alone
    /// (`CKA_STRONGROOM_TOKEN_NONCES`).
    pub fn own_nonces(&self) -> bool {
        self.summary.own_nonces
    }

    /// What tells a secret or private key that is kept from others, whatever its attributes; none for
    /// other objects.
    pub fn fingerprint(&self) -> Option<[u8; 16]> {
        self.summary.fingerprint
    }

    /// Whether each use needs the PIN once more (`CKA_ALWAYS_AUTHENTICATE`).
    pub fn always_authenticate(&self) -> bool {
        self.summary.always_authenticate
    }

    /// Whether the key lists the mechanisms it may be used with (`CKA_ALLOWED_MECHANISMS`).
    pub fn restricted(&self) -> bool {
        self.summary.restricted
    }

    /// Its state and days.
    pub fn life(&self) -> &Life {
        &self.summary.life
    }

    /// Whether it is what is left of a destroyed key.
    pub fn is_tombstone(&self) -> bool {
        self.class() == CKO_STRONGROOM_DESTROYED
    }

    /// Whether it is a key of any class.
    pub fn is_key(&self) -> bool {
        matches!(self.class(), CKO_PUBLIC_KEY | CKO_PRIVATE_KEY | CKO_SECRET_KEY)
    }

    /// Whether it rests in the token (`CKA_TOKEN`).
    pub fn on_token(&self) -> bool {
        self.summary.on_token
    }

    /// Whether only the user sees it (`CKA_PRIVATE`).
    pub fn private(&self) -> bool {
        self.summary.private
    }

    /// Its key, decoded once and kept.
    pub fn key(&self) -> Result<&Arc<Key>> {
        if let Some(key) = self.key.get() {
            return Ok(key);
        }
        let parts = parts::from_attributes(&self.attributes)?;
        let key = Arc::new(Key::from_record(&parts)?);
        Ok(self.key.get_or_init(|| key))
    }

    /// What an application sees of an attribute.
    pub fn read(&self, id: CK_ATTRIBUTE_TYPE) -> Reading<'_> {
        match self.attributes.get(id) {
            // The record says what a key was put into; whoever asks is told what it is today.
            _ if id == CKA_STRONGROOM_STATE && self.is_key() => {
                let today = codec::day_of(SystemTime::now());
                Reading::Value(self.summary.life.on(today).value())
            }
            Some(_) if attribute::has(id, attribute::INTERNAL) => Reading::Absent,
            None if material::sealed(self, id) => Reading::Sensitive,
            Some(_) if self.hides(id) => Reading::Sensitive,
            Some(value) => Reading::Value(value),
            None => self.unsaid(id).map_or(Reading::Absent, Reading::Value),
        }
    }

    /// The default of an attribute that the object's record, older than the attribute, does not
    /// know.
    fn unsaid(&self, id: CK_ATTRIBUTE_TYPE) -> Option<&'static Value> {
        let kind = self.attributes.number(CKA_CERTIFICATE_TYPE).or(self.key_type());
        let rule = attribute::rule_for(id, Shape::of(self.class(), kind).ok()?)?;
        rule.unsaid.value()
    }

    /// Whether every attribute of `template` has the value given there. A hidden attribute matches
    /// nothing: a search must not answer guesses. What is left of a destroyed key is found by who
    /// asks for its class.
    pub fn matches(&self, template: &Template) -> bool {
        let asked = !self.is_tombstone() || template.attributes().has(CKA_CLASS);
        asked && self.has_all(template.attributes())
    }

    /// The same for attributes that a key carries (`CKA_WRAP_TEMPLATE` and its kind).
    pub fn has_all(&self, wanted: &Attributes) -> bool {
        wanted.iter().all(|(id, wanted)| match self.read(*id) {
            Reading::Value(value) if attribute::kind(*id) == Some(Kind::Labels) => {
                lines(wanted).all(|wanted| lines(value).any(|line| line == wanted))
            }
            Reading::Value(value) => value.same(wanted),
            Reading::Sensitive | Reading::Absent => false,
        })
    }

    /// Its size: the bytes of its attributes as they are recorded.
    pub fn size(&self) -> usize {
        record::length(&self.attributes)
    }

    fn hides(&self, id: CK_ATTRIBUTE_TYPE) -> bool {
        // Absent flags hide: only an object that says it may be shown is.
        attribute::has(id, attribute::HIDDEN)
            && matches!(self.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY)
            && (self.attributes.bool(CKA_SENSITIVE) != Some(false)
                || self.attributes.bool(CKA_EXTRACTABLE) != Some(true))
    }
}

impl Summary {
    fn of(attributes: &Attributes) -> Summary {
        let usage = |bit: usize, id: &CK_ATTRIBUTE_TYPE| u16::from(attributes.flag(*id)) << bit;
        Summary {
            class: attributes.number(CKA_CLASS).unwrap_or(u64::MAX) as CK_OBJECT_CLASS,
            key_type: attributes.number(CKA_KEY_TYPE),
            on_token: attributes.flag(CKA_TOKEN),
            private: attributes.flag(CKA_PRIVATE),
            always_authenticate: attributes.flag(CKA_ALWAYS_AUTHENTICATE),
            restricted: attributes.has(CKA_ALLOWED_MECHANISMS),
            own_nonces: attributes.flag(CKA_STRONGROOM_TOKEN_NONCES),
            used: attributes.number(CKA_STRONGROOM_USED).unwrap_or(0),
            life: Life::of(attributes),
            fingerprint: attributes
                .bytes(CKA_STRONGROOM_FINGERPRINT)
                .and_then(|bytes| bytes.try_into().ok()),
            usages: USAGES.iter().enumerate().map(|(bit, id)| usage(bit, id)).sum(),
        }
    }
}

const USAGES: [CK_ATTRIBUTE_TYPE; 11] = [
    CKA_ENCRYPT,
    CKA_DECRYPT,
    CKA_SIGN,
    CKA_VERIFY,
    CKA_SIGN_RECOVER,
    CKA_VERIFY_RECOVER,
    CKA_WRAP,
    CKA_UNWRAP,
    CKA_DERIVE,
    CKA_ENCAPSULATE,
    CKA_DECAPSULATE,
];

/// The search tags of an object: the attributes that people search by, with their values as bytes. Of
/// what is left of a destroyed key it is the class alone, so that no other search meets it.
pub fn tagged(attributes: &Attributes) -> impl Iterator<Item = (CK_ATTRIBUTE_TYPE, Vec<u8>)> + '_ {
    let destroyed = attributes.number(CKA_CLASS) == Some(CKO_STRONGROOM_DESTROYED as u64);
    attributes
        .iter()
        .filter(|(id, _)| attribute::has(*id, attribute::SEARCHED))
        .filter(move |(id, _)| !destroyed || *id == CKA_CLASS)
        .flat_map(|(id, value)| tags(*id, value).into_iter().map(|tag| (*id, tag)))
}

fn tags(id: CK_ATTRIBUTE_TYPE, value: &Value) -> Vec<Vec<u8>> {
    let implied = attribute::has(id, attribute::IMPLIED);
    match attribute::kind(id) {
        Some(Kind::Labels) => lines(value).map(<[u8]>::to_vec).collect(),
        _ if implied && value.octets().is_some_and(<[u8]>::is_empty) => Vec::new(),
        _ => vec![value.canonical()],
    }
}

/// The lines of a value that has some.
fn lines(value: &Value) -> impl Iterator<Item = &[u8]> {
    let octets = value.octets().unwrap_or_default();
    octets.split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
}

/// A key wrapped by this library must be a private or secret key.
pub fn wrappable(object: &Object) -> Result<()> {
    match object.class() {
        CKO_SECRET_KEY | CKO_PRIVATE_KEY => Ok(()),
        _ => Err(Error::KeyNotWrappable),
    }
}

/// What objects and keys take beside their values, bytes.
const OF_OBJECT: usize = 1 << 10;
const OF_KEY: usize = 3 << 10;
