// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Messages encrypted and decrypted one after the other: the message-based functions of ciphers. What
//! goes wrong with one message ends that message; the process goes on until it is finished.

use super::crypto::begin;
use super::fresh::Seen;
use super::operation::{Active, Kind, Place, Written, going, produce};
use super::tally::Settled;
use super::{Call, Library, State};
use crate::error::{Error, Result};
use crate::mechanism::aead::{self, Aead, BeginMessage};
use crate::mechanism::envelope::{Envelope, Generator, Head, MessageKind};
use crate::mechanism::nonce::Nonces;
use crate::mechanism::params::Iv;
use crate::mechanism::{Direction, Key, Params, Row};
use crate::object::Object;
use crate::policy::{Ground, Use};
use crate::safety::{Lifted, Safeguard};
use crate::store::Tag;
use crate::types::Output;
use crate::vendor::CKA_STRONGROOM_TOKEN_NONCES;
use std::sync::Arc;

/// A process of messages.
pub(super) struct Messages {
    row: &'static Row,
    kind: MessageKind,
    begin: BeginMessage,
    direction: Direction,
    key: Arc<Key>,
    nonces: Nonces,
    rules: NonceRules,
    /// The message in progress, in several parts.
    current: Option<Aead>,
    /// Whether the message in progress has given nothing out yet.
    unsaid: bool,
}

impl Library {
    /// `C_MessageEncryptInit` and `C_MessageDecryptInit`; without a mechanism they end the process.
    pub fn message_init(
        &self,
        handle: u64,
        direction: Direction,
        row: Option<&'static Row>,
        key: u64,
    ) -> Result<()> {
        self.with_state(handle, |session, state| {
            let place = place(state, direction);
            let call = row.map(|row| Call { row, params: Params::None });
            let Some(call) = begin(place, call)? else { return Ok(()) };
            let row = call.row;
            let (kind, begin) =
                row.message_kind().zip(row.does.message).ok_or(Error::MechanismInvalid)?;
            let usage = match direction {
                Direction::Encrypt => Use::Encrypt,
                Direction::Decrypt => Use::Decrypt,
            };
            let messages = |object: &Object, ground: &Ground| {
                let (key, nonces) = (Arc::clone(object.key()?), Nonces::default());
                let rules = NonceRules {
                    lifted: ground.lifted,
                    key: object.fingerprint().filter(|_| direction == Direction::Encrypt),
                    own: object.attributes().flag(CKA_STRONGROOM_TOKEN_NONCES),
                };
                Ok(Box::new(Messages {
                    row,
                    kind,
                    begin,
                    direction,
                    key,
                    nonces,
                    rules,
                    current: None,
                    unsaid: true,
                }))
            };
            let on = (&**session, &mut state.footing);
            let active = self.process(on, key, usage, &call, messages)?;
            *self::place(state, direction) = Some(active);
            Ok(())
        })
    }

