// SPDX-License-Identifier: Apache-2.0 OR MIT
//! When an operation begins, waits and ends: the rules of PKCS #11, section 5, written here once.
//!
//! A length query and `CKR_BUFFER_TOO_SMALL` keep an operation; an update keeps it; the last call
//! and any other error end it.

use super::State;
use super::asking::{Asked, Doing};
use super::entry::Lease;
use super::tally::{Settled, Tally};
use crate::error::{Error, Result};
use crate::mechanism::{Cipher, primitive};
use crate::object::Object;
use crate::secret::Secret;
use crate::types::Output;
use std::sync::Arc;
use zeroize::Zeroize;

/// An operation in progress.
pub(super) struct Active<T> {
    /// What runs.
    pub(super) run: T,
    /// The key it uses; none for a digest.
    lease: Option<Lease>,
    /// Whether the key wants a context-specific login for each use.
    always: bool,
    /// Whether it waits for one.
    waiting: bool,
    /// Whether it was fed a part: then it cannot be finished as a single one.
    pub(super) fed: bool,
    /// A result that did not fit the buffer it was offered.
    ready: Option<Box<Ready>>,
    /// What each message asks of the token's policy.
    asked: Option<Box<Asked>>,
    /// What counts it.
    tally: Option<Arc<Tally>>,
    /// Whether it gives something out with its first part, and is a use from there on.
    early: bool,
    /// Whether it is counted.
    counted: bool,
}

/// Where a session has its operation of a kind.
pub(super) type Place<T> = Option<Active<T>>;

/// A result that waits for a large enough buffer, and the call it answers.
pub(super) struct Ready {
    result: Secret,
    kind: Kind,
    /// Of the input: another one must not be answered with this result.
    digest: [u8; 32],
}

/// What kind of call it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The whole operation at once (`C_Sign`).
    Whole,
    /// A part (`C_SignUpdate`).
    Part,
    /// The end of parts (`C_SignFinal`).
    Last,
}

/// How an output call went, when nothing went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Written {
    /// Only the length was asked for.
    Length,
    /// The output is in the buffer.
    All,
}

impl<T> Active<T> {
    pub(super) fn new(run: T, lease: Option<Lease>, waiting: bool) -> Active<T> {
        Active {
            run,
            lease,
            always: waiting,
            waiting,
            fed: false,
            ready: None,
            asked: None,
            tally: None,
            early: false,
            counted: false,
        }
    }

    /// Whether its key is out of reach.
    pub(super) fn is_over(&self) -> bool {
        self.lease.as_ref().is_some_and(|lease| lease.check().is_err())
    }

    /// The key has been used: it may want another login before it is used again.
    pub(super) fn wait_again(&mut self) {
        self.waiting = self.always;
    }

    /// The same operation with something else that runs.
    pub(super) fn map<U>(self, run: impl FnOnce(T) -> U) -> Active<U> {
        let Active { run: from, lease, always, waiting, fed, ready, asked, .. } = self;
        let (tally, early, counted) = (self.tally, self.early, self.counted);
        Active { run: run(from), lease, always, waiting, fed, ready, asked, tally, early, counted }
    }

    /// The same operation, which counts as a use when it ends; or with its first output.
    pub(super) fn counting(self, tally: Option<Arc<Tally>>, early: bool) -> Active<T> {
        Active { tally, early, ..self }
    }

    /// It gave something out, or ended well: that is a use.
    fn count(&mut self, kind: Kind) -> Result<()> {
        let due = !self.counted && (self.early || kind != Kind::Part);
        match self.tally.as_ref().filter(|_| due) {
            Some(tally) => {
                self.counted = true;
                tally.settle()
            }
            None => Ok(()),
        }
    }

    /// How a message of it went: it is a use where it gave something out, or ended well, for the first
    /// time.
    pub(super) fn message_over(&self, went: Result<Written>, first: bool) -> Result<Written> {
        let went = match (went, &self.tally) {
            (Ok(Written::All), Some(tally)) if first => tally.settle().map(|()| Written::All),
            (went, _) => went,
        };
        self.note_failure(&went);
        went
    }

