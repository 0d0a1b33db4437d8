// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the library leaves in the audit log: each function what the table says, nothing secret, and
//! nothing done that could not be written.

#![allow(
    unsafe_code,
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../common/mod.rs"]
mod common;
#[path = "../abi/table.rs"]
mod table;
#[path = "../abi/world.rs"]
mod world;

mod bound;
mod closed;
mod compromised;
mod good;
mod killed;
mod late;
mod secrets;
mod verbs;
mod walk;
mod ways;

use serde_json::Value;
use std::path::{Path, PathBuf};

/// The records of a store, in order.
fn records(store: &Path) -> Vec<Value> {
    let mut segments: Vec<PathBuf> = std::fs::read_dir(store.join("audit"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect())
        .unwrap_or_default();
    segments.retain(|path| path.extension().is_some_and(|ending| ending == "jsonl"));
    segments.sort();
    let texts = segments.iter().map(|path| std::fs::read_to_string(path).unwrap());
    let parse = |line: &str| serde_json::from_str(line).unwrap();
    texts.flat_map(|text| text.lines().map(parse).collect::<Vec<Value>>()).collect()
}

/// The records since there were so many.
fn since(store: &Path, count: usize) -> Vec<Value> {
    records(store).split_off(count)
}

fn of<'a>(records: &'a [Value], op: &str) -> Vec<&'a Value> {
    records.iter().filter(|record| record["op"] == op).collect()
}

/// How often a use was counted.
fn counted(records: &[Value], op: &str) -> u64 {
    of(records, op).iter().filter_map(|record| record["details"]["count"].as_u64()).sum()
}

/// The outcomes of an operation, of single records alone.
fn outcomes(records: &[Value], op: &str) -> Vec<String> {
    let single = of(records, op).into_iter().filter(|record| record["details"]["count"].is_null());
    single.map(|record| record["outcome"].as_str().unwrap().to_owned()).collect()
}
