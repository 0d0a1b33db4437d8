// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may do what with which key: pure functions, values in, verdict out. It may import `object`,
//! `mechanism`, `store` (for what a count is), `audit` (for what a record is) and layer 0.

pub mod alarms;
pub mod counts;
mod deriving;
mod governing;
pub mod life;
pub mod roles;
pub mod rules;
mod strength;
mod wrapping;

pub use deriving::{joins, may_derive, may_result, rearranges};
pub use governing::{Policy, denied, facts, parties, refusal};
pub use roles::{CALLERS, Caller, Group};
pub use strength::strength;
pub use wrapping::{authenticates, may_unwrap, may_wrap};

use crate::config::{self, RSA_BITS, Separation};
use crate::error::{Error, Result};
use crate::mechanism::{Hash, Params, Row};
use crate::object::separation::{self, Standing, Uses};
use crate::object::{Object, Value};
use crate::safety::{Lifted, Safeguard};
use crate::types::Role;
use cryptoki_sys::*;
use std::sync::Arc;

/// The ground on which decisions stand: what the token and the configuration say.
#[derive(Clone, Debug)]
pub struct Ground {
    /// Which safeguards of the token are lifted.
    pub lifted: Lifted,
    /// The shortest RSA modulus, bits, of keys that protect.
    pub min_rsa_bits: usize,
    /// Whether legacy algorithms do more than read what they protected.
    pub legacy_algorithms: bool,
    /// The token's policy, if it has one.
    pub policy: Option<Arc<Policy>>,
    /// The latest time that the token has noted, seconds since 1970.
    pub seen: u64,
}

impl Ground {
    /// Of a token that has lifted these safeguards. The configuration asks for more, never for less.
    pub fn new(lifted: Lifted, policy: &config::Policy) -> Ground {
        let safe = if lifted.stands(Safeguard::RsaLength) { SAFE_RSA_BITS } else { RSA_BITS.0 };
        Ground {
            lifted,
            min_rsa_bits: policy.min_rsa_bits.max(safe),
            legacy_algorithms: policy.legacy_algorithms,
            policy: None,
            seen: 0,
        }
    }
}

/// What a key is to be used for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each variant is named after its call")]
pub enum Use {
    Encrypt,
    Decrypt,
    Sign,
    Verify,
    SignRecover,
    VerifyRecover,
    Wrap,
    Unwrap,
    Derive,
    Encapsulate,
    Decapsulate,
}

impl Use {
    /// All of them.
    pub const ALL: [Use; 11] = [
        Use::Encrypt,
        Use::Decrypt,
        Use::Sign,
        Use::Verify,
        Use::SignRecover,
        Use::VerifyRecover,
        Use::Wrap,
        Use::Unwrap,
        Use::Derive,
        Use::Encapsulate,
        Use::Decapsulate,
    ];

