// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Where secrets are in the memory of a process that uses the library, and where they are not: its
//! memory is read from outside and searched for keys and PINs that are known.

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
mod known;
#[allow(dead_code, reason = "it reads more than is asked here")]
#[path = "../roles/reader.rs"]
mod reader;
mod scan;
mod stacks;
mod watched;
mod worker;
