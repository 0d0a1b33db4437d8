// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What calls that have returned leave on the stack. It imports nothing.

/// Overwrites the stack below the function that holds it, when that function returns: some of OpenSSL's
/// arithmetic leaves private numbers there. To be declared first, so that it goes last.
pub struct CleanStack;

impl Drop for CleanStack {
    #[inline(never)]
    fn drop(&mut self) {
        let mut below = [0_u8; DEPTH];
        std::hint::black_box(&mut below);
    }
}

/// Bytes: deeper than what OpenSSL leaves there, and quickly done beside any use of a private key.
const DEPTH: usize = 16 << 10;
