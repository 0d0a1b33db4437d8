// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys, data and public values derived from keys.

use super::asking::Doing;
use super::keys::spec;
use super::noting::note;
use super::permission::today;
use super::{Call, Library, Session};
use crate::error::{Error, Result};
use crate::mechanism::{Base, Key, Parts, Spec, Start};
use crate::object::{self, Heritage, Object, Template, separation};
use crate::policy::rules::Operation;
use crate::policy::{self, Group, Use, life};
use crate::secret::Secret;
use crate::types::RawAttribute;
use cryptoki_sys::*;
use std::sync::Arc;

/// What a derivation made.
pub struct Derivation {
    /// The handles of the new objects, in the order in which the mechanism makes them.
    pub handles: Vec<u64>,
    /// Public values for the caller, in the order of the mechanism's parameter.
    pub public: Vec<Vec<u8>>,
}

/// Why nothing was derived.
pub struct Refusal {
    /// The error.
    pub error: Error,
    /// The number of the template that is to blame, if one is.
    pub template: Option<usize>,
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Refusal {
        Refusal { error, template: None }
    }
}

impl Library {
    /// `C_DeriveKey`. The first template is that of the call; the others are those of further keys
    /// that the parameter asks for. All objects are made, or none.
    pub fn derive_key(
        &self,
        handle: u64,
        call: &Call,
        base: u64,
        templates: &[Vec<RawAttribute<'_>>],
    ) -> std::result::Result<Derivation, Refusal> {
        let session = self.admitted(handle, Group::Derive)?;
        let derive = call.row.does.derive.ok_or(Error::MechanismInvalid)?;
        let from = base;
        let base = session.base_object(from, call)?;
        note(&base);
        let ground = session.slot.ground()?;
        policy::may_derive(&base, call.row, &call.params, &ground)?;
        if call.row.start != Start::PrivateKey {
            // That a private key shows its public half is no use of it.
            life::permit(&base, Use::Derive, today())?;
        }
        session.asks(&base, call.doing(Use::Derive), &ground)?;
        let others = self.named_keys(&session, call)?;
        note(&base);
        let mut asked = Vec::new();
        for (number, template) in templates.iter().enumerate() {
            asked.push(session.asked(&base, call, number, template).map_err(blame(number))?);
        }
        let spec = joined(&asked)?;
        let keys: Vec<_> =
            others.iter().map(|other| other.key().cloned()).collect::<Result<_>>()?;
        let key = base_key(&base)?;
        let derived = derive(call.row, &Base { key: &key, others: &keys }, &call.params, &spec)?;
        let heritage = Heritage::of(call.row.inherit, &base, &others);
        let mut objects = Vec::new();
        for product in derived.products {
            let number = product.template;
            let (template, spec) = asked.get(number).ok_or(Error::GeneralError)?;
            let sources = (base.as_ref(), others.as_slice());
            if let Some(len) = product.len() {
                policy::may_result(call.row, &call.params, sources, len, &ground)?;
            }
            let maker = session.maker()?;
            let made = object::derived(product, spec.key_type, &base, heritage, template, maker);
            let made = made.and_then(|made| {
                let made = match policy::rearranges(call.row) {
                    true => session.slot.returned(made, template, false, &ground)?,
                    false => made,
                };
                let joined = made.is_key() && policy::joins(call.row, sources);
                if joined { separation::joined(&made) } else { Ok(made) }
            });
            objects.push(made.map_err(blame(number))?);
        }
        let generate = Doing(Operation::Generate, Some(call.row));
        session.may_keep_all(Group::Derive, &objects.iter().collect::<Vec<_>>(), generate)?;
        session.derived_from(call, &base, from)?;
        let handles = session.keep_all(Group::Derive, objects, generate)?;
        Ok(Derivation { handles, public: derived.public })
    }

    /// The keys that a parameter names are used as the base key is.
    fn named_keys(&self, session: &Session, call: &Call) -> Result<Vec<Arc<Object>>> {
        let handles = call.params.named_keys();
        let keys = handles.iter().map(|handle| session.using(*handle as u64, Use::Derive, call));
        keys.collect()
    }
}

impl Session {
    /// Settles what the use of the base key, and of the keys that the parameter names, decides.
    fn derived_from(&self, call: &Call, base: &Object, handle: u64) -> Result<()> {
        if !base.is_key() {
            return Ok(());
        }
        if call.row.start == Start::PrivateKey {
            return self.ask(base, call.doing(Use::Derive));
        }
        let named = call.params.named_keys().into_iter().map(|named| named as u64);
        named.chain([handle]).try_for_each(|key| self.used(key, Use::Derive, call))
    }

    fn base_object(&self, handle: u64, call: &Call) -> Result<Arc<Object>> {
        if call.row.start == Start::KeyOrData {
            if let Ok((_, object)) = self.slot.object(handle) {
                if object.class() == CKO_DATA {
                    return Ok(object);
                }
            }
        }
        self.key_object(handle)
    }

    /// A template, with what the base key prescribes, and what it asks of the mechanism.
    fn asked(
        &self,
        base: &Object,
        call: &Call,
        number: usize,
        template: &[RawAttribute<'_>],
    ) -> Result<(Template, Spec)> {
        let mut template = Template::parse(template)?;
        template.prescribe(base.attributes().get(CKA_DERIVE_TEMPLATE))?;
        self.settle(&mut template);
        self.may_keep(Group::Derive, template.attributes())?;
        let spec = spec(call, &[&template])?;
        if number > 0 {
            // The mechanism finds this too, but not whose fault it is.
            spec.length(None)?;
        }
        Ok((template, spec))
    }
}

/// What is asked of the mechanism: the first key, and the further keys behind it.
fn joined(asked: &[(Template, Spec)]) -> Result<Spec> {
    let (first, further) = asked.split_first().ok_or(Error::GeneralError)?;
    let further = further.iter().map(|(_, spec)| spec.clone()).collect();
    Ok(Spec { further, ..first.1.clone() })
}

/// The key of a base object; the value of a data object is used as a generic secret.
fn base_key(base: &Object) -> Result<Arc<Key>> {
    if base.is_key() {
        return base.key().cloned();
    }
    let value = Secret::copy_of(base.attributes().bytes(CKA_VALUE).unwrap_or_default())?;
    let key = Key::new(&Parts::Secret(CKK_GENERIC_SECRET, value));
    key.map(Arc::new).map_err(|_| Error::KeySizeRange)
}

fn blame(number: usize) -> impl Fn(Error) -> Refusal {
    move |error| Refusal { error, template: Some(number) }
}
