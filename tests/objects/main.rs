// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Objects and the rules of their attributes.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;

mod access;
mod builtin;
mod certificates;
mod closing;
mod computed;
mod copy;
mod create;
mod defaults;
mod find;
mod get;
mod keep;
mod older;
mod rules;
mod secrets;
mod set;
mod templates;
mod trust;
mod trusts;
mod validate;

use common::*;

/// One template of every class of object that an application can create, with its name.
fn every_class() -> Vec<(&'static str, Template)> {
    let own = reference::generate(&ec::P256);
    let ed = reference::generate(&ec::ED25519);
    let point = reference::point(&ec::P256, &own);
    let value = reference::private_value(&ec::P256, &own);
    let open = keys::open();
    vec![
        (
            "data",
            template! { CKA_CLASS => CKO_DATA, CKA_APPLICATION => "app", CKA_VALUE => b"data" },
        ),
        ("certificate", certificates::template()),
        ("attribute certificate", trusts::attribute_certificate()),
        ("WTLS certificate", trusts::wtls_certificate()),
        ("trust", trusts::trust()),
        ("RSA public key", keys::rsa_public(&reference::rsa())),
        ("RSA private key", keys::rsa_private(&reference::rsa()).and(&open)),
        ("EC public key", keys::curve_public(&ec::P256, &point)),
        ("EC private key", keys::curve_private(&ec::P256, &value).and(&open)),
        ("Ed25519 public key", keys::curve_public(&ec::ED25519, &ed.raw_public_key().unwrap())),
        (
            "Ed25519 private key",
            keys::curve_private(&ec::ED25519, &ed.raw_private_key().unwrap()).and(&open),
        ),
        ("AES key", secret(CKK_AES, &[7; 32])),
        ("generic secret", secret(CKK_GENERIC_SECRET, &[8; 20])),
        ("ML-DSA public key", sets::named("ML-DSA-44").public(&[1; 1312])),
        ("ML-DSA private key", sets::named("ML-DSA-44").private().with(CKA_SEED, &[7; 32])),
        ("DH domain parameters", domain()),
    ]
}

fn secret(kind: CK_KEY_TYPE, value: &[u8]) -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind, CKA_VALUE => value }
        .and(&keys::open())
}

fn domain() -> Template {
    template! {
        CKA_CLASS => CKO_DOMAIN_PARAMETERS,
        CKA_KEY_TYPE => CKK_DH,
        CKA_PRIME => vec![0xFB; 256],
        CKA_BASE => &[2],
    }
}

fn data() -> Template {
    template! { CKA_CLASS => CKO_DATA, CKA_LABEL => "data", CKA_VALUE => b"value" }
}
