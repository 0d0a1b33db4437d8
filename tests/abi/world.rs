// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Calls any function of the table with right arguments but for one.

use crate::common::mechanism::Hkdf;
use crate::common::message::Many;
use crate::common::operation::Kind;
use crate::common::*;
use crate::table::{Arg, NAMES, ROWS, Ready, Row};
use std::ptr;

/// A token with its user logged in, and what right arguments are.
pub struct World {
    pub user: User,
    /// A session that was closed.
    pub closed: CK_SESSION_HANDLE,
    object: Obj,
    aes: Obj,
    mac: Obj,
    empty: CK_SLOT_ID,
}

/// How one argument is wrong.
#[derive(Clone, Copy, Debug)]
pub enum Wrong {
    /// The pointer is NULL; where a length goes with it, it says more than nothing.
    Null,
    /// The length; the pointer is one or is NULL.
    Length(CK_ULONG, bool),
    /// The handle or slot.
    Value(CK_ULONG),
}

impl World {
    pub fn new() -> Self {
        let user = User::new();
        let s = user.session;
        let closed = user.token.public();
        closed.close().good();
        World {
            closed: closed.0,
            object: s.create(&template! { CKA_CLASS => CKO_DATA }).good(),
            aes: keys::aes(s, 32),
            mac: keys::generic(s, 32),
            empty: user.fixture.empty_slot(),
            user,
        }
    }

    /// Calls a function in a session of its own, with what it needs active. None where the
    /// product does not have what it needs.
    pub fn call(&self, row: &Row, wrong: Option<(usize, Wrong)>) -> R<()> {
        let session = self.user.token.public();
        self.prepare(session, row.ready);
        let rv = invoke(row, &Right { world: Some(self), session: session.0 }, wrong);
        // The function may have closed the session.
        session.close().code();
        rv
    }

    fn prepare(&self, s: Session, ready: Ready) {
        let ecb = || Mech::plain(CKM_AES_ECB);
        let start = |kind: Kind| match kind {
            Kind::Digest => s.start(kind, &Mech::plain(CKM_SHA256), None).good(),
            Kind::Encrypt | Kind::Decrypt => s.start(kind, &ecb(), Some(self.aes)).good(),
            _ => s.start(kind, &Mech::plain(CKM_SHA256_HMAC), Some(self.mac)).good(),
        };
        let both = |one, two| {
            start(one);
            start(two);
        };
        let many = |kind| s.many(kind, Some(&Mech::plain(CKM_SHA256_HMAC)), Some(self.mac)).good();
        match ready {
            Ready::Nothing => {}
            Ready::EncryptMessages | Ready::EncryptMessage => {
                self.crypting(s, Many::Encrypt, ready == Ready::EncryptMessage);
            }
            Ready::DecryptMessages | Ready::DecryptMessage => {
                self.crypting(s, Many::Decrypt, ready == Ready::DecryptMessage);
            }
            Ready::SignMessages => many(Many::Sign),
            Ready::VerifyMessages => many(Many::Verify),
            Ready::SignMessage => {
                many(Many::Sign);
                s.message_begin(Many::Sign).good();
            }
            Ready::VerifyMessage => {
                many(Many::Verify);
                s.message_begin(Many::Verify).good();
            }
            Ready::Encrypt => start(Kind::Encrypt),
            Ready::Decrypt => start(Kind::Decrypt),
            Ready::Digest => start(Kind::Digest),
            Ready::Sign => start(Kind::Sign),
            Ready::Verify => start(Kind::Verify),
            Ready::Find => outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).good(),
            Ready::DigestEncrypt => both(Kind::Digest, Kind::Encrypt),
            Ready::DecryptDigest => both(Kind::Decrypt, Kind::Digest),
            Ready::SignEncrypt => both(Kind::Sign, Kind::Encrypt),
            Ready::DecryptVerify => both(Kind::Decrypt, Kind::Verify),
            Ready::VerifySignature => {
                let mech = Mech::plain(CKM_SHA256_HMAC);
                s.verify_signature_init(&mech, self.mac, &[0; 32]).good();
            }
        }
    }
}

impl World {
    /// Begins a process of AES-GCM, and a message in it.
    fn crypting(&self, s: Session, kind: Many, message: bool) {
        s.many(kind, Some(&Mech::plain(CKM_AES_GCM)), Some(self.aes)).good();
        let mut value = [b'9'; 64];
        let mut raw = envelope(&mut value);
        let (parameter, length) = (ptr::from_mut(&mut raw).cast(), size_of_val(&raw) as CK_ULONG);
        let none = ptr::null_mut();
        if message {
            outcome(match kind {
                Many::Encrypt => p11!(C_EncryptMessageBegin(s.0, parameter, length, none, 0)),
                _ => p11!(C_DecryptMessageBegin(s.0, parameter, length, none, 0)),
            })
            .good();
        }
    }
}

/// The parameter of a message: the nonce and the tag in the memory that is given.
fn envelope(value: &mut [u8; 64]) -> CK_GCM_MESSAGE_PARAMS {
    CK_GCM_MESSAGE_PARAMS {
        pIv: value.as_mut_ptr(),
        ulIvLen: 12,
        ulIvFixedBits: 0,
        ivGenerator: CKG_NO_GENERATE,
        pTag: value[32..].as_mut_ptr(),
        ulTagBits: 128,
    }
}

/// Calls a function with arguments that have the right shape and mean nothing.
pub fn blind(row: &Row) -> R<()> {
    invoke(row, &Right { world: None, session: 1 }, None)
}

/// The right arguments.
struct Right<'a> {
    world: Option<&'a World>,
    session: CK_SESSION_HANDLE,
}

