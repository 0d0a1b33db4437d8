// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Diffie-Hellman in finite fields (PKCS #11, section "Diffie-Hellman"; PKCS #3; ANSI X9.42, RFC
//! 2631; SP 800-56A rev. 3).

use super::ecdh::{self, Function, as_template, cut};
use super::field::{self, LARGEST, NEW_SMALLEST, SMALLEST};
use super::field_key::{self, FieldKey};
use super::key::{Key, KeyClass};
use super::ossl::{MdCtx, agree_padded};
use super::parts::{FieldDomain, Parts};
use super::{Base, Derived, Does, Hash, Kem, ParamKind, Params, Row, Spec};
use crate::codec::der;
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;
use std::sync::Arc;

/// The mechanisms of Diffie-Hellman in finite fields.
pub const ROWS: &[Row] = &[
    Row {
        does: Does { generate_pair: Some(generate_pair), ..Does::NOTHING },
        ..Row::new(CKM_DH_PKCS_KEY_PAIR_GEN, "CKM_DH_PKCS_KEY_PAIR_GEN", &[CKK_DH], NEW)
    },
    Row {
        does: Does { generate: Some(generate_named), ..Does::NOTHING },
        ..Row::new(CKM_DH_PKCS_PARAMETER_GEN, "CKM_DH_PKCS_PARAMETER_GEN", &[CKK_DH], NAMED)
    },
    Row {
        params: ParamKind::PublicValue,
        does: AGREES,
        ..Row::new(CKM_DH_PKCS_DERIVE, "CKM_DH_PKCS_DERIVE", &[CKK_DH], SIZES)
    },
    Row {
        does: Does { generate_pair: Some(generate_pair), ..Does::NOTHING },
        ..Row::new(CKM_X9_42_DH_KEY_PAIR_GEN, "CKM_X9_42_DH_KEY_PAIR_GEN", &[CKK_X9_42_DH], NEW)
    },
    Row {
        does: Does { generate: Some(generate_x9_42), ..Does::NOTHING },
        ..Row::new(
            CKM_X9_42_DH_PARAMETER_GEN,
            "CKM_X9_42_DH_PARAMETER_GEN",
            &[CKK_X9_42_DH],
            (NEW_SMALLEST as CK_ULONG, 3072),
        )
    },
    Row {
        params: ParamKind::X942,
        does: AGREES,
        ..Row::new(CKM_X9_42_DH_DERIVE, "CKM_X9_42_DH_DERIVE", &[CKK_X9_42_DH], SIZES)
    },
];

const AGREES: Does = Does {
    derive: Some(derive),
    kem: Some(Kem { len: ciphertext_len, encapsulate, decapsulate }),
    ..Does::NOTHING
};

/// A new key pair in the group that the template of the public key names; DSA's too.
pub(super) fn generate_pair(
    row: &'static Row,
    _params: &Params,
    spec: &Spec,
) -> Result<(Parts, Parts)> {
    let key_type = *row.keys.first().ok_or(Error::MechanismInvalid)?;
    let prime = spec.prime.as_deref().ok_or(Error::TemplateIncomplete)?;
    let base = spec.base.as_deref().ok_or(Error::TemplateIncomplete)?;
    let domain = FieldDomain::new(key_type, prime, spec.subprime.as_deref(), base)?;
    let (public, private) = field_key::generate(domain, spec.value_bits)?;
    Ok((Parts::FieldPublic(public), Parts::FieldPrivate(private)))
}

fn generate_named(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    field::named(spec.prime_bits.ok_or(Error::TemplateIncomplete)?).map(Parts::FieldDomain)
}

fn generate_x9_42(_row: &'static Row, _params: &Params, spec: &Spec) -> Result<Parts> {
    let bits = spec.prime_bits.ok_or(Error::TemplateIncomplete)?;
    let order = spec.subprime_bits.ok_or(Error::TemplateIncomplete)?;
    field::generate(CKK_X9_42_DH, bits, order).map(Parts::FieldDomain)
}

/// The shared value, as long as the prime, or what a key derivation function makes of it.
fn derive(_row: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let (function, public) = Way::of(params)?;
    if public.is_empty() {
        return Err(Error::MechanismParamInvalid);
    }
    function.keying(secret(base.key, public)?, spec).map(Derived::from)
}

/// A ciphertext is the public value of a pair made for it alone, as long as the prime.
fn ciphertext_len(_row: &'static Row, key: &Key, params: &Params) -> Result<usize> {
    without_peer(params)?;
    Ok(key.field()?.domain.prime.len())
}

fn encapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    spec: &Spec,
) -> Result<(Vec<u8>, Secret)> {
    let function = without_peer(params)?;
    let peer = key.pkey(KeyClass::Public)?;
    let (public, private) = key.field()?.fresh()?;
    let len = public.domain.prime.len();
    let own = FieldKey::private(&private, false)?;
    let agreed = agree_padded(&own.pkey, peer, len).map_err(|_| Error::DeviceError)?;
    let mut ciphertext = vec![0; len.saturating_sub(public.value.len())];
    ciphertext.extend_from_slice(&public.value);
    Ok((ciphertext, as_template(function.keying(agreed, spec))?))
}

