// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Which keys may be derived from which. It may import `object`, `mechanism` and layer 0.

use super::{Ground, Use, allowed_mechanism, at_once, permit, takes};
use crate::error::{Error, Result};
use crate::mechanism::{Inherit, Params, Row, Start};
use crate::object::Object;
use crate::object::separation::JOINED;
use crate::safety::Safeguard;
use cryptoki_sys::*;
use std::sync::Arc;

/// Whether a derivation may begin with this object.
pub fn may_derive(base: &Object, row: &Row, params: &Params, ground: &Ground) -> Result<()> {
    match row.start {
        Start::KeyOrData if base.class() == CKO_DATA => return Ok(()),
        Start::PrivateKey => {
            takes(row, base)?;
            if base.class() != CKO_PRIVATE_KEY {
                return Err(Error::KeyTypeInconsistent);
            }
            return if base.restricted() { allowed_mechanism(base, row) } else { Ok(()) };
        }
        Start::Key | Start::KeyOrData => {}
    }
    permit(base, Use::Derive, row, params, ground)?;
    at_once(base)
}

/// Whether a derivation only rearranges the values of the keys it comes from.
pub fn rearranges(row: &Row) -> bool {
    row.inherit == Inherit::Guard && row.start != Start::PrivateKey
}

/// Whether a key of `len` bytes may come of a derivation that only rearranges: of each sensitive key
/// that it has a part of, that part must be too long to be guessed; and of one that was put together
/// before, it must be the whole, because who cuts chooses what is left.
pub fn may_result(
    row: &Row,
    params: &Params,
    (base, others): (&Object, &[Arc<Object>]),
    len: usize,
    ground: &Ground,
) -> Result<()> {
    if !rearranges(row) || !ground.lifted.stands(Safeguard::DerivedLength) {
        return Ok(());
    }
    let (of_base, of_other) = match (row.id, params) {
        (CKM_CONCATENATE_DATA_AND_BASE, Params::DerivationData(data)) => {
            (len.saturating_sub(data.len()), 0)
        }
        (CKM_CONCATENATE_BASE_AND_KEY, _) => (len, len.saturating_sub(length(base))),
        _ => (len, len),
    };
    let parts = others.iter().map(|other| (other.as_ref(), of_other));
    let guessed = std::iter::once((base, of_base)).chain(parts).any(|(key, part)| {
        let (part, whole) = (part.min(length(key)), length(key));
        let joined = key.used() & JOINED != 0;
        let enough = if joined { whole } else { SHORTEST.min(whole) };
        key.attributes().flag(CKA_SENSITIVE) && part > 0 && part < enough
    });
    ground.lifted.check(Safeguard::DerivedLength, guessed)
}

/// Whether what comes of a derivation is put together from a sensitive key and what a caller may know.
pub fn joins(row: &Row, (base, others): (&Object, &[Arc<Object>])) -> bool {
    let mut sources = std::iter::once(base).chain(others.iter().map(Arc::as_ref));
    let joined = |key: &Object| {
        CONCATENATIONS.contains(&row.id) && key.attributes().flag(CKA_SENSITIVE)
            || key.used() & JOINED != 0
    };
    rearranges(row) && sources.any(joined)
}

fn length(key: &Object) -> usize {
    let len = key.attributes().number(CKA_VALUE_LEN).unwrap_or(0);
    usize::try_from(len).unwrap_or(usize::MAX)
}

/// What cannot be guessed, bytes.
const SHORTEST: usize = 16;
const CONCATENATIONS: &[CK_MECHANISM_TYPE] =
    &[CKM_CONCATENATE_BASE_AND_KEY, CKM_CONCATENATE_BASE_AND_DATA, CKM_CONCATENATE_DATA_AND_BASE];
