// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Makes the calls of a sequence by the C symbols.

use crate::calls::*;
use crate::common::{SO_PIN, USER_PIN, bytes as at, len, p11, template};
use crate::common::{Template, ec, keys, mechanism, reference};
use crate::drive_messages::message;
use crate::expected::{self, AES, IV, NONCE, SECRET};
use crate::model::*;
use crate::rules::bytes;
use cryptoki_sys::*;
use std::ptr;

/// What a call gave.
#[derive(Debug, Default)]
pub struct Seen {
    pub rv: CK_RV,
    /// What the length was set to, and the room there was.
    pub length: CK_ULONG,
    pub room: usize,
    pub data: Vec<u8>,
    pub handle: CK_ULONG,
    /// The nonce of a message.
    pub nonce: Vec<u8>,
}

/// Makes a call.
pub fn drive(model: &Model, call: &Call, fate: &Fate) -> Seen {
    let h = |s: &S| handle(model, *s);
    let rv = |rv: CK_RV| Seen { rv, ..Seen::default() };
    match call {
        Call::Open { read_write } => {
            let flags = CKF_SERIAL_SESSION | if *read_write { CKF_RW_SESSION } else { 0 };
            let mut handle = 0;
            let rv = p11!(C_OpenSession(model.slot, flags, ptr::null_mut(), None, &mut handle));
            Seen { rv, handle, ..Seen::default() }
        }
        Call::Close(s) => rv(p11!(C_CloseSession(h(s)))),
        Call::CloseAll => rv(p11!(C_CloseAllSessions(model.slot))),
        Call::Info(s) => {
            let mut info = CK_SESSION_INFO::default();
            let rv = p11!(C_GetSessionInfo(h(s), &mut info));
            Seen { rv, handle: info.state, ..Seen::default() }
        }
        Call::Login(s, who, right) => rv(login(h(s), *who, *right)),
        Call::Logout(s) => rv(p11!(C_Logout(h(s)))),
        Call::Create(s, kind, private) => create(h(s), *kind, *private),
        Call::Destroy(s, k) => rv(p11!(C_DestroyObject(h(s), object(model, *k)))),
        Call::Cancel(s, flags) => rv(p11!(C_SessionCancel(h(s), *flags))),
        Call::Restore(s, n, forged, key) => rv(restore(model, h(s), *n, *forged, *key)),
        Call::FindInit(s) => rv(p11!(C_FindObjectsInit(h(s), ptr::null_mut(), 0))),
        Call::Find(s, count) => {
            let (mut found, mut most) = ([0; 4], 0);
            let place = if *count { &raw mut most } else { ptr::null_mut() };
            rv(p11!(C_FindObjects(h(s), found.as_mut_ptr(), 4, place)))
        }
        Call::FindFinal(s) => rv(p11!(C_FindObjectsFinal(h(s)))),
        Call::Random(s, count) => {
            let mut out = vec![0; *count + 1];
            rv(p11!(C_GenerateRandom(h(s), out.as_mut_ptr(), *count as CK_ULONG)))
        }
        Call::DigestKey(s, k) => rv(p11!(C_DigestKey(h(s), object(model, *k)))),
        Call::Save(s, room) => {
            output(*room, fate, |out, len| p11!(C_GetOperationState(h(s), out, len)))
        }
        Call::Dual(s, dual, data, room) => {
            let (cipher, _) = crate::rules::pair(*dual);
            let input = Input::of(model, *s, cipher, *data);
            let (p, n, h) = (input.pointer(), input.length, h(s));
            output(*room, fate, |out, len| match dual {
                Dual::DigestEncrypt => p11!(C_DigestEncryptUpdate(h, p, n, out, len)),
                Dual::DecryptDigest => p11!(C_DecryptDigestUpdate(h, p, n, out, len)),
                Dual::SignEncrypt => p11!(C_SignEncryptUpdate(h, p, n, out, len)),
                Dual::DecryptVerify => p11!(C_DecryptVerifyUpdate(h, p, n, out, len)),
            })
        }
        Call::Init(..) | Call::InitNull(..) | Call::ManyInit(..) | Call::ManyNull(..) => {
            rv(init(model, call))
        }
        Call::Whole(s, op, data, room, sig) => whole(model, *s, *op, *data, (*room, fate), *sig),
        Call::Part(s, op, data, room) => part(model, *s, *op, *data, (*room, fate)),
        Call::Last(s, op, room, sig) => last(model, *s, *op, (*room, fate), *sig),
        messages => message(model, messages, fate),
    }
}

