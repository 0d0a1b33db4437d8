// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Encrypting and decrypting.

use super::crypto::begin;
use super::operation::{Active, Kind, ahead, answer, produce, produce_bounded, step};
use super::{Call, Library, State};
use crate::error::{Error, Result};
use crate::mechanism::{Cipher, Direction};
use crate::object::Object;
use crate::policy::Use;
use crate::safety::Safeguard;
use crate::store::Tag;
use crate::types::Output;

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
            let State { footing, seen, .. } = state;
            let active =
                self.active_with((session, footing), key, usage, &call, |object, ground| {
                    let once = once(direction, object, &call);
                    let once = once.filter(|_| ground.lifted.stands(Safeguard::NonceReuse));
                    let once = once.map(|(key, nonce)| {
                        let pair = seen.pair(&key, nonce)?;
                        match seen.contains(pair) {
                            true => Err(Safeguard::NonceReuse.refusal()),
                            false => Ok(pair),
                        }
                    });
                    let once = once.transpose()?;
                    Ok((make(call.row, object.key()?, &call.params, direction)?, once))
                })?;
            let mut unused = None;
            *cipher_place(state, direction) = Some(active.map(|(run, once)| {
                unused = once;
                run
            }));
            if direction == Direction::Encrypt {
                state.unused = unused;
            }
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
        self.with_state(handle, |_, state| {
            cipher_step(&mut state.encrypt, kind, data, out)?;
            state.encrypted(out);
            Ok(())
        })
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
}

impl State {
    /// An encryption has given something out: its initialisation vector is used.
    pub(super) fn encrypted(&mut self, out: &dyn Output) {
        if out.capacity().is_some() {
            let used = self.unused.take();
            used.into_iter().for_each(|pair| self.seen.insert(pair));
        }
    }
}

/// The key and the vector that are used with each other once, if the mechanism asks for that.
fn once<'a>(direction: Direction, key: &Object, call: &'a Call) -> Option<(Tag, &'a [u8])> {
    let nonce = call.params.nonce().filter(|_| direction == Direction::Encrypt)?;
    Some((key.fingerprint()?, nonce))
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
    let out = &mut ahead(out, place, kind);
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
