// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the fuzz targets run, as ordinary functions of bytes: `tests/fuzz_corpus` runs the same over
//! the kept corpus. A finding is a panic, a broken promise of the interface, or what the sanitizer sees.

pub mod abi;
pub mod parsers;
