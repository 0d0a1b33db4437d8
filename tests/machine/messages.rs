// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The rules of message-based processes.

use crate::calls::*;
use crate::drive::Seen;
use crate::expected::{NONCE, TAG, hmac, seal};
use crate::model::*;
use crate::rules::{bytes, keeps};
use cryptoki_sys::*;

const NONE: CK_RV = CKR_OPERATION_NOT_INITIALIZED;

impl Model {
    /// What may come of a call on messages.
    pub fn message_fate(&self, call: &Call) -> Option<Fate> {
        let s = crate::after::session(call);
        let Some(at) = self.session(s) else {
            return Some(Fate::of(&[CKR_SESSION_HANDLE_INVALID]));
        };
        Some(match call {
            Call::ManyInit(_, many, mech, k) => self.many_init(at, *many, *mech, *k),
            Call::ManyFinal(_, many) => match self.process(at, *many) {
                Ok(process) if process.message.is_some() => Fate::of(&[CKR_OPERATION_ACTIVE]),
                Ok(_) => Fate::of(&[CKR_OK]),
                Err(fate) => fate,
            },
            Call::MessageBegin(_, many, envelope) => self.message_begin(at, *many, *envelope),
            Call::Message(_, many, data, _, sig, envelope) => {
                self.message(at, (*many, *data, *sig, *envelope), false)
            }
            Call::MessageLast(_, many, data, _, sig, envelope) => {
                self.message(at, (*many, *data, *sig, *envelope), true)
            }
            Call::MessagePart(_, many, data, _, envelope) => {
                self.message_part(at, *many, *data, *envelope)
            }
            other => panic!("{other:?} is no call on messages"),
        })
    }

    fn many_init(&self, at: usize, many: Many, mech: Mech, k: K) -> Fate {
        let mut wrong = Vec::new();
        match &self.sessions[at].processes[slot(many)] {
            Some(process) if process.dead => wrong.extend([CKR_OPERATION_ACTIVE, CKR_OK]),
            Some(_) => wrong.push(CKR_OPERATION_ACTIVE),
            None => {}
        }
        let (op, serves) = match many {
            Many::Encrypt => (Op::Encrypt, mech == Mech::Gcm),
            Many::Decrypt => (Op::Decrypt, mech == Mech::Gcm),
            Many::Sign => (Op::Sign, fitting(Op::Sign).contains(&mech)),
            Many::Verify => (Op::Verify, fitting(Op::Verify).contains(&mech)),
        };
        let mut bad = self.key_wrongs(mech, k, op);
        if !serves {
            bad.push(CKR_MECHANISM_INVALID);
        }
        if !bad.is_empty() {
            wrong.retain(|code| *code != CKR_OK);
            wrong.extend(bad);
        }
        Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
    }

    fn process(&self, at: usize, many: Many) -> Result<&Process, Fate> {
        match &self.sessions[at].processes[slot(many)] {
            None => Err(Fate::of(&[NONE])),
            Some(process) if process.dead => Err(Fate::of(&[NONE, CKR_USER_NOT_LOGGED_IN])),
            Some(process) if process.waiting => Err(Fate::of(&[CKR_USER_NOT_LOGGED_IN])),
            Some(process) => Ok(process),
        }
    }

    fn message_begin(&self, at: usize, many: Many, envelope: Envelope) -> Fate {
        let mut wrong = Vec::new();
        wrong.extend((envelope == Envelope::Wrong).then_some(CKR_MECHANISM_PARAM_INVALID));
        match self.process(at, many) {
            Err(fate) => wrong.extend(fate.codes),
            Ok(process) => {
                wrong.extend(process.message.is_some().then_some(CKR_OPERATION_ACTIVE));
                let single = process.mech == Mech::Ecdsa;
                wrong.extend(single.then_some(CKR_FUNCTION_NOT_SUPPORTED));
            }
        }
        Fate::wrong(wrong, || Fate::of(&[CKR_OK]))
    }