/// Bytes that go in.
pub struct Input {
    pub bytes: Vec<u8>,
    null: bool,
    pub length: CK_ULONG,
}

impl Input {
    fn of(model: &Model, s: S, op: Op, data: Data) -> Input {
        let operation =
            model.session(s).and_then(|at| model.sessions[at].operations[place(op)].as_ref());
        Input::new(data, operation.map_or(Mech::Ecb, |operation| operation.mech))
    }

    pub fn new(data: Data, mech: Mech) -> Input {
        let bytes = bytes(data, mech);
        let length = if data == Data::Null { 5 } else { len(&bytes) };
        Input { null: matches!(data, Data::Null | Data::Nothing), bytes, length }
    }

    pub fn pointer(&self) -> *mut u8 {
        if self.null { ptr::null_mut() } else { at(&self.bytes) }
    }
}

/// A call with an output of the room that a sequence says.
pub fn output(room: Room, fate: &Fate, call: impl FnOnce(*mut u8, *mut CK_ULONG) -> CK_RV) -> Seen {
    let (least, most) = fate.len;
    let size = match room {
        Room::Null | Room::NoLength => 0,
        Room::Short => {
            if least == most {
                most.saturating_sub(1)
            } else {
                least.saturating_sub(1)
            }
        }
        Room::Exact => most,
        Room::Large => most + 64,
    };
    let mut buffer = vec![0xA5; size + 1];
    let mut length = size as CK_ULONG;
    let out = if room == Room::Null { ptr::null_mut() } else { buffer.as_mut_ptr() };
    let place = if room == Room::NoLength { ptr::null_mut() } else { &raw mut length };
    let rv = call(out, place);
    assert_eq!(buffer[size], 0xA5, "nothing is written behind the buffer");
    if room == Room::Null || rv != CKR_OK {
        buffer.clear();
    }
    buffer.truncate(length as usize);
    Seen { rv, length, room: size, data: buffer, ..Seen::default() }
}

pub fn handle(model: &Model, s: S) -> CK_SESSION_HANDLE {
    let known = model.sessions.get(s % (model.sessions.len() + 1));
    known.map_or(0x7777, |session| session.handle)
}

fn object(model: &Model, k: K) -> CK_OBJECT_HANDLE {
    model.objects.get(k % (model.objects.len() + 1)).map_or(0x7777, |object| object.handle)
}

fn login(s: CK_SESSION_HANDLE, who: Who, right: bool) -> CK_RV {
    let (user, pin) = match who {
        Who::So => (CKU_SO, SO_PIN),
        Who::User => (CKU_USER, USER_PIN),
        Who::Context => (CKU_CONTEXT_SPECIFIC, USER_PIN),
        Who::Nobody => (77, USER_PIN),
    };
    let pin = if right { pin } else { "not the PIN" }.as_bytes();
    p11!(C_Login(s, user, at(pin), len(pin)))
}

fn create(s: CK_SESSION_HANDLE, kind: Kind, private: bool) -> Seen {
    let secret = |kind: CK_KEY_TYPE, value: &[u8]| {
        template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind, CKA_VALUE => value }
    };
    let more = match kind {
        Kind::Aes => secret(CKK_AES, &AES).and(&keys::open()),
        Kind::Idle => secret(CKK_AES, &AES)
            .and(&keys::open())
            .and(&template! { CKA_ENCRYPT => false, CKA_DECRYPT => false }),
        Kind::Sensitive => secret(CKK_AES, &AES).and(&template! { CKA_SENSITIVE => true }),
        Kind::Generic => secret(CKK_GENERIC_SECRET, &SECRET).and(&keys::open()),
        Kind::Private => keys::curve_private(&ec::P256, &[5; 32]),
        Kind::Guarded => keys::curve_private(&ec::P256, &[5; 32])
            .and(&template! { CKA_ALWAYS_AUTHENTICATE => true }),
        Kind::Public => keys::curve_public(&ec::P256, &point()),
        Kind::Data => template! { CKA_CLASS => CKO_DATA },
    };
    let more: Template = more.set(CKA_PRIVATE, private || kind == Kind::Guarded);
    let (mut raw, mut handle) = (more.raw(), 0);
    let rv = p11!(C_CreateObject(s, raw.as_mut_ptr(), raw.len() as CK_ULONG, &mut handle));
    Seen { rv, handle, ..Seen::default() }
}

