// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameter sets of ML-DSA, SLH-DSA and ML-KEM (FIPS 204, 205, 203): one row each, from which
//! generation, import, export and the mechanisms take what they need.

use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::ffi::CStr;

/// A parameter set.
pub struct ParameterSet {
    /// `CKK_ML_DSA`, `CKK_SLH_DSA` or `CKK_ML_KEM`.
    pub key_type: CK_KEY_TYPE,
    /// `CKA_PARAMETER_SET`: its `CKP_*` value, which is one of its key type only.
    pub id: CK_ULONG,
    /// OpenSSL's algorithm, which is the name that the standard gives the set.
    pub algorithm: &'static CStr,
    /// The DER of its object identifier.
    pub oid: [u8; 11],
    /// The length of a public key, bytes.
    pub public: usize,
    /// The length of a private key, expanded, bytes.
    pub private: usize,
    /// The length of the seed that a private key can be expanded from; 0 where it has none.
    pub seed: usize,
    /// The length of a signature or, for ML-KEM, of a ciphertext, bytes.
    pub output: usize,
}

/// Every parameter set.
#[rustfmt::skip]
pub static SETS: &[ParameterSet] = &[
    row(CKK_ML_DSA,  CKP_ML_DSA_44,          c"ML-DSA-44",          [3, 17], (1312, 2560, 32), 2420),
    row(CKK_ML_DSA,  CKP_ML_DSA_65,          c"ML-DSA-65",          [3, 18], (1952, 4032, 32), 3309),
    row(CKK_ML_DSA,  CKP_ML_DSA_87,          c"ML-DSA-87",          [3, 19], (2592, 4896, 32), 4627),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128S,  c"SLH-DSA-SHA2-128s",  [3, 20], (32, 64, 0), 7856),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_128F,  c"SLH-DSA-SHA2-128f",  [3, 21], (32, 64, 0), 17088),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192S,  c"SLH-DSA-SHA2-192s",  [3, 22], (48, 96, 0), 16224),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_192F,  c"SLH-DSA-SHA2-192f",  [3, 23], (48, 96, 0), 35664),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256S,  c"SLH-DSA-SHA2-256s",  [3, 24], (64, 128, 0), 29792),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHA2_256F,  c"SLH-DSA-SHA2-256f",  [3, 25], (64, 128, 0), 49856),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128S, c"SLH-DSA-SHAKE-128s", [3, 26], (32, 64, 0), 7856),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_128F, c"SLH-DSA-SHAKE-128f", [3, 27], (32, 64, 0), 17088),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192S, c"SLH-DSA-SHAKE-192s", [3, 28], (48, 96, 0), 16224),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_192F, c"SLH-DSA-SHAKE-192f", [3, 29], (48, 96, 0), 35664),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256S, c"SLH-DSA-SHAKE-256s", [3, 30], (64, 128, 0), 29792),
    row(CKK_SLH_DSA, CKP_SLH_DSA_SHAKE_256F, c"SLH-DSA-SHAKE-256f", [3, 31], (64, 128, 0), 49856),
    row(CKK_ML_KEM,  CKP_ML_KEM_512,         c"ML-KEM-512",         [4, 1], (800, 1632, 64), 768),
    row(CKK_ML_KEM,  CKP_ML_KEM_768,         c"ML-KEM-768",         [4, 2], (1184, 2400, 64), 1088),
    row(CKK_ML_KEM,  CKP_ML_KEM_1024,        c"ML-KEM-1024",        [4, 3], (1568, 3168, 64), 1568),
];

impl ParameterSet {
    /// The set that `CKA_PARAMETER_SET` names for keys of this type; `ParameterSetNotSupported`
    /// where there is none.
    pub fn find(key_type: CK_KEY_TYPE, id: u64) -> Result<&'static ParameterSet> {
        let named = |set: &&ParameterSet| set.key_type == key_type && set.id as u64 == id;
        SETS.iter().find(named).ok_or(Error::ParameterSetNotSupported)
    }

    /// Whether keys of this type have a parameter set.
    pub fn has_some(key_type: CK_KEY_TYPE) -> bool {
        SETS.iter().any(|set| set.key_type == key_type)
    }
}

/// `arcs` are the last two of the object identifier, below 2.16.840.1.101.3.4 (NIST's algorithms).
const fn row(
    key_type: CK_KEY_TYPE,
    id: CK_ULONG,
    algorithm: &'static CStr,
    arcs: [u8; 2],
    (public, private, seed): (usize, usize, usize),
    output: usize,
) -> ParameterSet {
    let oid = [0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, arcs[0], arcs[1]];
    ParameterSet { key_type, id, algorithm, oid, public, private, seed, output }
}
