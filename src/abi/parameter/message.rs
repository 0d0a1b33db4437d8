// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameters of messages: structures in the application's memory that are read and written. What
//! is wrong with one is `CKR_MECHANISM_PARAM_INVALID`.

use super::{Asker, Parameter, field};
use crate::abi::pointer::Pointer;
use crate::call;
use crate::error::{Error, Result};
use crate::mechanism::envelope::{Envelope, Generator, Head, MessageKind};
use crate::mechanism::params::Iv;
use crate::mechanism::{self, Direction, Row};
use cryptoki_sys::*;
use std::ffi::c_void;

/// The parameter of one message.
pub(in crate::abi) struct Message<'a> {
    bytes: Pointer<'a, u8>,
    len: CK_ULONG,
    nonce: Field<'a>,
    tag: Field<'a>,
}

/// Bytes that a structure points at.
type Field<'a> = (Pointer<'a, u8>, CK_ULONG);

/// What the structures of all mechanisms say.
struct Given {
    nonce: (*mut CK_BYTE, CK_ULONG),
    fixed_bits: CK_ULONG,
    generator: CK_GENERATOR_FUNCTION,
    tag: (*mut CK_BYTE, CK_ULONG),
    data: Option<CK_ULONG>,
}

impl<'a> Message<'a> {
    /// A parameter of so many bytes; it is read when the mechanism is known.
    pub(in crate::abi) fn new(bytes: Pointer<'a, c_void>, len: CK_ULONG) -> Message<'a> {
        let bytes = bytes.cast();
        Message { bytes, len, nonce: (bytes, 0), tag: (bytes, 0) }
    }

    fn given(&self, kind: MessageKind) -> Result<Given> {
        let parameter = Parameter::new(self.bytes, self.len, Asker::Other);
        Ok(match kind {
            MessageKind::Gcm => {
                let given: CK_GCM_MESSAGE_PARAMS = parameter.structure()?;
                Given {
                    nonce: (given.pIv, given.ulIvLen),
                    fixed_bits: given.ulIvFixedBits,
                    generator: given.ivGenerator,
                    tag: (given.pTag, in_bytes(given.ulTagBits)?),
                    data: None,
                }
            }
            MessageKind::Ccm => {
                let given: CK_CCM_MESSAGE_PARAMS = parameter.structure()?;
                Given {
                    nonce: (given.pNonce, given.ulNonceLen),
                    fixed_bits: given.ulNonceFixedBits,
                    generator: given.nonceGenerator,
                    tag: (given.pMAC, given.ulMACLen),
                    data: Some(given.ulDataLen),
                }
            }
            MessageKind::Poly1305 => {
                let given: CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS = parameter.structure()?;
                Given {
                    nonce: (given.pNonce, in_bytes(given.ulNonceLen)?),
                    fixed_bits: 0,
                    generator: CKG_NO_GENERATE,
                    tag: (given.pTag, POLY1305_TAG),
                    data: None,
                }
            }
        })
    }

    fn take(&mut self, given: &Given, direction: Direction, end: bool) -> Result<Head> {
        if given.nonce.1 > LONGEST_IV || given.tag.1 > LONGEST_TAG {
            return Err(Error::MechanismParamInvalid);
        }
        let nonce = Iv::from_slice(field(given.nonce.0, given.nonce.1)?);
        // SAFETY: what a field of a parameter points at is as long as its length says, and may be
        // written where the call gives something back in it, by the caller's promise.
        unsafe {
            self.nonce = (Pointer::inner(given.nonce.0), given.nonce.1);
            self.tag = (Pointer::inner(given.tag.0), given.tag.1);
        }
        if end {
            self.tag.0.required()?;
        }
        let (generator, fixed_bits) = match direction {
            Direction::Encrypt => (generator(given.generator)?, given.fixed_bits),
            // Nothing is generated, so what says how is not looked at.
            Direction::Decrypt => (Generator::None, 0),
        };
        Ok(Head {
            nonce,
            fixed_bits: usize::try_from(fixed_bits).map_err(|_| Error::MechanismParamInvalid)?,
            generator,
            tag: given.tag.1 as usize,
            data: given.data.map(|len| len as usize),
        })
    }
}

impl Envelope for Message<'_> {
    fn head(&mut self, kind: MessageKind, direction: Direction, end: bool) -> Result<Head> {
        let given = self.given(kind);
        given.and_then(|given| self.take(&given, direction, end)).map_err(as_parameter)
    }

