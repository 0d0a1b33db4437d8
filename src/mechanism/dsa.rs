// SPDX-License-Identifier: Apache-2.0 OR MIT
//! DSA (PKCS #11, section "DSA"; FIPS 186-4). FIPS 186-5 keeps it for signatures that exist; new
//! ones are made with the larger sizes alone.

use super::field::{DSA_SMALLEST, NEW_SMALLEST};
use super::key::Key;
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::parts::Parts;
use super::signature::{self, Feed, Scheme, Setup};
use super::{Does, Hash, Params, Row, Signer, Spec, Verifier, dh, field, halves};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

macro_rules! dsa {
    ($($hash:ident: $id:ident;)*) => {
        /// The mechanisms of DSA.
        pub const ROWS: &[Row] = &[
            Row {
                does: Does { generate_pair: Some(dh::generate_pair), ..Does::NOTHING },
                ..Row::new(CKM_DSA_KEY_PAIR_GEN, "CKM_DSA_KEY_PAIR_GEN", DSA, NEW)
            },
            Row {
                does: Does { generate: Some(generate), ..Does::NOTHING },
                ..Row::new(CKM_DSA_PARAMETER_GEN, "CKM_DSA_PARAMETER_GEN", DSA, NEW)
            },
            Row { does: SIGNS, ..Row::new(CKM_DSA, "CKM_DSA", DSA, SIZES) },
            $(
                Row {
                    hash: Some(Hash::$hash),
                    does: SIGNS,
                    ..Row::new($id, stringify!($id), DSA, SIZES)
                },
            )*
        ];
    };
}

dsa! {
    Sha1: CKM_DSA_SHA1;
    Sha224: CKM_DSA_SHA224;
    Sha256: CKM_DSA_SHA256;
    Sha384: CKM_DSA_SHA384;
    Sha512: CKM_DSA_SHA512;
    Sha3_224: CKM_DSA_SHA3_224;
    Sha3_256: CKM_DSA_SHA3_256;
    Sha3_384: CKM_DSA_SHA3_384;
    Sha3_512: CKM_DSA_SHA3_512;
}

const SIGNS: Does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };

/// New domain parameters; the size of the subprime has a default for each size of the prime.
fn generate(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let bits = spec.prime_bits.ok_or(Error::TemplateIncomplete)?;
    let default = match bits {
        ..=1024 => 160,
        1025..=2048 => 224,
        _ => 256,
    };
    let order = spec.subprime_bits.unwrap_or(default);
    field::generate(CKK_DSA, bits, order).map(Parts::FieldDomain)
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    // Keys below today's strength verify what they signed once, and sign no more.
    if key.bits() < NEW_SMALLEST {
        return Err(Error::KeySizeRange);
    }
    let scheme = Dsa::of(row, key, params)?;
    signature::signer(row, key, setup(Operation::Sign), feed(row), scheme)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let scheme = Dsa::of(row, key, params)?;
    signature::verifier(row, key, setup(Operation::Verify), feed(row), scheme)
}

/// OpenSSL is told no hash: it takes a digest of any length and cuts it to the subprime's.
fn setup(operation: Operation) -> Setup<'static> {
    Setup { operation, params: ParamList::new(), variant: Some(0) }
}

fn feed(row: &Row) -> Feed {
    row.hash.map_or(Feed::Whole, Feed::Digest)
}

/// Signatures are `r` and `s` one after the other, each as long as the subprime.
struct Dsa {
    /// The length of `r` and of `s`, bytes.
    half: usize,
    /// Whether the digest comes from outside, so that its length says whether it is one.
    raw: bool,
}

impl Dsa {
    fn of(row: &Row, key: &Key, params: &Params) -> Result<Dsa> {
        let Params::None = params else { return Err(Error::MechanismParamInvalid) };
        let order = key.field()?.domain.subprime.as_ref().ok_or(Error::KeyTypeInconsistent)?;
        Ok(Dsa { half: order.len(), raw: row.hash.is_none() })
    }

    fn check(&self, data: &[u8]) -> Result<()> {
        match self.raw && !matches!(data.len(), 20 | 28 | 32 | 48 | 64) {
            true => Err(Error::DataLenRange),
            false => Ok(()),
        }
    }
}

impl Scheme for Dsa {
    fn len(&self) -> usize {
        2 * self.half
    }

    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize> {
        self.check(data)?;
        halves::sign(context, data, self.half, out)
    }

    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
        self.check(data)?;
        if signature.len() != 2 * self.half {
            return Err(Error::SignatureLenRange);
        }
        halves::verify(context, data, signature)
    }
}

const DSA: &[CK_KEY_TYPE] = &[CKK_DSA];
/// Sizes of primes, bits: of keys that are taken in, and of those that are made here.
const SIZES: (CK_ULONG, CK_ULONG) = (DSA_SMALLEST as CK_ULONG, 3072);
const NEW: (CK_ULONG, CK_ULONG) = (NEW_SMALLEST as CK_ULONG, 3072);