fn decapsulate(
    _row: &'static Row,
    key: &Arc<Key>,
    params: &Params,
    ciphertext: &[u8],
    spec: &Spec,
) -> Result<Secret> {
    let function = without_peer(params)?;
    let agreed = secret(key, ciphertext).map_err(|error| match error {
        Error::PublicKeyInvalid => Error::WrappedKeyInvalid,
        other => other,
    })?;
    as_template(function.keying(agreed, spec))
}

/// The parameter of an encapsulation names no public value: there is one already.
fn without_peer(params: &Params) -> Result<Way<'_>> {
    match Way::of(params)? {
        (function, []) => Ok(function),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// What becomes of the shared value.
enum Way<'a> {
    /// It is the key, cut at the front.
    Plain,
    /// The hash of it, a counter and this data.
    Concatenated(&'a [u8]),
    /// The hash of it and this data, which has the counter at this place in it.
    Asn1(&'a [u8], usize),
}

impl Way<'_> {
    /// The function that a parameter names, and the other party's value; empty where there is none.
    fn of(params: &Params) -> Result<(Way<'_>, &[u8])> {
        match params {
            Params::None => Ok((Way::Plain, &[])),
            Params::PublicValue(public) => Ok((Way::Plain, public)),
            Params::X942 { kdf, info, public } => {
                let way = match *kdf {
                    CKD_NULL if info.is_empty() => Way::Plain,
                    CKD_SHA1_KDF_CONCATENATE => Way::Concatenated(info),
                    CKD_SHA1_KDF_ASN1 => {
                        Way::Asn1(info, counter(info).ok_or(Error::MechanismParamInvalid)?)
                    }
                    _ => return Err(Error::MechanismParamInvalid),
                };
                Ok((way, public))
            }
            _ => Err(Error::MechanismParamInvalid),
        }
    }

    fn keying(&self, agreed: Secret, spec: &Spec) -> Result<Secret> {
        let wanted = match self {
            Way::Plain => spec.agreed_length(agreed.len())?,
            _ => ecdh::keyed_length(spec, agreed.len())?,
        };
        match *self {
            Way::Plain => cut(agreed, wanted),
            Way::Concatenated(info) => Function::X963(Hash::Sha1).keying(agreed, info, wanted),
            Way::Asn1(info, counter) => asn1(&agreed, info, counter, wanted),
        }
    }
}

/// What the key and the other party's value agree on. A value outside the group, or that leads to 1,
/// is `PublicKeyInvalid`.
fn secret(key: &Key, public: &[u8]) -> Result<Secret> {
    let own = key.pkey(KeyClass::Private)?;
    let field = key.field()?;
    let peer = field.peer(public)?;
    agree_padded(own, &peer, field.domain.prime.len()).map_err(|_| Error::PublicKeyInvalid)
}

/// Where the counter stands in an OtherInfo (RFC 2631, section 2.1.2): four bytes at the end of
/// its first element.
fn counter(info: &[u8]) -> Option<usize> {
    let content = der::only(der::SEQUENCE, info)?;
    let (key_info, after) = der::read(der::SEQUENCE, content)?;
    let (_, rest) = der::read(der::OID, key_info)?;
    let counter = der::only(der::OCTET_STRING, rest)?;
    let end = info.len().checked_sub(after.len())?;
    (counter.len() == COUNTER).then_some(end.checked_sub(COUNTER)?)
}

/// The function of X9.42 over ASN.1: the hash of the secret and the OtherInfo, for each block with
/// its number in it.
fn asn1(agreed: &Secret, info: &[u8], counter: usize, wanted: usize) -> Result<Secret> {
    if wanted == 0 || wanted > LONGEST {
        return Err(Error::AttributeValueInvalid);
    }
    let mut info = info.to_vec();
    Secret::with(wanted, |out| {
        for (number, block) in (1u32..).zip(out.chunks_mut(Hash::Sha1.len())) {
            let place = info.get_mut(counter..counter + COUNTER).ok_or(Error::DeviceError)?;
            place.copy_from_slice(&number.to_be_bytes());
            let mut context = MdCtx::new(Hash::Sha1)?;
            context.update(agreed.expose())?;
            context.update(&info)?;
            let mut digest = Secret::zeroed(Hash::Sha1.len())?;
            context.finish(digest.expose_mut())?;
            let part = digest.expose().get(..block.len()).ok_or(Error::DeviceError)?;
            block.copy_from_slice(part);
        }
        Ok(())
    })
}

/// Sizes of primes, bits: of keys that are taken in, and of those that are made here.
const SIZES: (CK_ULONG, CK_ULONG) = (SMALLEST as CK_ULONG, LARGEST as CK_ULONG);
const NEW: (CK_ULONG, CK_ULONG) = (NEW_SMALLEST as CK_ULONG, LARGEST as CK_ULONG);
const NAMED: (CK_ULONG, CK_ULONG) = (2048, LARGEST as CK_ULONG);
/// The length of the counter in an OtherInfo, bytes.
const COUNTER: usize = 4;
/// The longest derived value, bytes.
const LONGEST: usize = 8192;
