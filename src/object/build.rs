// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The one evaluator of the attribute rules. Every way by which an object can come to be or change
//! goes through it, so that a new way cannot forget a rule: it has none of its own.

use super::attribute::{self, Given, IMPLIED, Rule, SO_ONLY, Unsaid};
use super::heritage::Heritage;
use super::life;
use super::shape::{
    ANY_CERT, DOMAIN, FIELD_PUBLIC, PRIVATE, PUBLIC, SECRET, SET_PRIVATE, Shape, TOMBSTONE, serves,
};
use super::template::Template;
use super::value::{Attributes, Value};
use super::{Object, consistency, parts, record, separation};
use crate::codec::{crc64, utc_digits};
use crate::error::{Error, Result};
use crate::mechanism::{Key, Parts, primitive, rsa_weak, secret_key};
use crate::safety::{Lifted, Safeguard};
use crate::secret::Secret;
use crate::vendor::*;
use cryptoki_sys::*;
use std::sync::Arc;
use std::time::SystemTime;

/// Who makes or changes an object, on what token.
#[derive(Clone, Copy, Debug, Default)]
pub struct Maker {
    /// Whether the security officer asks.
    pub so: bool,
    /// Which safeguards of the token are lifted.
    pub lifted: Lifted,
}

/// How a key comes to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// `C_CreateObject`.
    Create,
    /// `C_GenerateKey`, `C_GenerateKeyPair`: by this mechanism.
    Generate(CK_MECHANISM_TYPE),
    /// `C_UnwrapKey`.
    Unwrap,
    /// `C_EncapsulateKey`, `C_DecapsulateKey`.
    Kem,
    /// `C_DeriveKey`: from keys of which it inherits this.
    Derive(Heritage),
    /// `C_DeriveKey`: the public half of a private key, by a template as for `C_CreateObject`.
    PublicHalf,
}

/// What the function that makes a key says of it besides its values.
#[derive(Default)]
pub(super) struct Extra {
    /// What the template may not contradict.
    pub(super) contributed: Attributes,
    /// What holds where the template does not say.
    pub(super) unsaid: Attributes,
}

/// An object from a template alone (`C_CreateObject`). `so` says whether the security officer asks.
pub fn create(template: &Template, maker: Maker) -> Result<Object> {
    let extra = Extra::default();
    let (attributes, shape) = assemble(Origin::Create, template, extra, maker)?;
    if !shape.is(PUBLIC | PRIVATE | SECRET) {
        let attributes = record::published(attributes);
        return finish(Origin::Create, attributes, shape, None);
    }
    let key = Key::new(&parts::from_attributes(&attributes)?)?;
    refuse_weak(&attributes, maker)?;
    let attributes = normalised(attributes, shape, &key)?;
    finish(Origin::Create, attributes, shape, Some(Arc::new(key)))
}

/// What a template alone decides of a key that is to be unwrapped: the key without its value. It is
/// asked before anything is opened, so that a fault of the template never tells of what was inside.
pub fn announced(template: &Template, maker: Maker) -> Result<Object> {
    let (attributes, shape) = assemble(Origin::Unwrap, template, Extra::default(), maker)?;
    if !shape.is(PRIVATE | SECRET) {
        return Err(Error::TemplateInconsistent);
    }
    consistency::check(&attributes, shape)?;
    Ok(Object::new(attributes))
}

/// A key object, or domain parameters, from values that the token made, unwrapped or derived.
pub fn new_key(origin: Origin, parts: Parts, template: &Template, maker: Maker) -> Result<Object> {
    new_key_with(origin, parts, Extra::default(), template, maker)
}

