// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys wrapped as messages: `C_WrapKeyAuthenticated` and `C_UnwrapKeyAuthenticated`. The nonce may be
//! made here, and the tag stands in the parameter.

use super::asking::Doing;
use super::keys::serialised;
use super::noting::note_beside;
use super::operation::{Written, produce};
use super::permission::today;
use super::{Call, Library};
use crate::error::{Error, Result};
use crate::mechanism::aead::Message;
use crate::mechanism::envelope::{Envelope, Generator, Head};
use crate::mechanism::nonce::Nonces;
use crate::mechanism::params::Iv;
use crate::mechanism::{Direction, Key, Params, Row};
use crate::object;
use crate::policy::rules::Operation;
use crate::policy::{self, Group, Use, life};
use crate::secret::Secret;
use crate::types::{Output, RawAttribute};
use std::sync::Arc;

/// How a key is wrapped as a message.
pub struct Wrapping<'a> {
    /// The mechanism.
    pub row: &'static Row,
    /// What belongs to the message.
    pub envelope: &'a mut dyn Envelope,
    /// Its associated data.
    pub aad: &'a [u8],
}

impl Library {
    /// `C_WrapKeyAuthenticated`.
    pub fn wrap_authenticated(
        &self,
        handle: u64,
        wrapping: &mut Wrapping<'_>,
        (by, key): (u64, u64),
        out: &mut dyn Output,
    ) -> Result<()> {
        let session = self.admitted(handle, Group::Wrap)?;
        let call = Call { row: wrapping.row, params: Params::None };
        let handle = by;
        let by = self.wrapping_object(&session, handle, Use::Wrap, &call)?;
        let target = session.key_object(key)?;
        note_beside(&target);
        session.slot.admit_object(Group::Wrap, target.on_token())?;
        object::wrappable(&target)?;
        let plaintext = serialised(&target, call.row.filling)?;
        let head = wrapping.head(Direction::Encrypt, plaintext.len())?;
        let own_nonce = head.generator != Generator::None;
        let (ground, export) = (session.slot.ground()?, Doing(Operation::Export, Some(call.row)));
        policy::may_wrap(&by, &target, (call.row, own_nonce), &ground)?;
        life::may_leave(&target, today())?;
        let grant = session.asks(&target, export, &ground)?;
        let (by, mut nonces) = (by.key()?, Nonces::default());
        nonces.check(&head)?;
        if out.capacity().is_none_or(|capacity| capacity < plaintext.len()) {
            // The length is told of a wrap that could be.
            wrapping.seal(by, (&head, &head.nonce), &plaintext, &mut vec![0; plaintext.len()])?;
        }
        if out.capacity().is_some_and(|capacity| capacity >= plaintext.len()) {
            session.used(handle, Use::Wrap, &call)?;
            session.charge(&target, export, grant.as_ref())?;
            session.slot.vault.act()?;
        }
        let mut made = None;
        let written = produce(out, plaintext.len(), |room| {
            let nonce = nonces.next(by.nonces(), &head)?;
            let tag = wrapping.seal(by, (&head, &nonce), &plaintext, room)?;
            made = Some((nonce, tag));
            Ok(plaintext.len())
        })?;
        let (Written::All, Some((nonce, tag))) = (written, made) else { return Ok(()) };
        if head.generator != Generator::None {
            wrapping.envelope.put_nonce(&nonce)?;
        }
        wrapping.envelope.put_tag(&tag)
    }

    /// `C_UnwrapKeyAuthenticated`.
    pub fn unwrap_authenticated(
        &self,
        handle: u64,
        wrapping: &mut Wrapping<'_>,
        (by, wrapped): (u64, &[u8]),
        template: &[RawAttribute<'_>],
    ) -> Result<u64> {
        let session = self.admitted(handle, Group::Unwrap)?;
        let call = Call { row: wrapping.row, params: Params::None };
        let handle = by;
        let by = self.wrapping_object(&session, handle, Use::Unwrap, &call)?;
        let template = session.announced(&by, call.row, template)?;
        let plaintext = wrapping.open(by.key()?, wrapped)?;
        let import = Doing(Operation::Import, Some(call.row));
        let key = session.unwrapped(call.row, plaintext, &template, true)?;
        session.used(handle, Use::Unwrap, &call)?;
        session.keep(Group::Unwrap, key, import)
    }
}

impl Wrapping<'_> {
    /// The length of the data is that of the key, whatever the parameter says of it.
    fn head(&mut self, direction: Direction, len: usize) -> Result<Head> {
        let kind = self.row.message_kind().ok_or(Error::MechanismInvalid)?;
        let mut head = self.envelope.head(kind, direction, true)?;
        head.data = Some(len);
        Ok(head)
    }

    fn seal(
        &self,
        by: &Arc<Key>,
        (head, nonce): (&Head, &[u8]),
        plaintext: &Secret,
        out: &mut [u8],
    ) -> Result<Iv> {
        let begin = self.row.does.message.ok_or(Error::MechanismInvalid)?;
        let given = Message { nonce, aad: self.aad, tag: head.tag, len: plaintext.len() };
        let mut message = begin(self.row, by, &given, Direction::Encrypt)?;
        message.update(plaintext.expose(), out)?;
        let mut tag = Iv::from_elem(0, head.tag);
        message.seal(&mut tag)?;
        Ok(tag)
    }

    /// What was wrapped, if its tag is right.
    fn open(&mut self, by: &Arc<Key>, wrapped: &[u8]) -> Result<Secret> {
        let head = self.head(Direction::Decrypt, wrapped.len())?;
        let tag = self.envelope.tag()?;
        let begin = self.row.does.message.ok_or(Error::MechanismInvalid)?;
        let given =
            Message { nonce: &head.nonce, aad: self.aad, tag: head.tag, len: wrapped.len() };
        let mut message = begin(self.row, by, &given, Direction::Decrypt)?;
        let mut plaintext = Secret::zeroed(wrapped.len())?;
        let opened = message
            .update(wrapped, plaintext.expose_mut())
            .and_then(|_| message.open(&tag))
            .map_err(|error| match error {
                Error::EncryptedDataInvalid => Error::WrappedKeyInvalid,
                Error::EncryptedDataLenRange => Error::WrappedKeyLenRange,
                other => other,
            });
        opened.map(|()| plaintext)
    }
}
