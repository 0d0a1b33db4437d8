// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Pages of `docs/` that are made from the library's tables, so that they cannot lie. Each test makes
//! its page and compares; `UPDATE_DOCS=1 cargo test --test documents` writes them.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

mod attacks;
mod audit;
#[path = "../common/document.rs"]
mod document;
mod lifecycle;
mod mechanisms;
mod metrics;
mod objects;
mod registry;
mod roles;
mod security;
