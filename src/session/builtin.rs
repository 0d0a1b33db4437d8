// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The handles of the objects that every token has without anybody having made them, and which of
//! them a token has at this moment.

use super::entry::Entry;
use super::slot::Slot;
use super::{Library, Session, slots};
use crate::error::{Error, Result};
use crate::mechanism;
use crate::object::{self, Builtin, Object, Template, builtins};
use cryptoki_sys::*;
use std::sync::Arc;

impl Library {
    /// An object of any kind, to be looked at.
    pub(super) fn seen(&self, session: &Session, handle: u64) -> Result<Arc<Object>> {
        match named(handle) {
            Some(builtin) if self.present(session, builtin)? => Ok(Arc::new(builtin.object())),
            _ => session.slot.object(handle).map(|(_, object)| object),
        }
    }

    /// An object that an application made, to be changed, copied or destroyed. The token's own are
    /// not: `ActionProhibited`.
    pub(super) fn made(&self, session: &Session, handle: u64) -> Result<(Arc<Entry>, Arc<Object>)> {
        match named(handle) {
            Some(builtin) if self.present(session, builtin)? => Err(Error::ActionProhibited),
            _ => session.slot.object(handle),
        }
    }

    /// The handles of the token's own objects that match.
    pub(super) fn search_builtins(
        &self,
        session: &Session,
        template: &Template,
    ) -> Result<Vec<u64>> {
        let mut found = Vec::new();
        if !object::asked_for(template.attributes()) {
            return Ok(found);
        }
        for (handle, builtin) in (FIRST..).zip(builtins()) {
            if builtin.object().matches(template) && self.present(session, builtin)? {
                found.push(handle);
            }
        }
        Ok(found)
    }

    /// Whether the token of a session has one of these objects now.
    fn present(&self, session: &Session, builtin: Builtin) -> Result<bool> {
        match builtin {
            Builtin::Profile(CKP_PUBLIC_CERTIFICATES_TOKEN, _) => {
                certificates_are_public(&session.slot)
            }
            Builtin::Profile(CKP_HKDF_TLS_TOKEN, _) => Ok(mechanism::find(CKM_HKDF_DATA).is_ok()),
            Builtin::Mechanism(row) => {
                let mut offered = self.mechanisms(slots::slot_id(session.slot.token.id))?;
                Ok(offered.any(|other| other.id == row.id))
            }
            Builtin::Clock | Builtin::Profile(..) => Ok(true),
        }
    }
}

/// Handles of the handle table are never so low: its generations count from 1.
fn named(handle: u64) -> Option<Builtin> {
    let index = handle.checked_sub(FIRST)?;
    (index <= u64::from(u32::MAX)).then(|| builtins().nth(index as usize)).flatten()
}

/// Whether the token is a public certificates token (PKCS #11 Profiles, that section, point 8): every
/// certificate is found without a login; a private key that belongs to one has its `CKA_ID`, and is
/// found without a login itself or by its public key. That a key belongs to a certificate shows in
/// their id or their subject: more is not to be seen of private keys before login.
fn certificates_are_public(slot: &Slot) -> Result<bool> {
    let rows = |private: bool, class: CK_OBJECT_CLASS, more: &[(CK_ATTRIBUTE_TYPE, &[u8])]| {
        let mut wanted = vec![(CKA_CLASS as u64, (class as u64).to_be_bytes().to_vec())];
        wanted.extend(more.iter().map(|(id, value)| (*id as u64, value.to_vec())));
        slot.vault.find(&slot.token, private, &wanted)
    };
    let certificates = rows(false, CKO_CERTIFICATE, &[])?;
    if rows(true, CKO_CERTIFICATE, &[])?.len() > certificates.len() {
        return Ok(false);
    }
    for row in certificates {
        let Some(found) = slot.vault.load(&slot.token, row, None)? else { continue };
        let certificate = object::decode(found.record.expose())?;
        let value = |id| certificate.bytes(id).unwrap_or_default();
        let (id, subject) = ((CKA_ID, value(CKA_ID)), (CKA_SUBJECT, value(CKA_SUBJECT)));
        let findable = || {
            let itself = !rows(false, CKO_PRIVATE_KEY, &[id])?.is_empty();
            Ok(itself || !rows(false, CKO_PUBLIC_KEY, &[id])?.is_empty())
        };
        let named = !rows(true, CKO_PRIVATE_KEY, &[id])?.is_empty();
        let astray =
            || Ok(!subject.1.is_empty() && !rows(true, CKO_PRIVATE_KEY, &[subject])?.is_empty());
        if if named { !findable()? } else { astray()? } {
            return Ok(false);
        }
    }
    Ok(true)
}

const FIRST: u64 = 1;
