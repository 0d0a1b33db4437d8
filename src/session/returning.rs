// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys that come back: unwrapped, derived or shared once more while the token, or a session, holds
//! them already.

use super::crypto::ATTEMPTS;
use super::slot::Slot;
use crate::error::{Error, Result};
use crate::object::separation::decided_by_copy;
use crate::object::{self, Object, Template};
use crate::policy::Ground;
use crate::safety::Safeguard;
use crate::store::Tag;
use crate::vendor::CKA_STRONGROOM_FINGERPRINT;
use cryptoki_sys::*;
use std::sync::Arc;

impl Slot {
    /// The object with the fingerprint it is known by when it comes back, if it is a key.
    pub(super) fn marked(&self, object: Object) -> Result<Object> {
        match self.fingerprint(&object)? {
            Some(fingerprint) => object::fingerprinted(&object, &fingerprint),
            None => Ok(object),
        }
    }

    /// What a secret or private key is known by when it comes back.
    fn fingerprint(&self, object: &Object) -> Result<Option<Tag>> {
        if object::material(object.attributes()).is_some() {
            // Out of reach: it is known by what it was known by before.
            return Ok(object.fingerprint());
        }
        let identity = object::identity(object)?;
        identity.map(|identity| self.vault.fingerprint(&self.token, &identity)).transpose()
    }

    /// A new key as it may be made, given the same keys that are held. `unwrapped` says that a secret
    /// key unwrapped it: what nobody can read already stays unreadable then.
    pub(super) fn returned(
        &self,
        key: Object,
        template: &Template,
        unwrapped: bool,
        ground: &Ground,
    ) -> Result<Object> {
        let mut key = key;
        let mut readable = false;
        for handle in self.same_value(&key)? {
            match self.held(handle)? {
                None => {}
                Some(held) if shown(&held) => readable = true,
                Some(held) if ground.lifted.stands(Safeguard::ReturningKeys) => {
                    key = object::as_held(&key, &held, template)?;
                    let wrong = !object::no_less_guarded(&key, &held);
                    ground.lifted.check(Safeguard::ReturningKeys, wrong)?;
                }
                Some(_) => {}
            }
        }
        let shows = unwrapped && !readable && key.attributes().bool(CKA_SENSITIVE) == Some(false);
        ground.lifted.check(Safeguard::UnwrappedSensitive, shows)?;
        Ok(key)
    }

    /// A key that is held, decided as if it were copied: another of its value is about to be made.
    fn held(&self, handle: u64) -> Result<Option<Arc<Object>>> {
        for _ in 0..ATTEMPTS {
            let (entry, held) = match self.object(handle) {
                Ok(found) => found,
                Err(Error::ObjectHandleInvalid) => return Ok(None),
                Err(error) => return Err(error),
            };
            match decided_by_copy(&held).filter(|_| !shown(&held)) {
                Some(class) => self.decide(&entry, &held, class)?,
                None => return Ok(Some(held)),
            }
        }
        Err(Error::FunctionFailed)
    }

    /// The handles of the keys of this value that are held.
    fn same_value(&self, key: &Object) -> Result<Vec<u64>> {
        let Some(fingerprint) = self.fingerprint(key)? else { return Ok(Vec::new()) };
        let mut handles = self.session_keys(&fingerprint);
        for row in self.rows_of(&fingerprint)? {
            handles.extend(self.row_if_matches(row, &Template::parse(&[])?)?);
        }
        Ok(handles)
    }

    /// The rows of token keys with this fingerprint, as far as the caller may see them.
    fn rows_of(&self, fingerprint: &Tag) -> Result<Vec<i64>> {
        let wanted = [(CKA_STRONGROOM_FINGERPRINT as u64, fingerprint.to_vec())];
        self.vault.find(&self.token, self.user_keys().is_some(), &wanted)
    }
}

/// Whether its value can be read.
fn shown(key: &Object) -> bool {
    let attributes = key.attributes();
    !attributes.flag(CKA_SENSITIVE) && attributes.flag(CKA_EXTRACTABLE)
}
