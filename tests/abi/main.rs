// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The C interface: what is exported, what every pointer, length and handle may be, and the life
//! of the library in its process.

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

mod elf;
mod exit;
mod exports;
mod fork;
mod host_handlers;
mod initialize;
mod interfaces;
mod memory;
mod pointers;
mod table;
mod uninitialized;
mod world;
