// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a search looks for first. It may import `object` and layer 0.

use crate::object::{self, Template};
use cryptoki_sys::*;

/// Attributes that objects are found by, with their values as bytes.
pub(super) type Wanted = Vec<(u64, Vec<u8>)>;

/// The attributes of a template that are searched by. Those that many objects share come last: they
/// sift what the others found.
pub(super) fn wanted(template: &Template) -> Wanted {
    let tagged = object::tagged(template.attributes()).map(|(id, value)| (id as u64, value));
    let mut wanted: Wanted = tagged.collect();
    wanted.sort_by_key(|(id, _)| COMMON.contains(&(*id as CK_ATTRIBUTE_TYPE)));
    wanted
}

const COMMON: &[CK_ATTRIBUTE_TYPE] = &[CKA_CLASS, CKA_KEY_TYPE, CKA_CERTIFICATE_TYPE];