/// The point of the public key, made once.
fn point() -> Vec<u8> {
    static POINT: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    POINT.get_or_init(|| reference::point(&ec::P256, &reference::generate(&ec::P256))).clone()
}

fn restore(model: &Model, s: CK_SESSION_HANDLE, n: usize, forged: bool, key: bool) -> CK_RV {
    let saved = model.saved.get(n % (model.saved.len() + 1));
    let mut state = saved.map_or(vec![1; 40], |saved| saved.bytes.clone());
    let last = state.len() - 1;
    state[last] ^= u8::from(forged);
    p11!(C_SetOperationState(s, at(&state), len(&state), CK_ULONG::from(key), 0))
}

fn mech(mech: Mech) -> mechanism::Mech {
    match mech {
        Mech::Ecb => mechanism::Mech::plain(CKM_AES_ECB),
        Mech::Cbc => mechanism::Mech::iv(CKM_AES_CBC, &IV),
        Mech::Pad => mechanism::Mech::iv(CKM_AES_CBC_PAD, &IV),
        Mech::Ctr => mechanism::Mech::ctr(128, IV),
        Mech::Gcm => mechanism::Mech::gcm(&NONCE, b"", 128),
        Mech::Hmac => mechanism::Mech::plain(CKM_SHA256_HMAC),
        Mech::Ecdsa => mechanism::Mech::plain(CKM_ECDSA),
        Mech::EcdsaSha256 => mechanism::Mech::plain(CKM_ECDSA_SHA256),
        Mech::Sha256 => mechanism::Mech::plain(CKM_SHA256),
        Mech::Sha3 => mechanism::Mech::plain(CKM_SHA3_384),
        Mech::Unknown => mechanism::Mech::plain(0x7777_7777),
    }
}

fn init(model: &Model, call: &Call) -> CK_RV {
    let null = ptr::null_mut();
    match call {
        Call::InitNull(s, op) => begin(handle(model, *s), *op, null, 0, &[]),
        Call::Init(s, op, which, k, sig) => {
            let named = mech(*which);
            let signature = signature(*which, *sig, b"");
            let signature = if *sig == Sig::Null { None } else { Some(signature) };
            let (mut raw, key) = (named.raw(), object(model, *k));
            match signature {
                None if *op == Op::Ahead => {
                    let s = handle(model, *s);
                    p11!(C_VerifySignatureInit(s, &mut raw, key, ptr::null_mut(), 5))
                }
                signature => {
                    begin(handle(model, *s), *op, &mut raw, key, &signature.unwrap_or_default())
                }
            }
        }
        Call::ManyNull(s, many) => begin_many(handle(model, *s), *many, null, 0),
        Call::ManyInit(s, many, which, k) => {
            // A message brings its own parameter.
            let named = match which {
                Mech::Gcm => mechanism::Mech::plain(CKM_AES_GCM),
                other => mech(*other),
            };
            begin_many(handle(model, *s), *many, &mut named.raw(), object(model, *k))
        }
        other => panic!("{other:?} begins nothing"),
    }
}

fn begin(
    s: CK_SESSION_HANDLE,
    op: Op,
    mech: *mut CK_MECHANISM,
    key: CK_ULONG,
    sig: &[u8],
) -> CK_RV {
    match op {
        Op::Encrypt => p11!(C_EncryptInit(s, mech, key)),
        Op::Decrypt => p11!(C_DecryptInit(s, mech, key)),
        Op::Digest => p11!(C_DigestInit(s, mech)),
        Op::Sign => p11!(C_SignInit(s, mech, key)),
        Op::Verify => p11!(C_VerifyInit(s, mech, key)),
        Op::Ahead => p11!(C_VerifySignatureInit(s, mech, key, at(sig), len(sig))),
    }
}

