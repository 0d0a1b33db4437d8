// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects of the token to rows of the store and back, with the keys of whoever is logged in. Where these
//! were renewed meanwhile, what was made with them is made again.

use super::material::{self, Written};
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::object::{self, Object};
use crate::store::Sealed;
use cryptoki_sys::{CKO_PRIVATE_KEY, CKO_SECRET_KEY};

impl Slot {
    /// The object of a row as it is now, and how often it has changed; none where it is gone.
    pub(super) fn read(&self, row: i64) -> Result<Option<(Object, u64)>> {
        let keys = self.user_keys();
        for _ in 0..RENEWALS {
            let found = self.vault.load(&self.token, row, keys.as_deref())?;
            let Some(found) = found else { return Ok(None) };
            match material::read(&self.vault, keys.as_deref(), &found.record) {
                Err(Error::KeysRenewed) => {
                    self.vault.keys_renewed(&self.token, keys.as_deref())?;
                }
                object => return Ok(Some((object?, found.revision))),
            }
        }
        tracing::error!("the material of object {row} was altered: run 'strongroom check'");
        Err(Error::Altered)
    }

    /// Stores those objects that rest in the token: their rows, and what is left of them in memory where
    /// that is less. `KeysRenewed` where one carries material over that rests under a key that is gone.
    pub(super) fn insert(&self, objects: &[Object]) -> Result<Vec<(i64, Option<Object>)>> {
        let keys = self.user_keys();
        let keys = keys.as_deref();
        let objects: Vec<_> = objects.iter().filter(|object| object.on_token()).collect();
        for _ in 0..RENEWALS {
            let written = objects.iter().map(|object| material::write(&self.vault, keys, object));
            let written = written.collect::<Result<Vec<_>>>()?;
            let sealed =
                objects.iter().zip(&written).map(|(object, written)| sealed(object, written));
            let sealed: Vec<_> = sealed.collect();
            match self.vault.insert(&self.token, keys, &sealed) {
                Err(Error::KeysRenewed) => {
                    self.vault.keys_renewed(&self.token, keys)?;
                    if objects.iter().any(|object| object::material(object.attributes()).is_some())
                    {
                        return Err(Error::KeysRenewed);
                    }
                }
                rows => {
                    drop(sealed);
                    let left = written.into_iter().map(|written| written.left);
                    return Ok(rows?.into_iter().zip(left).collect());
                }
            }
        }
        Err(Error::KeysRenewed)
    }

    /// Stores the new state of an object that has changed so often, and how often it has changed then.
    pub(super) fn put(&self, row: i64, revision: u64, new: Object) -> Result<(Object, u64)> {
        let keys = self.user_keys();
        let keys = keys.as_deref();
        let mut new = new;
        for _ in 0..RENEWALS {
            let written = material::write(&self.vault, keys, &new)?;
            let change = sealed(&new, &written);
            match self.vault.replace(&self.token, keys, (row, revision), &change) {
                Err(Error::KeysRenewed) => {
                    // What material is carried over has been brought under another key meanwhile.
                    self.vault.keys_renewed(&self.token, keys)?;
                    let now = self.vault.load(&self.token, row, keys)?;
                    new = material::caught_up(new, &now.ok_or(Error::ObjectHandleInvalid)?.record)?;
                }
                revision => return Ok((new, revision?)),
            }
        }
        Err(Error::FunctionFailed)
    }

    /// Deletes an object, and stores what is left of it.
    pub(super) fn delete(&self, row: i64, left: Option<&Object>) -> Result<()> {
        let keys = self.user_keys();
        let keys = keys.as_deref();
        let written = left.map(|left| material::write(&self.vault, keys, left)).transpose()?;
        let left = left.zip(written.as_ref()).map(|(left, written)| sealed(left, written));
        self.vault.delete(&self.token, keys, row, left.as_ref())
    }
}

fn sealed<'a>(object: &Object, written: &'a Written) -> Sealed<'a> {
    Sealed {
        private: object.private(),
        // What is left of a key shows as little in the file as the key did.
        secret: matches!(object.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY) || object.is_tombstone(),
        record: &written.record,
        material: written.material,
        tags: object::tagged(object.attributes()).map(|(id, value)| (id as u64, value)).collect(),
    }
}

/// How often something is tried again because the token's keys were renewed meanwhile.
const RENEWALS: usize = 8;
