// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is measured, and how it is said. It imports `failure`, `desk`, `drawer`, `inventory`, `pins` of
//! `admin`, and what `admin` may.

mod keys;
mod meter;
mod sums;
mod text;

pub use meter::{Meter, STATES, State};
pub use sums::{SUMS, Sum};
