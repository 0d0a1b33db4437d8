// SPDX-License-Identifier: Apache-2.0 OR MIT
//! ML-DSA and SLH-DSA, pure and with a hash first (PKCS #11, sections "ML-DSA" and "SLH-DSA"; FIPS
//! 204 and 205, which define the two alike).

use super::key::Key;
use super::ossl::{Operation, ParamList, PkeyCtx};
use super::parameter_set::ParameterSet;
use super::params::Hedge;
use super::parts::Parts;
use super::signature::{self, Feed, Scheme, Setup};
use super::{Does, Hash, ParamKind, Params, Row, Signer, Spec, Verifier, set_key};
use crate::error::{Error, Result};
use cryptoki_sys::*;
use std::sync::Arc;

macro_rules! family {
    (
        $(#[$doc:meta])* $rows:ident, $sizes:expr, $key:ident: $make:ident, $pure:ident, $hashed:ident;
        $($mechanism:ident: $hash:ident;)*
    ) => {
        $(#[$doc])*
        pub const $rows: &[Row] = &[
            Row {
                does: Does { generate_pair: Some(generate), ..Does::NOTHING },
                ..Row::new($make, stringify!($make), &[$key], $sizes)
            },
            row($pure, stringify!($pure), &[$key], $sizes, ParamKind::SignContext, None),
            row($hashed, stringify!($hashed), &[$key], $sizes, ParamKind::HashSignContext, None),
            $(row(
                $mechanism,
                stringify!($mechanism),
                &[$key],
                $sizes,
                ParamKind::SignContext,
                Some(Hash::$hash),
            ),)*
        ];
    };
}

family! {
    /// The mechanisms of ML-DSA. Sizes are of public keys, bytes.
    ML_DSA, (1312, 2592), CKK_ML_DSA: CKM_ML_DSA_KEY_PAIR_GEN, CKM_ML_DSA, CKM_HASH_ML_DSA;
    CKM_HASH_ML_DSA_SHA224: Sha224;
    CKM_HASH_ML_DSA_SHA256: Sha256;
    CKM_HASH_ML_DSA_SHA384: Sha384;
    CKM_HASH_ML_DSA_SHA512: Sha512;
    CKM_HASH_ML_DSA_SHA3_224: Sha3_224;
    CKM_HASH_ML_DSA_SHA3_256: Sha3_256;
    CKM_HASH_ML_DSA_SHA3_384: Sha3_384;
    CKM_HASH_ML_DSA_SHA3_512: Sha3_512;
    CKM_HASH_ML_DSA_SHAKE128: Shake128;
    CKM_HASH_ML_DSA_SHAKE256: Shake256;
}

family! {
    /// The mechanisms of SLH-DSA. Sizes are of public keys, bytes.
    SLH_DSA, (32, 64), CKK_SLH_DSA: CKM_SLH_DSA_KEY_PAIR_GEN, CKM_SLH_DSA, CKM_HASH_SLH_DSA;
    CKM_HASH_SLH_DSA_SHA224: Sha224;
    CKM_HASH_SLH_DSA_SHA256: Sha256;
    CKM_HASH_SLH_DSA_SHA384: Sha384;
    CKM_HASH_SLH_DSA_SHA512: Sha512;
    CKM_HASH_SLH_DSA_SHA3_224: Sha3_224;
    CKM_HASH_SLH_DSA_SHA3_256: Sha3_256;
    CKM_HASH_SLH_DSA_SHA3_384: Sha3_384;
    CKM_HASH_SLH_DSA_SHA3_512: Sha3_512;
    CKM_HASH_SLH_DSA_SHAKE128: Shake128;
    CKM_HASH_SLH_DSA_SHAKE256: Shake256;
}

const fn row(
    id: CK_MECHANISM_TYPE,
    name: &'static str,
    keys: &'static [CK_KEY_TYPE],
    sizes: (CK_ULONG, CK_ULONG),
    params: ParamKind,
    hash: Option<Hash>,
) -> Row {
    let does = Does { sign: Some(sign), verify: Some(verify), ..Does::NOTHING };
    Row { params, hash, does, ..Row::new(id, name, keys, sizes) }
}

/// A new pair of the parameter set that the template names; of every type that has such sets.
pub(super) fn generate(row: &'static Row, _params: &Params, spec: &Spec) -> Result<(Parts, Parts)> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    let set = spec.parameter_set.ok_or(Error::TemplateIncomplete)?;
    let (public, private) = set_key::generate(ParameterSet::find(key_type, set)?)?;
    Ok((Parts::SetPublic(public), Parts::SetPrivate(private)))
}

fn sign(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Signer>> {
    let call = Call::read(row, params)?;
    let deterministic = match call.hedge {
        // A hedged signature is the better one where the caller leaves the choice.
        Hedge::Preferred | Hedge::Required => false,
        Hedge::Deterministic => true,
        Hedge::Unknown => return Err(Error::MechanismParamInvalid),
    };
    let message = call.message(row, key)?;
    let operation = Operation::SignMessage(message.set.algorithm);
    signature::signer(row, key, call.setup(operation, deterministic), call.feed(row), message)
}

fn verify(row: &'static Row, key: &Arc<Key>, params: &Params) -> Result<Box<dyn Verifier>> {
    let call = Call::read(row, params)?;
    let message = call.message(row, key)?;
    let operation = Operation::VerifyMessage(message.set.algorithm);
    signature::verifier(row, key, call.setup(operation, false), call.feed(row), message)
}

/// What a parameter says.
struct Call<'a> {
    hedge: Hedge,
    context: &'a [u8],
    /// The hash that was or is to be applied to the message; none for the pure scheme.
    hash: Option<Hash>,
}

impl<'a> Call<'a> {
    fn read(row: &Row, params: &'a Params) -> Result<Call<'a>> {
        match params {
            Params::None => Ok(Call { hedge: Hedge::Preferred, context: &[], hash: row.hash }),
            Params::SignContext { hedge, context, hash } => {
                Ok(Call { hedge: *hedge, context, hash: hash.or(row.hash) })
            }
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    /// The pure schemes read the message whole; OpenSSL puts the context before it. With a hash the
    /// message representative is made here.
    fn setup(&self, operation: Operation, deterministic: bool) -> Setup<'a> {
        let params = ParamList::new().number(c"deterministic", truth(deterministic));
        let (params, kept) = match (self.hash, self.context) {
            (Some(_), _) => (params.number(c"message-encoding", &RAW), true),
            (None, []) => (params, true),
            (None, context) => (params.octets(c"context-string", context), false),
        };
        Setup { operation, params, variant: kept.then_some(u64::from(deterministic)) }
    }

    fn feed(&self, row: &Row) -> Feed {
        match (row.hash, self.hash) {
            (Some(hash), _) => Feed::Digest(hash),
            (None, Some(_)) => Feed::Whole,
            (None, None) => Feed::Collect(Vec::new()),
        }
    }

    fn message(&self, row: &Row, key: &Key) -> Result<Message> {
        let hash = match (row.params, self.hash) {
            (ParamKind::HashSignContext, None) => return Err(Error::MechanismParamInvalid),
            (_, hash) => hash,
        };
        let head = hash.map(|hash| Head::new(hash, self.context)).transpose()?;
        Ok(Message { set: key.parameter_set()?, head })
    }
}

/// What is signed or verified.
struct Message {
    set: &'static ParameterSet,
    /// What stands before the hash of the message; none where the message is signed as it is.
    head: Option<Head>,
}

/// The beginning of a message representative (FIPS 204, algorithm 4; FIPS 205, algorithm 23).
struct Head {
    bytes: Vec<u8>,
    digest: usize,
}

impl Head {
    fn new(hash: Hash, context: &[u8]) -> Result<Head> {
        let arc = match hash {
            Hash::Sha256 => 1,
            Hash::Sha384 => 2,
            Hash::Sha512 => 3,
            Hash::Sha512_224 => 5,
            Hash::Sha512_256 => 6,
            Hash::Sha224 => 4,
            Hash::Sha3_224 => 7,
            Hash::Sha3_256 => 8,
            Hash::Sha3_384 => 9,
            Hash::Sha3_512 => 10,
            Hash::Shake128 => 11,
            Hash::Shake256 => 12,
            _ => return Err(Error::MechanismParamInvalid),
        };
        let len = u8::try_from(context.len()).map_err(|_| Error::MechanismParamInvalid)?;
        let bytes = [&[PREHASH, len], context, HASH_OID, &[arc]].concat();
        Ok(Head { bytes, digest: hash.len() })
    }

    fn before(&self, digest: &[u8]) -> Result<Vec<u8>> {
        if digest.len() != self.digest {
            return Err(Error::DataLenRange);
        }
        Ok([&self.bytes, digest].concat())
    }
}

impl Scheme for Message {
    fn len(&self) -> usize {
        self.set.output
    }

    fn sign(&self, context: &mut PkeyCtx, data: &[u8], out: &mut [u8]) -> Result<usize> {
        match &self.head {
            Some(head) => context.sign(&head.before(data)?, out),
            None => context.sign(data, out),
        }
    }

    fn verify(&self, context: &mut PkeyCtx, data: &[u8], signature: &[u8]) -> Result<bool> {
        if signature.len() != self.set.output {
            return Err(Error::SignatureLenRange);
        }
        match &self.head {
            Some(head) => context.verify(&head.before(data)?, signature),
            None => context.verify(data, signature),
        }
    }
}

fn truth(value: bool) -> &'static u64 {
    if value { &1 } else { &0 }
}

/// OpenSSL's message encoding that adds nothing.
const RAW: u64 = 0;
/// The first byte of a message representative where the message was hashed.
const PREHASH: u8 = 1;
/// The DER of a hash's object identifier, without its last arc (2.16.840.1.101.3.4.2).
const HASH_OID: &[u8] = &[0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02];