    /// `C_EncryptMessage` and `C_DecryptMessage`.
    pub fn message(
        &self,
        handle: u64,
        direction: Direction,
        (envelope, aad): (&mut dyn Envelope, &[u8]),
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<()> {
        self.with_state(handle, |session, state| {
            let (place, seen) = places(state, direction);
            let active = idle(place)?;
            let asked = active.asked();
            let ask = || session.ask_again(asked.as_ref());
            let out = &mut Settled { out, tally: active.ahead(Kind::Whole) };
            let written = active.run.whole((envelope, aad), data, out, (ask, seen));
            let written = active.message_over(written, true);
            if !matches!(written, Ok(Written::Length) | Err(Error::BufferTooSmall)) {
                active.wait_again();
            }
            written.map(drop)
        })
    }

    /// `C_EncryptMessageBegin` and `C_DecryptMessageBegin`.
    pub fn message_begin(
        &self,
        handle: u64,
        direction: Direction,
        (envelope, aad): (&mut dyn Envelope, &[u8]),
    ) -> Result<()> {
        self.with_state(handle, |session, state| {
            let (place, seen) = places(state, direction);
            let active = idle(place)?;
            let asked = active.asked();
            let ask = || session.ask_again(asked.as_ref());
            let begun = active.run.begin(envelope, aad, (ask, seen));
            active.note_failure(&begun);
            begun
        })
    }

    /// `C_EncryptMessageNext` and `C_DecryptMessageNext`; `last` is whether the message ends with it.
    pub fn message_next(
        &self,
        handle: u64,
        direction: Direction,
        envelope: &mut dyn Envelope,
        (part, last): (&[u8], bool),
        out: &mut dyn Output,
    ) -> Result<()> {
        self.with_state(handle, |_, state| {
            let active = going(place(state, direction))?;
            let tally = active.ahead(Kind::Whole).filter(|_| active.run.unsaid);
            let out = &mut Settled { out, tally };
            let written = active.run.next(envelope, (part, last), out);
            let first =
                std::mem::replace(&mut active.run.unsaid, !matches!(written, Ok(Written::All)));
            let written = active.message_over(written, first);
            let goes_on = match written {
                Ok(Written::Length) | Err(Error::BufferTooSmall) => true,
                Ok(Written::All) => !last,
                Err(_) => false,
            };
            if !goes_on {
                active.end_message();
            }
            written.map(drop)
        })
    }

    /// `C_MessageEncryptFinal` and `C_MessageDecryptFinal`.
    pub fn message_final(&self, handle: u64, direction: Direction) -> Result<()> {
        self.with_state(handle, |_, state| {
            let place = place(state, direction);
            idle(place)?;
            *place = None;
            Ok(())
        })
    }
}

impl Messages {
    fn whole(
        &mut self,
        (envelope, aad): (&mut dyn Envelope, &[u8]),
        data: &[u8],
        out: &mut dyn Output,
        (ask, seen): (impl FnOnce() -> Result<()>, &mut Seen),
    ) -> Result<Written> {
        let head = self.head(envelope, true, seen)?;
        if head.data.is_some_and(|len| len != data.len()) {
            return Err(wrong_length(self.direction));
        }
        let tag = self.tag(envelope, &head)?;
        if out.capacity().is_none_or(|capacity| capacity < data.len()) {
            // The length is told of a message that could be.
            self.start(&head, &head.nonce, aad)?;
        }
        let mut made = None;
        let written = produce(out, data.len(), |room| {
            ask()?;
            let nonce = self.nonces.next(self.key.nonces(), &head)?;
            self.rules.take(&nonce, seen)?;
            let mut message = self.start(&head, &nonce, aad)?;
            let len = message.update(data, room)?;
            made = Some((nonce, end(&mut message, self.direction, tag)?));
            Ok(len)
        })?;
        if let Some((nonce, tag)) = made {
            tell(envelope, &head, &nonce)?;
            self.put_tag(envelope, &tag)?;
        }
        Ok(written)
    }

    fn begin(
        &mut self,
        envelope: &mut dyn Envelope,
        aad: &[u8],
        (ask, seen): (impl FnOnce() -> Result<()>, &mut Seen),
    ) -> Result<()> {
        let head = self.head(envelope, false, seen)?;
        ask()?;
        let nonce = self.nonces.next(self.key.nonces(), &head)?;
        let message = self.start(&head, &nonce, aad)?;
        self.rules.take(&nonce, seen)?;
        tell(envelope, &head, &nonce)?;
        self.current = Some(message);
        self.unsaid = true;
        Ok(())
    }

    fn next(
        &mut self,
        envelope: &mut dyn Envelope,
        (part, last): (&[u8], bool),
        out: &mut dyn Output,
    ) -> Result<Written> {
        if self.current.is_none() {
            return Err(Error::OperationNotInitialized);
        }
        let head = envelope.head(self.kind, self.direction, last)?;
        let tag = if last { self.tag(envelope, &head)? } else { Iv::new() };
        let message = self.current.as_mut().ok_or(Error::OperationNotInitialized)?;
        if head.tag != message.tag_len() {
            return Err(Error::MechanismParamInvalid);
        }
        let (direction, mut made) = (self.direction, None);
        let written = produce(out, part.len(), |room| {
            let len = message.update(part, room)?;
            if last {
                made = Some(end(message, direction, tag)?);
            }
            Ok(len)
        })?;
        if let Some(tag) = made {
            self.put_tag(envelope, &tag)?;
        }
        Ok(written)
    }