fn begin_many(s: CK_SESSION_HANDLE, many: Many, mech: *mut CK_MECHANISM, key: CK_ULONG) -> CK_RV {
    match many {
        Many::Encrypt => p11!(C_MessageEncryptInit(s, mech, key)),
        Many::Decrypt => p11!(C_MessageDecryptInit(s, mech, key)),
        Many::Sign => p11!(C_MessageSignInit(s, mech, key)),
        Many::Verify => p11!(C_MessageVerifyInit(s, mech, key)),
    }
}

/// A signature over data: the right one where the model knows it.
pub fn signature(mech: Mech, sig: Sig, data: &[u8]) -> Vec<u8> {
    let whole = if mech == Mech::Hmac { 32 } else { 64 };
    match sig {
        Sig::Right if mech == Mech::Hmac => expected::hmac(data),
        Sig::Short => vec![1; whole - 1],
        _ => vec![0; whole],
    }
}

/// The signature that a verification in progress is told.
fn told(model: &Model, s: S, more: &[u8], sig: Sig) -> Vec<u8> {
    let operation = model.session(s).and_then(|at| model.sessions[at].operations[4].as_ref());
    let mech = operation.map_or(Mech::Hmac, |operation| operation.mech);
    let data = operation.map_or(&[][..], |operation| &operation.data);
    signature(mech, sig, &[data, more].concat())
}

fn whole(model: &Model, s: S, op: Op, data: Data, (room, fate): (Room, &Fate), sig: Sig) -> Seen {
    let input = Input::of(model, s, op, data);
    let (h, p, n) = (handle(model, s), input.pointer(), input.length);
    let only = |rv| Seen { rv, ..Seen::default() };
    match op {
        Op::Verify => {
            let told = told(model, s, &input.bytes, sig);
            let place = if sig == Sig::Null { ptr::null_mut() } else { at(&told) };
            only(p11!(C_Verify(h, p, n, place, len(&told))))
        }
        Op::Ahead => only(p11!(C_VerifySignature(h, p, n))),
        _ => output(room, fate, |out, len| match op {
            Op::Encrypt => p11!(C_Encrypt(h, p, n, out, len)),
            Op::Decrypt => p11!(C_Decrypt(h, p, n, out, len)),
            Op::Digest => p11!(C_Digest(h, p, n, out, len)),
            _ => p11!(C_Sign(h, p, n, out, len)),
        }),
    }
}

fn part(model: &Model, s: S, op: Op, data: Data, (room, fate): (Room, &Fate)) -> Seen {
    let input = Input::of(model, s, op, data);
    let (h, p, n) = (handle(model, s), input.pointer(), input.length);
    let only = |rv| Seen { rv, ..Seen::default() };
    match op {
        Op::Digest => only(p11!(C_DigestUpdate(h, p, n))),
        Op::Sign => only(p11!(C_SignUpdate(h, p, n))),
        Op::Verify => only(p11!(C_VerifyUpdate(h, p, n))),
        Op::Ahead => only(p11!(C_VerifySignatureUpdate(h, p, n))),
        _ => output(room, fate, |out, len| match op {
            Op::Encrypt => p11!(C_EncryptUpdate(h, p, n, out, len)),
            _ => p11!(C_DecryptUpdate(h, p, n, out, len)),
        }),
    }
}

fn last(model: &Model, s: S, op: Op, (room, fate): (Room, &Fate), sig: Sig) -> Seen {
    let h = handle(model, s);
    let only = |rv| Seen { rv, ..Seen::default() };
    match op {
        Op::Verify => {
            let told = told(model, s, &[], sig);
            let place = if sig == Sig::Null { ptr::null_mut() } else { at(&told) };
            only(p11!(C_VerifyFinal(h, place, len(&told))))
        }
        Op::Ahead => only(p11!(C_VerifySignatureFinal(h))),
        _ => output(room, fate, |out, len| match op {
            Op::Encrypt => p11!(C_EncryptFinal(h, out, len)),
            Op::Decrypt => p11!(C_DecryptFinal(h, out, len)),
            Op::Digest => p11!(C_DigestFinal(h, out, len)),
            _ => p11!(C_SignFinal(h, out, len)),
        }),
    }
}