    /// What it is called.
    pub fn name(self) -> &'static str {
        match self {
            Use::Encrypt => "encrypt",
            Use::Decrypt => "decrypt",
            Use::Sign => "sign",
            Use::Verify => "verify",
            Use::SignRecover => "sign-recover",
            Use::VerifyRecover => "verify-recover",
            Use::Wrap => "wrap",
            Use::Unwrap => "unwrap",
            Use::Derive => "derive",
            Use::Encapsulate => "encapsulate",
            Use::Decapsulate => "decapsulate",
        }
    }

    /// The attribute that permits it.
    fn attribute(self) -> CK_ATTRIBUTE_TYPE {
        match self {
            Use::Encrypt => CKA_ENCRYPT,
            Use::Decrypt => CKA_DECRYPT,
            Use::Sign => CKA_SIGN,
            Use::Verify => CKA_VERIFY,
            Use::SignRecover => CKA_SIGN_RECOVER,
            Use::VerifyRecover => CKA_VERIFY_RECOVER,
            Use::Wrap => CKA_WRAP,
            Use::Unwrap => CKA_UNWRAP,
            Use::Derive => CKA_DERIVE,
            Use::Encapsulate => CKA_ENCAPSULATE,
            Use::Decapsulate => CKA_DECAPSULATE,
        }
    }

    /// The function of a mechanism that it asks for.
    fn function(self) -> CK_FLAGS {
        match self {
            Use::Encrypt => CKF_ENCRYPT,
            Use::Decrypt => CKF_DECRYPT,
            Use::Sign => CKF_SIGN,
            Use::Verify => CKF_VERIFY,
            Use::SignRecover => CKF_SIGN_RECOVER,
            Use::VerifyRecover => CKF_VERIFY_RECOVER,
            Use::Wrap => CKF_WRAP,
            Use::Unwrap => CKF_UNWRAP,
            Use::Derive => CKF_DERIVE,
            Use::Encapsulate => CKF_ENCAPSULATE,
            Use::Decapsulate => CKF_DECAPSULATE,
        }
    }

    /// The functions that begin it.
    pub fn group(self) -> Group {
        match self {
            Use::Encrypt => Group::Encrypt,
            Use::Decrypt => Group::Decrypt,
            Use::Sign | Use::SignRecover => Group::Sign,
            Use::Verify | Use::VerifyRecover => Group::Verify,
            Use::Wrap => Group::Wrap,
            Use::Unwrap => Group::Unwrap,
            Use::Derive => Group::Derive,
            Use::Encapsulate => Group::Encapsulate,
            Use::Decapsulate => Group::Decapsulate,
        }
    }

    /// The class of uses that it belongs to; 0 for what everybody can do with a public key, and for
    /// what shows whether a MAC is right.
    fn class(self) -> Uses {
        match self {
            Use::Wrap | Use::Unwrap => separation::KEYS,
            Use::Encrypt | Use::Decrypt | Use::Sign | Use::SignRecover => separation::DATA,
            Use::Derive | Use::Decapsulate => separation::DATA,
            Use::Verify | Use::VerifyRecover | Use::Encapsulate => 0,
        }
    }

    /// Whether a mechanism serves it.
    fn served_by(self, row: &Row) -> bool {
        match self {
            Use::Encrypt | Use::Decrypt => row.does.cipher.is_some(),
            Use::Sign => row.does.sign.is_some(),
            Use::Verify => row.does.verify.is_some(),
            Use::SignRecover => row.does.sign_recover.is_some(),
            Use::VerifyRecover => row.does.verify_recover.is_some(),
            Use::Wrap | Use::Unwrap => row.does.wrap.is_some(),
            Use::Derive => row.does.derive.is_some(),
            Use::Encapsulate | Use::Decapsulate => row.does.kem.is_some(),
        }
    }
}

/// Whether this key may be used so, with this mechanism. Where [`decides`] says that the use decides
/// something, that is recorded before the use begins.
pub fn permit(key: &Object, usage: Use, row: &Row, params: &Params, ground: &Ground) -> Result<()> {
    if !usage.served_by(row) {
        return Err(Error::MechanismInvalid);
    }
    offered(row, usage.function(), ground)?;
    takes(row, key)?;
    if !key.permits(usage.attribute()) {
        return Err(Error::KeyFunctionNotPermitted);
    }
    if key.restricted() {
        allowed_mechanism(key, row)?;
    }
    let protects = matches!(usage, Use::Encrypt | Use::Sign | Use::SignRecover | Use::Wrap);
    if protects && ground.min_rsa_bits > RSA_BITS.0 {
        long_enough(key, ground)?;
    }
    ground.lifted.check(Safeguard::SeparateUsages, excluded(key, usage))?;
    if matches!(usage, Use::Encrypt | Use::Wrap) && key.own_nonces() {
        ground.lifted.check(Safeguard::TokenNonces, params.chosen_iv())?;
    }
    ground.lifted.check(Safeguard::ShortTags, short_tag(params))?;
    if usage == Use::Sign && ground.lifted.stands(Safeguard::Sha1Signatures) {
        no_sha1(row, params)?;
    }
    Ok(())
}

