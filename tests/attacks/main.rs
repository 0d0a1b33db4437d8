// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Attacks on keys through the interface, each by its published name and played as published: on a
//! `safe` token it fails at the step that is named here, and where a safeguard stops it, it succeeds
//! on a token that has lifted that safeguard. `docs/security.md` lists them all.

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

mod aead;
mod attributes;
mod binding;
mod conjuring;
mod curves;
mod derivation;
mod explorer;
mod null;
mod oracles;
mod reimport;
mod rsa;
mod sessions;
mod tookan;
mod world;
mod wrapping;

use common::*;

/// The value of the key under attack: the tests know it, and so recognise it.
pub const SECRET: &[u8; 32] = b"what the attacker wants to know.";

/// An ordinary token, the user logged in.
fn safe() -> User {
    User::new()
}

/// A token that has lifted these safeguards, the user logged in.
fn lifting(safeguards: &[&str]) -> User {
    User::with_settings(&format!("[token]\nmode = \"compatible\"\nlift = {safeguards:?}\n"))
}

/// A token that has lifted all safeguards.
fn compatible() -> User {
    User::with_settings("[token]\nmode = \"compatible\"\n")
}

/// The key under attack: sensitive, and allowed to leave wrapped.
fn target(s: Session) -> Obj {
    target_of(s, CKK_AES, SECRET)
}

/// The same of another type or value.
fn target_of(s: Session, kind: CK_KEY_TYPE, value: &[u8]) -> Obj {
    keys::try_secret(s, kind, value, &guarded()).good_for("the key under attack")
}

/// What guards the key under attack.
fn guarded() -> Template {
    template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => true }
}

/// A key as ordinary clients make it: in the token, sensitive, for every usage there is.
fn ordinary(s: Session) -> Obj {
    keys::aes_with(s, 32, &Template::default())
}

/// The template of an AES key that comes back, guarded as it was.
fn returning() -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES }.and(&guarded())
}

/// The AES key wrap of RFC 3394, which wraps and, as a mechanism of PKCS #11, also encrypts.
fn kw() -> Mech {
    Mech::plain(CKM_AES_KEY_WRAP)
}

/// A key of the attacker's own, of a known value.
fn known(s: Session, value: &[u8], more: &Template) -> R<Obj> {
    keys::try_secret(s, CKK_AES, value, more)
}