    /// It failed: the log names the key.
    pub(super) fn note_failure<U>(&self, result: &Result<U>) {
        if let (Err(_), Some(tally)) = (result, &self.tally) {
            tally.failed();
        }
    }

    /// What is to be recorded before the output of this call is the caller's.
    pub(super) fn ahead(&self, kind: Kind) -> Option<Arc<Tally>> {
        let due = !self.counted && (self.early || kind != Kind::Part);
        self.tally.as_ref().filter(|tally| due && tally.is_each()).cloned()
    }

    /// The same operation, each of whose messages is a use of a key.
    pub(super) fn asking(self, key: Arc<Object>, doing: Doing) -> Active<T> {
        Active { asked: Some(Box::new((key, doing))), ..self }
    }

    /// What the next message asks of the token's policy.
    pub(super) fn asked(&self) -> Option<Asked> {
        self.asked.as_deref().cloned()
    }
}

/// An output that is recorded before it is the caller's, where each use is a record.
pub(super) fn ahead<'a, T>(out: &'a mut dyn Output, place: &Place<T>, kind: Kind) -> Settled<'a> {
    Settled { out, tally: place.as_ref().and_then(|active| active.ahead(kind)) }
}

/// Runs one call of an operation and decides whether the operation goes on.
pub(super) fn step<T>(
    active: &mut Option<Active<T>>,
    kind: Kind,
    multi_part: impl Fn(&T) -> bool,
    call: impl FnOnce(&mut T, &mut Option<Box<Ready>>) -> Result<Written>,
) -> Result<()> {
    let operation = active.as_mut().ok_or(Error::OperationNotInitialized)?;
    let result = operation
        .allowed(kind, multi_part)
        .and_then(|()| call(&mut operation.run, &mut operation.ready))
        .and_then(|written| match written {
            Written::All => operation.count(kind).map(|()| written),
            Written::Length => Ok(written),
        });
    operation.note_failure(&result);
    match result {
        Ok(Written::All) if kind == Kind::Part => operation.fed = true,
        Ok(Written::Length) | Err(Error::BufferTooSmall) => {}
        Ok(Written::All) | Err(_) => *active = None,
    }
    result.map(drop)
}

