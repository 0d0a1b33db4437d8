// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is left of a key that was destroyed: who it was, and how it ended. No key material, no use, no
//! change; found only by a search that names its class. It imports layer 0 alone.

use super::Object;
use super::value::{Attributes, Value};
use crate::error::Result;
use crate::vendor::*;
use cryptoki_sys::*;

/// The tombstone of a private or secret key that rests in the token; none for anything else.
pub fn tombstone(key: &Object, since: &str, by: &str, reason: &str) -> Result<Option<Object>> {
    if !key.on_token() || !matches!(key.class(), CKO_PRIVATE_KEY | CKO_SECRET_KEY) {
        return Ok(None);
    }
    let mut attributes = Attributes::default();
    for id in KEPT {
        if let Some(value) = key.attributes().get(id) {
            attributes.set(id, value.duplicate()?);
        }
    }
    for (id, said) in [(CKA_MODIFIABLE, false), (CKA_COPYABLE, false), (CKA_DESTROYABLE, false)] {
        attributes.set(id, Value::Bool(said));
    }
    attributes.set(CKA_CLASS, Value::Number(CKO_STRONGROOM_DESTROYED as u64));
    attributes.set(CKA_STRONGROOM_STATE, Value::Number(STRONGROOM_STATE_DESTROYED as u64));
    for (id, text) in [
        (CKA_STRONGROOM_STATE_SINCE, since),
        (CKA_STRONGROOM_STATE_BY, by),
        (CKA_STRONGROOM_STATE_REASON, reason),
    ] {
        attributes.set(id, Value::Bytes(text.as_bytes().to_vec()));
    }
    Ok(Some(Object::new(attributes)))
}

/// What it keeps of the key.
const KEPT: [CK_ATTRIBUTE_TYPE; 9] = [
    CKA_TOKEN,
    CKA_PRIVATE,
    CKA_LABEL,
    CKA_ID,
    CKA_KEY_TYPE,
    CKA_UNIQUE_ID,
    CKA_STRONGROOM_OWNER,
    CKA_STRONGROOM_PURPOSE,
    CKA_STRONGROOM_MADE,
];
