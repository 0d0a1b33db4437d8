// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Metrics and alarms: the alarms as a table of records in and alarms out, the rest through the command.

#![allow(
    unreachable_pub,
    dead_code,
    unsafe_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

use common::needles;

mod alarms;
#[path = "../common/mod.rs"]
mod common;
#[path = "../cli/desk.rs"]
mod desk;
mod library;
mod metrics;
mod openmetrics;
mod segments;
mod serving;
mod watching;
