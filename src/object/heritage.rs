// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a derived key inherits from the keys it is derived from: sensitivity, extractability, and
//! the history of both, by the rule of the mechanism.

use super::Object;
use super::value::{Attributes, Value};
use crate::error::{Error, Result};
use crate::mechanism::Inherit;
use cryptoki_sys::*;
use std::sync::Arc;

/// The guards of the keys that a key is derived from, and the rule by which they are inherited.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Heritage {
    rule: Inherit,
    base: Guards,
    /// What holds for all of them, the base key included.
    every: Guards,
    /// What holds for one at least.
    any: Guards,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Guards {
    sensitive: bool,
    unextractable: bool,
    always_sensitive: bool,
    never_extractable: bool,
    /// Only trusted keys wrap it.
    pinned: bool,
}

impl Heritage {
    /// Of a base key and the other keys that the mechanism's parameter names.
    pub fn of(rule: Inherit, base: &Object, others: &[Arc<Object>]) -> Heritage {
        let base = Guards::of(base);
        let (mut every, mut any) = (base, base);
        for other in others {
            let other = Guards::of(other);
            every = every.with(other, |a, b| a && b);
            any = any.with(other, |a, b| a || b);
        }
        Heritage { rule, base, every, any }
    }

    /// Settles what the template of the new key may not, or does not, say. A template that asks for
    /// less is `TemplateInconsistent`.
    pub(super) fn settle(&self, attributes: &mut Attributes) -> Result<()> {
        let Guards { sensitive, unextractable, .. } = self.base;
        if matches!(self.rule, Inherit::Guard | Inherit::GuardAndDefaults) {
            if self.any.sensitive {
                require(attributes, CKA_SENSITIVE, true)?;
            }
            if self.any.unextractable {
                require(attributes, CKA_EXTRACTABLE, false)?;
            }
        }
        if self.rule == Inherit::Guard && self.any.pinned {
            // What shows the base leaves no other way than the base does.
            require(attributes, CKA_WRAP_WITH_TRUSTED, true)?;
        }
        if self.rule == Inherit::Everything {
            require(attributes, CKA_SENSITIVE, sensitive)?;
            require(attributes, CKA_EXTRACTABLE, !unextractable)?;
        }
        if matches!(self.rule, Inherit::GuardAndDefaults | Inherit::Defaults) {
            attributes.set_default(CKA_SENSITIVE, Value::Bool(sensitive));
            attributes.set_default(CKA_EXTRACTABLE, Value::Bool(!unextractable));
        }
        Ok(())
    }

    /// `CKA_ALWAYS_SENSITIVE` and `CKA_NEVER_EXTRACTABLE`, but for what the new key itself is.
    pub(super) fn history(&self) -> (bool, bool) {
        let from = match self.rule {
            Inherit::History | Inherit::Everything => self.base,
            Inherit::Guard | Inherit::GuardAndDefaults => self.every,
            Inherit::Defaults => self.any,
        };
        (from.always_sensitive, from.never_extractable)
    }
}

impl Guards {
    /// What is not guarded has no attributes that say so.
    fn of(object: &Object) -> Guards {
        let attributes = object.attributes();
        Guards {
            sensitive: attributes.flag(CKA_SENSITIVE),
            unextractable: attributes.bool(CKA_EXTRACTABLE) == Some(false),
            always_sensitive: attributes.flag(CKA_ALWAYS_SENSITIVE),
            never_extractable: attributes.flag(CKA_NEVER_EXTRACTABLE),
            pinned: attributes.flag(CKA_WRAP_WITH_TRUSTED),
        }
    }

    fn with(self, other: Guards, both: fn(bool, bool) -> bool) -> Guards {
        Guards {
            sensitive: both(self.sensitive, other.sensitive),
            unextractable: both(self.unextractable, other.unextractable),
            always_sensitive: both(self.always_sensitive, other.always_sensitive),
            never_extractable: both(self.never_extractable, other.never_extractable),
            pinned: both(self.pinned, other.pinned),
        }
    }
}

fn require(attributes: &mut Attributes, id: CK_ATTRIBUTE_TYPE, wanted: bool) -> Result<()> {
    match attributes.bool(id) {
        Some(said) if said != wanted => Err(Error::TemplateInconsistent),
        _ => {
            attributes.set(id, Value::Bool(wanted));
            Ok(())
        }
    }
}