    fn message_part(&self, at: usize, many: Many, data: Data, envelope: Envelope) -> Fate {
        let mut wrong = wrongs(data, envelope);
        let process = self.process(at, many);
        match &process {
            Err(fate) => wrong.extend(&fate.codes),
            Ok(process) => wrong.extend(process.message.is_none().then_some(NONE)),
        }
        Fate::wrong(wrong, || {
            let part = bytes(data, Mech::Ecb);
            match (many, process.ok().and_then(|process| process.message.as_ref())) {
                (Many::Encrypt | Many::Decrypt, Some((before, nonce))) => {
                    let whole = [&before[..], &part].concat();
                    Fate::good(seal(nonce, &whole).0[before.len()..].to_vec())
                }
                _ => Fate::of(&[CKR_OK]),
            }
        })
    }

    /// A message at once, or the last part of one.
    fn message(
        &self,
        at: usize,
        (many, data, sig, envelope): (Many, Data, Sig, Envelope),
        last: bool,
    ) -> Fate {
        let mut wrong = wrongs(data, envelope);
        // Without a signature more is to come.
        let more = last && many == Many::Verify && sig == Sig::Null;
        if !last && many == Many::Verify && sig == Sig::Null {
            wrong.push(CKR_ARGUMENTS_BAD);
        }
        let process = self.process(at, many);
        match &process {
            Err(fate) => wrong.extend(&fate.codes),
            Ok(process) if last => wrong.extend(process.message.is_none().then_some(NONE)),
            Ok(process) => {
                wrong.extend(process.message.is_some().then_some(CKR_OPERATION_ACTIVE));
            }
        }
        Fate::wrong(wrong, || match process {
            Ok(_) if more => Fate::of(&[CKR_OK]),
            Ok(process) => end(process, (many, data, sig)),
            Err(fate) => fate,
        })
    }

    /// What is true after a call on messages.
    pub fn after_message(&mut self, at: usize, call: &Call, seen: &Seen) {
        let good = seen.rv == CKR_OK;
        match call {
            Call::ManyInit(_, many, mech, k) if good => {
                let key = self.object(*k).unwrap();
                let waiting = self.objects[key].kind == Kind::Guarded;
                let process = Process { mech: *mech, key, dead: false, waiting, message: None };
                self.sessions[at].processes[slot(*many)] = Some(process);
            }
            Call::ManyNull(_, many) => self.sessions[at].processes[slot(*many)] = None,
            Call::ManyFinal(_, many) if good => self.sessions[at].processes[slot(*many)] = None,
            Call::MessageBegin(_, many, _) if good => {
                if let Some(process) = &mut self.sessions[at].processes[slot(*many)] {
                    process.message = Some((Vec::new(), seen.nonce.clone()));
                }
            }
            Call::MessagePart(_, many, data, room, _) => {
                let output = matches!(many, Many::Encrypt | Many::Decrypt);
                self.part_after(at, *many, *data, seen, output && keeps(*room, seen));
            }
            Call::MessageLast(_, many, data, _, Sig::Null, _) if *many == Many::Verify => {
                self.part_after(at, *many, *data, seen, false);
            }
            Call::MessageLast(_, many, _, room, ..) => {
                let keep = *many != Many::Verify && keeps(*room, seen);
                if let Some(process) = &mut self.sessions[at].processes[slot(*many)] {
                    process.message.take_if(|_| !keep);
                }
            }
            _ => {}
        }
        self.wait_again(at, call, seen);
        self.bury(at, call, seen);
    }