/// Runs one call that feeds a cipher and another operation, and decides whether the two go on: what
/// keeps or ends one does so to both.
pub(super) fn step_both<T>(
    (cipher, other): (&mut Place<Box<dyn Cipher>>, &mut Place<T>),
    multi_part: impl Fn(&T) -> bool,
    (part, out): (&[u8], &mut dyn Output),
    feed: impl FnOnce(&mut T, &[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let (Some(first), Some(second)) = (cipher.as_mut(), other.as_mut()) else {
        return Err(Error::OperationNotInitialized);
    };
    let out = &mut Settled { out, tally: first.ahead(Kind::Part) };
    let allowed = first
        .allowed(Kind::Part, |cipher| cipher.multi_part())
        .and_then(|()| second.allowed(Kind::Part, multi_part));
    let result = allowed.and_then(|()| match &first.ready {
        Some(waiting) => answer(out, (Kind::Part, part), waiting),
        None => produce(out, first.run.update_len(part.len()), |room| {
            let len = first.run.update(part, room)?;
            feed(&mut second.run, part, room.get(..len).ok_or(Error::DeviceError)?)?;
            Ok(len)
        }),
    });
    let result = result.and_then(|written| match written {
        Written::All => first.count(Kind::Part).map(|()| written),
        Written::Length => Ok(written),
    });
    second.note_failure(&result);
    first.note_failure(&result);
    match result {
        Ok(Written::All) => {
            first.fed = true;
            second.fed = true;
        }
        Ok(Written::Length) | Err(Error::BufferTooSmall) => {}
        Err(_) => {
            *cipher = None;
            *other = None;
        }
    }
    result.map(drop)
}

/// What goes on for several messages, if it may: a key that is out of reach ends it, and one that
/// wants the PIN for each use waits for it.
pub(super) fn going<T>(place: &mut Place<T>) -> Result<&mut Active<T>> {
    let operation = place.as_ref().ok_or(Error::OperationNotInitialized)?;
    if let Some(Err(error)) = operation.lease.as_ref().map(Lease::check) {
        *place = None;
        return Err(error);
    }
    match place {
        Some(operation) if operation.waiting => Err(Error::UserNotLoggedIn),
        Some(operation) => Ok(operation),
        None => Err(Error::OperationNotInitialized),
    }
}

impl<T> Active<T> {
    fn allowed(&self, kind: Kind, multi_part: impl Fn(&T) -> bool) -> Result<()> {
        if let Some(lease) = &self.lease {
            lease.check()?;
        }
        if self.waiting {
            return Err(Error::UserNotLoggedIn);
        }
        match kind {
            // What was begun in parts ends in parts, and some mechanisms know no parts.
            Kind::Whole if self.fed => Err(Error::OperationActive),
            Kind::Part | Kind::Last if !multi_part(&self.run) => Err(Error::FunctionNotSupported),
            _ => Ok(()),
        }
    }
}

impl State {
    /// The flag of the operation that waits for a context-specific login.
    pub(super) fn waiting(&mut self) -> Option<&mut bool> {
        let flags = [
            self.sign.as_mut().map(|active| &mut active.waiting),
            self.sign_recover.as_mut().map(|active| &mut active.waiting),
            self.decrypt.as_mut().map(|active| &mut active.waiting),
            self.encrypt.as_mut().map(|active| &mut active.waiting),
            self.verify.as_mut().map(|active| &mut active.waiting),
            self.message_decrypt.as_mut().map(|active| &mut active.waiting),
            self.message_encrypt.as_mut().map(|active| &mut active.waiting),
            self.message_sign.as_mut().map(|active| &mut active.waiting),
            self.message_verify.as_mut().map(|active| &mut active.waiting),
        ];
        flags.into_iter().flatten().find(|flag| **flag)
    }
}

/// Output of a known length: section 5.2.
pub(super) fn produce(
    out: &mut dyn Output,
    len: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize>,
) -> Result<Written> {
    match out.capacity() {
        None => {
            // Who is told 0 comes back with no buffer, and that would be the same question again: the
            // part would not be taken in, the operation not end. A byte more than needed suffices too.
            out.set_len(len.max(1));
            Ok(Written::Length)
        }
        Some(capacity) if capacity < len => {
            out.set_len(len);
            Err(Error::BufferTooSmall)
        }
        Some(_) => {
            let made = write(out.room(len)).and_then(|written| out.settle().map(|()| written));
            let written = made.inspect_err(|_| {
                // What was decrypted before it proved to be forged is not the caller's to see.
                out.room(len).zeroize();
            })?;
            out.set_len(written);
            Ok(Written::All)
        }
    }
}

/// Output whose length is known once it is made, at most `bound`. A result that does not fit is kept
/// for the same call made again, so that a buffer of the true length always suffices.
pub(super) fn produce_bounded(
    out: &mut dyn Output,
    (kind, input): (Kind, &[u8]),
    ready: &mut Option<Box<Ready>>,
    bound: usize,
    write: impl FnOnce(&mut [u8]) -> Result<usize>,
) -> Result<Written> {
    match out.capacity() {
        Some(capacity) if capacity < bound => {
            let mut result = Secret::zeroed(bound)?;
            let len = write(result.expose_mut())?;
            result.truncate(len);
            let digest = primitive::sha256(input)?;
            deliver(out, ready.insert(Box::new(Ready { result, kind, digest })).result.expose())
        }
        _ => produce(out, bound, write),
    }
}

/// The result that waits, if this is the call it answers: the mechanism is done, so no other call can
/// be answered any more.
pub(super) fn answer(
    out: &mut dyn Output,
    (kind, input): (Kind, &[u8]),
    ready: &Ready,
) -> Result<Written> {
    if ready.kind != kind || ready.digest != primitive::sha256(input)? {
        return Err(Error::FunctionFailed);
    }
    deliver(out, ready.result.expose())
}

/// Output that is at hand.
pub(super) fn deliver(out: &mut dyn Output, bytes: &[u8]) -> Result<Written> {
    produce(out, bytes.len(), |room| {
        room.copy_from_slice(bytes);
        Ok(bytes.len())
    })
}
