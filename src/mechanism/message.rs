// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a message of authenticated encryption is made with.

/// What one message is sealed with, besides the key.
pub struct Message<'a> {
    /// The nonce or initialisation vector.
    pub nonce: &'a [u8],
    /// Additional authenticated data.
    pub aad: &'a [u8],
    /// The length of the tag, bytes.
    pub tag: usize,
    /// The length of the plaintext, bytes, for a mechanism that must know it before (CCM).
    pub len: usize,
}
