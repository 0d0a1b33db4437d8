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
    /// The version in a premaster secret.
    Version(Pointer<'a, CK_VERSION>),
    /// The keys and initialisation vectors of a TLS connection.
    KeyMaterial(KeyMaterial<'a>),
    /// To further keys.
    Further(Vec<FurtherKey<'a>>),
}

/// Where the keys of a TLS connection go (`CK_SSL3_KEY_MAT_OUT`).
pub(in crate::abi) struct KeyMaterial<'a> {
    /// The structure; not NULL.
    pub(in crate::abi) out: Pointer<'a, CK_SSL3_KEY_MAT_OUT>,
    /// Whether there are MAC keys.
    pub(in crate::abi) macs: bool,
    /// Whether there are encryption keys.
    pub(in crate::abi) keys: bool,
    /// The buffers of client and server for their vectors; none where there are no vectors, and not
    /// NULL where there are.
    pub(in crate::abi) ivs: Vec<Pointer<'a, CK_BYTE>>,
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
        matches!(self, Places::KeyMaterial(_))
    }
}

impl<'a> Parameter<'a> {
    /// The places in a parameter that was read before as what its mechanism takes.
    pub(in crate::abi) fn places(&self, kind: ParamKind) -> Result<Places<'a>> {
        match kind {
            ParamKind::Kbkdf => self.kbkdf_keys(false).map(Places::Further),
            ParamKind::KbkdfFeedback => self.kbkdf_keys(true).map(Places::Further),
            ParamKind::TlsMaster | ParamKind::TlsExtendedMaster => self.tls_version(kind),
            ParamKind::TlsKeys => self.tls_key_material(true),
            ParamKind::TlsKeysAlone => self.tls_key_material(false),
            _ => Ok(Places::None),
        }
    }
}