/// The same, with what else there is to say of the key.
pub(super) fn new_key_with(
    origin: Origin,
    parts: Parts,
    mut extra: Extra,
    template: &Template,
    maker: Maker,
) -> Result<Object> {
    if let Parts::FieldDomain(_) = parts {
        extra.contributed = parts::to_attributes(parts);
        let (attributes, shape) = assemble(origin, template, extra, maker)?;
        return finish(origin, attributes, shape, None);
    }
    let key = match origin {
        Origin::Generate(_) | Origin::PublicHalf => Key::from_record(&parts)?,
        // Bytes that make no key came out of a wrap that was wrong.
        Origin::Unwrap => Key::new(&parts).map_err(|error| match (error, &parts) {
            (Error::CurveNotSupported | Error::DomainParamsInvalid, _) => error,
            (_, Parts::Secret(key_type, value)) if !secret_key::fits(*key_type, value.len()) => {
                Error::WrappedKeyLenRange
            }
            _ => Error::WrappedKeyInvalid,
        })?,
        // A secret that cannot be a key of the type is a matter of the template.
        Origin::Kem | Origin::Derive(_) => Key::new(&parts).map_err(|error| match error {
            Error::AttributeValueInvalid => Error::TemplateInconsistent,
            other => other,
        })?,
        _ => Key::new(&parts)?,
    };
    let parts = match parts {
        Parts::SetPrivate(_) => key.private_parts()?,
        given => given,
    };
    for (id, value) in parts::to_attributes(parts) {
        extra.contributed.set(id, value);
    }
    let (attributes, shape) = assemble(origin, template, extra, maker)?;
    if origin == Origin::Unwrap {
        refuse_weak(&attributes, maker)?;
    }
    finish(origin, attributes, shape, Some(Arc::new(key)))
}

/// RSA keys of others' making may be known to be weak.
fn refuse_weak(attributes: &Attributes, maker: Maker) -> Result<()> {
    let numbers = attributes.bytes(CKA_MODULUS).zip(attributes.bytes(CKA_PUBLIC_EXPONENT));
    let weak = |(modulus, exponent)| rsa_weak::is_weak(modulus, exponent);
    maker.lifted.check(Safeguard::RsaWeak, numbers.is_some_and(weak))
}

/// A data object with a value that the token derived; private where the template does not say
/// otherwise if `private`.
pub(super) fn new_data(value: Secret, template: &Template, private: bool) -> Result<Object> {
    let mut extra = Extra::default();
    extra.contributed.set(CKA_CLASS, Value::Number(CKO_DATA as u64));
    extra.contributed.set(CKA_VALUE, Value::Secret(value));
    extra.unsaid.set(CKA_PRIVATE, Value::Bool(private));
    let (attributes, shape) = assemble(Origin::Create, template, extra, Maker::default())?;
    finish(Origin::Create, record::published(attributes), shape, None)
}

/// Applies the table to a template and to what the function itself says.
fn assemble(
    origin: Origin,
    template: &Template,
    extra: Extra,
    maker: Maker,
) -> Result<(Attributes, Shape)> {
    let mut attributes = extra.contributed;
    let shape = shape_of(&attributes, template)?;
    if shape.is(TOMBSTONE) {
        return Err(Error::AttributeValueInvalid);
    }
    for (id, value) in template.iter() {
        let rule = attribute::rule_for(*id, shape).ok_or(Error::TemplateInconsistent)?;
        if given(rule, origin) == Given::Never {
            return Err(Error::AttributeReadOnly);
        }
        may_set(rule, value, maker)?;
        may_begin(*id, value)?;
        match attributes.get(*id) {
            Some(contributed) if !contributed.same(value) => {
                return Err(Error::TemplateInconsistent);
            }
            Some(_) => {}
            None => attributes.set(*id, value.duplicate()?),
        }
    }
    let mut missing = attribute::rules(shape).filter(|rule| given(rule, origin) == Given::Must);
    if missing.any(|rule| !attributes.has(rule.id) && !computed_later(rule.id)) {
        return Err(Error::TemplateIncomplete);
    }
    if matches!(origin, Origin::Unwrap | Origin::Kem) && shape.is(PRIVATE | SECRET) {
        // Sections 5.18.4, 5.18.8, 5.18.9: what came wrapped, or is shared with someone else, may
        // leave wrapped, unless the template says otherwise.
        attributes.set_default(CKA_EXTRACTABLE, Value::Bool(true));
    }
    if let Origin::Derive(heritage) = origin {
        heritage.settle(&mut attributes)?;
    }
    for (id, value) in extra.unsaid {
        if attribute::rule_for(id, shape).is_some() {
            attributes.set_default(id, value);
        }
    }
    set_defaults(&mut attributes, shape);
    if maker.lifted.stands(Safeguard::SeparateUsages) {
        separation::trusted(&mut attributes, shape)?;
    }
    Ok((attributes, shape))
}

