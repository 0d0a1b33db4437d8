// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The `strongroom` command, through its binary: each test has a store of its own.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod audit;
mod audit_auditors;
mod audit_lines;
mod audit_lost;
mod audit_proof;
mod audit_store;
mod cases;
mod configuration;
mod desk;
mod doctor;
mod import;
mod json;
#[path = "../common/needles.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod needles;
mod prompt;
#[path = "../common/proof.rs"]
mod proof;
mod recovery;
mod silent;
mod softhsm2;
mod together;
