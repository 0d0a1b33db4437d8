// SPDX-License-Identifier: Apache-2.0 OR MIT
//! HKDF (RFC 5869; PKCS #11, section "HKDF Mechanisms").

use super::ossl::{Kdf, ParamList, derive as run};
use super::params::{Hkdf, Salt};
use super::{Base, Derived, Does, Made, ParamKind, Params, Row, Spec, Start, generic};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The HKDF mechanisms.
pub const ROWS: &[Row] = &[
    row(CKM_HKDF_DERIVE, "CKM_HKDF_DERIVE", derive_key),
    row(CKM_HKDF_DATA, "CKM_HKDF_DATA", derive_data),
    Row {
        does: Does { generate: Some(generic::generate), ..Does::NOTHING },
        ..Row::new(CKM_HKDF_KEY_GEN, "CKM_HKDF_KEY_GEN", &[CKK_HKDF], SIZES)
    },
];

const fn row(id: CK_MECHANISM_TYPE, name: &'static str, derive: super::Derive) -> Row {
    let does = Does { derive: Some(derive), ..Does::NOTHING };
    Row {
        params: ParamKind::Hkdf,
        start: Start::KeyOrData,
        does,
        ..Row::new(id, name, &[CKK_HKDF, CKK_GENERIC_SECRET], SIZES)
    }
}

fn derive_key(row: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Derived> {
    derive(row, base, params, spec).map(Derived::from)
}

fn derive_data(
    row: &'static Row,
    base: &Base<'_>,
    params: &Params,
    spec: &Spec,
) -> Result<Derived> {
    derive(row, base, params, spec).map(|value| Derived::from(Made::Data(value)))
}

/// Derives. The specification wants a base key of the hash's length; keys agreed by ECDH, which
/// the extract step is for, are of other lengths, so any is taken.
fn derive(_row: &'static Row, base: &Base<'_>, params: &Params, spec: &Spec) -> Result<Secret> {
    let Params::Hkdf(hkdf) = params else { return Err(Error::MechanismParamInvalid) };
    let hash_len = hkdf.hash.len();
    // At most 255 blocks (RFC 5869, section 2.3).
    let expanded = || spec.length_up_to(255 * hash_len);
    let (mode, len) = match (hkdf.extract, hkdf.expand) {
        (true, true) => (c"EXTRACT_AND_EXPAND", expanded()?),
        (false, true) => (c"EXPAND_ONLY", expanded()?),
        (true, false) => match spec.value_len {
            None => (c"EXTRACT_ONLY", hash_len),
            Some(len) if len == hash_len => (c"EXTRACT_ONLY", hash_len),
            Some(_) => return Err(Error::TemplateInconsistent),
        },
        (false, false) => return Err(Error::MechanismParamInvalid),
    };
    let mut list = ParamList::new()
        .text(c"mode", mode)
        .text(c"digest", hkdf.hash.name())
        .octets(c"key", base.key.value()?);
    if hkdf.extract {
        list = with_salt(list, hkdf, base)?;
    }
    if hkdf.expand {
        list = list.octets(c"info", &hkdf.info);
    }
    Secret::with(len, |out| run(Kdf::Hkdf, &list, out))
}

fn with_salt<'a>(list: ParamList<'a>, hkdf: &'a Hkdf, base: &'a Base<'_>) -> Result<ParamList<'a>> {
    match &hkdf.salt {
        // OpenSSL takes as many zeros as the hash has, as the standard says.
        Salt::None => Ok(list),
        Salt::Data(data) if data.is_empty() => Ok(list),
        Salt::Data(data) => Ok(list.octets(c"salt", data)),
        Salt::Key(_) => Ok(list.octets(c"salt", base.other(0)?)),
    }
}

/// Sizes of keys, bytes.
const SIZES: (CK_ULONG, CK_ULONG) = (1, 8192);
