// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the audit log says of the objects that a call has to do with.

use crate::call;
use crate::object::Object;
use cryptoki_sys::{CKA_LABEL, CKA_UNIQUE_ID};

/// The log names an object that the call at hand is about.
pub(super) fn note(object: &Object) {
    let text = |id| object.attributes().bytes(id).unwrap_or_default();
    call::about(text(CKA_UNIQUE_ID), text(CKA_LABEL));
}

/// The same of one that it makes or reads beside.
pub(super) fn note_beside(object: &Object) {
    let text = |id| object.attributes().bytes(id).unwrap_or_default();
    call::beside(text(CKA_UNIQUE_ID), text(CKA_LABEL));
}