/// The shape that contributed attributes and template agree on.
fn shape_of(contributed: &Attributes, template: &Template) -> Result<Shape> {
    let agreed = |id| match (contributed.number(id), template.number(id)) {
        (Some(a), Some(b)) if a != b => Err(Error::TemplateInconsistent),
        (a, b) => Ok(a.or(b)),
    };
    let class = agreed(CKA_CLASS)?.ok_or(Error::TemplateIncomplete)?;
    let kind = match agreed(CKA_CERTIFICATE_TYPE)? {
        Some(kind) if class == CKO_CERTIFICATE as u64 => Some(kind),
        _ => agreed(CKA_KEY_TYPE)?,
    };
    let class = CK_OBJECT_CLASS::try_from(class).map_err(|_| Error::AttributeValueInvalid)?;
    Shape::of(class, kind)
}

fn given(rule: &Rule, origin: Origin) -> Given {
    match origin {
        Origin::Create | Origin::PublicHalf => rule.create,
        Origin::Generate(_) => rule.generate,
        Origin::Unwrap | Origin::Kem | Origin::Derive(_) => rule.unwrap,
    }
}

/// The modulus length is the generator's to check: it is asked for by number, not by attribute.
fn computed_later(id: CK_ATTRIBUTE_TYPE) -> bool {
    matches!(id, CKA_MODULUS_BITS | CKA_PRIME_BITS)
}

pub(super) fn may_set(rule: &Rule, value: &Value, maker: Maker) -> Result<()> {
    if rule.has(SO_ONLY) && !maker.so && value.same(&Value::Bool(true)) {
        return Err(Error::AttributeReadOnly);
    }
    Ok(())
}

/// A key begins its life pre-active or active; what comes later is the table of states' to say.
fn may_begin(id: CK_ATTRIBUTE_TYPE, value: &Value) -> Result<()> {
    match value {
        Value::Number(state) if id == CKA_STRONGROOM_STATE && !life::may_begin(*state) => {
            Err(Error::AttributeValueInvalid)
        }
        _ => Ok(()),
    }
}

fn set_defaults(attributes: &mut Attributes, shape: Shape) {
    let key_type = attributes.number(CKA_KEY_TYPE).unwrap_or(u64::MAX);
    for rule in attribute::rules(shape).filter(|rule| !rule.has(IMPLIED)) {
        let value = match rule.unsaid {
            Unsaid::Absent => continue,
            Unsaid::Bool(value) => Value::Bool(value),
            Unsaid::Number(value) => Value::Number(value),
            Unsaid::Empty => Value::Bytes(Vec::new()),
            Unsaid::Guarded => Value::Bool(shape.is(PRIVATE | SECRET)),
            Unsaid::Usage => Value::Bool(serves(shape, key_type, rule.id)),
        };
        attributes.set_default(rule.id, value);
    }
}

