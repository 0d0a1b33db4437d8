// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The Wycheproof vectors, through the C symbols: every case of every file that PKCS #11 can say,
//! with the verdict that the vector names, counted in `docs/wycheproof.md`.
//!
//! `UPDATE_DOCS=1` writes that page; `WYCHEPROOF=ecdsa` runs the files whose name holds a word.

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

mod agreement;
mod convert;
mod curves;
mod derivation;
mod files;
mod judge;
mod policy;
mod post_quantum;
mod report;
mod rsa;
mod signatures;
mod symmetric;

use common::*;
use files::{FILES, File};
use judge::Counts;
use std::collections::BTreeMap;
use std::sync::Mutex;

#[test]
fn every_vector_gets_its_verdict() {
    let wanted = std::env::var("WYCHEPROOF").unwrap_or_default();
    let chosen: Vec<&File> = FILES.iter().filter(|file| file.name.contains(&wanted)).collect();
    let user = User::compatible();
    let (queue, results) = (Mutex::new(chosen.iter()), Mutex::new(BTreeMap::new()));
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(2, usize::from) {
            scope.spawn(|| {
                let session = user.token.public();
                while let Some(file) = next(&queue) {
                    let mut counts = Counts::default();
                    (file.run)(session, file.name, &mut counts);
                    results.lock().unwrap().insert(file.name, counts);
                }
            });
        }
    });
    let results = results.into_inner().unwrap();
    let wrong: Vec<&String> = results.values().flat_map(|counts| &counts.wrong).collect();
    for line in &wrong {
        println!("{line}");
    }
    assert!(wrong.is_empty(), "{} verdicts are not those of the vectors", wrong.len());
    if wanted.is_empty() {
        report::check(&results);
    }
}

fn next<'a, T>(queue: &Mutex<std::slice::Iter<'a, T>>) -> Option<&'a T> {
    queue.lock().unwrap().next()
}

/// A mechanism by its name, where the library has it; it is counted where it has it not.
fn offered(name: &str, counts: &mut Counts) -> Option<CK_MECHANISM_TYPE> {
    let row = strongroom::mechanism::all().find(|row| row.name == name);
    if row.is_none() {
        counts.not_offered.insert(name.to_owned());
    }
    row.map(|row| row.id)
}
