// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The message-based functions, and those that wrap keys under the parameter of one message.

use super::operation::{Output, Room};
use super::{Mech, Obj, R, Session, Template, bytes, len, outcome, p11};
use cryptoki_sys::*;
use std::cell::UnsafeCell;
use std::ffi::c_void;
use std::ptr;

/// A kind of message-based process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Many {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
}

impl Many {
    /// The flag of `C_SessionCancel` and of mechanisms.
    pub fn flag(self) -> CK_FLAGS {
        match self {
            Many::Encrypt => CKF_MESSAGE_ENCRYPT,
            Many::Decrypt => CKF_MESSAGE_DECRYPT,
            Many::Sign => CKF_MESSAGE_SIGN,
            Many::Verify => CKF_MESSAGE_VERIFY,
        }
    }
}

impl Session {
    /// Begins a process; without a mechanism it ends the one that is active.
    pub fn many(self, kind: Many, mech: Option<&Mech>, key: Option<Obj>) -> R<()> {
        let mut raw = mech.map(Mech::raw);
        let mech = raw.as_mut().map_or(ptr::null_mut(), ptr::from_mut);
        let key = key.map_or(CK_INVALID_HANDLE, |key| key.0);
        outcome(match kind {
            Many::Encrypt => p11!(C_MessageEncryptInit(self.0, mech, key)),
            Many::Decrypt => p11!(C_MessageDecryptInit(self.0, mech, key)),
            Many::Sign => p11!(C_MessageSignInit(self.0, mech, key)),
            Many::Verify => p11!(C_MessageVerifyInit(self.0, mech, key)),
        })
    }

    /// Ends a process.
    pub fn many_final(self, kind: Many) -> R<()> {
        outcome(match kind {
            Many::Encrypt => p11!(C_MessageEncryptFinal(self.0)),
            Many::Decrypt => p11!(C_MessageDecryptFinal(self.0)),
            Many::Sign => p11!(C_MessageSignFinal(self.0)),
            Many::Verify => p11!(C_MessageVerifyFinal(self.0)),
        })
    }

    /// Signs a message.
    pub fn sign_message(self, data: &[u8], room: Room) -> Output {
        room.filled(|out, length| {
            p11!(C_SignMessage(self.0, ptr::null_mut(), 0, bytes(data), len(data), out, length))
        })
    }

    /// Begins to sign or verify a message in parts.
    pub fn message_begin(self, kind: Many) -> R<()> {
        outcome(match kind {
            Many::Sign => p11!(C_SignMessageBegin(self.0, ptr::null_mut(), 0)),
            _ => p11!(C_VerifyMessageBegin(self.0, ptr::null_mut(), 0)),
        })
    }

    /// A part of a message to be signed, not the last.
    pub fn sign_message_part(self, part: &[u8]) -> R<()> {
        let (none, no_length) = (ptr::null_mut(), ptr::null_mut());
        outcome(p11!(C_SignMessageNext(
            self.0,
            ptr::null_mut(),
            0,
            bytes(part),
            len(part),
            none,
            no_length
        )))
    }

    /// The last part of a message to be signed.
    pub fn sign_message_last(self, part: &[u8], room: Room) -> Output {
        room.filled(|out, length| {
            p11!(C_SignMessageNext(self.0, ptr::null_mut(), 0, bytes(part), len(part), out, length))
        })
    }

    /// Verifies a message.
    pub fn verify_message(self, data: &[u8], signature: &[u8]) -> R<()> {
        let (none, data) = (ptr::null_mut(), (bytes(data), len(data)));
        let (signature, count) = (bytes(signature), len(signature));
        outcome(p11!(C_VerifyMessage(self.0, none, 0, data.0, data.1, signature, count)))
    }

    /// A part of a message to be verified; with a signature, the last.
    pub fn verify_message_next(self, part: &[u8], signature: Option<&[u8]>) -> R<()> {
        let none: *mut c_void = ptr::null_mut();
        let (signature, count) =
            signature.map_or((ptr::null_mut(), 0), |signature| (bytes(signature), len(signature)));
        let (part, part_len) = (bytes(part), len(part));
        outcome(p11!(C_VerifyMessageNext(self.0, none, 0, part, part_len, signature, count)))
    }

    /// Wraps a key with additional data.
    pub fn wrap_authenticated(
        self,
        mut mech: CK_MECHANISM,
        (by, key): (Obj, Obj),
        aad: &[u8],
        room: Room,
    ) -> Output {
        let (aad, aad_len) = (bytes(aad), len(aad));
        room.filled(|out, length| {
            p11!(C_WrapKeyAuthenticated(self.0, &mut mech, by.0, key.0, aad, aad_len, out, length))
        })
    }

    /// Unwraps a key with additional data.
    pub fn unwrap_authenticated(
        self,
        mut mech: CK_MECHANISM,
        by: Obj,
        wrapped: &[u8],
        (template, aad): (&Template, &[u8]),
    ) -> R<Obj> {
        let (mut raw, mut handle) = (template.raw(), CK_INVALID_HANDLE);
        outcome(p11!(C_UnwrapKeyAuthenticated(
            self.0,
            &mut mech,
            by.0,
            bytes(wrapped),
            len(wrapped),
            raw.as_mut_ptr(),
            raw.len() as CK_ULONG,
            bytes(aad),
            len(aad),
            &mut handle
        )))?;
        Ok(Obj(handle))
    }
}

/// The parameter of one message of AES-GCM: a vector that the test chose, and a place for the tag. It is
/// the library that writes there.
pub struct GcmMessage {
    raw: Box<UnsafeCell<CK_GCM_MESSAGE_PARAMS>>,
    _iv: Box<UnsafeCell<[u8; 12]>>,
    _tag: Box<UnsafeCell<[u8; 16]>>,
}

impl GcmMessage {
    /// With twelve times this byte as the vector.
    pub fn new(iv: u8) -> GcmMessage {
        let (iv, tag) = (Box::new(UnsafeCell::new([iv; 12])), Box::new(UnsafeCell::new([0; 16])));
        let raw = Box::new(UnsafeCell::new(CK_GCM_MESSAGE_PARAMS {
            pIv: iv.get().cast(),
            ulIvLen: 12,
            ulIvFixedBits: 0,
            ivGenerator: CKG_NO_GENERATE,
            pTag: tag.get().cast(),
            ulTagBits: 128,
        }));
        GcmMessage { raw, _iv: iv, _tag: tag }
    }

    /// The parameter of a message's call.
    pub fn raw(&self) -> (*mut c_void, CK_ULONG) {
        (self.raw.get().cast(), size_of::<CK_GCM_MESSAGE_PARAMS>() as CK_ULONG)
    }

    /// The mechanism that wraps under this parameter.
    pub fn mechanism(&self) -> CK_MECHANISM {
        let (pointer, length) = self.raw();
        CK_MECHANISM { mechanism: CKM_AES_GCM, pParameter: pointer, ulParameterLen: length }
    }
}
