// SPDX-License-Identifier: Apache-2.0 OR MIT
//! How the attribute rules bear on objects that are there already: what may change in place, and what in
//! a copy. It may import layer 0 and the rest of the room.

use super::attribute::{self, BY_STATES, ON_COPY, ONLY_DOWN, ONLY_UP, Rule, Unsaid};
use super::build::{Maker, may_set, set_made, unique_id};
use super::life::Transition;
use super::shape::{PRIVATE, SECRET, Shape};
use super::template::Template;
use super::value::{Attributes, Value};
use super::{Object, consistency, record, separation};
use crate::error::{Error, Result};
use crate::safety::Safeguard;
use crate::vendor::*;
use cryptoki_sys::*;

/// A copy with changes (`C_CopyObject`).
pub fn copy(object: &Object, template: &Template, maker: Maker) -> Result<Object> {
    if !object.attributes.flag(CKA_COPYABLE) {
        return Err(Error::ActionProhibited);
    }
    let mut attributes = changed(object, template, maker, attribute::MODIFIABLE | ON_COPY)?;
    if attributes.flag(CKA_TRUSTED) && !maker.so {
        // Trust is the security officer's to give, to this new object too.
        attributes.set(CKA_TRUSTED, Value::Bool(false));
    }
    attributes.set(CKA_UNIQUE_ID, unique_id()?);
    if object.is_key() && !object.on_token() {
        set_made(&mut attributes);
    }
    Ok(object.with_attributes(attributes))
}

/// The same object with changes (`C_SetAttributeValue`): all of them or none. `transition` is what
/// the table of states said of a template that names one.
pub fn modify(
    object: &Object,
    template: &Template,
    transition: Option<&Transition>,
    maker: Maker,
) -> Result<Object> {
    // Section 4.6.2: trusted certificates cannot be modified.
    let trusted = object.class() == CKO_CERTIFICATE && object.attributes.flag(CKA_TRUSTED);
    // What may not be modified may still be stopped.
    let stops = transition.is_some_and(|transition| transition.narrows)
        && template.iter().all(|(id, _)| attribute::has(*id, BY_STATES));
    if trusted || !object.attributes.flag(CKA_MODIFIABLE) && !stops {
        return Err(Error::ActionProhibited);
    }
    let Some(transition) = transition else {
        let attributes = changed(object, template, maker, attribute::MODIFIABLE)?;
        return Ok(object.with_attributes(attributes));
    };
    let mut attributes = changed(object, template, maker, attribute::MODIFIABLE | BY_STATES)?;
    if !template.attributes().has(CKA_STRONGROOM_STATE_REASON) {
        // The reason of an earlier change is none of this one.
        attributes.remove(CKA_STRONGROOM_STATE_REASON);
    }
    for (id, text) in
        [(CKA_STRONGROOM_STATE_SINCE, &transition.since), (CKA_STRONGROOM_STATE_BY, &transition.by)]
    {
        attributes.set(id, Value::Bytes(text.as_bytes().to_vec()));
    }
    Ok(object.with_attributes(attributes))
}

/// The attributes of an object after the changes of a template, if each may be made.
fn changed(object: &Object, template: &Template, maker: Maker, allowed: u16) -> Result<Attributes> {
    let mut attributes = object.attributes.duplicate()?;
    let class = object.class();
    let kind = attributes.number(CKA_CERTIFICATE_TYPE).or(attributes.number(CKA_KEY_TYPE));
    let shape = Shape::of(class, kind)?;
    for (id, value) in template.iter() {
        let rule = attribute::rule_for(*id, shape).ok_or(Error::AttributeTypeInvalid)?;
        if !rule.has(allowed) {
            return Err(Error::AttributeReadOnly);
        }
        may_set(rule, value, maker)?;
        let again = allowed & ON_COPY != 0;
        may_turn(rule, attributes.bool(*id), value, again)?;
        if object.attributes.flag(CKA_TRUSTED) && !maker.so && rule.unsaid == Unsaid::Usage {
            may_not_gain(attributes.bool(*id), value)?;
        }
        may_replace(*id, object, value)?;
        attributes.set(*id, value.duplicate()?);
    }
    if !shape.is(PRIVATE | SECRET) {
        attributes = record::published(attributes);
    } else if maker.lifted.stands(Safeguard::SeparateUsages) {
        separation::changed(&object.attributes, &mut attributes, shape)?;
    }
    consistency::check(&attributes, shape)?;
    Ok(attributes)
}

/// One-way attributes turn one way and are read-only from then on (footnotes 11 and 12). The template
/// of a copy may say them again.
fn may_turn(rule: &Rule, now: Option<bool>, value: &Value, again: bool) -> Result<()> {
    let turned = match now {
        Some(true) => rule.has(ONLY_UP),
        Some(false) => rule.has(ONLY_DOWN),
        None => false,
    };
    let same = again && now == Some(matches!(value, Value::Bool(true)));
    if turned && !same { Err(Error::AttributeReadOnly) } else { Ok(()) }
}

/// A key that the security officer trusts is trusted for what it could do then: nobody else gives it,
/// or a copy of it, another usage.
fn may_not_gain(now: Option<bool>, value: &Value) -> Result<()> {
    let gained = now == Some(false) && matches!(value, Value::Bool(true));
    if gained { Err(Error::AttributeReadOnly) } else { Ok(()) }
}

/// A check value may be given up, not changed; the public key of a private one is what it is; what
/// is private stays private in its copies.
fn may_replace(id: CK_ATTRIBUTE_TYPE, object: &Object, value: &Value) -> Result<()> {
    let same = object.attributes.get(id).is_some_and(|now| now.same(value));
    let given_up = value.octets().is_some_and(<[u8]>::is_empty);
    let wrong = match id {
        _ if same => false,
        CKA_CHECK_VALUE => !given_up,
        CKA_PUBLIC_KEY_INFO if !given_up => {
            value.octets() != Some(object.key()?.public_key_info()?.as_slice())
        }
        CKA_PRIVATE if object.private() => return Err(Error::TemplateInconsistent),
        _ => false,
    };
    if wrong { Err(Error::AttributeValueInvalid) } else { Ok(()) }
}
