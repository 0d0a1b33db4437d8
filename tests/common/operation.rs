// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Cryptographic operations. The four functions of each kind have the same C types, so a kind is
//! a row of function pointers and every rule of the state machine is tested over the rows.

use super::{Mech, Obj, R, Rv, Session, bytes, len, module, outcome};
use cryptoki_sys::*;
use std::ptr;

type InitFn = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_MECHANISM, CK_OBJECT_HANDLE) -> CK_RV;
type DigestInitFn = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut CK_MECHANISM) -> CK_RV;
type InOutFn =
    unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, *mut CK_ULONG) -> CK_RV;
type InFn = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG) -> CK_RV;
type OutFn = unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, *mut CK_ULONG) -> CK_RV;
type InInFn =
    unsafe extern "C" fn(CK_SESSION_HANDLE, *mut u8, CK_ULONG, *mut u8, CK_ULONG) -> CK_RV;

/// A kind of operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Encrypt,
    Decrypt,
    Digest,
    Sign,
    Verify,
}

/// What a call with an output buffer left behind.
#[derive(Debug)]
pub struct Output {
    pub rv: R<()>,
    /// What the length was set to.
    pub length: CK_ULONG,
    /// The buffer, cut to that length where it fits.
    pub data: Vec<u8>,
}

impl Output {
    fn new(rv: CK_RV, length: CK_ULONG, mut data: Vec<u8>) -> Self {
        if length <= len(&data) {
            data.truncate(length as usize);
        }
        Output { rv: outcome(rv), length, data }
    }

    /// The output of a call that succeeded.
    pub fn taken(self) -> R<Vec<u8>> {
        self.rv.map(|()| self.data)
    }
}

/// Room for the result of an output call.
#[derive(Clone, Copy, Debug)]
pub enum Room {
    /// A NULL buffer: ask for the length.
    Null,
    /// A buffer of this many bytes.
    Bytes(usize),
}

impl Room {
    /// Calls a function with such a buffer and its length.
    pub fn filled(self, call: impl FnOnce(*mut u8, &mut CK_ULONG) -> CK_RV) -> Output {
        let mut buffer = self.buffer();
        let mut length = len(&buffer);
        let pointer = self.pointer(&mut buffer);
        let rv = call(pointer, &mut length);
        Output::new(rv, length, buffer)
    }

    fn buffer(self) -> Vec<u8> {
        match self {
            Room::Null => Vec::new(),
            Room::Bytes(count) => vec![0xA5; count],
        }
    }

    fn pointer(self, buffer: &mut Vec<u8>) -> *mut u8 {
        match self {
            Room::Null => ptr::null_mut(),
            // A pointer that is not NULL also for no bytes.
            Room::Bytes(_) => {
                buffer.reserve(1);
                buffer.as_mut_ptr()
            }
        }
    }
}

impl Session {
    /// Starts an operation; a digest takes no key.
    pub fn start(self, kind: Kind, mech: &Mech, key: Option<Obj>) -> R<()> {
        let (mut mech, key) = (mech.raw(), key.map_or(CK_INVALID_HANDLE, |key| key.0));
        outcome(init(self.0, kind, &mut mech, key))
    }

    /// Starts an operation with a NULL mechanism, which ends the one that is active.
    pub fn start_null(self, kind: Kind) -> R<()> {
        outcome(init(self.0, kind, ptr::null_mut(), CK_INVALID_HANDLE))
    }

    /// The single-part call of a kind that has an output.
    pub fn once(self, kind: Kind, input: &[u8], room: Room) -> Output {
        self.in_out(once(kind), input, room)
    }

    /// A part of an operation that gives output for each: encrypt, decrypt.
    pub fn update_out(self, kind: Kind, input: &[u8], room: Room) -> Output {
        self.in_out(update_out(kind), input, room)
    }

    /// A part of an operation that gives output only at the end: digest, sign, verify.
    pub fn update(self, kind: Kind, input: &[u8]) -> R<()> {
        // SAFETY: the pointer and length are those of a slice.
        outcome(unsafe { update(kind)(self.0, bytes(input), len(input)) })
    }

