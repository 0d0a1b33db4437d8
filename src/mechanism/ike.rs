// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys of IKE, versions 1 and 2 (RFC 2409, RFC 7296; PKCS #11, section "IKE Mechanisms").

use super::derive::{SECRETS, SIZES};
use super::params::{Ike1Extended, Ike1Prf, Ike2PrfPlus, IkePrf};
use super::prf::Prf;
use super::{Base, Derive, Derived, Does, Inherit, Key, Made, ParamKind, Params, Parts, Row, Spec};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The IKE mechanisms.
pub const ROWS: &[Row] = &[
    row(CKM_IKE2_PRF_PLUS_DERIVE, "CKM_IKE2_PRF_PLUS_DERIVE", ParamKind::Ike2PrfPlus, prf_plus),
    row(CKM_IKE_PRF_DERIVE, "CKM_IKE_PRF_DERIVE", ParamKind::IkePrf, initial),
    row(CKM_IKE1_PRF_DERIVE, "CKM_IKE1_PRF_DERIVE", ParamKind::Ike1Prf, numbered),
    Row {
        // What is derived may be the base key itself, cut.
        inherit: Inherit::Guard,
        ..row(
            CKM_IKE1_EXTENDED_DERIVE,
            "CKM_IKE1_EXTENDED_DERIVE",
            ParamKind::Ike1Extended,
            extended,
        )
    },
];

/// Which keys they take, the pseudo-random function says.
const fn row(id: CK_MECHANISM_TYPE, name: &'static str, params: ParamKind, derive: Derive) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    Row { params, does, ..Row::new(id, name, SECRETS, SIZES) }
}

/// SKEYID, SKEYSEED: the key that the others come from.
fn initial(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::IkePrf(IkePrf { prf, data_as_key, new_key, nonces }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let prf = Prf::of(*prf)?;
    let value = match (data_as_key, new_key) {
        (true, Some(_)) => return Err(Error::ArgumentsBad),
        (true, None) => {
            let shared = generic(base.key)?;
            whole_length(prf, spec)?;
            prf.once(nonces, &[shared])?
        }
        (false, None) => {
            let key = prf.key(base.key)?;
            whole_length(prf, spec)?;
            prf.once(key, &[nonces])?
        }
        (false, Some(_)) => {
            let (key, new) = (prf.key(base.key)?, generic(other(base, 0)?)?);
            whole_length(prf, spec)?;
            prf.once(key, &[new, nonces])?
        }
    };
    let key_type = spec.named_type.unwrap_or(prf.key_type());
    Ok(Derived::from(Made::Key(Parts::Secret(key_type, value))))
}

/// The further keys of version 1: SKEYID_d, SKEYID_a, SKEYID_e.
fn numbered(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::Ike1Prf(Ike1Prf { prf, previous, cookies, number, .. }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let prf = Prf::of(*prf)?;
    let key = prf.key(base.key)?;
    let agreed = generic(other(base, 0)?)?;
    if spec.named_type.is_none() {
        return Err(Error::TemplateIncomplete);
    }
    let before = match previous {
        Some(_) => base.other(1)?,
        None => &[],
    };
    let len = spec.value_len.unwrap_or(prf.len());
    let len = Spec { value_len: Some(len), ..spec.clone() }.length(Some(prf.len()))?;
    let mut value = prf.once(key, &[before, agreed, cookies, &[*number]])?;
    value.truncate(len);
    Ok(Derived::from(value))
}

/// prf+ of version 2: as many keys as are needed, in one value to extract them from.
fn prf_plus(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::Ike2PrfPlus(Ike2PrfPlus { prf, seed_key, seed }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let prf = Prf::of(*prf)?;
    let key = prf.key(base.key)?;
    let first = match seed_key {
        Some(_) => base.other(0)?,
        None => &[],
    };
    let value = prf.chain(key, stretched(prf, spec)?, |context, before, number| {
        context.update(before)?;
        context.update(first)?;
        context.update(seed)?;
        context.update(&[number as u8])
    });
    value.map(Derived::from)
}

/// Longer keys of version 1 (RFC 2409, section 5.5 and appendix B).
fn extended(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::Ike1Extended(Ike1Extended { prf, agreed, extra }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let prf = Prf::of(*prf)?;
    let key = prf.key(base.key)?;
    let shared = match agreed {
        Some(_) => generic(other(base, 0)?)?,
        None => &[],
    };
    let len = stretched(prf, spec)?;
    if agreed.is_none() && len <= prf.len() {
        return match key.get(..len) {
            Some(front) => Secret::copy_of(front).map(Derived::from),
            None => Err(Error::KeySizeRange),
        };
    }
    let nothing = agreed.is_none() && extra.is_empty();
    let value = prf.chain(key, len, |context, before, number| {
        if nothing && number == 1 {
            return context.update(&[0]);
        }
        context.update(before)?;
        context.update(shared)?;
        context.update(extra)
    });
    value.map(Derived::from)
}

/// A key that a parameter names.
fn other<'a>(base: &'a Base<'_>, number: usize) -> Result<&'a Key> {
    base.others.get(number).map(AsRef::as_ref).ok_or(Error::MechanismParamInvalid)
}

/// The value of a key that must be a generic secret.
fn generic(key: &Key) -> Result<&[u8]> {
    match key.key_type() {
        CKK_GENERIC_SECRET => key.value(),
        _ => Err(Error::KeyTypeInconsistent),
    }
}

/// All of the function's output, no more and no less.
fn whole_length(prf: Prf, spec: &Spec) -> Result<()> {
    match spec.value_len {
        Some(len) if len != prf.len() => Err(Error::KeySizeRange),
        _ => Ok(()),
    }
}

/// A length that must be named, at most 255 outputs.
fn stretched(prf: Prf, spec: &Spec) -> Result<usize> {
    if spec.value_len.is_none() {
        return Err(Error::TemplateIncomplete);
    }
    spec.length_up_to(255 * prf.len())
}
