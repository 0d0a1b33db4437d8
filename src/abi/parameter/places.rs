// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a parameter of a derivation holds besides input: templates of further keys, and places that
//! receive handles and public values.

use super::Parameter;
use crate::abi::pointer::Pointer;
use crate::error::Result;
use crate::mechanism::ParamKind;
use cryptoki_sys::*;

/// Where the results of a derivation go, apart from the handle of the call itself.
pub(in crate::abi) enum Places<'a> {
    /// Nowhere.
    None,
    /// To further keys.
    Further(Vec<FurtherKey<'a>>),
}

/// A further key to derive (`CK_DERIVED_KEY`).
pub(in crate::abi) struct FurtherKey<'a> {
    /// Its template.
    pub(in crate::abi) template: Pointer<'a, CK_ATTRIBUTE>,
    /// The number of attributes there.
    pub(in crate::abi) count: CK_ULONG,
    /// Where its handle goes; not NULL.
    pub(in crate::abi) place: Pointer<'a, CK_OBJECT_HANDLE>,
}

impl Places<'_> {
    /// Whether all handles go there, and none to the call's own place.
    pub(in crate::abi) fn take_all_handles(&self) -> bool {
        false
    }
}

impl<'a> Parameter<'a> {
    /// The places in a parameter that was read before as what its mechanism takes.
    pub(in crate::abi) fn places(&self, kind: ParamKind) -> Result<Places<'a>> {
        match kind {
            ParamKind::Kbkdf => self.kbkdf_keys(false).map(Places::Further),
            ParamKind::KbkdfFeedback => self.kbkdf_keys(true).map(Places::Further),
            _ => Ok(Places::None),
        }
    }
}
