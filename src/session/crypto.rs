// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What operations of every kind begin with: a mechanism, and a key that may be used so.

use super::operation::Active;
use super::slot::Lease;
use super::{Library, Session};
use crate::error::{Error, Result};
use crate::mechanism::{Key, Params, Row};
use crate::policy::{self, Use};
use std::sync::Arc;

/// A mechanism as a call names it: its row, and its parameter, read.
pub struct Call {
    /// The row.
    pub row: &'static Row,
    /// The parameter.
    pub params: Params,
}

impl Library {
    /// Begins an operation with a key, if the caller may use the key so.
    pub(super) fn active<T>(
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
                policy::permit(
                    object,
                    usage,
                    call.row,
                    &call.params,
                    session.slot.ground()?.as_ref(),
                )?;
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
pub(super) fn begin<T>(place: &mut Option<Active<T>>, call: Option<Call>) -> Result<Option<Call>> {
    match call {
        // Without an operation to end, the mechanism that is not there is one that is missing.
        None => place.take().map(|_| None).ok_or(Error::ArgumentsBad),
        // One whose key is gone is over, though nobody has asked it anything since.
        Some(_) if place.as_ref().is_some_and(|active| !active.is_over()) => {
            Err(Error::OperationActive)
        }
        Some(call) => Ok(Some(call)),
    }
}
