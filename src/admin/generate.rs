// SPDX-License-Identifier: Apache-2.0 OR MIT
//! New keys: what they are given, whether they are made here or come from a file.

use super::failure::{Failure, Outcome};
use super::inventory::{Class, Summary, Wanted};
use super::kind::{KeyKind, USAGES};
use super::pins::Visit;
use super::said::Said;
use super::template::Sheet;
use crate::error::{Error, Result};
use crate::mechanism::{Params, primitive};
use crate::object::{Shape, attribute};
use crate::session::Call;
use crate::vendor::*;
use cryptoki_sys::*;

/// What someone says of a new key.
#[derive(Clone, Debug, Default)]
pub struct Generation {
    /// Its label.
    pub label: String,
    /// Its id; chosen at random where nobody says one.
    pub id: Option<Vec<u8>>,
    /// Its usages by name; what its type serves where nobody says any. Of a pair each half gets its
    /// part: `sign` and `verify` say the same.
    pub usages: Option<Vec<String>>,
    /// Whether it may leave the token wrapped.
    pub extractable: bool,
    /// Whether each use takes the PIN again.
    pub always_authenticate: bool,
    /// Whether it is not to be used until it is activated.
    pub pre_active: bool,
    /// What is said of it.
    pub said: Said,
}

impl Visit<'_> {
    /// Makes a key, or a pair of keys.
    pub fn generate(&self, kind: KeyKind, new: &Generation) -> Outcome<Vec<Summary>> {
        let pair = !matches!(kind, KeyKind::Secret(..));
        let (class, half) =
            if pair { (Class::Private, "key pair") } else { (Class::Secret, "key") };
        let id = self.id_for(new, class)?;
        let cannot = |error| Failure::of(format!("cannot make the {half}"), error);
        let row = kind.generator().ok_or(Error::MechanismInvalid).map_err(cannot)?;
        let call = Call { row, params: Params::None };
        if matches!(kind, KeyKind::Rsa(0..NEW_RSA)) {
            return Err(cannot(Error::KeySizeRange));
        }
        let (library, session) = (self.library(), self.session);
        let handles = if pair {
            let public = new.template(Class::Public, kind.key_type(), &id).map_err(cannot)?;
            let public = match kind {
                KeyKind::Rsa(bits) => public.number(CKA_MODULUS_BITS, bits as CK_ULONG),
                KeyKind::Curve(curve) => public.bytes(CKA_EC_PARAMS, curve.oid),
                KeyKind::Set(set) => public.number(CKA_PARAMETER_SET, set.id),
                KeyKind::Secret(..) => public,
            };
            let private = new.template(Class::Private, kind.key_type(), &id).map_err(cannot)?;
            let made = library.generate_key_pair(session, &call, &public.raw(), &private.raw());
            made.map(|(public, private)| vec![private, public])
        } else {
            let secret = new.template(Class::Secret, kind.key_type(), &id).map_err(cannot)?;
            let length = match kind {
                KeyKind::Secret(_, Some(length)) => length,
                _ => kind.default_length(),
            };
            let secret = secret.number(CKA_VALUE_LEN, length as CK_ULONG);
            library.generate_key(session, &call, &secret.raw()).map(|handle| vec![handle])
        };
        self.summaries(&handles.map_err(|error| match error {
            // What the mechanism says of a size that it does not make.
            Error::AttributeValueInvalid => cannot(Error::KeySizeRange),
            other => cannot(other),
        })?)
    }

    pub(super) fn summaries(&self, handles: &[u64]) -> Outcome<Vec<Summary>> {
        let made = handles.iter().map(|handle| self.summary(*handle)).collect::<Result<_>>();
        made.map_err(|error| Failure::of("cannot read the new object", error))
    }

    /// The id of a new object: no two of one class may share one, or they could not be told apart.
    pub(super) fn id_for(&self, new: &Generation, class: Class) -> Outcome<Vec<u8>> {
        let Some(id) = &new.id else {
            let mut id = vec![0; RANDOM_ID];
            primitive::random(&mut id).map_err(|e| Failure::of("cannot choose an id", e))?;
            return Ok(id);
        };
        let taken = Wanted { id: Some(id.clone()), class: Some(class), ..Wanted::default() };
        match self.objects(&taken)?.first() {
            None => Ok(id.clone()),
            Some(object) => Err(Failure::new(
                format!("the id {} is taken: {}", hex::encode(id), object.words()),
                "choose another, or leave --id away to have one chosen",
            )),
        }
    }
}

impl Generation {
    /// What a new object of this class is given, besides its values.
    pub(super) fn template(&self, class: Class, key_type: CK_KEY_TYPE, id: &[u8]) -> Result<Sheet> {
        let guarded = matches!(class, Class::Private | Class::Secret);
        let mut sheet = Sheet::default()
            .number(CKA_CLASS, class.number())
            .number(CKA_KEY_TYPE, key_type)
            .flag(CKA_TOKEN, true)
            .flag(CKA_PRIVATE, guarded)
            .bytes(CKA_LABEL, self.label.as_bytes())
            .bytes(CKA_ID, id);
        if guarded {
            sheet = sheet.flag(CKA_SENSITIVE, true).flag(CKA_EXTRACTABLE, self.extractable);
        }
        if class == Class::Private && self.always_authenticate {
            sheet = sheet.flag(CKA_ALWAYS_AUTHENTICATE, true);
        }
        if self.pre_active {
            sheet = sheet.number(CKA_STRONGROOM_STATE, STRONGROOM_STATE_PRE_ACTIVE);
        }
        sheet = self.said.write(sheet, &self.said.labels);
        let Some(names) = &self.usages else { return Ok(sheet) };
        let named = |id| {
            let usage = USAGES.iter().find(|usage| usage.id == id);
            usage.is_some_and(|usage| names.iter().any(|name| name == usage.name))
        };
        let shape = Shape::of(class.number(), Some(key_type as u64))?;
        for usage in USAGES.iter().filter(|u| attribute::rule_for(u.id, shape).is_some()) {
            // On a pair either name of a usage means both halves.
            let other = usage.counterpart.filter(|_| class != Class::Secret);
            sheet = sheet.flag(usage.id, named(usage.id) || other.is_some_and(named));
        }
        Ok(sheet)
    }
}

/// The length of an id that nobody chose, bytes.
const RANDOM_ID: usize = 8;

/// The shortest RSA modulus that the command makes, bits (NIST SP 800-131A).
const NEW_RSA: usize = 2048;