/// What the token itself says of a new object, and what must hold between its attributes.
fn finish(
    origin: Origin,
    mut attributes: Attributes,
    shape: Shape,
    key: Option<Arc<Key>>,
) -> Result<Object> {
    attributes.set(CKA_UNIQUE_ID, unique_id()?);
    if let Some(key) = &key {
        set_sizes(&mut attributes, key, shape)?;
        set_made(&mut attributes);
        set_history(&mut attributes, origin, shape);
        if shape.is(PUBLIC | PRIVATE) {
            let info = key.public_key_info()?;
            set_computed(&mut attributes, CKA_PUBLIC_KEY_INFO, &info)?;
            if let Some(crc) = public_crc64(key)? {
                set_computed(&mut attributes, CKA_PUBLIC_CRC64_VALUE, &crc)?;
            }
        }
    }
    if attributes.bytes(CKA_PUBLIC_KEY_INFO).is_some_and(<[u8]>::is_empty) {
        // Section 4.6.2 recommends to take it from the certificate; what is given is not compared.
        let info = consistency::public_key_info(&attributes, shape);
        info.into_iter().for_each(|info| attributes.set(CKA_PUBLIC_KEY_INFO, Value::Bytes(info)));
    }
    if shape.is(DOMAIN) {
        set_domain_sizes(&mut attributes)?;
        attributes.set(CKA_LOCAL, Value::Bool(matches!(origin, Origin::Generate(_))));
    }
    set_check_value(&mut attributes, shape, key.as_deref())?;
    consistency::check(&attributes, shape)?;
    Ok(match key {
        Some(key) => Object::with_key(attributes, key),
        None => Object::new(attributes),
    })
}

/// When a key of the token was made: for a key that ends with its session nobody asks.
pub(super) fn set_made(attributes: &mut Attributes) {
    if attributes.flag(CKA_TOKEN) {
        let now = utc_digits(SystemTime::now());
        attributes.set(CKA_STRONGROOM_MADE, Value::Bytes(now.into_bytes()));
    }
}

/// The length of a secret is the token's to say; a template that says it as well says it right.
fn set_sizes(attributes: &mut Attributes, key: &Key, shape: Shape) -> Result<()> {
    if let Some(value) = key.secret() {
        let len = value.len() as u64;
        if attributes.number(CKA_VALUE_LEN).is_some_and(|said| said != len) {
            return Err(Error::TemplateInconsistent);
        }
        attributes.set(CKA_VALUE_LEN, Value::Number(len));
    }
    if let Some(types) = key.hss_types() {
        let ids = [CKA_HSS_LEVELS, CKA_HSS_LMS_TYPE, CKA_HSS_LMOTS_TYPE];
        for (id, value) in ids.into_iter().zip(types) {
            attributes.set(id, Value::Number(u64::from(value)));
        }
    }
    if shape.is(super::shape::RSA_PUBLIC) {
        attributes.set(CKA_MODULUS_BITS, Value::Number(key.bits() as u64));
    }
    if let Some(bits) = key.value_bits() {
        attributes.set(CKA_VALUE_BITS, Value::Number(bits as u64));
    }
    Ok(())
}

/// The sizes of domain parameters, which must be those of their key type.
fn set_domain_sizes(attributes: &mut Attributes) -> Result<()> {
    if let Parts::FieldDomain(domain) = parts::from_attributes(attributes)? {
        attributes.set(CKA_PRIME_BITS, Value::Number(domain.bits() as u64));
        if let Some(bits) = domain.order_bits() {
            attributes.set(CKA_SUBPRIME_BITS, Value::Number(bits as u64));
        }
    }
    Ok(())
}

