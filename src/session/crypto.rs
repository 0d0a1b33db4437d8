// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encrypting, decrypting, signing, verifying, digesting.

use super::operation::{Active, Kind, Written, answer, produce, produce_bounded, step};
use super::slot::Lease;
use super::{Library, Session, State};
use crate::error::{Error, Result};
use crate::mechanism::{Cipher, Direction, Key, Params, Row};
use crate::policy::{self, Use};
use crate::types::Output;
use std::sync::Arc;

/// A mechanism as a call names it: its row, and its parameter, read.
pub struct Call {
    /// The row.
    pub row: &'static Row,
    /// The parameter.
    pub params: Params,
}

impl Library {
    /// `C_EncryptInit`; without a mechanism it ends the operation at hand.
    pub fn encrypt_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.cipher_init(handle, call, key, Direction::Encrypt)
    }

    /// `C_DecryptInit`; without a mechanism it ends the operation at hand.
    pub fn decrypt_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.cipher_init(handle, call, key, Direction::Decrypt)
    }

    fn cipher_init(
        &self,
        handle: u64,
        call: Option<Call>,
        key: u64,
        direction: Direction,
    ) -> Result<()> {
        self.with_state(handle, |session, state| {
            let place = cipher_place(state, direction);
            let Some(call) = begin(place, call)? else { return Ok(()) };
            let usage = match direction {
                Direction::Encrypt => Use::Encrypt,
                Direction::Decrypt => Use::Decrypt,
            };
            let make = call.row.does.cipher.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params, direction);
            *place = Some(self.active(session, key, usage, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Encrypt`, `C_EncryptUpdate`, `C_EncryptFinal`, by `kind`.
    pub fn encrypt(
        &self,
        handle: u64,
        kind: Kind,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<()> {
        self.with_state(handle, |_, state| cipher_step(&mut state.encrypt, kind, data, out))
    }

    /// `C_Decrypt`, `C_DecryptUpdate`, `C_DecryptFinal`, by `kind`.
    pub fn decrypt(
        &self,
        handle: u64,
        kind: Kind,
        data: &[u8],
        out: &mut dyn Output,
    ) -> Result<()> {
        self.with_state(handle, |_, state| cipher_step(&mut state.decrypt, kind, data, out))
    }

    /// `C_SignInit`; without a mechanism it ends the operation at hand.
    pub fn sign_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.sign, call)? else { return Ok(()) };
            let make = call.row.does.sign.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            state.sign = Some(self.active(session, key, Use::Sign, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Sign` and `C_SignFinal`, by `kind`.
    pub fn sign(&self, handle: u64, kind: Kind, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.sign,
                kind,
                |signer| signer.multi_part(),
                |signer, _| {
                    produce(out, signer.len(), |room| match kind {
                        Kind::Whole => signer.whole(data, room),
                        _ => signer.finish(room),
                    })
                },
            )
        })
    }

    /// `C_SignUpdate`.
    pub fn sign_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.sign,
                Kind::Part,
                |signer| signer.multi_part(),
                |signer, _| signer.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_VerifyInit`; without a mechanism it ends the operation at hand.
    pub fn verify_init(&self, handle: u64, call: Option<Call>, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            let Some(call) = begin(&mut state.verify, call)? else { return Ok(()) };
            let make = call.row.does.verify.ok_or(Error::MechanismInvalid)?;
            let begin = |key: &Arc<Key>| make(call.row, key, &call.params);
            state.verify = Some(self.active(session, key, Use::Verify, &call, begin)?);
            Ok(())
        })
    }

    /// `C_Verify` and `C_VerifyFinal`, by `kind`.
    pub fn verify(&self, handle: u64, kind: Kind, data: &[u8], signature: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.verify,
                kind,
                |verifier| verifier.multi_part(),
                |verifier, _| {
                    let verdict = match kind {
                        Kind::Whole => verifier.whole(data, signature),
                        _ => verifier.finish(signature),
                    };
                    verdict.map(|()| Written::All)
                },
            )
        })
    }

    /// `C_VerifyUpdate`.
    pub fn verify_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.verify,
                Kind::Part,
                |verifier| verifier.multi_part(),
                |verifier, _| verifier.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_DigestInit`; without a mechanism it ends the operation at hand.
    pub fn digest_init(&self, handle: u64, call: Option<Call>) -> Result<()> {
        self.with_state(handle, |_, state| {
            let Some(call) = begin(&mut state.digest, call)? else { return Ok(()) };
            let make = call.row.does.digest.ok_or(Error::MechanismInvalid)?;
            state.digest = Some(Active::new(make(call.row, &call.params)?, None, false));
            Ok(())
        })
    }

    /// `C_Digest` and `C_DigestFinal`, by `kind`.
    pub fn digest(&self, handle: u64, kind: Kind, data: &[u8], out: &mut dyn Output) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.digest,
                kind,
                |_| true,
                |digester, _| {
                    produce(out, digester.len(), |room| {
                        digester.update(data)?;
                        digester.finish(room)
                    })
                },
            )
        })
    }

    /// `C_DigestUpdate`.
    pub fn digest_update(&self, handle: u64, data: &[u8]) -> Result<()> {
        self.with_state(handle, |_, state| {
            step(
                &mut state.digest,
                Kind::Part,
                |_| true,
                |digester, _| digester.update(data).map(|()| Written::All),
            )
        })
    }

    /// `C_DigestKey`.
    pub fn digest_key(&self, handle: u64, key: u64) -> Result<()> {
        self.with_state(handle, |session, state| {
            step(
                &mut state.digest,
                Kind::Part,
                |_| true,
                |digester, _| {
                    let key = session.key_object(key)?;
                    policy::may_digest(&key)?;
                    let value = key.key()?.secret().ok_or(Error::KeyIndigestible)?;
                    digester.update(value.expose()).map(|()| Written::All)
                },
            )
        })
    }

    /// Begins an operation with a key, if the caller may use the key so.
    fn active<T>(
        &self,
        session: &Session,
        key: u64,
        usage: Use,
        call: &Call,
        begin: impl FnOnce(&Arc<Key>) -> Result<T>,
    ) -> Result<Active<T>> {
        let (entry, (run, waiting)) = session
            .slot
            .with_object(key, |object| {
                policy::permit(object, usage, call.row, &call.params, &self.config().policy)?;
                Ok((begin(object.key()?)?, object.always_authenticate()))
            })
            .map_err(|error| match error {
                Error::ObjectHandleInvalid => Error::KeyHandleInvalid,
                other => other,
            })?;
        Ok(Active::new(run, Some(Lease::new(entry)), waiting))
    }
}

