// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `docs/mechanisms.md`: the support matrix.

use crate::{document, registry};
use cryptoki_sys::*;
use std::collections::BTreeMap;
use std::path::Path;
use strongroom::config::Policy;
use strongroom::mechanism::{self, Row};
use strongroom::policy::{self, Ground};
use strongroom::safety::Lifted;

#[test]
fn the_support_matrix_is_that_of_the_table() {
    let structures = structures();
    let mut rows: Vec<&Row> = mechanism::all().collect();
    rows.sort_by_key(|row| row.id);
    let lines: Vec<[String; 7]> = rows.iter().map(|row| line(row, &structures)).collect();
    let head =
        ["mechanism", "functions", "key types", "key sizes", "parameter", "notes", "vectors"];
    let text = HEAD.replace("{count}", &rows.len().to_string());
    document::check("mechanisms.md", &(text + &document::table(head, &lines)));
}

/// What is in no registry was never compared with anything published.
#[test]
fn every_mechanism_has_known_answers() {
    let bare: Vec<&str> = mechanism::all()
        .map(|row| row.name)
        .filter(|name| registry::sets(name).is_empty())
        .collect();
    assert!(bare.is_empty(), "no known answers in tests/documents/registry.rs for {bare:?}");
}

fn line(row: &Row, structures: &BTreeMap<String, String>) -> [String; 7] {
    let shown = |set: &&str| match *set {
        registry::RANDOM | registry::COMPUTED => (*set).to_owned(),
        file => format!("`{file}`"),
    };
    let sets: Vec<String> = registry::sets(row.name).iter().map(shown).collect();
    [
        format!("`{}`", row.name),
        functions(row.flags()),
        row.keys.iter().map(|key| key_type(*key)).collect::<Vec<_>>().join(", "),
        sizes(row),
        parameter(row, structures),
        notes(row),
        sets.join(", "),
    ]
}

fn functions(flags: CK_FLAGS) -> String {
    let names = FUNCTIONS.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| *name);
    names.collect::<Vec<_>>().join(", ")
}

pub fn key_type(kind: CK_KEY_TYPE) -> String {
    let known = KEY_TYPES.iter().find(|(value, _)| *value == kind);
    known.map_or_else(|| format!("`{kind:#x}`"), |(_, name)| (*name).to_owned())
}

/// Sizes with the unit that the specification gives for the mechanism.
fn sizes(row: &Row) -> String {
    let public = [CKK_ML_DSA, CKK_ML_KEM, CKK_SLH_DSA];
    let bits = [CKK_RSA, CKK_DSA, CKK_DH, CKK_X9_42_DH, CKK_EC, CKK_EC_EDWARDS, CKK_EC_MONTGOMERY];
    let has = |kinds: &[CK_KEY_TYPE]| row.keys.iter().any(|key| kinds.contains(key));
    let unit = match row.id {
        CKM_GENERIC_SECRET_KEY_GEN | CKM_CHACHA20 => "bits",
        CKM_SP800_108_COUNTER_KDF
        | CKM_SP800_108_FEEDBACK_KDF
        | CKM_SP800_108_DOUBLE_PIPELINE_KDF => "bits",
        _ if has(&bits) => "bits",
        _ if has(&public) => "bytes, public key",
        _ => "bytes",
    };
    match row.sizes {
        (0, 0) => String::new(),
        (one, same) if one == same => format!("{one} {unit}"),
        (least, most) => format!("{least} to {most} {unit}"),
    }
}

/// The structure, from the documentation of the parameter's kind.
fn parameter(row: &Row, structures: &BTreeMap<String, String>) -> String {
    let kind = format!("{:?}", row.params);
    let (name, size) = kind.split_once('(').unwrap_or((&kind, ")"));
    let size = size.trim_end_matches(')');
    match structures.get(name) {
        _ if name == "None" => String::new(),
        Some(text) => text.replace("so many", size),
        None => panic!("src/mechanism/params.rs says nothing of {name}"),
    }
}