/// Where a key came from and what it has always been.
fn set_history(attributes: &mut Attributes, origin: Origin, shape: Shape) {
    if let Origin::Generate(mechanism) = origin {
        attributes.set(CKA_LOCAL, Value::Bool(true));
        attributes.set(CKA_KEY_GEN_MECHANISM, Value::Number(mechanism as u64));
    }
    if !shape.is(PRIVATE | SECRET) {
        return;
    }
    let (always, never) = match origin {
        Origin::Generate(_) => (true, true),
        Origin::Derive(heritage) => heritage.history(),
        Origin::Create | Origin::Unwrap | Origin::Kem | Origin::PublicHalf => (false, false),
    };
    let always = always && attributes.flag(CKA_SENSITIVE);
    let never = never && !attributes.flag(CKA_EXTRACTABLE);
    attributes.set(CKA_ALWAYS_SENSITIVE, Value::Bool(always));
    attributes.set(CKA_NEVER_EXTRACTABLE, Value::Bool(never));
}

/// Section 4.10: three bytes that the token computes; a template may say them if it says them right,
/// or decline them with an empty value.
fn set_check_value(attributes: &mut Attributes, shape: Shape, key: Option<&Key>) -> Result<()> {
    let value = match key {
        _ if attributes.bytes(CKA_CHECK_VALUE).is_some_and(<[u8]>::is_empty) => return Ok(()),
        Some(key) if shape.is(SECRET) => primitive::check_value(key)?.map(|value| value.to_vec()),
        _ if shape.is(ANY_CERT) => match attributes.bytes(CKA_VALUE) {
            Some(der) if !der.is_empty() => {
                primitive::sha1(der)?.get(..CHECK_VALUE).map(<[u8]>::to_vec)
            }
            _ => None,
        },
        _ => None,
    };
    match value {
        Some(value) => set_computed(attributes, CKA_CHECK_VALUE, &value),
        None => Ok(()),
    }
}

/// `CKA_PUBLIC_CRC64_VALUE` links the halves of a pair: it is calculated over the modulus of an RSA
/// key, and over `CKA_VALUE` of other public keys that have one.
fn public_crc64(key: &Key) -> Result<Option<[u8; 8]>> {
    let public = parts::to_attributes(key.public_parts()?);
    let linked = public.bytes(CKA_MODULUS).or(public.bytes(CKA_VALUE));
    Ok(linked.map(|bytes| crc64(bytes).to_be_bytes()))
}

fn set_computed(attributes: &mut Attributes, id: CK_ATTRIBUTE_TYPE, value: &[u8]) -> Result<()> {
    match attributes.bytes(id) {
        Some(said) if !said.is_empty() && said != value => Err(Error::AttributeValueInvalid),
        _ => {
            attributes.set(id, Value::Bytes(value.to_vec()));
            Ok(())
        }
    }
}

/// Curve points are kept as they are given out, whichever form they came in: uncompressed, in a DER
/// OCTET STRING. A private key that was given by its seed has its expanded form as well.
fn normalised(mut attributes: Attributes, shape: Shape, key: &Key) -> Result<Attributes> {
    if shape.is(SET_PRIVATE) {
        for (id, value) in parts::to_attributes(key.private_parts()?) {
            attributes.set_default(id, value);
        }
    }
    if attributes.has(CKA_EC_POINT) {
        let written = parts::to_attributes(key.public_parts()?);
        if let Some(point) = written.get(CKA_EC_POINT) {
            attributes.set(CKA_EC_POINT, point.duplicate()?);
        }
    }
    if shape.is(FIELD_PUBLIC) {
        for (id, value) in parts::to_attributes(key.public_parts()?) {
            attributes.set(id, value);
        }
    }
    Ok(attributes)
}

/// A version 4 UUID (RFC 9562).
pub(super) fn unique_id() -> Result<Value> {
    let mut bytes = [0u8; 16];
    primitive::random(&mut bytes)?;
    let number = u128::from_be_bytes(bytes);
    let number = (number & !(0xf << 76) & !(0x3 << 62)) | (0x4 << 76) | (0x2 << 62);
    let digits = format!("{number:032x}");
    let groups = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| digits.get(range).unwrap_or(""));
    Ok(Value::Bytes(groups.join("-").into_bytes()))
}

/// The length of a check value, bytes.
const CHECK_VALUE: usize = 3;
