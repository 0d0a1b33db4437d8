// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Makes the calls on messages.

use crate::calls::*;
use crate::common::{bytes as at, len, p11};
use crate::drive::{Input, Seen, handle, output, signature};
use crate::expected::{TAG, seal};
use crate::messages::{nonce, slot, tag};
use crate::model::*;
use cryptoki_sys::*;
use std::ffi::c_void;
use std::ptr;

/// A call on messages.
struct Call1 {
    s: CK_SESSION_HANDLE,
    many: Many,
    input: Input,
    sig: Sig,
    /// The data of the message before this call.
    before: Vec<u8>,
    mech: Mech,
    last: Option<bool>,
}

/// Makes a call on messages.
pub fn message(model: &Model, call: &Call, fate: &Fate) -> Seen {
    let ((s, many), data, room, sig, envelope, last) = match call {
        Call::ManyFinal(s, many) => {
            let s = handle(model, *s);
            let rv = match many {
                Many::Encrypt => p11!(C_MessageEncryptFinal(s)),
                Many::Decrypt => p11!(C_MessageDecryptFinal(s)),
                Many::Sign => p11!(C_MessageSignFinal(s)),
                Many::Verify => p11!(C_MessageVerifyFinal(s)),
            };
            return Seen { rv, ..Seen::default() };
        }
        Call::MessageBegin(s, many, envelope) => {
            return begin(handle(model, *s), *many, *envelope);
        }
        Call::Message(s, many, data, room, sig, envelope) => {
            ((s, many), *data, *room, *sig, *envelope, None)
        }
        Call::MessagePart(s, many, data, room, envelope) => {
            ((s, many), *data, *room, Sig::Null, *envelope, Some(false))
        }
        Call::MessageLast(s, many, data, room, sig, envelope) => {
            ((s, many), *data, *room, *sig, *envelope, Some(true))
        }
        other => panic!("{other:?} is no call on messages"),
    };
    let process =
        model.session(*s).and_then(|at| model.sessions[at].processes[slot(*many)].as_ref());
    let before = process.and_then(|process| process.message.as_ref());
    let call = Call1 {
        s: handle(model, *s),
        many: *many,
        input: Input::new(data, Mech::Ecb),
        sig,
        before: if last.is_some() {
            before.map_or(Vec::new(), |before| before.0.clone())
        } else {
            Vec::new()
        },
        mech: process.map_or(Mech::Hmac, |process| process.mech),
        last,
    };
    match many {
        Many::Sign => sign(&call, room, envelope, fate),
        Many::Verify => verify(&call, envelope),
        _ => {
            crypt(&call, (room, fate), envelope, nonce(if last.is_some() { process } else { None }))
        }
    }
}

/// A parameter where there is none.
fn nothing(envelope: Envelope) -> (*mut c_void, CK_ULONG) {
    (ptr::null_mut(), CK_ULONG::from(envelope == Envelope::Wrong))
}

fn begin(s: CK_SESSION_HANDLE, many: Many, envelope: Envelope) -> Seen {
    let (none, zero) = nothing(envelope);
    let mut parameter = Parameter::new(envelope, &crate::expected::NONCE, &[0; TAG]);
    let rv = match many {
        Many::Sign => p11!(C_SignMessageBegin(s, none, zero)),
        Many::Verify => p11!(C_VerifyMessageBegin(s, none, zero)),
        Many::Encrypt => {
            let (p, n) = parameter.raw();
            p11!(C_EncryptMessageBegin(s, p, n, ptr::null_mut(), 0))
        }
        Many::Decrypt => {
            let (p, n) = parameter.raw();
            p11!(C_DecryptMessageBegin(s, p, n, ptr::null_mut(), 0))
        }
    };
    Seen { rv, nonce: parameter.nonce.to_vec(), ..Seen::default() }
}

fn sign(call: &Call1, room: Room, envelope: Envelope, fate: &Fate) -> Seen {
    let ((none, zero), s) = (nothing(envelope), call.s);
    let (p, n) = (call.input.pointer(), call.input.length);
    match call.last {
        None => output(room, fate, |out, len| p11!(C_SignMessage(s, none, zero, p, n, out, len))),
        Some(false) => {
            let (out, len) = (ptr::null_mut(), ptr::null_mut());
            let rv = p11!(C_SignMessageNext(s, none, zero, p, n, out, len));
            Seen { rv, ..Seen::default() }
        }
        // Without a place for the length the part would not be the last.
        Some(true) => {
            let room = if room == Room::NoLength { Room::Large } else { room };
            output(room, fate, |out, len| p11!(C_SignMessageNext(s, none, zero, p, n, out, len)))
        }
    }
}

