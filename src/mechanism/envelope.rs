// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What belongs to one of many messages (PKCS #11, sections "Message-based encryption functions" and
//! "Message-based decryption functions"; a key wrapped with authentication is such a message too).
//! The nonce is the caller's or is made here, and the tag stands apart from the ciphertext.

use super::params::{Iv, ParamKind};
use super::{Direction, Row};
use crate::error::Result;

/// The structure that says what belongs to one message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MessageKind {
    /// `CK_GCM_MESSAGE_PARAMS`.
    Gcm,
    /// `CK_CCM_MESSAGE_PARAMS`.
    Ccm,
    /// `CK_SALSA20_CHACHA20_POLY1305_MSG_PARAMS`.
    Poly1305,
}

impl Row {
    /// The structure that a message of the mechanism has.
    pub fn message_kind(&self) -> Option<MessageKind> {
        match self.params {
            ParamKind::Gcm => Some(MessageKind::Gcm),
            ParamKind::Ccm => Some(MessageKind::Ccm),
            ParamKind::ChaCha20Poly1305 => Some(MessageKind::Poly1305),
            _ => None,
        }
    }
}

/// What makes the bits of a nonce that are not fixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Generator {
    /// Nothing: the nonce is given.
    None,
    /// Whatever is best here.
    Any,
    /// A counter that begins at 0.
    Counter,
    /// The random generator.
    Random,
    /// A counter that begins at 0, and the bits given are combined with it by exclusive or.
    CounterXor,
}

/// What is said of a message before its data.
pub struct Head {
    /// The nonce, or its fixed part where the rest is generated.
    pub nonce: Iv,
    /// How many of its first bits are fixed.
    pub fixed_bits: usize,
    /// What makes the other bits.
    pub generator: Generator,
    /// The length of the tag, bytes.
    pub tag: usize,
    /// The length of the data, where it must be known at the beginning.
    pub data: Option<usize>,
}

/// The parameter of one message, in the application's memory: what is read of it and written to it.
/// The one implementation lives at the boundary.
pub trait Envelope {
    /// Reads it as the structure of a mechanism. `end` is whether the call ends the message, so that
    /// there must be a place for the tag. Nothing is generated for a message that is decrypted.
    fn head(&mut self, kind: MessageKind, direction: Direction, end: bool) -> Result<Head>;
    /// Writes the nonce that was generated.
    fn put_nonce(&mut self, nonce: &[u8]) -> Result<()>;
    /// The tag that a message to be decrypted has.
    fn tag(&self) -> Result<Iv>;
    /// Writes the tag of a message that was encrypted.
    fn put_tag(&mut self, tag: &[u8]) -> Result<()>;
}
