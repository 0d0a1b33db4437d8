// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Safeguards: what a `safe` token refuses though the specification would let it happen. One row a
//! safeguard, and nothing about it anywhere else but where it is asked. It imports `error`, and `call`,
//! which it tells what it refuses.
//!
//! A `compatible` token lifts them, all or by name. What is lifted is kept in the token's record, so
//! that no application's configuration lifts anything.

use crate::call;
use crate::error::Error;
use serde::{Deserialize, Serialize};

macro_rules! safeguards {
    ($($(#[doc = $what:literal])+ $variant:ident $name:literal $code:ident, $lifted:literal;)*) => {
        /// One safeguard.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
        pub enum Safeguard { $($(#[doc = $what])+ #[serde(rename = $name)] $variant,)* }

        /// All of them, in the order of their numbers in records.
        pub const SAFEGUARDS: &[Safeguard] = &[$(Safeguard::$variant,)*];

        impl Safeguard {
            /// What it is called in configuration, command, log and documentation.
            pub fn name(self) -> &'static str {
                match self { $(Safeguard::$variant => $name,)* }
            }

            /// What a call is told that it refuses.
            pub fn error(self) -> Error {
                match self { $(Safeguard::$variant => Error::$code,)* }
            }

            /// What it refuses, for the documentation.
            pub fn what(self) -> &'static str {
                match self { $(Safeguard::$variant => concat!($($what),+),)* }
            }

            /// What becomes possible where it is lifted.
            pub fn without(self) -> &'static str {
                match self { $(Safeguard::$variant => $lifted,)* }
            }
        }
    };
}

safeguards! {
    /// A key that may be used for keys (wrap, unwrap) and for data (everything else) is used for one of
    /// the two: the first use decides, for the key and all its copies.
    SeparateUsages "separate-usages" KeyFunctionNotPermitted, "wrap-then-decrypt, encrypt-then-unwrap";
    /// A sensitive key is wrapped only under a key that cannot leave: a secret key that was made in the
    /// token and has always been sensitive and not extractable, or one that the security officer
    /// trusts and that is not extractable; or under a public key of others that the officer trusts.
    WrappingKeys "wrapping-keys" KeyNotWrappable, "a sensitive key that is extractable leaves under a key of the caller's own";
    /// A sensitive key is not wrapped under a weaker one (security strengths of NIST SP 800-57 part 1,
    /// tables 2 and 4).
    WrappingStrength "wrapping-strength" WrappingKeySizeRange, "a strong key is as weak as what wraps it";
    /// Keys are unwrapped, and sensitive keys wrapped, by mechanisms alone that authenticate what they
    /// wrap and take no initialisation vector from the caller; PKCS #1 v1.5 unwraps session keys.
    AuthenticatedWrapping "authenticated-wrapping" MechanismInvalid, "padding oracles, keys made of chosen or re-ordered ciphertext, two keys wrapped under one key stream";
    /// What is unwrapped by a secret key is sensitive.
    UnwrappedSensitive "unwrapped-sensitive" TemplateInconsistent, "a sensitive key that was wrapped comes back readable";
    /// A sensitive key that is unwrapped, shared, or rearranged by a derivation, while the token holds
    /// it, comes back as what it is: same type, no less guarded, no usage that it does not have.
    ReturningKeys "returning-keys" TemplateInconsistent, "a key changes its type or gains usages by being wrapped and unwrapped";
    /// A key derived by cutting, joining or masking sensitive keys has at least 128 bits of each, and all
    /// of one that was itself joined or masked.
    DerivedLength "derived-length" KeySizeRange, "a sensitive key is found piece by piece";
    /// RSA keys under 2048 bits are not made, and do not sign, encrypt or wrap.
    RsaLength "rsa-length" KeySizeRange, "RSA keys of 1024 bits and more";
    /// RSA keys that are known to be weak are not taken: a public exponent that is even or 1, a modulus with
    /// the fingerprint of CVE-2017-15361 (ROCA).
    RsaWeak "rsa-weak" AttributeValueInvalid, "keys that others can factor";
    /// SHA-1 signatures are not made.
    Sha1Signatures "sha1-signatures" MechanismInvalid, "signatures that rest on the collision resistance of SHA-1";
    /// PINs have at least four bytes.
    PinLength "pin-length" PinLenRange, "PINs of one byte";
    /// A key marked `CKA_STRONGROOM_TOKEN_NONCES` encrypts under initialisation vectors that the token
    /// makes, and no others.
    TokenNonces "token-nonces" MechanismParamInvalid, "callers choose the initialisation vectors of every key";
    /// In a session, AES-GCM, AES-CCM and ChaCha20-Poly1305 do not encrypt twice with one key under one
    /// initialisation vector.
    NonceReuse "nonce-reuse" MechanismParamInvalid, "two messages under one initialisation vector tell their difference and the key of the tag";
    /// Tags have at least 96 bits for AES-GCM, 64 for AES-CCM, and 32 for other MACs (NIST SP 800-38D,
    /// 800-38C, 800-107).
    ShortTags "short-tags" MechanismParamInvalid, "tags short enough to be guessed";
}

/// Which safeguards do not stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lifted(u32);

impl Lifted {
    /// All of them lifted.
    pub fn all() -> Lifted {
        Lifted((1 << SAFEGUARDS.len()) - 1)
    }

    /// These lifted.
    pub fn these(lifted: &[Safeguard]) -> Lifted {
        Lifted(lifted.iter().map(|safeguard| safeguard.bit()).fold(0, |bits, bit| bits | bit))
    }

    /// As a record has it; none where it names a safeguard that this version does not know.
    pub fn from_bits(bits: u32) -> Option<Lifted> {
        (bits & !Lifted::all().0 == 0).then_some(Lifted(bits))
    }

    /// As a record has it: bit N for the safeguard of that number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether a safeguard stands.
    pub fn stands(self, safeguard: Safeguard) -> bool {
        self.0 & safeguard.bit() == 0
    }

    /// Refuses, if the safeguard stands and `wrong` says so.
    pub fn check(self, safeguard: Safeguard, wrong: bool) -> Result<(), Error> {
        match wrong && self.stands(safeguard) {
            true => Err(safeguard.refusal()),
            false => Ok(()),
        }
    }

    /// The names of what is lifted.
    pub fn names(self) -> impl Iterator<Item = &'static str> {
        SAFEGUARDS.iter().filter(move |one| !self.stands(**one)).map(|one| one.name())
    }
}

impl Safeguard {
    fn bit(self) -> u32 {
        1 << self as u32
    }

    /// The error of a refusal, with its line on the diagnostic channel.
    pub fn refusal(self) -> Error {
        tracing::warn!(
            safeguard = self.name(),
            "refused by a safeguard of the token: {}",
            self.what().trim()
        );
        call::denied_by("safeguard", self.name());
        self.error()
    }
}
