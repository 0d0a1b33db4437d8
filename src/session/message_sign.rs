// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Messages signed and verified one after the other: the message-based functions of signatures. What
//! goes wrong with one message ends that message; the process goes on until it is finished.

use super::crypto::{On, begin};
use super::operation::{Active, Kind, Place, Written, going, produce};
use super::tally::Settled;
use super::{Call, Library, Session};
use crate::error::{Error, Result};
use crate::mechanism::{Key, Params, Row, Signer, Verifier};
use crate::object::Object;
use crate::policy::{Ground, Use};
use crate::types::Output;
use std::sync::Arc;

/// A process of messages.
pub(super) struct Series<T> {
    call: Call,
    key: Arc<Key>,
    make: Make<T>,
    /// What the next message will use.
    idle: Option<T>,
    /// The message in progress, in several parts.
    current: Option<T>,
}

/// Messages signed.
pub(super) type Signing = Box<Series<Box<dyn Signer>>>;
/// Messages verified.
pub(super) type Verifying = Box<Series<Box<dyn Verifier>>>;

type Make<T> = fn(&'static Row, &Arc<Key>, &Params) -> Result<T>;

impl Library {
    /// `C_MessageSignInit`; without a mechanism it ends the process.
    pub fn message_sign_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.message_sign, call)? else { return Ok(()) };
            let make = call.row.does.sign.filter(|_| call.row.many_messages());
            let series = self.series((session, &mut state.footing), key, Use::Sign, call, make)?;
            state.message_sign = Some(series);
            Ok(())
        })
    }

    /// `C_SignMessage`.
    pub fn sign_message(&self, handle: u64, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |session, state| {
            let active = between(going(&mut state.message_sign)?)?;
            let asked = active.asked();
            let out = &mut Settled { out, tally: active.ahead(Kind::Whole) };
            let signer = active.run.ready()?;
            let written = produce(out, signer.len(), |room| {
                session.ask_again(asked.as_ref())?;
                signer.whole(data, room)
            });
            let written = active.message_over(written, true);
            if !matches!(written, Ok(Written::Length) | Err(Error::BufferTooSmall)) {
                active.run.idle = None;
                active.wait_again();
            }
            written.map(drop)
        })
    }

    /// `C_SignMessageBegin`.
    pub fn sign_message_begin(&self, handle: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let active = going(&mut state.message_sign)?;
            begin_message(session, active, |signer| signer.multi_part())
        })
    }

    /// `C_SignMessageNext`; with a place for the signature the message ends.
    pub fn sign_message_next(
        &self,
        handle: u64,
        part: &[u8],
        end: Option<&mut dyn Output>,
    ) -> Result<()> {
        self.with_state(handle, |_, state| {
            let active = going(&mut state.message_sign)?;
            let (tally, last) = (active.ahead(Kind::Whole), end.is_some());
            let signer = active.run.current.as_mut().ok_or(Error::OperationNotInitialized)?;
            let (written, goes_on) = match end {
                None => {
                    let fed = signer.update(part).map(|()| Written::All);
                    (fed, fed.is_ok())
                }
                Some(out) => {
                    let out = &mut Settled { out, tally };
                    let written = produce(out, signer.len(), |room| {
                        signer.update(part)?;
                        signer.finish(room)
                    });
                    (written, matches!(written, Ok(Written::Length) | Err(Error::BufferTooSmall)))
                }
            };
            let written = active.message_over(written, last);
            if !goes_on {
                active.end_message();
            }
            written.map(drop)
        })
    }

    /// `C_MessageSignFinal`.
    pub fn message_sign_final(&self, handle: u64) -> Result<()> {
        self.with_state(handle, |_, state| finish(&mut state.message_sign))
    }

    /// `C_MessageVerifyInit`; without a mechanism it ends the process.
    pub fn message_verify_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.message_verify, call)? else { return Ok(()) };
            let make = call.row.does.verify.filter(|_| call.row.many_messages());
            let series =
                self.series((session, &mut state.footing), key, Use::Verify, call, make)?;
            state.message_verify = Some(series);
            Ok(())
        })
    }

    /// `C_VerifyMessage`.
    pub fn verify_message(&self, handle: u64, data: &[u8], signature: &[u8]) -> Result<()> {
        self.with_state(handle, |session, state| {
            let active = between(going(&mut state.message_verify)?)?;
            let asked = active.asked();
            let verifier = active.run.ready()?;
            let verdict =
                session.ask_again(asked.as_ref()).and_then(|()| verifier.whole(data, signature));
            let verdict = active.message_over(verdict.map(|()| Written::All), true).map(drop);
            active.run.idle = None;
            active.wait_again();
            verdict
        })
    }

    /// `C_VerifyMessageBegin`.
    pub fn verify_message_begin(&self, handle: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let active = going(&mut state.message_verify)?;
            begin_message(session, active, |verifier| verifier.multi_part())
        })
    }

    /// `C_VerifyMessageNext`; with a signature the message ends.
    pub fn verify_message_next(
        &self,
        handle: u64,
        part: &[u8],
        signature: Option<&[u8]>,
    ) -> Result<()> {
        self.with_state(handle, |_, state| {
            let active = going(&mut state.message_verify)?;
            let verifier = active.run.current.as_mut().ok_or(Error::OperationNotInitialized)?;
            let mut verdict = verifier.update(part);
            if let (Ok(()), Some(signature)) = (verdict, signature) {
                verdict = verifier.finish(signature);
            }
            let written = verdict.map(|()| Written::All);
            verdict = active.message_over(written, signature.is_some()).map(drop);
            if signature.is_some() || verdict.is_err() {
                active.end_message();
            }
            verdict
        })
    }

    /// `C_MessageVerifyFinal`.
    pub fn message_verify_final(&self, handle: u64) -> Result<()> {
        self.with_state(handle, |_, state| finish(&mut state.message_verify))
    }

    fn series<T>(
        &self,
        on: On<'_>,
        key: u64,
        usage: Use,
        call: Call,
        make: Option<Make<T>>,
    ) -> Result<Active<Box<Series<T>>>> {
        let make = make.ok_or(Error::MechanismInvalid)?;
        // What is wrong with key or parameter is told now, not with the first message.
        let begin = |object: &Object, _: &Ground| {
            let key = object.key()?;
            Ok((Arc::clone(key), make(call.row, key, &call.params)?))
        };
        let active = self.process(on, key, usage, &call, begin)?;
        Ok(active.map(|(key, first)| {
            Box::new(Series { call, key, make, idle: Some(first), current: None })
        }))
    }
}

