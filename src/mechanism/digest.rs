// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Digests (PKCS #11, section "Digests").

use super::ossl::MdCtx;
use super::{Digester, Does, Hash, Params, Row};
use crate::error::{Error, Result};
use cryptoki_sys::*;

/// The digest mechanisms.
pub const ROWS: &[Row] = &[
    row(CKM_SHA_1, "CKM_SHA_1", Hash::Sha1),
    row(CKM_SHA224, "CKM_SHA224", Hash::Sha224),
    row(CKM_SHA256, "CKM_SHA256", Hash::Sha256),
    row(CKM_SHA384, "CKM_SHA384", Hash::Sha384),
    row(CKM_SHA512, "CKM_SHA512", Hash::Sha512),
    row(CKM_SHA512_224, "CKM_SHA512_224", Hash::Sha512_224),
    row(CKM_SHA512_256, "CKM_SHA512_256", Hash::Sha512_256),
    row(CKM_SHA3_224, "CKM_SHA3_224", Hash::Sha3_224),
    row(CKM_SHA3_256, "CKM_SHA3_256", Hash::Sha3_256),
    row(CKM_SHA3_384, "CKM_SHA3_384", Hash::Sha3_384),
    row(CKM_SHA3_512, "CKM_SHA3_512", Hash::Sha3_512),
    row(CKM_BLAKE2B_160, "CKM_BLAKE2B_160", Hash::Blake2b160),
    row(CKM_BLAKE2B_256, "CKM_BLAKE2B_256", Hash::Blake2b256),
    row(CKM_BLAKE2B_384, "CKM_BLAKE2B_384", Hash::Blake2b384),
    row(CKM_BLAKE2B_512, "CKM_BLAKE2B_512", Hash::Blake2b512),
    Row { legacy: CKF_DIGEST, ..row(CKM_MD5, "CKM_MD5", Hash::Md5) },
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, hash: Hash) -> Row {
    let does = Does { digest: Some(digest), ..Does::NOTHING };
    Row { hash: Some(hash), does, ..Row::new(id, name, &[], (0, 0)) }
}

fn digest(row: &'static Row, _params: &Params) -> Result<Box<dyn Digester>> {
    let hash = row.hash.ok_or(Error::MechanismInvalid)?;
    Ok(Box::new(MdCtx::new(hash)?))
}

impl Digester for MdCtx {
    fn len(&self) -> usize {
        self.hash().len()
    }

    fn update(&mut self, data: &[u8]) -> Result<()> {
        MdCtx::update(self, data)
    }

    fn finish(&mut self, digest: &mut [u8]) -> Result<usize> {
        MdCtx::finish(self, digest)
    }

    fn duplicate(&self) -> Result<Box<dyn Digester>> {
        Ok(Box::new(MdCtx::duplicate(self)?))
    }
}
