// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the audit log says of the objects that a call has to do with.

use crate::call;
use crate::object::Object;
use cryptoki_sys::{CKA_LABEL, CKA_UNIQUE_ID, CKO_PRIVATE_KEY, CKO_SECRET_KEY};

/// The log names an object that the call at hand is about.
pub(super) fn note(object: &Object) {
    let (id, label) = names(object);
    call::about(id, label);
}

/// The same of one that it makes or reads beside.
pub(super) fn note_beside(object: &Object) {
    let (id, label) = names(object);
    call::beside(id, label);
}

/// `CKA_UNIQUE_ID`, and `CKA_LABEL` where the store does not seal it: those of secret and private keys, and
/// of private objects, are not said here either.
pub(super) fn names(object: &Object) -> (&[u8], &[u8]) {
    let text = |id| object.attributes().bytes(id).unwrap_or_default();
    let secret =
        matches!(object.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY) || object.is_tombstone();
    let label = if secret || object.private() { &[] } else { text(CKA_LABEL) };
    (text(CKA_UNIQUE_ID), label)
}
