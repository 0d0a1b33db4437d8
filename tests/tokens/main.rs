// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Slots, tokens, PINs and logins.

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

mod events;
mod info;
mod init;
mod lock;
mod login;
mod logout;
mod pin;
mod races;
mod session;
mod slots;
