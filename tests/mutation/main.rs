// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every column of every table of a store, altered in many ways: what is read afterwards is what was
//! written or an error, and `strongroom check` names the row.

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

mod database;
mod discard;
mod files;
mod mutants;
mod probe;
mod repair;
mod tables;
mod tags;
mod world;
