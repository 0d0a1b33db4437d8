// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The policy of a token: what its rules permit, and that every path of the library asks them.

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

mod faults;
mod judge;
