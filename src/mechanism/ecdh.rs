// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Key agreement on curves: ECDH, X25519, X448 (PKCS #11, section "Elliptic Curve"; SP 800-56A
//! rev. 3; RFC 7748), and the key derivation functions after it.

use super::curve::Curve;
use super::ec::SIZES;
use super::key::{Key, KeyClass};
use super::ossl::{Kdf, MdCtx, ParamList, Pkey, agree, derive as run};
use super::{Base, Derived, Does, Hash, Kem, ParamKind, Params, Row, Spec, ec_key};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms of key agreement on curves. Every curve here has the cofactor 1, so that with it
/// and without it the secret is the same.
pub const ROWS: &[Row] = &[
    row(CKM_ECDH1_DERIVE, "CKM_ECDH1_DERIVE", &[CKK_EC, CKK_EC_MONTGOMERY]),
    row(CKM_ECDH1_COFACTOR_DERIVE, "CKM_ECDH1_COFACTOR_DERIVE", &[CKK_EC]),
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, keys: &'static [CK_KEY_TYPE]) -> Row {
    let kem = Kem { len: ciphertext_len, encapsulate, decapsulate };
    let does = Does { derive: Some(derive), kem: Some(kem), ..Does::NOTHING };
    Row { params: ParamKind::Ecdh, does, ..Row::new(id, name, keys, SIZES) }
}

/// The x-coordinate of the shared point, or what the key derivation function makes of it, cut to
/// `CKA_VALUE_LEN` at the front.
fn derive(_row: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::Ecdh { kdf, shared, public } = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let function = Function::of(*kdf, shared)?;
    let curve = base.key.curve()?;
    let (peer, _) = ec_key::public(curve, public, false)?;
    let agreed = secret(curve, base.key.pkey(KeyClass::Private)?, &peer)?;
    let wanted = match function {
        Function::Null => spec.agreed_length(agreed.len())?,
        _ => keyed_length(spec, agreed.len())?,
    };
    function.keying(agreed, shared, wanted).map(Derived::from)
}

/// How much a key derivation function is to give: as much as the secret that was agreed where the
/// template leaves the length open.
pub(super) fn keyed_length(spec: &Spec, agreed: usize) -> Result<usize> {
    match spec.value_len {
        None => spec.agreed_length(agreed),
        Some(_) => spec.length_up_to(LONGEST),
    }
}

/// A ciphertext is the public key of a pair made for it alone.
fn ciphertext_len(_row: &'static Row, key: &Key, params: &Params) -> Result<usize> {
    without_peer(params)?;
    let curve = key.curve()?;
    Ok(if curve.is_weierstrass() { 1 + 2 * curve.len } else { curve.len })
}

fn encapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    spec: &Spec,
) -> Result<(Vec<u8>, Secret)> {
    let (function, shared) = without_peer(params)?;
    let curve = key.curve()?;
    let peer = key.pkey(KeyClass::Public)?;
    let (public, private) = ec_key::generate(curve, curve.oid)?;
    let agreed = secret(curve, &ec_key::private(curve, &private.value)?, peer)?;
    let wanted = spec.value_len.unwrap_or(agreed.len());
    Ok((public.point, as_template(function.keying(agreed, shared, wanted))?))
}

fn decapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    ciphertext: &[u8],
    spec: &Spec,
) -> Result<Secret> {
    let (function, shared) = without_peer(params)?;
    let curve = key.curve()?;
    let own = key.pkey(KeyClass::Private)?;
    let agreed = ec_key::public(curve, ciphertext, false)
        .and_then(|(peer, _)| secret(curve, own, &peer))
        .map_err(|_| Error::WrappedKeyInvalid)?;
    let wanted = spec.value_len.unwrap_or(agreed.len());
    as_template(function.keying(agreed, shared, wanted))
}