fn verify(call: &Call1, envelope: Envelope) -> Seen {
    let ((none, zero), s) = (nothing(envelope), call.s);
    let (p, n) = (call.input.pointer(), call.input.length);
    let told = signature(call.mech, call.sig, &[&call.before[..], &call.input.bytes].concat());
    let place = if call.sig == Sig::Null { ptr::null_mut() } else { at(&told) };
    let rv = match call.last {
        None => p11!(C_VerifyMessage(s, none, zero, p, n, place, len(&told))),
        Some(false) => p11!(C_VerifyMessageNext(s, none, zero, p, n, ptr::null_mut(), 0)),
        Some(true) => p11!(C_VerifyMessageNext(s, none, zero, p, n, place, len(&told))),
    };
    Seen { rv, ..Seen::default() }
}

/// The parameter of a message that is encrypted or decrypted.
struct Parameter {
    nonce: Box<[u8; 12]>,
    tag: Box<[u8; TAG]>,
    raw: Box<CK_GCM_MESSAGE_PARAMS>,
    length: CK_ULONG,
}

impl Parameter {
    fn new(envelope: Envelope, nonce: &[u8], tag: &[u8]) -> Parameter {
        let mut nonce: Box<[u8; 12]> = Box::new(nonce.try_into().unwrap());
        let mut tag: Box<[u8; TAG]> = Box::new(tag.try_into().unwrap());
        let made = envelope == Envelope::Made;
        let raw = Box::new(CK_GCM_MESSAGE_PARAMS {
            pIv: nonce.as_mut_ptr(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: if made { CKG_GENERATE } else { CKG_NO_GENERATE },
            pTag: tag.as_mut_ptr(),
            ulTagBits: 8 * TAG as CK_ULONG,
        });
        let length = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;
        Parameter { nonce, tag, raw, length: length + CK_ULONG::from(envelope == Envelope::Wrong) }
    }

    fn raw(&mut self) -> (*mut c_void, CK_ULONG) {
        (ptr::from_mut(&mut *self.raw).cast(), self.length)
    }
}

fn crypt(call: &Call1, (room, fate): (Room, &Fate), envelope: Envelope, nonce: Vec<u8>) -> Seen {
    let whole = [&call.before[..], &call.input.bytes].concat();
    let right = tag(call.many, &nonce, &whole);
    let told = match (call.many, call.sig) {
        (Many::Decrypt, Sig::Right) => right.clone(),
        _ => vec![0; TAG],
    };
    let mut parameter = Parameter::new(envelope, &nonce, &told);
    let (p, n) = parameter.raw();
    let (s, from, count, none) = (call.s, call.input.pointer(), call.input.length, ptr::null_mut());
    let end = if call.last == Some(true) { CKF_END_OF_MESSAGE } else { 0 };
    let seen = output(room, fate, |out, len| match (call.many, call.last) {
        (Many::Encrypt, None) => p11!(C_EncryptMessage(s, p, n, none, 0, from, count, out, len)),
        (_, None) => p11!(C_DecryptMessage(s, p, n, none, 0, from, count, out, len)),
        (Many::Encrypt, _) => p11!(C_EncryptMessageNext(s, p, n, from, count, out, len, end)),
        _ => p11!(C_DecryptMessageNext(s, p, n, from, count, out, len, end)),
    });
    let given = seen.rv == CKR_OK && room != Room::Null;
    if !given {
        let what = "nothing is written where nothing came of the call";
        assert_eq!((&parameter.nonce[..], &parameter.tag[..]), (&nonce[..], &told[..]), "{what}");
    } else if call.last != Some(false) {
        let used = if call.last.is_none() { parameter.nonce.to_vec() } else { nonce };
        let (crypted, _) = seal(&used, &whole);
        assert_eq!(seen.data, crypted[call.before.len()..], "what comes out");
        if call.many == Many::Encrypt {
            assert_eq!(parameter.tag[..], tag(call.many, &used, &whole), "the tag");
        }
    }
    seen
}
