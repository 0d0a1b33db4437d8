// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The fuzz targets over the inputs that were kept: what fuzzing found once stays found. (`fuzz/`
//! has the targets; this needs no fuzzer.)

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test stops at the first surprise"
)]

#[path = "../../fuzz/shared/mod.rs"]
mod shared;

use std::path::Path;

#[test]
fn the_interface_keeps_its_promises_over_the_corpus() {
    each("abi", shared::abi::run);
}

#[test]
fn the_parsers_keep_their_promises_over_the_corpus() {
    each("parsers", shared::parsers::run);
}

/// A mechanism whose parameter is not known to the target would be tried without one alone.
#[test]
fn every_parameter_is_known_to_the_target() {
    let unknown = shared::abi::unknown_parameters();
    assert!(unknown.is_empty(), "add a layout to fuzz/shared/abi/parameter.rs for {unknown:?}");
}

fn each(target: &str, run: fn(&[u8])) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let mut files: Vec<_> = std::fs::read_dir(&directory)
        .unwrap_or_else(|error| panic!("{}: {error}", directory.display()))
        .map(|entry| entry.unwrap().path())
        .collect();
    files.sort();
    assert!(!files.is_empty(), "{} is empty", directory.display());
    for file in files {
        // A finding ends the process: this says at which input.
        println!("{}", file.display());
        run(&std::fs::read(&file).unwrap());
    }
}