    fn put_nonce(&mut self, nonce: &[u8]) -> Result<()> {
        put(self.nonce, nonce)
    }

    fn tag(&self) -> Result<Iv> {
        self.tag.0.slice(self.tag.1).map(Iv::from_slice).map_err(as_parameter)
    }

    fn put_tag(&mut self, tag: &[u8]) -> Result<()> {
        put(self.tag, tag)
    }
}

/// The row of a message-based `*Init` call; none (NULL) ends the process at hand. What belongs to a
/// message comes with it, so the mechanism has no parameter, or one that is not looked at.
pub(in crate::abi) fn row_or_cancel(
    mechanism: Pointer<'_, CK_MECHANISM>,
) -> Result<Option<&'static Row>> {
    if mechanism.is_null() {
        return Ok(None);
    }
    let given = mechanism.read()?;
    let row = mechanism::find(given.mechanism)?;
    call::by(row.name);
    let size = match row.message_kind().ok_or(Error::MechanismInvalid)? {
        MessageKind::Gcm => size_of::<CK_GCM_MESSAGE_PARAMS>(),
        MessageKind::Ccm => size_of::<CK_CCM_MESSAGE_PARAMS>(),
        MessageKind::Poly1305 => size_of::<CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS>(),
    };
    match given.ulParameterLen as usize {
        0 => Ok(Some(row)),
        len if len == size && !given.pParameter.is_null() => Ok(Some(row)),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// The row of a call that wraps or unwraps with authentication, and what belongs to the message.
pub(in crate::abi) fn wrapping(
    mechanism: Pointer<'_, CK_MECHANISM>,
) -> Result<(&'static Row, Message<'_>)> {
    let given = mechanism.read()?;
    let row = mechanism::find(given.mechanism)?;
    call::by(row.name);
    // SAFETY: a mechanism's parameter is as long as the mechanism says, by the caller's promise.
    let parameter = unsafe { Pointer::inner(given.pParameter) };
    Ok((row, Message::new(parameter, given.ulParameterLen)))
}

/// Whether a part is the last of its message.
pub(in crate::abi) fn is_end(flags: CK_FLAGS) -> Result<bool> {
    match flags {
        0 => Ok(false),
        CKF_END_OF_MESSAGE => Ok(true),
        _ => Err(Error::ArgumentsBad),
    }
}

fn generator(number: CK_GENERATOR_FUNCTION) -> Result<Generator> {
    match number {
        CKG_NO_GENERATE => Ok(Generator::None),
        CKG_GENERATE => Ok(Generator::Any),
        CKG_GENERATE_COUNTER => Ok(Generator::Counter),
        CKG_GENERATE_RANDOM => Ok(Generator::Random),
        CKG_GENERATE_COUNTER_XOR => Ok(Generator::CounterXor),
        _ => Err(Error::MechanismParamInvalid),
    }
}

fn in_bytes(bits: CK_ULONG) -> Result<CK_ULONG> {
    if bits % 8 == 0 { Ok(bits / 8) } else { Err(Error::MechanismParamInvalid) }
}

fn put((place, len): Field<'_>, bytes: &[u8]) -> Result<()> {
    let room = place.slice_mut(len)?;
    room.get_mut(..bytes.len()).ok_or(Error::BufferTooSmall)?.copy_from_slice(bytes);
    Ok(())
}

fn as_parameter(error: Error) -> Error {
    match error {
        Error::ArgumentsBad => Error::MechanismParamInvalid,
        other => other,
    }
}

const POLY1305_TAG: CK_ULONG = 16;
/// The longest initialisation vector, bytes.
const LONGEST_IV: CK_ULONG = 256;
/// The longest tag of any mechanism, bytes.
const LONGEST_TAG: CK_ULONG = 16;