    /// The head of a new message, if its nonce can be made.
    fn head(&self, envelope: &mut dyn Envelope, end: bool, seen: &mut Seen) -> Result<Head> {
        let head = envelope.head(self.kind, self.direction, end)?;
        self.nonces.check(&head)?;
        self.rules.check(&head, seen)?;
        Ok(head)
    }

    fn start(&self, head: &Head, nonce: &[u8], aad: &[u8]) -> Result<Aead> {
        let message =
            aead::Message { nonce, aad, tag: head.tag, len: head.data.unwrap_or_default() };
        (self.begin)(self.row, &self.key, &message, self.direction)
    }

    /// The tag that a message must have that is decrypted, or room for that of one that is encrypted.
    fn tag(&self, envelope: &dyn Envelope, head: &Head) -> Result<Iv> {
        match self.direction {
            Direction::Encrypt => Ok(Iv::from_elem(0, head.tag)),
            Direction::Decrypt => envelope.tag(),
        }
    }

    fn put_tag(&self, envelope: &mut dyn Envelope, tag: &[u8]) -> Result<()> {
        if self.direction == Direction::Encrypt { envelope.put_tag(tag) } else { Ok(()) }
    }
}

/// What the token asks of the nonces of one key.
struct NonceRules {
    lifted: Lifted,
    /// The key that encrypts; none where nothing is encrypted.
    key: Option<Tag>,
    /// Whether the token makes them all.
    own: bool,
}

impl NonceRules {
    fn check(&self, head: &Head, seen: &mut Seen) -> Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        let chosen = head.generator == Generator::None;
        self.lifted.check(Safeguard::TokenNonces, self.own && chosen)?;
        let pair = seen.pair(&key, &head.nonce)?;
        let again = chosen && seen.contains(pair);
        self.lifted.check(Safeguard::NonceReuse, again)
    }

    /// A message is encrypted under this nonce.
    fn take(&self, nonce: &Iv, seen: &mut Seen) -> Result<()> {
        let Some(key) = self.key else { return Ok(()) };
        let pair = seen.pair(&key, nonce)?;
        self.lifted.check(Safeguard::NonceReuse, seen.contains(pair))?;
        seen.insert(pair);
        Ok(())
    }
}

/// Ends a message: makes its tag or compares it.
fn end(message: &mut Aead, direction: Direction, mut tag: Iv) -> Result<Iv> {
    match direction {
        Direction::Encrypt => message.seal(&mut tag)?,
        Direction::Decrypt => message.open(&tag).map_err(|error| match error {
            Error::EncryptedDataInvalid => Error::AeadDecryptFailed,
            other => other,
        })?,
    }
    Ok(tag)
}

/// Tells the application the nonce that was made for it.
fn tell(envelope: &mut dyn Envelope, head: &Head, nonce: &[u8]) -> Result<()> {
    if head.generator == Generator::None { Ok(()) } else { envelope.put_nonce(nonce) }
}

fn wrong_length(direction: Direction) -> Error {
    match direction {
        Direction::Encrypt => Error::DataLenRange,
        Direction::Decrypt => Error::EncryptedDataLenRange,
    }
}

impl Active<Box<Messages>> {
    /// Ends the message in progress, not the process.
    pub(super) fn end_message(&mut self) {
        if self.run.current.take().is_some() {
            self.wait_again();
        }
    }
}

/// A process between two messages.
fn idle(place: &mut Place<Box<Messages>>) -> Result<&mut Active<Box<Messages>>> {
    let active = going(place)?;
    if active.run.current.is_some() { Err(Error::OperationActive) } else { Ok(active) }
}

fn place(state: &mut State, direction: Direction) -> &mut Place<Box<Messages>> {
    places(state, direction).0
}

/// With what the session has encrypted so far.
fn places(state: &mut State, direction: Direction) -> (&mut Place<Box<Messages>>, &mut Seen) {
    match direction {
        Direction::Encrypt => (&mut state.message_encrypt, &mut state.seen),
        Direction::Decrypt => (&mut state.message_decrypt, &mut state.seen),
    }
}
