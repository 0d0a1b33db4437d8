// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Why a verb failed: what happened, and what to do next.

use crate::call;
use crate::error::Error;

/// A failure, in words for the person at the keyboard.
#[derive(Debug)]
pub struct Failure {
    /// What happened.
    pub what: String,
    /// What to do next.
    pub next: String,
}

/// The result of a verb.
pub type Outcome<T> = Result<T, Failure>;

impl Failure {
    /// A failure that the verb itself found. Where a store is open it is recorded as `ArgumentsBad`, unless
    /// the library had answered something else.
    pub fn new(what: impl Into<String>, next: impl Into<String>) -> Failure {
        call::refuse();
        Failure { what: what.into(), next: next.into() }
    }

    /// What the library answered while `doing` something ("cannot ...").
    pub fn of(doing: impl std::fmt::Display, error: Error) -> Failure {
        call::fail(error);
        let (why, next) = explain(error);
        Failure::new(format!("{doing}: {why} ({})", error.name()), next)
    }
}

/// What an error means to someone who looks after keys.
fn explain(error: Error) -> (&'static str, &'static str) {
    let row = MEANINGS.iter().find(|(errors, ..)| errors.contains(&error));
    row.map_or(REFUSED, |(_, why, next)| (*why, *next))
}

/// Errors of the library, what they mean here, and what to do next. The library has said the details
/// on the diagnostic channel, at the place that knew them.
const MEANINGS: &[(&[Error], &str, &str)] = &[
    (
        &[Error::ActionProhibited],
        "the object's own attributes forbid it, or the token's policy",
        "'strongroom key show' shows the attributes (CKA_DESTROYABLE, CKA_MODIFIABLE), 'strongroom \
         policy explain' what the policy says",
    ),
    (
        &[Error::ArgumentsBad],
        "the configuration cannot be used",
        "correct what is named above; conf/strongroom.toml describes every key",
    ),
    (
        &[
            Error::AttributeValueInvalid,
            Error::DataInvalid,
            Error::PublicKeyInvalid,
            Error::WrappedKeyInvalid,
        ],
        "the values of the key are not valid, or do not fit together",
        "take it from its source again; 'openssl pkey -check' tells what is wrong with a key",
    ),
    (
        &[Error::CurveNotSupported, Error::DomainParamsInvalid],
        "the key is on a curve that is not supported, or does not name its curve",
        "supported are P-224 to P-521, secp256k1, brainpool r1, Ed25519, Ed448, X25519 and X448, by name",
    ),
    (
        &[Error::Altered],
        "what rests in the store is not what was written",
        "'strongroom check' names each row and what is wrong with it",
    ),
    (
        &[Error::Unread],
        "the disk failed, or a limit of the program stopped it",
        "the system's own log (dmesg, journalctl -k) says which disk; copy the store to a sound one \
         while it is still read, then run 'strongroom check' there",
    ),
    (
        &[Error::DeviceError, Error::GeneralError, Error::FunctionFailed],
        "the store could not be read or written as it should be",
        "'strongroom doctor' says what is wrong with the installation, 'strongroom check' with \
         the store",
    ),
    (&[Error::DeviceMemory], "the disk is full", "make room where the store is, and try again"),
    (&[Error::HostMemory], "memory ran out", "end other programs, or raise the limit on memory"),
    (
        &[Error::KeySizeRange],
        "that size is not supported",
        "RSA keys have 2048 to 8192 bits, AES keys 128, 192 or 256",
    ),
    (
        &[Error::KeyTypeInconsistent, Error::MechanismInvalid],
        "keys of that type are not supported",
        "'strongroom key generate --help' lists the types",
    ),
    (&[Error::PinInvalid], "a PIN must be UTF-8 text", "choose another"),
    (&[Error::PinLenRange], "the PIN is too short or too long", "choose another"),
    (
        &[Error::SlotIdInvalid, Error::DeviceRemoved, Error::ObjectHandleInvalid],
        "another process has just changed it",
        "look at it again, then try once more",
    ),
    (
        &[Error::TemplateInconsistent, Error::TemplateIncomplete, Error::AttributeReadOnly],
        "the attributes do not go together, or the token's policy denies it",
        "leave options away, and add them one by one; STRONGROOM_LOG=warn tells of denials, \
         'strongroom policy show' shows the policy",
    ),
    (
        &[Error::TokenNotRecognized],
        "no seal slot opens it, or it is not a store that this version reads",
        "'strongroom doctor' looks at each seal slot; --passphrase-file or --passphrase-env give a \
         passphrase",
    ),
    (
        &[Error::TokenWriteProtected],
        "the store cannot be written",
        "run this as the user who owns it; 'strongroom doctor' looks at the modes",
    ),
    (
        &[Error::UserNotLoggedIn, Error::KeyFunctionNotPermitted],
        "this user may not do that on this token",
        "docs/roles.md says who may do what; --user names another user",
    ),
];

const REFUSED: (&str, &str) =
    ("the library refused", "'strongroom doctor' says what is wrong with the installation");
