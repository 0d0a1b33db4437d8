// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Secret keys shared with the holder of a key pair: encapsulated, decapsulated.

use super::asking::Doing;
use super::keys::{as_unwrapping_key, spec};
use super::noting::note;
use super::operation::deliver;
use super::permission::may_use;
use super::{Call, Library};
use crate::error::{Error, Result};
use crate::mechanism::Parts;
use crate::object::{self, Origin, Template};
use crate::policy::rules::Operation;
use crate::policy::{self, Group, Use};
use crate::types::{Output, RawAttribute};
use cryptoki_sys::*;

impl Library {
    /// `C_EncapsulateKey`: the handle of the new key, or none where only the length of the
    /// ciphertext was asked for. Nothing is made before it is known that the ciphertext fits.
    pub fn encapsulate_key(
        &self,
        handle: u64,
        call: &Call,
        public: u64,
        template: &[RawAttribute<'_>],
        out: &mut dyn Output,
    ) -> Result<Option<u64>> {
        let session = self.admitted(handle, Group::Encapsulate)?;
        let public = session.key_object(public)?;
        note(&public);
        may_use(&public, Use::Encapsulate, call, session.slot.ground()?.as_ref())?;
        policy::at_once(&public)?;
        let ground = session.slot.ground()?;
        let grant = session.asks(&public, call.doing(Use::Encapsulate), &ground)?;
        let template = Template::parse(template)?;
        session.may_keep(Group::Encapsulate, template.attributes())?;
        let kem = call.row.does.kem.ok_or(Error::MechanismInvalid)?;
        let len = (kem.len)(call.row, public.key()?, &call.params)?;
        if out.capacity().is_none_or(|capacity| capacity < len) {
            out.set_len(len);
            return if out.capacity().is_none() { Ok(None) } else { Err(Error::BufferTooSmall) };
        }
        let spec = spec(call, &[&template])?;
        let (ciphertext, secret) = (kem.encapsulate)(call.row, public.key()?, &call.params, &spec)?;
        let parts = Parts::Secret(spec.key_type, secret);
        let key = object::new_key(Origin::Kem, parts, &template, session.maker()?)?;
        policy::may_share(&public, &key)?;
        let generate = Doing(Operation::Generate, Some(call.row));
        session.may_keep_all(Group::Encapsulate, &[&key], generate)?;
        session.charge(&public, call.doing(Use::Encapsulate), grant.as_ref())?;
        let key = session.keep(Group::Encapsulate, key, generate)?;
        deliver(out, &ciphertext)?;
        Ok(Some(key))
    }

    /// `C_DecapsulateKey`.
    pub fn decapsulate_key(
        &self,
        handle: u64,
        call: &Call,
        private: u64,
        template: &[RawAttribute<'_>],
        ciphertext: &[u8],
    ) -> Result<u64> {
        let session = self.admitted(handle, Group::Decapsulate)?;
        let by = private;
        let private = session.using(by, Use::Decapsulate, call).map_err(as_unwrapping_key)?;
        let mut template = Template::parse(template)?;
        template.prescribe(private.attributes().get(CKA_DECAPSULATE_TEMPLATE))?;
        session.may_keep(Group::Decapsulate, template.attributes())?;
        let kem = call.row.does.kem.ok_or(Error::MechanismInvalid)?;
        let spec = spec(call, &[&template])?;
        let key = private.key()?;
        let secret = (kem.decapsulate)(call.row, key, &call.params, ciphertext, &spec)?;
        let parts = Parts::Secret(spec.key_type, secret);
        let key = object::new_key(Origin::Kem, parts, &template, session.maker()?)?;
        let ground = session.slot.ground()?;
        let key = session.slot.returned(key, &template, false, &ground)?;
        let generate = Doing(Operation::Generate, Some(call.row));
        session.may_keep_all(Group::Decapsulate, &[&key], generate)?;
        session.used(by, Use::Decapsulate, call).map_err(as_unwrapping_key)?;
        session.keep(Group::Decapsulate, key, generate)
    }
}
