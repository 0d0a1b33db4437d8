// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Derivations that only rearrange the base key's value (PKCS #11, sections "Miscellaneous simple key
//! derivation mechanisms" and "NULL Mechanism"), and the public half of a private key.

use super::derive::{SECRETS, SIZES};
use super::{Base, Derive, Derived, Does, Inherit, Made, ParamKind, Params, Row, Spec, Start};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The simple derivations.
pub const ROWS: &[Row] = &[
    Row {
        params: ParamKind::KeyHandle,
        ..row(CKM_CONCATENATE_BASE_AND_KEY, "CKM_CONCATENATE_BASE_AND_KEY", base_and_key)
    },
    Row {
        params: ParamKind::DerivationData,
        ..row(CKM_CONCATENATE_BASE_AND_DATA, "CKM_CONCATENATE_BASE_AND_DATA", base_and_data)
    },
    Row {
        params: ParamKind::DerivationData,
        ..row(CKM_CONCATENATE_DATA_AND_BASE, "CKM_CONCATENATE_DATA_AND_BASE", data_and_base)
    },
    Row {
        params: ParamKind::DerivationData,
        ..row(CKM_XOR_BASE_AND_DATA, "CKM_XOR_BASE_AND_DATA", xor)
    },
    Row {
        params: ParamKind::FirstBit,
        ..row(CKM_EXTRACT_KEY_FROM_KEY, "CKM_EXTRACT_KEY_FROM_KEY", extract)
    },
    row(CKM_NULL, "CKM_NULL", same),
    Row {
        keys: PAIRS,
        sizes: (0, 0),
        start: Start::PrivateKey,
        ..row(CKM_PUB_KEY_FROM_PRIV_KEY, "CKM_PUB_KEY_FROM_PRIV_KEY", public_half)
    },
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, derive: Derive) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    Row { inherit: Inherit::Guard, does, ..Row::new(id, name, SECRETS, SIZES) }
}

fn base_and_key(_: &'static Row, base: &Base<'_>, _: &Params, spec: &Spec) -> Result<Derived> {
    joined(base.key.value()?, base.other(0)?, spec)
}

fn base_and_data(_: &'static Row, base: &Base<'_>, given: &Params, spec: &Spec) -> Result<Derived> {
    joined(base.key.value()?, data(given)?, spec)
}

fn data_and_base(_: &'static Row, base: &Base<'_>, given: &Params, spec: &Spec) -> Result<Derived> {
    joined(data(given)?, base.key.value()?, spec)
}

fn xor(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let (value, mask) = (base.key.value()?, data(params)?);
    let whole = value.len().min(mask.len());
    let derived = Secret::with(spec.length(Some(whole))?, |out| {
        for ((out, a), b) in out.iter_mut().zip(value).zip(mask) {
            *out = a ^ b;
        }
        Ok(())
    });
    derived.map(Derived::from)
}

/// Consecutive bits from the one that the parameter numbers, around the end where need be.
fn extract(_: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    let Params::FirstBit(first) = params else { return Err(Error::MechanismParamInvalid) };
    let value = base.key.value()?;
    let (start, shift) = (first / 8, first % 8);
    if start >= value.len() {
        return Err(Error::MechanismParamInvalid);
    }
    let derived = Secret::with(spec.length_up_to(value.len())?, |out| {
        let bytes = value.iter().cycle().skip(start);
        for ((out, high), low) in out.iter_mut().zip(bytes.clone()).zip(bytes.skip(1)) {
            let pair = u16::from_be_bytes([*high, *low]);
            *out = (pair >> (8 - shift)) as u8;
        }
        Ok(())
    });
    derived.map(Derived::from)
}

/// The base key's value as it is.
fn same(_: &'static Row, base: &Base<'_>, _: &Params, spec: &Spec) -> Result<Derived> {
    Derived::front(Secret::copy_of(base.key.value()?)?, spec)
}

fn public_half(_: &'static Row, base: &Base<'_>, _: &Params, _: &Spec) -> Result<Derived> {
    base.key.public_parts().map(|parts| Derived::from(Made::Key(parts)))
}

fn joined(first: &[u8], second: &[u8], spec: &Spec) -> Result<Derived> {
    let whole = Secret::with(first.len() + second.len(), |out| {
        let both = first.iter().chain(second);
        out.iter_mut().zip(both).for_each(|(out, byte)| *out = *byte);
        Ok(())
    });
    Derived::front(whole?, spec)
}

fn data(params: &Params) -> Result<&[u8]> {
    match params {
        Params::DerivationData(data) => Ok(data),
        _ => Err(Error::MechanismParamInvalid),
    }
}

/// Keys that come in pairs.
const PAIRS: &[CK_KEY_TYPE] = &[
    CKK_RSA,
    CKK_DSA,
    CKK_DH,
    CKK_X9_42_DH,
    CKK_EC,
    CKK_EC_EDWARDS,
    CKK_EC_MONTGOMERY,
    CKK_ML_DSA,
    CKK_SLH_DSA,
    CKK_ML_KEM,
];