    /// A message that ended has used its key.
    fn wait_again(&mut self, at: usize, call: &Call, seen: &Seen) {
        let (many, ended) = match call {
            Call::Message(_, many, _, room, ..) => {
                let before = [CKR_OPERATION_ACTIVE, CKR_ARGUMENTS_BAD, CKR_MECHANISM_PARAM_INVALID];
                (*many, !keeps(*room, seen) && !before.contains(&seen.rv))
            }
            Call::MessagePart(_, many, ..) | Call::MessageLast(_, many, ..) => (*many, true),
            _ => return,
        };
        let objects = &self.objects;
        if let Some(process) = &mut self.sessions[at].processes[slot(many)] {
            let guarded = objects[process.key].kind == Kind::Guarded;
            process.waiting |= guarded && ended && process.message.is_none() && seen.rv != NONE;
        }
    }

    /// A process whose key is gone ends when that is noticed.
    fn bury(&mut self, at: usize, call: &Call, seen: &Seen) {
        let many = match call {
            Call::Message(_, many, ..)
            | Call::MessageBegin(_, many, _)
            | Call::MessagePart(_, many, ..)
            | Call::MessageLast(_, many, ..)
            | Call::ManyFinal(_, many) => *many,
            _ => return,
        };
        let noticed = [NONE, CKR_USER_NOT_LOGGED_IN].contains(&seen.rv);
        self.sessions[at].processes[slot(many)].take_if(|process| process.dead && noticed);
    }

    fn part_after(&mut self, at: usize, many: Many, data: Data, seen: &Seen, keep: bool) {
        if let Some(process) = &mut self.sessions[at].processes[slot(many)] {
            match &mut process.message {
                _ if keep => {}
                Some((before, _)) if seen.rv == CKR_OK => before.extend(bytes(data, Mech::Ecb)),
                message => *message = None,
            }
        }
    }
}

fn wrongs(data: Data, envelope: Envelope) -> Vec<CK_RV> {
    let mut wrong = Vec::new();
    wrong.extend((envelope == Envelope::Wrong).then_some(CKR_MECHANISM_PARAM_INVALID));
    wrong.extend((data == Data::Null).then_some(CKR_ARGUMENTS_BAD));
    wrong
}

/// What the end of a message gives.
fn end(process: &Process, (many, data, sig): (Many, Data, Sig)) -> Fate {
    let (before, _) = process.message.clone().unwrap_or_default();
    let input = bytes(data, Mech::Ecb);
    let whole = [&before[..], &input].concat();
    match (many, process.mech, sig) {
        (Many::Sign, Mech::Hmac, _) => Fate::good(hmac(&whole)),
        (Many::Sign, ..) => Fate::long(64),
        (Many::Verify, _, Sig::Short) => Fate::of(&[CKR_SIGNATURE_LEN_RANGE]),
        (Many::Verify, Mech::Hmac, Sig::Right) => Fate::of(&[CKR_OK]),
        (Many::Verify, ..) => Fate::of(&[CKR_SIGNATURE_INVALID]),
        (Many::Decrypt, _, sig) if sig != Sig::Right => {
            Fate::bad(&[CKR_AEAD_DECRYPT_FAILED], input.len())
        }
        // The nonce is known when the call is made, if the token makes it: the driver compares.
        _ => Fate::long(input.len()),
    }
}

/// Where a session has a process.
pub fn slot(many: Many) -> usize {
    match many {
        Many::Encrypt => 0,
        Many::Decrypt => 1,
        Many::Sign => 2,
        Many::Verify => 3,
    }
}

/// The nonce of a message in progress, or the one that is given.
pub fn nonce(process: Option<&Process>) -> Vec<u8> {
    let message = process.and_then(|process| process.message.as_ref());
    message.map_or(NONCE.to_vec(), |(_, nonce)| nonce.clone())
}

/// The tag of a message that was or will be encrypted with these bytes coming out or going in.
pub fn tag(many: Many, nonce: &[u8], data: &[u8]) -> Vec<u8> {
    let (crypted, tag) = seal(nonce, data);
    let tag = if many == Many::Decrypt { seal(nonce, &crypted).1 } else { tag };
    assert_eq!(tag.len(), TAG);
    tag
}