impl<T> Series<T> {
    fn ready(&mut self) -> Result<&mut T> {
        if self.idle.is_none() {
            self.idle = Some((self.make)(self.call.row, &self.key, &self.call.params)?);
        }
        self.idle.as_mut().ok_or(Error::GeneralError)
    }
}

impl<T> Active<Box<Series<T>>> {
    /// Ends the message in progress, not the process.
    pub(super) fn end_message(&mut self) {
        if self.run.current.take().is_some() {
            self.wait_again();
        }
    }
}

fn begin_message<T>(
    session: &Session,
    active: &mut Active<Box<Series<T>>>,
    multi_part: impl Fn(&T) -> bool,
) -> Result<()> {
    let asked = active.asked();
    let series = &mut between(active)?.run;
    if !multi_part(series.ready()?) {
        return Err(Error::FunctionNotSupported);
    }
    session.ask_again(asked.as_ref())?;
    series.current = series.idle.take();
    Ok(())
}

/// No message may be in progress.
fn between<T>(active: &mut Active<Box<Series<T>>>) -> Result<&mut Active<Box<Series<T>>>> {
    if active.run.current.is_some() { Err(Error::OperationActive) } else { Ok(active) }
}

fn finish<T>(place: &mut Place<Box<Series<T>>>) -> Result<()> {
    between(going(place)?)?;
    *place = None;
    Ok(())
}
