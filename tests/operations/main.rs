// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The state machine of operations: what keeps one alive, what ends it, and what it then answers.

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

mod authenticate;
mod dual;
mod end;
mod message_sign;
mod output;
mod random;
mod saved;
mod sessions;
mod signature_first;

use common::operation::Kind;
use common::*;

/// An operation that is ready to start, with the input and output it has.
struct Case {
    name: &'static str,
    kind: Kind,
    mech: Mech,
    key: Option<Obj>,
    input: Vec<u8>,
    output: Vec<u8>,
    /// Whether it can be done in parts.
    parts: bool,
}

impl Case {
    fn start(&self, session: Session) {
        session.start(self.kind, &self.mech, self.key).good_for(self.name);
    }

    /// Whether every run gives the same output.
    fn repeats(&self) -> bool {
        let random = [CKM_ECDSA, CKM_ECDSA_SHA256, CKM_RSA_PKCS_OAEP];
        !random.contains(&self.mech.kind())
    }

    /// Compares an output with the expected one.
    fn check(&self, output: &[u8]) {
        if self.repeats() {
            assert_eq!(output, self.output, "{}", self.name);
        } else {
            assert_eq!(output.len(), self.output.len(), "{}", self.name);
        }
    }
}

/// Operations of every kind that has an output.
fn cases(s: Session) -> Vec<Case> {
    let (public, private) = keys::rsa(s);
    let (_, ec) = keys::pair(s, &ec::P256);
    let (_, ed) = keys::pair(s, &ec::ED25519);
    let (aes, generic) = (keys::aes(s, 32), keys::generic(s, 32));
    let pad = || Mech::iv(CKM_AES_CBC_PAD, &[1; 16]);
    let gcm = || Mech::gcm(&[2; 12], b"aad", 128);
    let ctr = || Mech::ctr(128, [3; 16]);
    let oaep = || Mech::oaep(CKM_SHA256, CKG_MGF1_SHA256, b"");
    let plain = |kind| Mech::plain(kind);
    let (long, short) = (vec![7; 100], vec![7; 32]);
    let sealed = |mech: &Mech, key, input: &[u8]| s.encrypt(mech, key, input).good();
    let rows = [
        (
            "encrypt CBC",
            Kind::Encrypt,
            Mech::iv(CKM_AES_CBC, &[1; 16]),
            Some(aes),
            vec![7; 96],
            true,
        ),
        ("encrypt CBC-PAD", Kind::Encrypt, pad(), Some(aes), long.clone(), true),
        ("encrypt GCM", Kind::Encrypt, gcm(), Some(aes), long.clone(), true),
        ("encrypt CTR", Kind::Encrypt, ctr(), Some(aes), long.clone(), true),
        ("encrypt OAEP", Kind::Encrypt, oaep(), Some(public), short.clone(), false),
        ("decrypt CBC-PAD", Kind::Decrypt, pad(), Some(aes), sealed(&pad(), aes, &long), true),
        ("decrypt GCM", Kind::Decrypt, gcm(), Some(aes), sealed(&gcm(), aes, &long), true),
        ("decrypt CTR", Kind::Decrypt, ctr(), Some(aes), sealed(&ctr(), aes, &long), true),
        (
            "decrypt PKCS #1",
            Kind::Decrypt,
            plain(CKM_RSA_PKCS),
            Some(private),
            pkcs1(s, public),
            false,
        ),
        ("digest", Kind::Digest, plain(CKM_SHA256), None, long.clone(), true),
        ("sign HMAC", Kind::Sign, plain(CKM_SHA256_HMAC), Some(generic), long.clone(), true),
        ("sign CMAC", Kind::Sign, plain(CKM_AES_CMAC), Some(aes), long.clone(), true),
        ("sign RSA", Kind::Sign, plain(CKM_SHA256_RSA_PKCS), Some(private), long.clone(), true),
        ("sign RSA raw", Kind::Sign, plain(CKM_RSA_PKCS), Some(private), short.clone(), false),
        ("sign ECDSA", Kind::Sign, plain(CKM_ECDSA), Some(ec), short, false),
        ("sign ECDSA hash", Kind::Sign, plain(CKM_ECDSA_SHA256), Some(ec), long.clone(), true),
        ("sign EdDSA", Kind::Sign, plain(CKM_EDDSA), Some(ed), long, true),
    ];
    let ready = |(name, kind, mech, key, input, parts): (_, _, _, _, Vec<u8>, _)| {
        let output = s.whole(kind, &mech, key, &input).good_for(name);
        Case { name, kind, mech, key, input, output, parts }
    };
    rows.into_iter().map(ready).collect()
}

fn pkcs1(s: Session, public: Obj) -> Vec<u8> {
    s.encrypt(&Mech::plain(CKM_RSA_PKCS), public, &[7; 32]).good()
}

/// A verification that is ready to start.
struct Check {
    name: &'static str,
    mech: Mech,
    key: Obj,
    input: Vec<u8>,
    signature: Vec<u8>,
    parts: bool,
}

impl Check {
    /// The signature, one that is wrong and one that is too long, each with its verdict.
    fn signatures(&self) -> [(Vec<u8>, CK_RV); 3] {
        let (longer, mut wrong) = ([&self.signature[..], b"!"].concat(), self.signature.clone());
        wrong[5] ^= 1;
        [
            (self.signature.clone(), CKR_OK),
            (wrong, CKR_SIGNATURE_INVALID),
            (longer, CKR_SIGNATURE_LEN_RANGE),
        ]
    }
}

/// Verifications of every family.
fn checks(s: Session) -> Vec<Check> {
    let (public, private) = keys::rsa(s);
    let (ec_public, ec_private) = keys::pair(s, &ec::P256);
    let (ed_public, ed_private) = keys::pair(s, &ec::ED25519);
    let generic = keys::generic(s, 32);
    let rows = [
        ("HMAC", CKM_SHA256_HMAC, generic, generic, 100, true),
        ("RSA", CKM_SHA256_RSA_PKCS, public, private, 100, true),
        ("RSA raw", CKM_RSA_PKCS, public, private, 32, false),
        ("ECDSA", CKM_ECDSA, ec_public, ec_private, 32, false),
        ("ECDSA hash", CKM_ECDSA_SHA384, ec_public, ec_private, 100, true),
        ("EdDSA", CKM_EDDSA, ed_public, ed_private, 100, true),
    ];
    let ready = |(name, kind, key, signer, length, parts)| {
        let (mech, input) = (Mech::plain(kind), vec![5; length]);
        let signature = s.sign(&mech, signer, &input).good_for(name);
        Check { name, mech, key, input, signature, parts }
    };
    rows.into_iter().map(ready).collect()
}

/// There is no operation of the kind in the session.
#[track_caller]
fn idle(s: Session, kind: Kind, name: &str) {
    s.once_or_finish(kind).gives_for(name, &[CKR_OPERATION_NOT_INITIALIZED]);
}