fn excluded(key: &Object, usage: Use) -> bool {
    separation::standing(key, usage.class()) == Standing::Excluded
}

/// Whether a key still may be used so, for an operation that was begun when it might: by its usage
/// attribute and its life. What else [`permit`] asks does not change in a key's time.
pub fn stands(key: &Object, usage: Use, day: i64) -> bool {
    key.permits(usage.attribute()) && life::allows(key.life(), usage, day)
}

/// What a permitted use decides about the key for all time; none where it decides nothing.
pub fn decides(key: &Object, usage: Use, ground: &Ground) -> Option<Uses> {
    let open = separation::standing(key, usage.class()) == Standing::Open;
    (open && ground.lifted.stands(Safeguard::SeparateUsages)).then_some(usage.class())
}

/// Tags shorter than these are for protocols that say what a forgery costs there.
fn short_tag(params: &Params) -> bool {
    match params {
        Params::Gcm { tag_bits, .. } => *tag_bits < GCM_TAG_BITS,
        Params::Ccm { tag, .. } => *tag < CCM_TAG,
        Params::MacLength(len) => *len < MAC,
        _ => false,
    }
}

/// Whether a mechanism takes keys of this type.
fn takes(row: &Row, key: &Object) -> Result<()> {
    if !key.is_key() {
        return Err(Error::KeyHandleInvalid);
    }
    let key_type = key.key_type();
    match row.keys.iter().any(|taken| Some(*taken as u64) == key_type) {
        true => Ok(()),
        false => Err(Error::KeyTypeInconsistent),
    }
}

/// Whether a key may be used by a call that does all at once: one that wants the PIN for each use gets
/// it between beginning and end of an operation, and such a call has no between (section 4.9).
pub fn at_once(key: &Object) -> Result<()> {
    if key.always_authenticate() { Err(Error::UserNotLoggedIn) } else { Ok(()) }
}

/// Keys below the strength that policy asks for do what they did once: verify, decrypt, unwrap.
fn long_enough(key: &Object, ground: &Ground) -> Result<()> {
    let rsa = key.key_type() == Some(CKK_RSA as u64);
    if rsa && key.key()?.bits() < ground.min_rsa_bits {
        return Err(Error::KeySizeRange);
    }
    Ok(())
}

/// Whether a pair with a modulus of so many bits may be made.
pub fn may_generate(modulus_bits: Option<usize>, ground: &Ground) -> Result<()> {
    match modulus_bits {
        Some(bits) if bits < ground.min_rsa_bits => Err(Error::AttributeValueInvalid),
        _ => Ok(()),
    }
}

/// The smallest key of a mechanism, in its own unit.
pub fn smallest_key(row: &Row, ground: &Ground) -> CK_ULONG {
    let makes_rsa = row.does.generate_pair.is_some() && row.keys == [CKK_RSA];
    let asked = if makes_rsa { ground.min_rsa_bits as CK_ULONG } else { 0 };
    row.sizes.0.max(asked)
}

/// `CKA_ALLOWED_MECHANISMS`: where a key lists mechanisms, no other will do.
fn allowed_mechanism(key: &Object, row: &Row) -> Result<()> {
    match key.attributes().get(CKA_ALLOWED_MECHANISMS) {
        Some(Value::Numbers(allowed)) if !allowed.contains(&(row.id as u64)) => {
            Err(Error::MechanismInvalid)
        }
        _ => Ok(()),
    }
}

/// SHA-1 signatures are verified, not made (SP 800-131A). HMAC does not rest on collisions.
fn no_sha1(row: &Row, params: &Params) -> Result<()> {
    if sha1_signature(row) {
        return Err(Safeguard::Sha1Signatures.refusal());
    }
    match params {
        Params::Pss { hash: Hash::Sha1, .. } => {
            Safeguard::Sha1Signatures.refusal();
            Err(Error::MechanismParamInvalid)
        }
        _ => Ok(()),
    }
}

