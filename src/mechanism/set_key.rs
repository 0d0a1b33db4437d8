// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of ML-DSA, SLH-DSA and ML-KEM from their attribute values and back.

use super::ossl::{Half, ParamList, Pkey};
use super::parameter_set::ParameterSet;
use super::parts::{SetPrivate, SetPublic};
use crate::error::{Error, Result};
use crate::secret::Secret;

/// Makes a public key. `AttributeValueInvalid` where its length is wrong, `PublicKeyInvalid` where
/// it is no public key of the set (FIPS 203, section 7.2: the modulus check).
pub(super) fn public(key: &SetPublic) -> Result<Pkey> {
    if key.value.len() != key.set.public {
        return Err(Error::AttributeValueInvalid);
    }
    let params = ParamList::new().octets(c"pub", &key.value);
    Pkey::from_params(key.set.algorithm, Half::Public, &params).map_err(|_| Error::PublicKeyInvalid)
}

/// Makes a private key from its seed, its expanded form, or both. `AttributeValueInvalid` where
/// they are malformed or do not belong together.
pub(super) fn private(key: &SetPrivate, validate: bool) -> Result<Pkey> {
    let set = key.set;
    let right = |given: &Option<Secret>, len| given.as_ref().is_none_or(|it| it.len() == len);
    let seed_is_right = key.seed.is_none() || set.seed != 0;
    if !seed_is_right || !right(&key.seed, set.seed) || !right(&key.value, set.private) {
        return Err(Error::AttributeValueInvalid);
    }
    // OpenSSL compares an expanded key with the one that the seed gives, and the public key inside
    // it with the one that it computes.
    let mut params = ParamList::new();
    if let Some(seed) = &key.seed {
        params = params.octets(c"seed", seed.expose());
    }
    if let Some(value) = &key.value {
        params = params.octets(c"priv", value.expose());
    }
    let pkey = Pkey::from_params(set.algorithm, Half::Private, &params)
        .map_err(|_| Error::AttributeValueInvalid)?;
    // SLH-DSA alone takes the public key inside a private one as it is.
    if validate && set.seed == 0 && !pkey.halves_agree()? {
        return Err(Error::AttributeValueInvalid);
    }
    Ok(pkey)
}

/// The public value of a key that OpenSSL holds.
pub(super) fn public_parts(set: &'static ParameterSet, key: &Pkey) -> Result<SetPublic> {
    let value = key.octets(c"pub", set.public)?.expose().to_vec();
    Ok(SetPublic { set, value })
}

/// The private values of a key that OpenSSL holds: expanded, and the seed where it is known.
pub(super) fn private_parts(set: &'static ParameterSet, key: &Pkey) -> Result<SetPrivate> {
    let seed = match set.seed {
        0 => None,
        len => key.octets(c"seed", len).ok(),
    };
    Ok(SetPrivate { set, seed, value: Some(key.octets(c"priv", set.private)?) })
}

/// Both halves of a new key pair.
pub(super) fn generate(set: &'static ParameterSet) -> Result<(SetPublic, SetPrivate)> {
    let key = Pkey::generate(set.algorithm, &ParamList::new())?;
    Ok((public_parts(set, &key)?, private_parts(set, &key)?))
}
