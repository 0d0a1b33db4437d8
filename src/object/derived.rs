// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The objects that a derivation makes: what the mechanism says of them besides their values becomes
//! attributes here.

use super::Object;
use super::build::{Extra, Maker, Origin, new_data, new_key_with};
use super::heritage::Heritage;
use super::template::Template;
use super::value::{Attributes, Value};
use crate::error::Result;
use crate::mechanism::{Made, Parts, Product, Purpose, secret_key};
use crate::secret::Secret;
use crate::vendor::*;
use cryptoki_sys::*;

/// The object of a product. `key_type` is the type that its template asks for, or the default.
pub fn derived(
    product: Product,
    key_type: CK_KEY_TYPE,
    base: &Object,
    heritage: Heritage,
    template: &Template,
    maker: Maker,
) -> Result<Object> {
    let parts = match product.made {
        Made::Value(value) => secret(key_type, value),
        Made::Key(Parts::Secret(key_type, value)) => secret(key_type, value),
        Made::Key(public) => return public_half(public, base, template, maker),
        Made::Data(value) => {
            let mut template = template.duplicate()?;
            template.leave_out(&[CKA_VALUE_LEN]);
            return new_data(value, &template, base.private());
        }
    };
    let mut extra = Extra::default();
    if let Some(allowed) = product.allowed {
        let allowed = allowed.iter().map(|id| *id as u64).collect();
        extra.contributed.set(CKA_ALLOWED_MECHANISMS, Value::Numbers(allowed));
    }
    let origin = Origin::Derive(heritage);
    match product.purpose {
        Purpose::Asked => new_key_with(origin, parts, extra, template, maker),
        Purpose::Encryption => {
            extra.unsaid = usages(&[CKA_ENCRYPT, CKA_DECRYPT, CKA_DERIVE]);
            new_key_with(origin, parts, extra, template, maker)
        }
        Purpose::Authentication => {
            extra.unsaid = usages(&[CKA_SIGN, CKA_VERIFY]);
            let mut template = template.duplicate()?;
            template.leave_out(&USAGES);
            template.leave_out(&[CKA_KEY_TYPE, CKA_VALUE_LEN, CKA_CHECK_VALUE]);
            new_key_with(origin, parts, extra, &template, maker)
        }
    }
}

/// A secret key's value as keys of its type have it (the parity of DES).
fn secret(key_type: CK_KEY_TYPE, mut value: Secret) -> Parts {
    secret_key::settle(key_type, value.expose_mut());
    Parts::Secret(key_type, value)
}

/// The usages of a key: those that are named and no others.
fn usages(permitted: &[CK_ATTRIBUTE_TYPE]) -> Attributes {
    let mut attributes = Attributes::default();
    for usage in USAGES {
        attributes.set(usage, Value::Bool(permitted.contains(&usage)));
    }
    attributes
}

/// The public key of a private one (section "Public key from private key"): the template is that of
/// an object being created, and what it leaves out is as the private key has it.
fn public_half(
    parts: Parts,
    private: &Object,
    template: &Template,
    maker: Maker,
) -> Result<Object> {
    let mut extra = Extra::default();
    for (to, from) in COPIED {
        if let Some(value) = private.attributes().get(from) {
            extra.unsaid.set(to, value.duplicate()?);
        }
    }
    new_key_with(Origin::PublicHalf, parts, extra, template, maker)
}

const USAGES: [CK_ATTRIBUTE_TYPE; 7] =
    [CKA_ENCRYPT, CKA_DECRYPT, CKA_SIGN, CKA_VERIFY, CKA_WRAP, CKA_UNWRAP, CKA_DERIVE];

/// What a public key has from the private key, and from which attribute.
const COPIED: [(CK_ATTRIBUTE_TYPE, CK_ATTRIBUTE_TYPE); 14] = [
    (CKA_ENCRYPT, CKA_DECRYPT),
    (CKA_VERIFY, CKA_SIGN),
    (CKA_VERIFY_RECOVER, CKA_SIGN_RECOVER),
    (CKA_WRAP, CKA_UNWRAP),
    (CKA_ENCAPSULATE, CKA_DECAPSULATE),
    (CKA_DERIVE, CKA_DERIVE),
    (CKA_ID, CKA_ID),
    (CKA_START_DATE, CKA_START_DATE),
    (CKA_END_DATE, CKA_END_DATE),
    (CKA_STRONGROOM_STATE, CKA_STRONGROOM_STATE),
    (CKA_STRONGROOM_STATE_REASON, CKA_STRONGROOM_STATE_REASON),
    (CKA_SUBJECT, CKA_SUBJECT),
    (CKA_KEY_GEN_MECHANISM, CKA_KEY_GEN_MECHANISM),
    (CKA_ALLOWED_MECHANISMS, CKA_ALLOWED_MECHANISMS),
];
