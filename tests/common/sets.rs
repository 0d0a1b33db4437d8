// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The parameter sets of ML-DSA, SLH-DSA and ML-KEM, and keys of them.

use super::{Answer, Mech, Obj, Session, Template, keys, template};
use cryptoki_sys::*;

/// A parameter set.
#[derive(Clone, Copy, Debug)]
pub struct Set {
    /// Its name, which OpenSSL knows too.
    pub name: &'static str,
    pub key_type: CK_KEY_TYPE,
    pub id: CK_ULONG,
    pub generation: CK_MECHANISM_TYPE,
    /// The lengths of public key, private key, seed, and signature or ciphertext, bytes.
    pub public: usize,
    pub private: usize,
    pub seed: usize,
    pub output: usize,
}

const fn row(
    name: &'static str,
    (key_type, generation): (CK_KEY_TYPE, CK_MECHANISM_TYPE),
    id: CK_ULONG,
    [public, private, seed, output]: [usize; 4],
) -> Set {
    Set { name, key_type, id, generation, public, private, seed, output }
}

const MLDSA: (CK_KEY_TYPE, CK_MECHANISM_TYPE) = (CKK_ML_DSA, CKM_ML_DSA_KEY_PAIR_GEN);
const SLHDSA: (CK_KEY_TYPE, CK_MECHANISM_TYPE) = (CKK_SLH_DSA, CKM_SLH_DSA_KEY_PAIR_GEN);
const MLKEM: (CK_KEY_TYPE, CK_MECHANISM_TYPE) = (CKK_ML_KEM, CKM_ML_KEM_KEY_PAIR_GEN);

/// FIPS 204, table 2.
pub const ML_DSA: &[Set] = &[
    row("ML-DSA-44", MLDSA, CKP_ML_DSA_44, [1312, 2560, 32, 2420]),
    row("ML-DSA-65", MLDSA, CKP_ML_DSA_65, [1952, 4032, 32, 3309]),
    row("ML-DSA-87", MLDSA, CKP_ML_DSA_87, [2592, 4896, 32, 4627]),
];

/// FIPS 205, table 2.
#[rustfmt::skip]
pub const SLH_DSA: &[Set] = &[
    row("SLH-DSA-SHA2-128s", SLHDSA, CKP_SLH_DSA_SHA2_128S, [32, 64, 0, 7856]),
    row("SLH-DSA-SHAKE-128s", SLHDSA, CKP_SLH_DSA_SHAKE_128S, [32, 64, 0, 7856]),
    row("SLH-DSA-SHA2-128f", SLHDSA, CKP_SLH_DSA_SHA2_128F, [32, 64, 0, 17088]),
    row("SLH-DSA-SHAKE-128f", SLHDSA, CKP_SLH_DSA_SHAKE_128F, [32, 64, 0, 17088]),
    row("SLH-DSA-SHA2-192s", SLHDSA, CKP_SLH_DSA_SHA2_192S, [48, 96, 0, 16224]),
    row("SLH-DSA-SHAKE-192s", SLHDSA, CKP_SLH_DSA_SHAKE_192S, [48, 96, 0, 16224]),
    row("SLH-DSA-SHA2-192f", SLHDSA, CKP_SLH_DSA_SHA2_192F, [48, 96, 0, 35664]),
    row("SLH-DSA-SHAKE-192f", SLHDSA, CKP_SLH_DSA_SHAKE_192F, [48, 96, 0, 35664]),
    row("SLH-DSA-SHA2-256s", SLHDSA, CKP_SLH_DSA_SHA2_256S, [64, 128, 0, 29792]),
    row("SLH-DSA-SHAKE-256s", SLHDSA, CKP_SLH_DSA_SHAKE_256S, [64, 128, 0, 29792]),
    row("SLH-DSA-SHA2-256f", SLHDSA, CKP_SLH_DSA_SHA2_256F, [64, 128, 0, 49856]),
    row("SLH-DSA-SHAKE-256f", SLHDSA, CKP_SLH_DSA_SHAKE_256F, [64, 128, 0, 49856]),
];

/// FIPS 203, table 3.
pub const ML_KEM: &[Set] = &[
    row("ML-KEM-512", MLKEM, CKP_ML_KEM_512, [800, 1632, 64, 768]),
    row("ML-KEM-768", MLKEM, CKP_ML_KEM_768, [1184, 2400, 64, 1088]),
    row("ML-KEM-1024", MLKEM, CKP_ML_KEM_1024, [1568, 3168, 64, 1568]),
];

/// All of them.
pub fn all() -> impl Iterator<Item = &'static Set> {
    ML_DSA.iter().chain(SLH_DSA).chain(ML_KEM)
}

/// The set of a name.
pub fn named(name: &str) -> &'static Set {
    all().find(|set| set.name == name).unwrap_or_else(|| panic!("no parameter set {name:?}"))
}

/// The set that tests of a family take, quick to sign with.
pub fn quick(key_type: CK_KEY_TYPE) -> &'static Set {
    named(match key_type {
        CKK_ML_DSA => "ML-DSA-44",
        CKK_SLH_DSA => "SLH-DSA-SHA2-128f",
        CKK_ML_KEM => "ML-KEM-512",
        other => panic!("{other:#x} has no parameter sets"),
    })
}

impl Set {
    /// A fresh pair, the private key readable: public, private.
    pub fn pair(&self, session: Session) -> (Obj, Obj) {
        let public = template! { CKA_PARAMETER_SET => self.id };
        let mech = Mech::plain(self.generation);
        session.generate_pair(&mech, &public, &keys::open()).good_for(self.name)
    }

    /// The template of a public key.
    pub fn public(&self, value: &[u8]) -> Template {
        template! {
            CKA_CLASS => CKO_PUBLIC_KEY,
            CKA_KEY_TYPE => self.key_type,
            CKA_PARAMETER_SET => self.id,
            CKA_VALUE => value,
        }
    }

    /// The template of a private key without a value.
    pub fn private(&self) -> Template {
        template! {
            CKA_CLASS => CKO_PRIVATE_KEY,
            CKA_KEY_TYPE => self.key_type,
            CKA_PARAMETER_SET => self.id,
        }
        .and(&keys::open())
    }
}
