// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys from the hash of a key (PKCS #11, section "Hash-based key derivations").

use super::derive::{SECRETS, SIZES};
use super::ossl::digest;
use super::{Base, Derived, Does, Hash, Params, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

macro_rules! rows {
    ($($hash:ident: $id:ident;)*) => {
        /// The derivations by a hash.
        pub const ROWS: &[Row] = &[$(row($id, stringify!($id), Hash::$hash)),*];
    };
}

rows! {
    Sha1: CKM_SHA1_KEY_DERIVATION;
    Sha224: CKM_SHA224_KEY_DERIVATION;
    Sha256: CKM_SHA256_KEY_DERIVATION;
    Sha384: CKM_SHA384_KEY_DERIVATION;
    Sha512: CKM_SHA512_KEY_DERIVATION;
    Sha512_224: CKM_SHA512_224_KEY_DERIVATION;
    Sha512_256: CKM_SHA512_256_KEY_DERIVATION;
    Sha3_224: CKM_SHA3_224_KEY_DERIVATION;
    Sha3_256: CKM_SHA3_256_KEY_DERIVATION;
    Sha3_384: CKM_SHA3_384_KEY_DERIVATION;
    Sha3_512: CKM_SHA3_512_KEY_DERIVATION;
    Shake128: CKM_SHAKE_128_KEY_DERIVATION;
    Shake256: CKM_SHAKE_256_KEY_DERIVATION;
    Blake2b160: CKM_BLAKE2B_160_KEY_DERIVE;
    Blake2b256: CKM_BLAKE2B_256_KEY_DERIVE;
    Blake2b384: CKM_BLAKE2B_384_KEY_DERIVE;
    Blake2b512: CKM_BLAKE2B_512_KEY_DERIVE;
}

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, hash: Hash) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    Row { hash: Some(hash), does, ..Row::new(id, name, SECRETS, SIZES) }
}

fn derive(row: &'static Row, base: &Base<'_>, _: &Params, spec: &Spec) -> Result<Derived> {
    let hash = row.hash.ok_or(Error::MechanismInvalid)?;
    let value = base.key.value()?;
    let whole = Secret::with(hash.len(), |out| digest(hash, value, out).map(drop))?;
    Derived::front(whole, spec)
}
