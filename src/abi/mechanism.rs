// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanisms as a call names them: the row is looked up, and the C structure that the row says it
//! takes is read into an owned parameter. Anything amiss in it is `CKR_MECHANISM_PARAM_INVALID`.

use super::parameter::{Asker, Parameter};
use super::pointer::Pointer;
use crate::call;
use crate::error::{Error, Result};
use crate::mechanism;
use crate::session::Call;
use cryptoki_sys::*;

/// The mechanism of a call that needs one.
pub(super) fn call(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Call> {
    call_or_cancel(mechanism)?.ok_or(Error::ArgumentsBad)
}

/// The mechanism of a call that wraps.
pub(super) fn call_to_wrap(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Call> {
    read(mechanism, Asker::Wrap)
}

/// The mechanism of a call that unwraps.
pub(super) fn call_to_unwrap(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Call> {
    read(mechanism, Asker::Unwrap)
}

/// The mechanism of an `*Init` call; none (NULL) cancels the operation at hand.
pub(super) fn call_or_cancel(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Option<Call>> {
    if mechanism.is_null() {
        return Ok(None);
    }
    read(mechanism, Asker::Other).map(Some)
}

fn read(mechanism: Pointer<'_, CK_MECHANISM>, asker: Asker) -> Result<Call> {
    let row = mechanism::find(mechanism.read()?.mechanism)?;
    call::by(row.name);
    let params = given(mechanism, asker)?.read(row.params).map_err(|error| match error {
        Error::ArgumentsBad => Error::MechanismParamInvalid,
        other => other,
    })?;
    Ok(Call { row, params })
}

/// The parameter of a mechanism, not yet read.
pub(super) fn parameter(mechanism: Pointer<'_, CK_MECHANISM>) -> Result<Parameter<'_>> {
    given(mechanism, Asker::Other)
}

fn given(mechanism: Pointer<'_, CK_MECHANISM>, asker: Asker) -> Result<Parameter<'_>> {
    let given = mechanism.read()?;
    // SAFETY: a mechanism's parameter is as long as the mechanism says, by the caller's promise.
    let bytes: Pointer<'_, u8> = unsafe { Pointer::inner(given.pParameter.cast()) };
    Ok(Parameter::new(bytes, given.ulParameterLen, asker))
}
