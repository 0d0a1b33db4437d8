// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Mechanisms of TLS with their parameters.

use crate::common::*;
use crate::derivation::{UNTOUCHED, leaked};

fn randoms(client: &[u8], server: &[u8]) -> CK_SSL3_RANDOM_DATA {
    let copy = |data: &[u8]| Vec::leak(data.to_vec()).as_mut_ptr();
    CK_SSL3_RANDOM_DATA {
        pClientRandom: copy(client),
        ulClientRandomLen: client.len() as CK_ULONG,
        pServerRandom: copy(server),
        ulServerRandomLen: server.len() as CK_ULONG,
    }
}

/// A master secret from both random values.
pub fn master(
    kind: CK_MECHANISM_TYPE,
    hash: CK_MECHANISM_TYPE,
    client: &[u8],
    server: &[u8],
    version: *mut CK_VERSION,
) -> Mech {
    let parameter = CK_TLS12_MASTER_KEY_DERIVE_PARAMS {
        RandomInfo: randoms(client, server),
        pVersion: version,
        prfHashMechanism: hash,
    };
    Mech::with(kind, parameter, Vec::new())
}

/// A master secret from the hash of the session.
pub fn extended(
    kind: CK_MECHANISM_TYPE,
    hash: CK_MECHANISM_TYPE,
    session: &[u8],
    version: *mut CK_VERSION,
) -> Mech {
    let session = session.to_vec();
    let parameter = CK_TLS12_EXTENDED_MASTER_KEY_DERIVE_PARAMS {
        prfHashMechanism: hash,
        pSessionHash: bytes(&session),
        ulSessionHashLen: session.len() as CK_ULONG,
        pVersion: version,
    };
    Mech::with(kind, parameter, vec![session])
}

/// The keys of a connection.
pub struct Keys {
    pub parameter: CK_TLS12_KEY_MAT_PARAMS,
    pub out: *mut CK_SSL3_KEY_MAT_OUT,
    ivs: [*mut u8; 2],
}

impl Keys {
    /// Keys of these lengths, bits.
    pub fn new(hash: CK_MECHANISM_TYPE, client: &[u8], server: &[u8], bits: [CK_ULONG; 3]) -> Keys {
        let ivs = [(); 2].map(|()| leaked([0xeeu8; 2048]).0.cast::<u8>());
        let out = leaked(CK_SSL3_KEY_MAT_OUT {
            hClientMacSecret: UNTOUCHED,
            hServerMacSecret: UNTOUCHED,
            hClientKey: UNTOUCHED,
            hServerKey: UNTOUCHED,
            pIVClient: ivs[0],
            pIVServer: ivs[1],
        });
        let out: *mut CK_SSL3_KEY_MAT_OUT = out.0.cast();
        let parameter = CK_TLS12_KEY_MAT_PARAMS {
            ulMacSizeInBits: bits[0],
            ulKeySizeInBits: bits[1],
            ulIVSizeInBits: bits[2],
            bIsExport: CK_FALSE,
            RandomInfo: randoms(client, server),
            pReturnedKeyMaterial: out,
            prfHashMechanism: hash,
        };
        Keys { parameter, out, ivs }
    }

    /// The mechanism.
    pub fn mech(&self, kind: CK_MECHANISM_TYPE) -> Mech {
        Mech::with(kind, self.parameter, Vec::new())
    }

    /// Client's and server's MAC keys, client's and server's encryption keys.
    pub fn handles(&self) -> [CK_OBJECT_HANDLE; 4] {
        // SAFETY: leaked above; the library wrote through the pointer.
        let out = unsafe { self.out.read_volatile() };
        [out.hClientMacSecret, out.hServerMacSecret, out.hClientKey, out.hServerKey]
    }

    pub fn iv(&self, which: usize, len: usize) -> Vec<u8> {
        // SAFETY: as above; the buffers have 2048 bytes.
        unsafe { std::slice::from_raw_parts(self.ivs[which], len) }.to_vec()
    }
}

/// Derives where all handles go to the parameter.
pub fn derive_all(s: Session, mech: &Mech, base: Obj, template: &Template) -> R<()> {
    let (mut raw, mut mech) = (template.raw(), mech.raw());
    let count = raw.len() as CK_ULONG;
    let nowhere = std::ptr::null_mut();
    outcome(p11!(C_DeriveKey(s.0, &mut mech, base.0, raw.as_mut_ptr(), count, nowhere)))
}

/// Exported keying material.
pub fn kdf(
    kind: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    label: &[u8],
    client: &[u8],
    context: Option<&[u8]>,
) -> Mech {
    let label = label.to_vec();
    let held = context.unwrap_or_default().to_vec();
    let parameter = CK_TLS_KDF_PARAMS {
        prfMechanism: prf,
        pLabel: bytes(&label),
        ulLabelLength: label.len() as CK_ULONG,
        RandomInfo: randoms(client, b""),
        pContextData: if context.is_some() { bytes(&held) } else { std::ptr::null_mut() },
        ulContextDataLength: held.len() as CK_ULONG,
    };
    Mech::with(kind, parameter, vec![label, held])
}

/// The MAC of a "finished" message.
pub fn finished(
    kind: CK_MECHANISM_TYPE,
    prf: CK_MECHANISM_TYPE,
    length: CK_ULONG,
    who: CK_ULONG,
) -> Mech {
    let parameter =
        CK_TLS_MAC_PARAMS { prfHashMechanism: prf, ulMacLength: length, ulServerOrClient: who };
    Mech::with(kind, parameter, Vec::new())
}
