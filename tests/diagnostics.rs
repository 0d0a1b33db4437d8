// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The library says nothing on its host's stderr, unless `STRONGROOM_LOG` asks it to; and no PIN ever.

#![allow(
    unsafe_code,
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    reason = "a test may fail"
)]

#[path = "common/needles.rs"]
#[allow(dead_code, reason = "other tests use the rest")]
mod needles;

use cryptoki_sys::*;
use std::path::PathBuf;
use std::process::{Command, Output};

#[test]
fn a_fault_is_told_when_it_is_asked_for_and_not_before() {
    let silent = host(None);
    assert!(silent.stderr.is_empty(), "{}", String::from_utf8_lossy(&silent.stderr));
    let heard = host(Some("error"));
    let said = String::from_utf8_lossy(&heard.stderr).into_owned();
    assert!(said.contains("seal-1.key") && said.contains("restore"), "{said}");
    assert!(!said.contains('\u{1b}'), "no colours in a log: {said}");
}

/// A process whose store has lost its seal, which loads the library and asks for a token.
fn host(log: Option<&str>) -> Output {
    let directory = tempfile::tempdir().unwrap();
    let store = directory.path().join("store");
    let mut secrets = needles::Needles::new();
    for (name, pin) in [("pin", "user-pin-606060"), ("so", "so-pin-707070")] {
        std::fs::write(directory.path().join(name), pin).unwrap();
        secrets.insert(pin.as_bytes());
    }
    let command = |program: PathBuf| {
        let mut command = Command::new(program);
        command.env("STRONGROOM_STORE", &store).env_remove("STRONGROOM_LOG");
        command.env_remove("STRONGROOM_CONF").env("HOME", directory.path());
        command
    };
    let silent = |output: &Output| {
        let all = [&output.stdout[..], &output.stderr[..]].concat();
        assert_eq!(secrets.search(&all), None, "{}", String::from_utf8_lossy(&all));
    };
    let made = command(env!("CARGO_BIN_EXE_strongroom").into())
        .args(["init", "--label", "t", "--pin-file"])
        .arg(directory.path().join("pin"))
        .arg("--so-pin-file")
        .arg(directory.path().join("so"))
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    silent(&made);
    std::fs::remove_file(store.join("seal-1.key")).unwrap();
    let mut host = command(std::env::current_exe().unwrap());
    host.args(["--exact", "the_host", "--nocapture"]).env(HOST, "1");
    if let Some(level) = log {
        host.env("STRONGROOM_LOG", level);
    }
    let output = host.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    silent(&output);
    assert_eq!(secrets.search_logs(&store), None);
    output
}

/// Does its work in the process that `host` starts, and nothing in the run of all tests.
#[test]
fn the_host() {
    if std::env::var_os(HOST).is_none() {
        return;
    }
    let exe = std::env::current_exe().unwrap();
    // SAFETY: the library's initialisers do nothing; the functions have the types of the header.
    unsafe {
        let library = libloading::Library::new(exe.with_file_name("libstrongroom.so")).unwrap();
        let initialize: libloading::Symbol<'_, unsafe extern "C" fn(*mut u8) -> CK_RV> =
            library.get(b"C_Initialize").unwrap();
        assert_eq!(initialize(std::ptr::null_mut()), CKR_OK);
        let mut info = std::mem::zeroed::<CK_TOKEN_INFO>();
        let token_info: libloading::Symbol<
            '_,
            unsafe extern "C" fn(CK_SLOT_ID, *mut CK_TOKEN_INFO) -> CK_RV,
        > = library.get(b"C_GetTokenInfo").unwrap();
        assert_eq!(token_info(0, &mut info), CKR_TOKEN_NOT_RECOGNIZED);
    }
}

const HOST: &str = "STRONGROOM_TEST_HOST";