/// What an `*Init` call begins with: no operation of the kind may be active, unless the call is one
/// that cancels it (no mechanism: PKCS #11 3.0 and later).
fn begin<T>(place: &mut Option<Active<T>>, call: Option<Call>) -> Result<Option<Call>> {
    match call {
        None => {
            *place = None;
            Ok(None)
        }
        Some(_) if place.is_some() => Err(Error::OperationActive),
        Some(call) => Ok(Some(call)),
    }
}

fn cipher_place(state: &mut State, direction: Direction) -> &mut Option<Active<Box<dyn Cipher>>> {
    match direction {
        Direction::Encrypt => &mut state.encrypt,
        Direction::Decrypt => &mut state.decrypt,
    }
}

fn cipher_step(
    place: &mut Option<Active<Box<dyn Cipher>>>,
    kind: Kind,
    data: &[u8],
    out: &mut dyn Output,
) -> Result<()> {
    let call = (kind, data);
    step(
        place,
        kind,
        |cipher| cipher.multi_part(),
        |cipher, ready| {
            if let Some(waiting) = ready {
                return answer(out, call, waiting);
            }
            let exact = cipher.exact();
            match kind {
                Kind::Part => {
                    produce(out, cipher.update_len(data.len()), |room| cipher.update(data, room))
                }
                Kind::Whole if exact => {
                    produce(out, cipher.whole_len(data.len()), |room| cipher.whole(data, room))
                }
                Kind::Last if exact => {
                    produce(out, cipher.finish_len(), |room| cipher.finish(room))
                }
                Kind::Whole => {
                    let bound = cipher.whole_len(data.len());
                    produce_bounded(out, call, ready, bound, |room| cipher.whole(data, room))
                }
                Kind::Last => {
                    let bound = cipher.finish_len();
                    produce_bounded(out, call, ready, bound, |room| cipher.finish(room))
                }
            }
        },
    )
}