/// Memory that arguments point to.
struct Memory {
    output: Vec<Box<[u64; 512]>>,
    mechanism: Box<CK_MECHANISM>,
    _parameter: Mech,
    template: Vec<CK_ATTRIBUTE>,
    value: Box<[u8; 64]>,
    _message: Box<[u8; 64]>,
    envelope: Box<CK_GCM_MESSAGE_PARAMS>,
}

fn invoke(row: &Row, right: &Right<'_>, wrong: Option<(usize, Wrong)>) -> R<()> {
    let mech = match row.mechanism {
        CKM_HKDF_DERIVE => {
            let how = Hkdf { extract: true, expand: true, ..Hkdf::default() };
            Mech::hkdf(CKM_HKDF_DERIVE, CKM_SHA256, &how)
        }
        other => Mech::plain(other),
    };
    let mut message = Box::new([b'9'; 64]);
    let envelope = Box::new(envelope(&mut message));
    let mut memory = Memory {
        _message: message,
        envelope,
        output: Vec::new(),
        mechanism: Box::new(mech.raw()),
        _parameter: mech,
        template: Vec::new(),
        value: Box::new([b'9'; 64]),
    };
    let label =
        CK_ATTRIBUTE { type_: CKA_LABEL, pValue: memory.value.as_mut_ptr().cast(), ulValueLen: 8 };
    memory.template = vec![label];
    let mut words = Vec::new();
    for (index, arg) in row.args.iter().enumerate() {
        let wrong = wrong.and_then(|(at, wrong)| (at == index).then_some(wrong));
        push(&mut words, *arg, right, &mut memory, wrong);
    }
    words.resize(10, 0);
    let at = NAMES.iter().position(|name| *name == row.name).expect("a function of the list");
    let entry = module().entries()[at];
    // SAFETY: the entry is the function of that name; every argument of the interface is an
    // integer or a pointer, which the C calling conventions of 64-bit Unix pass as one word each,
    // and words beyond the last argument are not looked at. The pointers are NULL, or lead to
    // memory that outlives the call, of the length said beside them where the length is right.
    let rv = unsafe {
        let function: AnyFn = std::mem::transmute(entry);
        function(
            words[0], words[1], words[2], words[3], words[4], words[5], words[6], words[7],
            words[8], words[9],
        )
    };
    drop(memory);
    outcome(rv)
}

fn push(
    words: &mut Vec<u64>,
    arg: Arg,
    right: &Right<'_>,
    memory: &mut Memory,
    wrong: Option<Wrong>,
) {
    let single = |value: u64| match wrong {
        Some(Wrong::Value(other)) => other,
        Some(Wrong::Null) => 0,
        _ => value,
    };
    let value = memory.value.as_mut_ptr() as u64;
    match arg {
        Arg::Slot => words.push(single(right.world.map_or(0, |world| world.user.token.slot))),
        Arg::EmptySlot => words.push(single(right.world.map_or(0, |world| world.empty))),
        Arg::Session => words.push(single(right.session)),
        Arg::Handle(role) => {
            words.push(single(right.world.map_or(1, |world| world.handle(role, memory))))
        }
        Arg::Number(number) => words.push(number),
        Arg::Ret => words.push(single(room(memory))),
        Arg::Label | Arg::Name0 => words.push(single(value)),
        Arg::Mech | Arg::Init => words.push(single(ptr::from_mut(&mut *memory.mechanism) as u64)),
        Arg::Parameter => words.extend(pair(value, 0, wrong)),
        Arg::Envelope => {
            let envelope = ptr::from_mut(&mut *memory.envelope) as u64;
            words.extend(pair(envelope, size_of::<CK_GCM_MESSAGE_PARAMS>() as u64, wrong));
        }
        Arg::MechOfMessage => {
            memory.mechanism.pParameter = ptr::from_mut(&mut *memory.envelope).cast();
            memory.mechanism.ulParameterLen = size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG;
            words.push(single(ptr::from_mut(&mut *memory.mechanism) as u64));
        }
        Arg::Out | Arg::OutOrMore => {
            let (buffer, length) = (room(memory), room(memory));
            memory.output.last_mut().expect("length")[0] = 4096;
            words.extend([buffer, single(length)]);
        }
        Arg::Fill => words.extend(pair(room(memory), 4, wrong)),
        Arg::In | Arg::InOrMore | Arg::InOrNone | Arg::Pin | Arg::Name => {
            words.extend(pair(value, 16, wrong))
        }
        Arg::Template => words.extend(pair(memory.template.as_mut_ptr() as u64, 1, wrong)),
    }
}

fn pair(pointer: u64, length: u64, wrong: Option<Wrong>) -> [u64; 2] {
    match wrong {
        None | Some(Wrong::Value(_)) => [pointer, length],
        Some(Wrong::Null) => [0, length],
        Some(Wrong::Length(other, true)) => [pointer, other],
        Some(Wrong::Length(other, false)) => [0, other],
    }
}

fn room(memory: &mut Memory) -> u64 {
    memory.output.push(Box::new([0; 512]));
    memory.output.last_mut().map_or(0, |room| room.as_mut_ptr() as u64)
}

impl World {
    fn handle(&self, role: CK_RV, memory: &Memory) -> u64 {
        match (role, memory.mechanism.mechanism) {
            (CKR_OBJECT_HANDLE_INVALID, _) => self.object.0,
            (_, CKM_SHA256_HMAC | CKM_HKDF_DERIVE) => self.mac.0,
            _ => self.aes.0,
        }
    }
}

/// The functions of the table.
pub fn rows() -> impl Iterator<Item = &'static Row> {
    ROWS.iter()
}

type AnyFn = unsafe extern "C" fn(u64, u64, u64, u64, u64, u64, u64, u64, u64, u64) -> CK_RV;