/// The first sentence of the documentation of every kind of parameter.
fn structures() -> BTreeMap<String, String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mechanism/params.rs");
    let text = std::fs::read_to_string(path).unwrap();
    let body = text.split_once("pub enum ParamKind {").unwrap().1.split_once("\n}").unwrap().0;
    let (mut all, mut said) = (BTreeMap::new(), String::new());
    for line in body.lines().map(str::trim) {
        if let Some(comment) = line.strip_prefix("///") {
            said.push_str(comment);
        } else {
            let name: String = line.chars().take_while(|c| c.is_alphanumeric()).collect();
            let sentence = said.split(". ").next().unwrap_or_default();
            let sentence = sentence.split(':').next().unwrap_or_default();
            all.insert(name, sentence.trim().trim_end_matches('.').to_owned());
            said.clear();
        }
    }
    all
}

/// What a fresh configuration keeps back, and the hash inside.
fn notes(row: &Row) -> String {
    let kept =
        row.flags() & !policy::flags(row, &Ground::new(Lifted::default(), &Policy::default()));
    let mut notes = Vec::new();
    if let Some(hash) = row.hash {
        notes.push(format!("{hash:?}"));
    }
    if kept != 0 {
        notes.push(format!("{}: only by configuration", functions(kept)));
    }
    notes.join("; ")
}

const HEAD: &str = "\
# Mechanisms

The {count} mechanisms of the library, from its own table: what `C_GetMechanismList` and
`C_GetMechanismInfo` say of them. A mechanism that is marked *only by configuration* needs a switch of
the table `[policy]` in [strongroom.toml](../conf/strongroom.toml). The last column says which known answers
each is run against: files of `tests/vectors`, or the Wycheproof files of [wycheproof.md](wycheproof.md);
*checked against OpenSSL* are those whose results are random.

This page is made by `UPDATE_DOCS=1 cargo test --test documents`; the test fails when it is out of date,
and when a mechanism has no known answers.

";

const FUNCTIONS: &[(CK_FLAGS, &str)] = &[
    (CKF_ENCRYPT, "encrypt"),
    (CKF_DECRYPT, "decrypt"),
    (CKF_DIGEST, "digest"),
    (CKF_SIGN, "sign"),
    (CKF_SIGN_RECOVER, "sign-recover"),
    (CKF_VERIFY, "verify"),
    (CKF_VERIFY_RECOVER, "verify-recover"),
    (CKF_GENERATE, "generate"),
    (CKF_GENERATE_KEY_PAIR, "generate pair"),
    (CKF_WRAP, "wrap"),
    (CKF_UNWRAP, "unwrap"),
    (CKF_DERIVE, "derive"),
    (CKF_ENCAPSULATE, "encapsulate"),
    (CKF_DECAPSULATE, "decapsulate"),
    (CKF_MESSAGE_ENCRYPT, "message encrypt"),
    (CKF_MESSAGE_DECRYPT, "message decrypt"),
    (CKF_MESSAGE_SIGN, "message sign"),
    (CKF_MESSAGE_VERIFY, "message verify"),
];

macro_rules! key_types {
    ($($name:ident)*) => { &[$(($name, stringify!($name))),*] };
}

#[rustfmt::skip]
const KEY_TYPES: &[(CK_KEY_TYPE, &str)] = key_types! {
    CKK_RSA CKK_DSA CKK_DH CKK_EC CKK_X9_42_DH CKK_GENERIC_SECRET CKK_DES2 CKK_DES3 CKK_AES CKK_AES_XTS
    CKK_MD5_HMAC CKK_SHA_1_HMAC CKK_SHA224_HMAC CKK_SHA256_HMAC CKK_SHA384_HMAC CKK_SHA512_HMAC
    CKK_SHA512_224_HMAC CKK_SHA512_256_HMAC CKK_SHA3_224_HMAC CKK_SHA3_256_HMAC CKK_SHA3_384_HMAC
    CKK_SHA3_512_HMAC CKK_BLAKE2B_160_HMAC CKK_BLAKE2B_256_HMAC CKK_BLAKE2B_384_HMAC CKK_BLAKE2B_512_HMAC
    CKK_CHACHA20 CKK_POLY1305 CKK_HKDF CKK_EC_EDWARDS CKK_EC_MONTGOMERY CKK_ML_DSA CKK_ML_KEM CKK_SLH_DSA
    CKK_HSS CKK_XMSS CKK_XMSSMT
};