    /// The last call of an operation of several parts that has an output.
    pub fn finish(self, kind: Kind, room: Room) -> Output {
        let (mut buffer, mut length) = (room.buffer(), 0);
        length += len(&buffer);
        let pointer = room.pointer(&mut buffer);
        // SAFETY: the buffer has the length that is passed beside it.
        let rv = unsafe { finish(kind)(self.0, pointer, &mut length) };
        Output::new(rv, length, buffer)
    }

    /// Checks a signature in one call.
    pub fn verify_once(self, data: &[u8], signature: &[u8]) -> R<()> {
        let call: InInFn = module().list.C_Verify.expect("C_Verify");
        // SAFETY: the pointers and lengths are those of slices.
        let rv = unsafe { call(self.0, bytes(data), len(data), bytes(signature), len(signature)) };
        outcome(rv)
    }

    /// Checks a signature after the parts.
    pub fn verify_finish(self, signature: &[u8]) -> R<()> {
        let call: InFn = module().list.C_VerifyFinal.expect("C_VerifyFinal");
        // SAFETY: the pointer and length are those of a slice.
        outcome(unsafe { call(self.0, bytes(signature), len(signature)) })
    }

    /// Starts a verification whose signature comes first.
    pub fn verify_signature_init(self, mech: &Mech, key: Obj, signature: &[u8]) -> R<()> {
        let call = module().list.C_VerifySignatureInit.expect("C_VerifySignatureInit");
        let mut mech = mech.raw();
        // SAFETY: the mechanism lives through the call; the pointer and length are those of a slice.
        outcome(unsafe { call(self.0, &mut mech, key.0, bytes(signature), len(signature)) })
    }

    /// Asks whether an operation of the kind is active, by a call that ends none: a length
    /// query, or for a verification, which has no output, its end.
    pub fn once_or_finish(self, kind: Kind) -> R<()> {
        match kind {
            Kind::Verify => self.verify_once(b"", b""),
            _ => self.once(kind, b"", Room::Null).rv,
        }
    }

    /// A whole operation in one part, by a length query and then the call.
    pub fn whole(self, kind: Kind, mech: &Mech, key: Option<Obj>, input: &[u8]) -> R<Vec<u8>> {
        self.start(kind, mech, key)?;
        let asked = self.once(kind, input, Room::Null);
        asked.rv?;
        self.once(kind, input, Room::Bytes(asked.length as usize)).taken()
    }

    /// A whole operation in the given parts.
    pub fn parts(self, kind: Kind, mech: &Mech, key: Option<Obj>, parts: &[&[u8]]) -> R<Vec<u8>> {
        self.start(kind, mech, key)?;
        let mut output = Vec::new();
        for part in parts {
            if matches!(kind, Kind::Encrypt | Kind::Decrypt) {
                let room = Room::Bytes(part.len() + ROOM);
                output.extend(self.update_out(kind, part, room).taken()?);
            } else {
                self.update(kind, part)?;
            }
        }
        let whole: usize = parts.iter().map(|part| part.len()).sum();
        output.extend(self.finish(kind, Room::Bytes(whole + ROOM)).taken()?);
        Ok(output)
    }

    /// Encrypts in one part.
    pub fn encrypt(self, mech: &Mech, key: Obj, data: &[u8]) -> R<Vec<u8>> {
        self.whole(Kind::Encrypt, mech, Some(key), data)
    }

    /// Decrypts in one part.
    pub fn decrypt(self, mech: &Mech, key: Obj, data: &[u8]) -> R<Vec<u8>> {
        self.whole(Kind::Decrypt, mech, Some(key), data)
    }

    /// Digests in one part.
    pub fn digest(self, mech: &Mech, data: &[u8]) -> R<Vec<u8>> {
        self.whole(Kind::Digest, mech, None, data)
    }

    /// Signs in one part.
    pub fn sign(self, mech: &Mech, key: Obj, data: &[u8]) -> R<Vec<u8>> {
        self.whole(Kind::Sign, mech, Some(key), data)
    }

    /// Verifies in one part.
    pub fn verify(self, mech: &Mech, key: Obj, data: &[u8], signature: &[u8]) -> R<()> {
        self.start(Kind::Verify, mech, Some(key))?;
        self.verify_once(data, signature)
    }

