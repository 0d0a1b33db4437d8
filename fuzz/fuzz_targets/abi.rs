// SPDX-License-Identifier: Apache-2.0 OR MIT
//! See `fuzz/shared`.

#![no_main]

#[path = "../shared/mod.rs"]
#[allow(dead_code, reason = "each target runs one half")]
mod shared;

libfuzzer_sys::fuzz_target!(|data: &[u8]| shared::abi::run(data));
