// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A fresh token in a module, and the keys that the cases use: all of them token objects, private
//! and sensitive, as keys are that must not leave.

use std::ffi::OsString;

use cryptoki_sys::*;

use crate::failure::Failure;
use crate::peers::Peer;
use crate::pkcs11::{Attribute, Module, Session};

pub(crate) const LABEL: &str = "strongroom-bench";
pub(crate) const PIN: &str = "bench-user-pin";
/// P-256: 1.2.840.10045.3.1.7.
const CURVE: [u8; 10] = [6, 8, 0x2a, 0x86, 0x48, 0xce, 0x3d, 3, 1, 7];
pub(crate) const SO_PIN: &str = "bench-so-pin";

/// The label by which the cases find the P-256 key.
pub(crate) const P256_LABEL: &[u8] = b"bench-p256";

pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) ours: bool,
    pub(crate) library: OsString,
    pub(crate) module: Module,
    pub(crate) slot: CK_SLOT_ID,
    pub(crate) session: Session,
    pub(crate) p256: CK_OBJECT_HANDLE,
}

impl Token {
    /// Loads the module and makes a token with a P-256 key in the slot it has for a new one.
    pub(crate) fn make(peer: &Peer) -> Result<Self, Failure> {
        let module = Module::open(&peer.library)?;
        module.initialize()?;
        let (session, p256) = another(&module, LABEL)?;
        let slot = find_slot(&module)?;
        Ok(Self {
            name: peer.name.clone(),
            ours: peer.ours(),
            library: peer.library.clone(),
            module,
            slot,
            session,
            p256,
        })
    }
}

/// Makes a token with a P-256 key in the slot that a module has for a new one: a session with its user
/// logged in, and the key.
pub(crate) fn another(
    module: &Module,
    label: &str,
) -> Result<(Session, CK_OBJECT_HANDLE), Failure> {
    let free = module.slots()?.last().copied().ok_or_else(|| Failure::say("no slot"))?;
    module.init_token(free, SO_PIN, label)?;
    let session = module.session(labelled(module, label)?)?;
    session.login(CKU_SO, SO_PIN)?;
    session.init_pin(PIN)?;
    session.logout()?;
    session.login(CKU_USER, PIN)?;
    let key = p256(&session)?;
    Ok((session, key))
}

/// The slot of the token that `Token::make` made, in this process or another.
pub(crate) fn find_slot(module: &Module) -> Result<CK_SLOT_ID, Failure> {
    labelled(module, LABEL)
}

fn labelled(module: &Module, wanted: &str) -> Result<CK_SLOT_ID, Failure> {
    for slot in module.slots()? {
        // A slot without a token has no label to give.
        if module.label(slot).is_ok_and(|label| label == wanted) {
            return Ok(slot);
        }
    }
    Err(Failure::say("the token is in no slot"))
}

pub(crate) fn login_user(session: &Session) -> Result<(), Failure> {
    session.login(CKU_USER, PIN)
}

pub(crate) fn find_by_label(session: &Session) -> Result<CK_OBJECT_HANDLE, Failure> {
    let class = CKO_PRIVATE_KEY;
    let mut template =
        [Attribute::number(CKA_CLASS, &class), Attribute::bytes(CKA_LABEL, P256_LABEL)];
    let mut found = [0; 2];
    match (session.find(&mut template, &mut found)?, found) {
        (1, [key, _]) => Ok(key),
        (count, _) => Err(Failure::say(format!("{count} keys of one label"))),
    }
}

pub(crate) fn rsa2048(session: &Session) -> Result<CK_OBJECT_HANDLE, Failure> {
    let bits: CK_ULONG = 2048;
    let mut public = [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_VERIFY, true),
        Attribute::number(CKA_MODULUS_BITS, &bits),
        Attribute::bytes(CKA_PUBLIC_EXPONENT, &[1, 0, 1]),
    ];
    session.generate_pair(CKM_RSA_PKCS_KEY_PAIR_GEN, &mut public, &mut signer(b"bench-rsa"))
}

fn p256(session: &Session) -> Result<CK_OBJECT_HANDLE, Failure> {
    let mut public = [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_VERIFY, true),
        Attribute::bytes(CKA_EC_PARAMS, &CURVE),
    ];
    session.generate_pair(CKM_EC_KEY_PAIR_GEN, &mut public, &mut signer(P256_LABEL))
}

pub(crate) fn ed25519(session: &Session) -> Result<CK_OBJECT_HANDLE, Failure> {
    // The curve's name as a PrintableString, the form that every module here takes.
    let curve = b"\x13\x0cedwards25519";
    let mut public = [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_VERIFY, true),
        Attribute::bytes(CKA_EC_PARAMS, curve),
    ];
    session.generate_pair(CKM_EC_EDWARDS_KEY_PAIR_GEN, &mut public, &mut signer(b"bench-ed25519"))
}

/// One P-256 private key, brought in under this label and `CKA_ID`.
pub(crate) fn p256_named(session: &Session, name: &[u8]) -> Result<CK_OBJECT_HANDLE, Failure> {
    let (class, key_type) = (CKO_PRIVATE_KEY, CKK_EC);
    // Any number below the order of the group is a key.
    let value = [0x5a; 32];
    let mut template = [
        Attribute::number(CKA_CLASS, &class),
        Attribute::number(CKA_KEY_TYPE, &key_type),
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_PRIVATE, true),
        Attribute::flag(CKA_SENSITIVE, true),
        Attribute::flag(CKA_EXTRACTABLE, false),
        Attribute::flag(CKA_SIGN, true),
        Attribute::bytes(CKA_EC_PARAMS, &CURVE),
        Attribute::bytes(CKA_VALUE, &value),
        Attribute::bytes(CKA_LABEL, name),
        Attribute::bytes(CKA_ID, name),
    ];
    session.create(&mut template)
}

/// An AES-256 token key with this `CKA_ID`.
pub(crate) fn aes256(session: &Session, id: &[u8]) -> Result<CK_OBJECT_HANDLE, Failure> {
    let length: CK_ULONG = 32;
    let mut template = [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_PRIVATE, true),
        Attribute::flag(CKA_SENSITIVE, true),
        Attribute::flag(CKA_EXTRACTABLE, false),
        Attribute::flag(CKA_ENCRYPT, true),
        Attribute::flag(CKA_DECRYPT, true),
        Attribute::bytes(CKA_ID, id),
        Attribute::number(CKA_VALUE_LEN, &length),
    ];
    session.generate(CKM_AES_KEY_GEN, &mut template)
}

/// A generic secret of 32 bytes for HMAC.
pub(crate) fn hmac_key(session: &Session) -> Result<CK_OBJECT_HANDLE, Failure> {
    let length: CK_ULONG = 32;
    let mut template = [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_PRIVATE, true),
        Attribute::flag(CKA_SENSITIVE, true),
        Attribute::flag(CKA_EXTRACTABLE, false),
        Attribute::flag(CKA_SIGN, true),
        Attribute::flag(CKA_VERIFY, true),
        Attribute::number(CKA_VALUE_LEN, &length),
    ];
    session.generate(CKM_GENERIC_SECRET_KEY_GEN, &mut template)
}

fn signer(label: &[u8]) -> [Attribute<'_>; 6] {
    [
        Attribute::flag(CKA_TOKEN, true),
        Attribute::flag(CKA_PRIVATE, true),
        Attribute::flag(CKA_SENSITIVE, true),
        Attribute::flag(CKA_EXTRACTABLE, false),
        Attribute::flag(CKA_SIGN, true),
        Attribute::bytes(CKA_LABEL, label),
    ]
}