    /// Verifies in the given parts.
    pub fn verify_parts(self, mech: &Mech, key: Obj, parts: &[&[u8]], signature: &[u8]) -> R<()> {
        self.start(Kind::Verify, mech, Some(key))?;
        for part in parts {
            self.update(Kind::Verify, part)?;
        }
        self.verify_finish(signature)
    }

    fn in_out(self, call: InOutFn, input: &[u8], room: Room) -> Output {
        let mut buffer = room.buffer();
        let mut length = len(&buffer);
        let pointer = room.pointer(&mut buffer);
        // SAFETY: input and buffer have the lengths that are passed beside them.
        let rv = unsafe { call(self.0, bytes(input), len(input), pointer, &mut length) };
        Output::new(rv, length, buffer)
    }

    /// A call whose output replaces its input; the buffer is as long as `data` plus `more`.
    pub fn in_place(self, kind: Kind, data: &[u8], more: usize) -> Output {
        let mut buffer = data.to_vec();
        buffer.resize(data.len() + more, 0);
        let (pointer, mut length) = (buffer.as_mut_ptr(), len(&buffer));
        // SAFETY: the specification allows input and output in the same place; the lengths are
        // at most the buffer's.
        let rv = unsafe { once(kind)(self.0, pointer, len(data), pointer, &mut length) };
        Output::new(rv, length, buffer)
    }

    /// As [`Session::in_place`] for one part of several.
    pub fn update_in_place(self, kind: Kind, data: &[u8], more: usize) -> Output {
        let mut buffer = data.to_vec();
        buffer.resize(data.len() + more, 0);
        let (pointer, mut length) = (buffer.as_mut_ptr(), len(&buffer));
        // SAFETY: as for in_place.
        let rv = unsafe { update_out(kind)(self.0, pointer, len(data), pointer, &mut length) };
        Output::new(rv, length, buffer)
    }
}

fn init(session: CK_SESSION_HANDLE, kind: Kind, mech: *mut CK_MECHANISM, key: CK_ULONG) -> CK_RV {
    let list = module().list;
    let call: Option<InitFn> = match kind {
        Kind::Encrypt => list.C_EncryptInit,
        Kind::Decrypt => list.C_DecryptInit,
        Kind::Sign => list.C_SignInit,
        Kind::Verify => list.C_VerifyInit,
        Kind::Digest => {
            let call: DigestInitFn = list.C_DigestInit.expect("C_DigestInit");
            // SAFETY: the mechanism is NULL or lives through the call.
            return unsafe { call(session, mech) };
        }
    };
    // SAFETY: the mechanism is NULL or lives through the call.
    unsafe { call.expect("Init")(session, mech, key) }
}

fn once(kind: Kind) -> InOutFn {
    let list = module().list;
    let call: Option<InOutFn> = match kind {
        Kind::Encrypt => list.C_Encrypt,
        Kind::Decrypt => list.C_Decrypt,
        Kind::Digest => list.C_Digest,
        Kind::Sign => list.C_Sign,
        Kind::Verify => panic!("C_Verify has no output"),
    };
    call.expect("single-part function")
}

fn update_out(kind: Kind) -> InOutFn {
    let list = module().list;
    match kind {
        Kind::Encrypt => list.C_EncryptUpdate.expect("C_EncryptUpdate"),
        Kind::Decrypt => list.C_DecryptUpdate.expect("C_DecryptUpdate"),
        _ => panic!("{kind:?} gives no output by parts"),
    }
}

fn update(kind: Kind) -> InFn {
    let list = module().list;
    match kind {
        Kind::Digest => list.C_DigestUpdate.expect("C_DigestUpdate"),
        Kind::Sign => list.C_SignUpdate.expect("C_SignUpdate"),
        Kind::Verify => list.C_VerifyUpdate.expect("C_VerifyUpdate"),
        _ => panic!("{kind:?} gives output by parts"),
    }
}

fn finish(kind: Kind) -> OutFn {
    let list = module().list;
    let call: Option<OutFn> = match kind {
        Kind::Encrypt => list.C_EncryptFinal,
        Kind::Decrypt => list.C_DecryptFinal,
        Kind::Digest => list.C_DigestFinal,
        Kind::Sign => list.C_SignFinal,
        Kind::Verify => panic!("C_VerifyFinal has no output"),
    };
    call.expect("final function")
}

/// Room beyond the input for a tag, a block of padding or a signature.
const ROOM: usize = 1024;
