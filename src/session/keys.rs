// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys: generated, wrapped, unwrapped, derived.

use super::asking::{Doing, Grant};
use super::noting::{note, note_beside};
use super::operation::deliver;
use super::permission::{may_use, today};
use super::{Call, Library, Session};
use crate::call;
use crate::error::{Error, Result};
use crate::mechanism::primitive;
use crate::mechanism::{Direction, Filling, Parts, Row, Spec, pkcs8};
use crate::object::{self, Attributes, Object, Origin, Template};
use crate::policy::rules::Operation;
use crate::policy::{self, Ground, Group, Use, life};
use crate::safety::Safeguard;
use crate::secret::Secret;
use crate::types::{Output, RawAttribute};
use cryptoki_sys::*;
use std::sync::Arc;
use zeroize::Zeroize;

impl Library {
    /// `C_GenerateKey`.
    pub fn generate_key(
        &self,
        handle: u64,
        call: &Call,
        template: &[RawAttribute<'_>],
    ) -> Result<u64> {
        let session = self.admitted(handle, Group::Generate)?;
        let make = call.row.does.generate.ok_or(Error::MechanismInvalid)?;
        policy::offered(call.row, CKF_GENERATE, session.slot.ground()?.as_ref())?;
        let template = session.template(template)?;
        session.may_keep(Group::Generate, template.attributes())?;
        let parts = make(call.row, &call.params, &spec(call, &[&template])?)?;
        let origin = Origin::Generate(call.row.id);
        let key = object::new_key(origin, parts, &template, session.maker()?)?;
        session.keep(Group::Generate, key, Doing(Operation::Generate, Some(call.row)))
    }

    /// `C_GenerateKeyPair`: the handles of public and private key.
    pub fn generate_key_pair(
        &self,
        handle: u64,
        call: &Call,
        public: &[RawAttribute<'_>],
        private: &[RawAttribute<'_>],
    ) -> Result<(u64, u64)> {
        let session = self.admitted(handle, Group::Generate)?;
        let make = call.row.does.generate_pair.ok_or(Error::MechanismInvalid)?;
        let (public, private) = (session.template(public)?, session.template(private)?);
        let spec = spec(call, &[&public, &private])?;
        policy::may_generate(spec.modulus_bits, session.slot.ground()?.as_ref())?;
        // What the caller may not keep is not worth the time to generate.
        for template in [&public, &private] {
            session.may_keep(Group::Generate, template.attributes())?;
        }
        let (public_parts, private_parts) = make(call.row, &call.params, &spec)?;
        let origin = Origin::Generate(call.row.id);
        let objects = vec![
            object::new_key(origin, public_parts, &public, session.maker()?)?,
            object::new_key(origin, private_parts, &private, session.maker()?)?,
        ];
        match session
            .keep_all(Group::Generate, objects, Doing(Operation::Generate, Some(call.row)))?
            .as_slice()
        {
            [public, private] => Ok((*public, *private)),
            _ => Err(Error::GeneralError),
        }
    }

    /// `C_WrapKey`.
    pub fn wrap_key(
        &self,
        handle: u64,
        call: &Call,
        wrapping: u64,
        key: u64,
        out: &mut dyn Output,
    ) -> Result<()> {
        let session = self.admitted(handle, Group::Wrap)?;
        let by = wrapping;
        let wrapping = self.wrapping_object(&session, by, Use::Wrap, call)?;
        let target = session.key_object(key)?;
        note_beside(&target);
        session.slot.admit_object(Group::Wrap, target.on_token())?;
        object::wrappable(&target)?;
        let (ground, export) = (session.slot.ground()?, Doing(Operation::Export, Some(call.row)));
        policy::may_wrap(&wrapping, &target, (call.row, false), &ground)?;
        life::may_leave(&target, today())?;
        let grant = session.asks(&target, export, &ground)?;
        let plaintext = serialised(&target, call.row.filling)?;
        let make = call.row.does.wrap.ok_or(Error::MechanismInvalid)?;
        let mut cipher = make(call.row, wrapping.key()?, &call.params, Direction::Encrypt)
            .map_err(as_wrapping)?;
        let bound = cipher.whole_len(plaintext.len());
        // With NULL the length alone is told; a wrap is cheap enough to be made for the exact one.
        let mut wrapped = vec![0; bound];
        let len = cipher.whole(plaintext.expose(), &mut wrapped).map_err(|error| match error {
            Error::DataLenRange | Error::DataInvalid => Error::KeySizeRange,
            other => as_wrapping(other),
        })?;
        if out.capacity().is_some_and(|capacity| capacity >= len) {
            session.used(by, Use::Wrap, call).map_err(as_wrapping)?;
            session.charge(&target, export, grant.as_ref())?;
            session.slot.vault.act()?;
        }
        deliver(out, wrapped.get(..len).unwrap_or_default()).map(drop)
    }

    /// `C_UnwrapKey`.
    pub fn unwrap_key(
        &self,
        handle: u64,
        call: &Call,
        unwrapping: u64,
        wrapped: &[u8],
        template: &[RawAttribute<'_>],
    ) -> Result<u64> {
        let session = self.admitted(handle, Group::Unwrap)?;
        let by = unwrapping;
        let unwrapping = self.wrapping_object(&session, by, Use::Unwrap, call)?;
        let template = session.announced(&unwrapping, call.row, template)?;
        let make = call.row.does.wrap.ok_or(Error::MechanismInvalid)?;
        let mut cipher = make(call.row, unwrapping.key()?, &call.params, Direction::Decrypt)
            .map_err(as_unwrapping)?;
        let mut plaintext = Secret::zeroed(cipher.whole_len(wrapped.len()))?;
        let len = cipher.whole(wrapped, plaintext.expose_mut()).map_err(as_unwrapping)?;
        plaintext.truncate(len);
        let by_secret = unwrapping.class() == CKO_SECRET_KEY;
        let import = Doing(Operation::Import, Some(call.row));
        let key = session.unwrapped(call.row, plaintext, &template, by_secret)?;
        session.used(by, Use::Unwrap, call).map_err(as_unwrapping_key)?;
        session.keep(Group::Unwrap, key, import)
    }

    /// The key that wraps or unwraps: its own codes say that it is this one that is wrong.
    pub(super) fn wrapping_object(
        &self,
        session: &Session,
        handle: u64,
        usage: Use,
        call: &Call,
    ) -> Result<Arc<Object>> {
        let translate = if usage == Use::Wrap { as_wrapping } else { as_unwrapping_key };
        session.using(handle, usage, call).map_err(translate)
    }
}

impl Session {
    /// A key that a call uses at once, if it may. Before the call gives anything out it says
    /// [`Session::used`].
    pub(super) fn using(&self, handle: u64, usage: Use, call: &Call) -> Result<Arc<Object>> {
        let ground = self.slot.ground()?;
        let look = |object: &Arc<Object>| {
            note(object);
            self.permitted(object, usage, call, &ground)
        };
        self.slot.with_object(handle, look).map(|(_, (key, _))| key).map_err(as_key)
    }

    /// The same key now that the call is good: what its use decides is durable from here on.
    pub(super) fn used(&self, handle: u64, usage: Use, call: &Call) -> Result<()> {
        let now = self.slot.vault.glance();
        let ground = self.slot.ground()?;
        let look = |object: &Arc<Object>| self.permitted(object, usage, call, &ground);
        let (_, (key, grant)) = self.decided(handle, usage, (&ground, now), look)?;
        self.charge(&key, call.doing(usage), grant.as_ref())
    }

    fn permitted(
        &self,
        object: &Arc<Object>,
        usage: Use,
        call: &Call,
        ground: &Ground,
    ) -> Result<(Arc<Object>, Option<Grant>)> {
        may_use(object, usage, call, ground)?;
        policy::at_once(object)?;
        let grant = self.asks(object, call.doing(usage), ground)?;
        Ok((object.clone(), grant))
    }

    pub(super) fn key_object(&self, handle: u64) -> Result<Arc<Object>> {
        let found = self.slot.object(handle).map_err(as_key)?;
        if found.1.is_key() { Ok(found.1) } else { Err(Error::KeyHandleInvalid) }
    }

    /// The template of a key that is to be unwrapped by another, judged before anything is opened.
    pub(super) fn announced(
        &self,
        by: &Object,
        row: &'static Row,
        template: &[RawAttribute<'_>],
    ) -> Result<Template> {
        let mut template = Template::parse(template)?;
        template.prescribe(by.attributes().get(CKA_UNWRAP_TEMPLATE))?;
        self.may_keep(Group::Unwrap, template.attributes())?;
        policy::may_unwrap(row, &template, self.slot.ground()?.as_ref())?;
        let announced = object::announced(&template, self.maker()?)?;
        self.foresee(&announced)?;
        self.may_keep_all(Group::Unwrap, &[&announced], Doing(Operation::Import, Some(row)))?;
        let secret = announced.class() == CKO_SECRET_KEY;
        // The value stands at the end of a block whose length says nothing about it.
        if secret && row.filling == Filling::Before && template.number(CKA_VALUE_LEN).is_none() {
            return Err(Error::TemplateIncomplete);
        }
        Ok(template)
    }

    /// The key that was wrapped, as it may be made. `by_secret` says that a secret key wrapped it.
    pub(super) fn unwrapped(
        &self,
        row: &'static Row,
        plaintext: Secret,
        template: &Template,
        by_secret: bool,
    ) -> Result<Object> {
        let maker = self.maker()?;
        let oracle =
            row.id == CKM_RSA_PKCS && maker.lifted.stands(Safeguard::AuthenticatedWrapping);
        let plaintext = if oracle { of_length(plaintext, template)? } else { plaintext };
        let private = pkcs8::decode(plaintext.expose()).is_ok();
        let key = parsed(plaintext, row.filling, template)
            .and_then(|parts| object::new_key(Origin::Unwrap, parts, template, maker))
            .map_err(|error| inside(row, error))?;
        // Much of a private key's encoding is known: as a secret key it is found piece by piece.
        let changed = private && key.class() == CKO_SECRET_KEY;
        maker.lifted.check(Safeguard::ReturningKeys, changed)?;
        let key = self.slot.returned(key, template, by_secret, self.slot.ground()?.as_ref())?;
        self.may_keep_all(Group::Unwrap, &[&key], Doing(Operation::Import, Some(row)))?;
        Ok(key)
    }

    /// Whether a key with such a template could be kept, before it is made.
    pub(super) fn may_keep(&self, group: Group, template: &Attributes) -> Result<()> {
        let on_token = template.flag(CKA_TOKEN);
        if on_token && !self.read_write {
            return Err(Error::SessionReadOnly);
        }
        self.slot.admit_object(group, on_token)
    }
}

/// What the templates ask of a mechanism that makes keys.
pub(super) fn spec(call: &Call, templates: &[&Template]) -> Result<Spec> {
    call::by(call.row.name);
    let number = |id| templates.iter().find_map(|template| template.number(id));
    let bytes = |id| {
        let found = templates.iter().find_map(|template| template.attributes().bytes(id));
        found.map(<[u8]>::to_vec)
    };
    let size = |id| {
        let size = number(id).map(usize::try_from).transpose();
        size.map_err(|_| Error::AttributeValueInvalid)
    };
    let makes_secrets = call.row.does.derive.is_some() || call.row.does.kem.is_some();
    let named_type = number(CKA_KEY_TYPE).map(CK_KEY_TYPE::try_from).transpose();
    let named_type = named_type.map_err(|_| Error::AttributeValueInvalid)?;
    let key_type = match named_type {
        Some(given) => given,
        None if makes_secrets => CKK_GENERIC_SECRET,
        None => call.row.keys.first().copied().unwrap_or(CKK_GENERIC_SECRET),
    };
    Ok(Spec {
        key_type,
        named_type,
        value_len: size(CKA_VALUE_LEN)?,
        modulus_bits: size(CKA_MODULUS_BITS)?,
        public_exponent: bytes(CKA_PUBLIC_EXPONENT),
        ec_params: bytes(CKA_EC_PARAMS),
        parameter_set: number(CKA_PARAMETER_SET),
        prime: bytes(CKA_PRIME),
        subprime: bytes(CKA_SUBPRIME),
        base: bytes(CKA_BASE),
        prime_bits: size(CKA_PRIME_BITS)?,
        subprime_bits: size(CKA_SUBPRIME_BITS)?,
        value_bits: size(CKA_VALUE_BITS)?,
        further: Vec::new(),
    })
}

/// What is wrapped: a secret key's value, or a private key as PKCS #8, filled up as the mechanism
/// wants it. (Raw RSA fills up to its modulus itself.)
pub(super) fn serialised(target: &Object, filling: Filling) -> Result<Secret> {
    let key = target.key()?;
    let plain = match key.secret() {
        Some(value) => value.duplicate()?,
        None => pkcs8::encode(key)?,
    };
    let Filling::Behind(unit) = filling else { return Ok(plain) };
    let len = plain.len().next_multiple_of(unit);
    Secret::with(len, |filled| {
        let room = filled.get_mut(..plain.len()).ok_or(Error::GeneralError)?;
        room.copy_from_slice(plain.expose());
        Ok(())
    })
}

/// The key that was wrapped, by the class and type that the template names.
fn parsed(mut plaintext: Secret, filling: Filling, template: &Template) -> Result<Parts> {
    let class = template.number(CKA_CLASS).ok_or(Error::TemplateIncomplete)?;
    let key_type = template.number(CKA_KEY_TYPE).ok_or(Error::TemplateIncomplete)?;
    let key_type = CK_KEY_TYPE::try_from(key_type).map_err(|_| Error::AttributeValueInvalid)?;
    match CK_OBJECT_CLASS::try_from(class) {
        Ok(CKO_SECRET_KEY) => {
            let len = template.number(CKA_VALUE_LEN).map(usize::try_from);
            let len = len.transpose().map_err(|_| Error::WrappedKeyLenRange)?;
            trim(&mut plaintext, filling, len)?;
            Ok(Parts::Secret(key_type, plaintext))
        }
        Ok(CKO_PRIVATE_KEY) => {
            let parts = pkcs8::decode(plaintext.expose()).map_err(|error| match error {
                // Section 6.3: a curve that is not here is not a key that is broken.
                Error::CurveNotSupported | Error::DomainParamsInvalid => error,
                _ => Error::WrappedKeyInvalid,
            })?;
            let found = match &parts {
                Parts::RsaPrivate(_) => CKK_RSA,
                Parts::EcPrivate(key) => key.key_type,
                Parts::FieldPrivate(key) => key.domain.key_type,
                Parts::SetPrivate(key) => key.set.key_type,
                _ => return Err(Error::WrappedKeyInvalid),
            };
            if found == key_type { Ok(parts) } else { Err(Error::WrappedKeyInvalid) }
        }
        _ => Err(Error::TemplateInconsistent),
    }
}

/// What PKCS #1 v1.5 padding hid, in the length that the template names. Where the padding is wrong
/// OpenSSL gives something random of a random length; to say that the length is wrong would tell a
/// forger which padding is right, so something random of the right length takes its place (RFC 5246,
/// section 7.4.7.1).
fn of_length(value: Secret, template: &Template) -> Result<Secret> {
    match template.number(CKA_VALUE_LEN).and_then(|len| usize::try_from(len).ok()) {
        Some(len) if len != value.len() && len <= LONGEST_FORGED => {
            // The value may be empty, which is no key of HKDF.
            let mut key = primitive::sha256(value.expose())?;
            let forged = primitive::hkdf_sha256(&key, &[], b"strongroom unwrapped", len);
            key.zeroize();
            forged
        }
        _ => Ok(value),
    }
}

/// Takes away what a key was filled up with. `len` is the length that the template names; it must
/// be one that fills up to what was unwrapped (section 5.18.4: a conflict is a matter of lengths).
fn trim(value: &mut Secret, filling: Filling, len: Option<usize>) -> Result<()> {
    let have = value.len();
    match (filling, len) {
        (Filling::Before, None) => return Err(Error::TemplateIncomplete),
        (Filling::Before, Some(len)) if len <= have => {
            value.expose_mut().copy_within(have - len.., 0);
            value.truncate(len);
        }
        (Filling::Behind(unit), Some(len)) if len <= have && have - len < unit => {
            value.truncate(len);
        }
        (_, None) => {}
        (_, Some(len)) if len == have => {}
        _ => return Err(Error::WrappedKeyLenRange),
    }
    Ok(())
}

/// A handle that is no object's is here the handle of a key.
pub(super) fn as_key(error: Error) -> Error {
    match error {
        Error::ObjectHandleInvalid => Error::KeyHandleInvalid,
        other => other,
    }
}

fn as_wrapping(error: Error) -> Error {
    match error {
        Error::KeyHandleInvalid => Error::WrappingKeyHandleInvalid,
        Error::KeyTypeInconsistent => Error::WrappingKeyTypeInconsistent,
        Error::KeySizeRange => Error::WrappingKeySizeRange,
        other => other,
    }
}

/// A key that unwraps has its own codes too.
pub(super) fn as_unwrapping_key(error: Error) -> Error {
    match error {
        Error::KeyHandleInvalid => Error::UnwrappingKeyHandleInvalid,
        Error::KeyTypeInconsistent => Error::UnwrappingKeyTypeInconsistent,
        Error::KeySizeRange => Error::UnwrappingKeySizeRange,
        other => other,
    }
}

/// What was wrong inside the wrapped bytes. Where anybody can send any ciphertext, it is one thing
/// with one name: padding, length and content must not be told apart.
fn inside(row: &Row, error: Error) -> Error {
    match error {
        Error::HostMemory | Error::DeviceMemory | Error::DeviceError | Error::GeneralError => error,
        _ if !policy::authenticates(row) => Error::WrappedKeyInvalid,
        other => other,
    }
}

/// What was wrong with the wrapped bytes, as the specification says it of unwrapping.
fn as_unwrapping(error: Error) -> Error {
    match error {
        Error::EncryptedDataInvalid => Error::WrappedKeyInvalid,
        Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
        other => as_unwrapping_key(other),
    }
}

/// The longest key that RSA can have wrapped, bytes.
const LONGEST_FORGED: usize = 1024;