fn sha1_signature(row: &Row) -> bool {
    let public_key = row.keys.iter().any(|key| matches!(*key, CKK_RSA | CKK_EC | CKK_DSA));
    row.hash == Some(Hash::Sha1) && public_key
}

/// Whether policy leaves a mechanism this function (`CKF_*`): the legacy ones wait for the
/// configuration.
pub fn offered(row: &Row, function: CK_FLAGS, ground: &Ground) -> Result<()> {
    let refused = row.legacy & function != 0 && !ground.legacy_algorithms;
    if refused { Err(Error::MechanismInvalid) } else { Ok(()) }
}

/// The flags of a mechanism, less what policy takes from it. One with none left is not offered.
pub fn flags(row: &Row, ground: &Ground) -> CK_FLAGS {
    let mut flags = row.flags();
    if sha1_signature(row) && ground.lifted.stands(Safeguard::Sha1Signatures) {
        flags &= !(CKF_SIGN | CKF_MESSAGE_SIGN);
    }
    if !ground.legacy_algorithms {
        flags &= !row.legacy;
    }
    flags
}

/// Whether a key may be shared by this encapsulating key (PKCS #11, section 5.18.8).
pub fn may_share(encapsulating: &Object, key: &Object) -> Result<()> {
    match encapsulating.attributes().get(CKA_ENCAPSULATE_TEMPLATE) {
        Some(template) if !fits(key, template) => Err(Error::KeyHandleInvalid),
        _ => Ok(()),
    }
}

/// Whether a key is as a template that another carries wants it, by the rules of a search.
fn fits(key: &Object, template: &Value) -> bool {
    let Value::Template(template) = template else { return false };
    key.has_all(template)
}

/// Whether a key's value may go into a digest: a secret key's, unless it is hidden (the digest of a key
/// among chosen data tells of the key) or lists mechanisms without this one.
pub fn may_digest(key: &Object, row: &Row) -> Result<()> {
    let attributes = key.attributes();
    let shown = !attributes.flag(CKA_SENSITIVE) && attributes.flag(CKA_EXTRACTABLE);
    let allowed = !key.restricted() || allowed_mechanism(key, row).is_ok();
    let secret = key.class() == CKO_SECRET_KEY;
    if secret && shown && allowed { Ok(()) } else { Err(Error::KeyIndigestible) }
}

/// Whether a caller may make, change or destroy such an object (sections 5.7 and 4.4).
pub fn may_write(object: &Object, role: Option<Role>, read_write: bool) -> Result<()> {
    if object.on_token() && !read_write {
        return Err(Error::SessionReadOnly);
    }
    if object.private() && !role.is_some_and(Role::sees_private) {
        return Err(Error::UserNotLoggedIn);
    }
    Ok(())
}

/// Whether such an object may rest in a token: in a strict one every key that is to be kept from some
/// is private, for what is not private needs no PIN.
pub fn may_rest(object: &Object, separation: Separation) -> Result<()> {
    let key = matches!(object.class(), CKO_SECRET_KEY | CKO_PRIVATE_KEY);
    let open = key && object.on_token() && !object.private();
    if separation == Separation::Strict && open {
        tracing::warn!("a strict token takes no secret or private key that is not private");
        return Err(Error::TemplateInconsistent);
    }
    Ok(())
}

/// The shortest RSA modulus of keys that protect on a safe token, bits (NIST SP 800-131A).
const SAFE_RSA_BITS: usize = 2048;
/// The shortest tags: AES-GCM, bits; AES-CCM, bytes; other MACs, bytes.
const GCM_TAG_BITS: usize = 96;
const CCM_TAG: usize = 8;
const MAC: usize = 4;
