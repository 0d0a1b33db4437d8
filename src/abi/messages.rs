// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The functions of messages that are encrypted and decrypted: the same in both directions.

use super::output::Out;
use super::parameter::message::{self, Message};
use super::pointer::Pointer;
use super::process::{in_message, in_session};
use crate::mechanism::Direction;
use cryptoki_sys::*;
use std::ffi::c_void;

/// Bytes of the application's and their length.
type Bytes<'a> = (Pointer<'a, CK_BYTE>, CK_ULONG);
/// A buffer, and the place of its length.
type Buffer<'a> = (Pointer<'a, CK_BYTE>, Pointer<'a, CK_ULONG>);
/// The parameter of a message and its length.
type Given<'a> = (Pointer<'a, c_void>, CK_ULONG);

/// `C_EncryptMessage` and `C_DecryptMessage`.
pub(super) fn whole(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    (parameter, aad): (Given<'_>, Bytes<'_>),
    data: Bytes<'_>,
    out: Buffer<'_>,
) -> CK_RV {
    in_session(session, |library| {
        let mut out = Out::new(out.0, out.1)?;
        let (data, aad) = (out.input(data.0, data.1)?, out.input(aad.0, aad.1)?);
        let mut message = Message::new(parameter.0, parameter.1);
        library.message(session as u64, direction, (&mut message, &aad), &data, &mut out)
    })
}

/// `C_EncryptMessageBegin` and `C_DecryptMessageBegin`.
pub(super) fn begin(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    (parameter, aad): (Given<'_>, Bytes<'_>),
) -> CK_RV {
    in_session(session, |library| {
        let mut message = Message::new(parameter.0, parameter.1);
        let aad = aad.0.slice(aad.1)?;
        library.message_begin(session as u64, direction, (&mut message, aad))
    })
}

/// `C_EncryptMessageNext` and `C_DecryptMessageNext`.
pub(super) fn next(
    session: CK_SESSION_HANDLE,
    direction: Direction,
    (parameter, flags): (Given<'_>, CK_FLAGS),
    part: Bytes<'_>,
    out: Buffer<'_>,
) -> CK_RV {
    let process = match direction {
        Direction::Encrypt => CKF_MESSAGE_ENCRYPT,
        Direction::Decrypt => CKF_MESSAGE_DECRYPT,
    };
    in_message(session, process, |library| {
        let mut out = Out::new(out.0, out.1)?;
        let part = out.input(part.0, part.1)?;
        let part = (&*part, message::is_end(flags)?);
        let mut message = Message::new(parameter.0, parameter.1);
        library.message_next(session as u64, direction, &mut message, part, &mut out)
    })
}
