// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Two classes of use that must not meet in one key: uses of keys (wrap, unwrap) and uses of data (all
//! others). Who decrypts with a key, or derives from it, opens what was wrapped under it; who encrypts
//! or signs with it makes what it will unwrap. Which of the two a key is for is decided by the first
//! use that is made of it, and recorded with the key (`CKA_STRONGROOM_USED`).
//!
//! A use is recorded only where there is something to decide: a key that could never do the other is
//! spared the write. So what such a key loses, or holds when it gains something, counts as used.

use super::Object;
use super::shape::{SECRET, Shape};
use super::value::{Attributes, Value};
use crate::error::{Error, Result};
use crate::vendor::CKA_STRONGROOM_USED;
use cryptoki_sys::*;

/// Facts of a key's past, a bit each, as records keep them.
pub type Uses = u64;

/// It was used for data.
pub const DATA: Uses = 1;
/// It was used for keys.
pub const KEYS: Uses = 1 << 1;
/// Not a use: its value was put together from another's and what a caller may know.
pub const JOINED: Uses = 1 << 2;

/// The attributes that permit the uses of a class.
const CLASSES: [(Uses, &[CK_ATTRIBUTE_TYPE]); 2] = [
    (DATA, &[CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_SIGN_RECOVER, CKA_DERIVE, CKA_DECAPSULATE]),
    (KEYS, &[CKA_WRAP, CKA_UNWRAP]),
];

/// How a use of a key stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing excludes it, and nothing has to be recorded.
    Free,
    /// It would decide against uses that the key is still open to.
    Open,
    /// A use that was made before excludes it.
    Excluded,
}

/// How a use of this class stands. Public keys are for both: what they do, everybody can.
pub fn standing(key: &Object, class: Uses) -> Standing {
    let other = other(class);
    if other == 0 || key.class() == CKO_PUBLIC_KEY {
        return Standing::Free;
    }
    if key.used() & other != 0 {
        return Standing::Excluded;
    }
    let open = key.used() & class == 0 && attributes(other).any(|id| key.permits(id));
    if open { Standing::Open } else { Standing::Free }
}

/// The same key after a use of this class: recorded, and without the usages that it excludes.
pub fn decide(key: &Object, class: Uses) -> Result<Object> {
    let mut attributes = key.attributes().duplicate()?;
    record(&mut attributes, class);
    Ok(key.with_attributes(attributes))
}

/// The same key, put together from another's value and what a caller may know.
pub fn joined(key: &Object) -> Result<Object> {
    let mut attributes = key.attributes().duplicate()?;
    attributes.set(CKA_STRONGROOM_USED, Value::Number(key.used() | JOINED));
    Ok(key.with_attributes(attributes))
}

/// The class that a copy of this key decides for, if the key is still open: two keys of one value must
/// not come to be used for both.
pub fn decided_by_copy(key: &Object) -> Option<Uses> {
    (standing(key, DATA) == Standing::Open && held(key.attributes()) & DATA != 0).then_some(DATA)
}

/// What follows from a change of usages by an application: what the key loses it may have used, and
/// what conflicts with something it may have used it does not gain.
pub(super) fn changed(before: &Attributes, after: &mut Attributes, shape: Shape) -> Result<()> {
    let mut used = before.number(CKA_STRONGROOM_USED).unwrap_or(0);
    let (had, has) = (held(before), held(after));
    // A key that was open would have recorded its first use.
    let perhaps_used = if had == DATA || had == KEYS { used | had } else { used };
    for (class, ids) in CLASSES {
        let gained = ids.iter().any(|id| after.flag(*id) && !before.flag(*id));
        if gained && perhaps_used & other(class) != 0 {
            return Err(Error::AttributeReadOnly);
        }
    }
    if had != has {
        used |= perhaps_used;
    }
    if used != 0 {
        after.set(CKA_STRONGROOM_USED, Value::Number(used));
    }
    if after.flag(CKA_TRUSTED) && !before.flag(CKA_TRUSTED) {
        trusted(after, shape)?;
    }
    Ok(())
}

/// A secret key that the security officer trusts to wrap is for keys: that decides.
pub(super) fn trusted(attributes: &mut Attributes, shape: Shape) -> Result<()> {
    if !shape.is(SECRET) || !attributes.flag(CKA_TRUSTED) || !attributes.flag(CKA_WRAP) {
        return Ok(());
    }
    if attributes.number(CKA_STRONGROOM_USED).unwrap_or(0) & DATA != 0 {
        return Err(Error::AttributeReadOnly);
    }
    record(attributes, KEYS);
    Ok(())
}

/// A key with a past has none of the usages that its past excludes.
pub(super) fn settle(key: &mut Attributes) {
    record(key, 0);
}

fn record(key: &mut Attributes, class: Uses) {
    let used = key.number(CKA_STRONGROOM_USED).unwrap_or(0);
    let used = used | class;
    key.set(CKA_STRONGROOM_USED, Value::Number(used));
    let excluded = [DATA, KEYS]
        .into_iter()
        .filter(|one| used & one != 0)
        .flat_map(|one| attributes(other(one)));
    for id in excluded {
        if key.flag(id) {
            key.set(id, Value::Bool(false));
        }
    }
}

/// The class that a class excludes; 0 for what is none.
fn other(class: Uses) -> Uses {
    match class {
        DATA => KEYS,
        KEYS => DATA,
        _ => 0,
    }
}

fn attributes(class: Uses) -> impl Iterator<Item = CK_ATTRIBUTE_TYPE> {
    let of = CLASSES.iter().filter(move |(one, _)| *one == class);
    of.flat_map(|(_, ids)| ids.iter().copied())
}

/// The classes of the usages that attributes permit.
fn held(key: &Attributes) -> Uses {
    let permits = |(_, ids): &&(Uses, &[CK_ATTRIBUTE_TYPE])| ids.iter().any(|id| key.flag(*id));
    CLASSES.iter().filter(permits).fold(0, |all, (class, _)| all | class)
}