/// The parameter of an encapsulation names no public key: there is one already.
fn without_peer(params: &Params) -> Result<(Function, &[u8])> {
    match params {
        Params::Ecdh { kdf, shared, public } if public.is_empty() => {
            Ok((Function::of(*kdf, shared)?, shared))
        }
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// A length that the secret does not have is a matter of the template.
pub(super) fn as_template(keyed: Result<Secret>) -> Result<Secret> {
    keyed.map_err(|error| match error {
        Error::AttributeValueInvalid => Error::TemplateInconsistent,
        other => other,
    })
}

/// The secret of two keys on one curve. A peer's key that is not on the curve, that is infinity, or
/// on Montgomery curves one that leads to an all-zero secret (RFC 7748, section 6) is
/// `PublicKeyInvalid`. (On other curves zero is the coordinate of a point like any other.)
pub(super) fn secret(curve: &Curve, own: &Pkey, peer: &Pkey) -> Result<Secret> {
    let len = curve.bits.div_ceil(8);
    let agreed = agree(own, peer, len).map_err(|_| Error::PublicKeyInvalid)?;
    match agreed.expose().iter().fold(0, |all, byte| all | byte) {
        0 if !curve.is_weierstrass() => Err(Error::PublicKeyInvalid),
        _ => Ok(agreed),
    }
}

/// A key derivation function (`CKD_*`).
#[derive(Clone, Copy)]
pub(super) enum Function {
    /// The secret as it is.
    Null,
    /// ANSI X9.63: the hash of the secret, a counter and the shared data.
    X963(Hash),
    /// SP 800-56A, section 5.8.1.1: the hash of a counter, the secret and the shared data.
    Concatenation(Hash),
}

impl Function {
    /// The function of this number. Shared data where it takes none is `MechanismParamInvalid`.
    pub(super) fn of(kdf: CK_EC_KDF_TYPE, shared: &[u8]) -> Result<Function> {
        use Function::{Concatenation, X963};
        Ok(match kdf {
            CKD_NULL if shared.is_empty() => Function::Null,
            CKD_SHA1_KDF => X963(Hash::Sha1),
            CKD_SHA224_KDF => X963(Hash::Sha224),
            CKD_SHA256_KDF => X963(Hash::Sha256),
            CKD_SHA384_KDF => X963(Hash::Sha384),
            CKD_SHA512_KDF => X963(Hash::Sha512),
            CKD_SHA3_224_KDF => X963(Hash::Sha3_224),
            CKD_SHA3_256_KDF => X963(Hash::Sha3_256),
            CKD_SHA3_384_KDF => X963(Hash::Sha3_384),
            CKD_SHA3_512_KDF => X963(Hash::Sha3_512),
            CKD_SHA1_KDF_SP800 => Concatenation(Hash::Sha1),
            CKD_SHA224_KDF_SP800 => Concatenation(Hash::Sha224),
            CKD_SHA256_KDF_SP800 => Concatenation(Hash::Sha256),
            CKD_SHA384_KDF_SP800 => Concatenation(Hash::Sha384),
            CKD_SHA512_KDF_SP800 => Concatenation(Hash::Sha512),
            CKD_SHA3_224_KDF_SP800 => Concatenation(Hash::Sha3_224),
            CKD_SHA3_256_KDF_SP800 => Concatenation(Hash::Sha3_256),
            CKD_SHA3_384_KDF_SP800 => Concatenation(Hash::Sha3_384),
            CKD_SHA3_512_KDF_SP800 => Concatenation(Hash::Sha3_512),
            // These alone take no shared data (section "EC mechanism parameters").
            CKD_BLAKE2B_160_KDF if shared.is_empty() => Concatenation(Hash::Blake2b160),
            CKD_BLAKE2B_256_KDF if shared.is_empty() => Concatenation(Hash::Blake2b256),
            CKD_BLAKE2B_384_KDF if shared.is_empty() => Concatenation(Hash::Blake2b384),
            CKD_BLAKE2B_512_KDF if shared.is_empty() => Concatenation(Hash::Blake2b512),
            _ => return Err(Error::MechanismParamInvalid),
        })
    }

    /// `wanted` bytes from the secret that was agreed.
    pub(super) fn keying(self, agreed: Secret, shared: &[u8], wanted: usize) -> Result<Secret> {
        if let Function::Null = self {
            return cut(agreed, wanted);
        }
        // Both count blocks of the hash in 32 bits; nobody needs more than a page.
        if wanted == 0 || wanted > LONGEST {
            return Err(Error::AttributeValueInvalid);
        }
        Secret::with(wanted, |out| match self {
            Function::Null => Ok(()),
            Function::X963(hash) => {
                let list = ParamList::new()
                    .text(c"digest", hash.name())
                    .octets(c"key", agreed.expose())
                    .octets(c"info", shared);
                run(Kdf::X963, &list, out)
            }
            Function::Concatenation(hash) => concatenate(hash, &agreed, shared, out),
        })
    }
}

/// Fills `out` with the hashes of a counter, the secret and the shared data. (OpenSSL's own function
/// knows one length of BLAKE2b.)
fn concatenate(hash: Hash, agreed: &Secret, shared: &[u8], out: &mut [u8]) -> Result<()> {
    let mut digest = Secret::zeroed(hash.len())?;
    for (number, block) in (1u32..).zip(out.chunks_mut(hash.len())) {
        let mut context = MdCtx::new(hash)?;
        context.update(&number.to_be_bytes())?;
        context.update(agreed.expose())?;
        context.update(shared)?;
        context.finish(digest.expose_mut())?;
        block.copy_from_slice(digest.expose().get(..block.len()).ok_or(Error::DeviceError)?);
    }
    Ok(())
}

/// The last `wanted` bytes: "the truncation removes bytes from the leading end".
pub(super) fn cut(agreed: Secret, wanted: usize) -> Result<Secret> {
    let surplus = agreed.len().checked_sub(wanted).ok_or(Error::AttributeValueInvalid)?;
    match agreed.expose().get(surplus..) {
        Some(rest) if !rest.is_empty() => Secret::copy_of(rest),
        _ => Err(Error::AttributeValueInvalid),
    }
}

/// The longest derived value, bytes.
const LONGEST: usize = 8192;
