// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Keys from passwords: PBKDF2 (RFC 8018; PKCS #11, section "PKCS #5 PBKD2 key generation").

use super::derive::{SECRETS, SIZES};
use super::ossl::{Kdf, ParamList, derive};
use super::params::Pbkdf2;
use super::{Does, ParamKind, Params, Parts, Row, Spec, secret_key};
use crate::error::{Error, Result};
use crate::secret::Secret;
use cryptoki_sys::*;

/// The mechanism.
pub const ROWS: &[Row] = &[Row {
    params: ParamKind::Pbkdf2,
    does: Does { generate: Some(generate), ..Does::NOTHING },
    ..Row::new(CKM_PKCS5_PBKD2, "CKM_PKCS5_PBKD2", SECRETS, SIZES)
}];

fn generate(_: &'static Row, params: &Params, spec: &Spec) -> Result<Parts> {
    let Params::Pbkdf2(Pbkdf2 { hash, password, salt, iterations }) = params else {
        return Err(Error::MechanismParamInvalid);
    };
    let key_type = spec.named_type.ok_or(Error::TemplateIncomplete)?;
    let len = spec.length_up_to(LONGEST)?;
    // The lower bounds of SP 800-132 are not those of PKCS #5.
    let unbounded = 1;
    let list = ParamList::new()
        .text(c"digest", hash.name())
        .octets(c"pass", password.expose())
        .octets(c"salt", salt)
        .number(c"iter", iterations)
        .number(c"pkcs5", &unbounded);
    let mut value = Secret::with(len, |out| derive(Kdf::Pbkdf2, &list, out))?;
    secret_key::settle(key_type, value.expose_mut());
    Ok(Parts::Secret(key_type, value))
}

/// The longest key, bytes.
const LONGEST: usize = 8192;
