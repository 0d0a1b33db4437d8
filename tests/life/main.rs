// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The life of keys: states, dates, and what becomes of operations when a permission goes.

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

mod dates;
mod leases;
mod records;
mod states;
mod table;
mod tombstones;
mod transitions;
mod uses;

use common::*;
use std::time::{Duration, SystemTime};
use strongroom::codec;
use strongroom::vendor::*;

/// Puts a key into a state from where it is.
fn put(s: Session, key: Obj, state: CK_ULONG, reason: &str) -> R<()> {
    s.set(key, &in_state(state).with(CKA_STRONGROOM_STATE_REASON, reason))
}

fn in_state(state: CK_ULONG) -> Template {
    template! { CKA_STRONGROOM_STATE => state }
}

/// The date so many days from now, as `CK_DATE`.
fn days_from_now(days: i64) -> Vec<u8> {
    let span = Duration::from_secs(days.unsigned_abs() * codec::DAY);
    let now = SystemTime::now();
    let day = if days < 0 { now - span } else { now + span };
    codec::utc_digits(day).as_bytes()[..8].to_vec()
}
