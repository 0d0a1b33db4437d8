// SPDX-License-Identifier: Apache-2.0 OR MIT
//! C_Initialize and C_Finalize.

use crate::common::session::{finalize, initialize, slots, token_info};
use crate::common::*;
use std::fs;
use std::ptr;

#[test]
fn all_locking_combinations() {
    let fixture = Fixture::prepared("");
    let conf = c_string(&fixture.reserved());
    for (flags, callbacks) in [
        (0, 0b0000),
        (CKF_OS_LOCKING_OK, 0b0000),
        (0, 0b1111),
        (CKF_OS_LOCKING_OK, 0b1111),
        (CKF_LIBRARY_CANT_CREATE_OS_THREADS, 0b0000),
        (CKF_LIBRARY_CANT_CREATE_OS_THREADS | CKF_OS_LOCKING_OK, 0b1111),
    ] {
        let started = start(flags, callbacks, conf.as_ptr().cast_mut().cast());
        let what = format!("flags {flags:#x} callbacks {callbacks:04b}");
        // Callbacks alone ask for locks that a library need not have.
        let only_callbacks = callbacks != 0 && flags & CKF_OS_LOCKING_OK == 0;
        if only_callbacks && started == Err(Rv(CKR_CANT_LOCK)) {
            slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
            continue;
        }
        started.good_for(&what);
        assert_eq!(slots(false).good_for(&what).len(), 1);
        finalize().good_for(&what);
    }
}

#[test]
fn some_callbacks_are_too_few() {
    let fixture = Fixture::prepared("");
    let conf = c_string(&fixture.reserved());
    for callbacks in 1..15 {
        for flags in [0, CKF_OS_LOCKING_OK] {
            let started = start(flags, callbacks, conf.as_ptr().cast_mut().cast());
            started.gives_for(&format!("callbacks {callbacks:04b}"), &[CKR_ARGUMENTS_BAD]);
        }
    }
    slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn once_is_enough() {
    let fixture = Fixture::new();
    fixture.initialize().gives(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    initialize(None).gives(CKR_CRYPTOKI_ALREADY_INITIALIZED);
    slots(false).good_for("the first initialisation stands");
    let mut reserved = 1_u8;
    let bad = outcome(p11!(C_Finalize(ptr::from_mut(&mut reserved).cast())));
    bad.gives(CKR_ARGUMENTS_BAD);
    slots(false).good_for("a refused C_Finalize ends nothing");
    finalize().good();
    finalize().gives(CKR_CRYPTOKI_NOT_INITIALIZED);
    slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
}

#[test]
fn reserved_strings_other_than_a_configuration_are_refused() {
    let fixture = Fixture::prepared("");
    let path = fixture.config_path().display().to_string();
    for wrong in
        ["", "x", "conf", "conf=", "CONF=x", "conf:x", "configdir='/tmp'", " conf=/x", &path]
    {
        initialize(Some(wrong)).gives_for(&format!("{wrong:?}"), &[CKR_ARGUMENTS_BAD]);
        slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    initialize(Some("conf=/nonexistent/strongroom.toml")).gives(CKR_ARGUMENTS_BAD);
    let endless = c_string(&"conf=/".repeat(4096));
    start(CKF_OS_LOCKING_OK, 0, endless.as_ptr().cast_mut().cast()).gives(CKR_ARGUMENTS_BAD);
    for nowhere in [1, 0xFFF, usize::MAX] {
        start(CKF_OS_LOCKING_OK, 0, nowhere as CK_VOID_PTR).gives(CKR_ARGUMENTS_BAD);
        slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    fixture.initialize().good_for("none of this stays behind");
}

#[test]
fn configurations_that_are_not_right_are_refused() {
    let fixture = Fixture::prepared("");
    let right = fs::read_to_string(fixture.config_path()).unwrap();
    for wrong in [
        "[store]\npaht = \"/tmp/x\"\n",
        "[stroe]\n",
        "no toml at all",
        "[pin]\nmin_length = \"four\"\n",
        "[pin]\nmin_length = -1\n",
        "[pin]\nmax_failures = 0\n",
        "[kdf]\nmemory_kib = 1\n",
        "[policy]\nlegacy_algorithms = 1\n",
        "[store]\npath = 5\n",
        "\u{FEFF}[[",
    ] {
        fs::write(fixture.config_path(), wrong).unwrap();
        fixture.initialize().gives_for(&format!("{wrong:?}"), &[CKR_ARGUMENTS_BAD]);
        slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
    }
    fs::write(fixture.config_path(), [0xFF, 0xFE, 0x00]).unwrap();
    fixture.initialize().gives(CKR_ARGUMENTS_BAD);
    fs::write(fixture.config_path(), right).unwrap();
    fixture.initialize().good();
}

#[test]
fn begin_and_end_many_times() {
    let fixture = Fixture::new();
    let token = fixture.token("token");
    for _ in 0..50 {
        fixture.restart();
        let session = token.public();
        session.random(8).good();
    }
    token.user();
}

#[test]
fn without_arguments_the_environment_counts() {
    if child::role().is_some() {
        initialize(None).good();
        assert_eq!(slots(false).good().len(), 2, "the parent's token and the empty slot");
        assert_eq!(token_info(slots(false).good()[0]).good().label, session::padded("found"));
        finalize().good();
        return;
    }
    let fixture = Fixture::new();
    fixture.token("found");
    finalize().good();
    let name = "initialize::without_arguments_the_environment_counts";
    let mut command = child::command(name, "configured");
    child::succeeds(take(command.env("STRONGROOM_CONF", fixture.config_path())));
    let other = tempfile::tempdir().unwrap();
    let empty = other.path().join("empty.toml");
    fs::write(&empty, "").unwrap();
    let mut command = child::command(name, "store");
    command.env("STRONGROOM_CONF", &empty).env("STRONGROOM_STORE", fixture.store_path());
    child::succeeds(command);
}

#[test]
fn the_environment_names_another_store() {
    if child::role().is_some() {
        initialize_child().good();
        let slot = slots(false).good()[0];
        session::init_token(slot, SO_PIN, "elsewhere").good();
        return;
    }
    let fixture = Fixture::prepared("");
    let elsewhere = fixture.directory().join("elsewhere");
    let test = "initialize::the_environment_names_another_store";
    let mut command = child_on(&fixture, test, "store");
    command.env("STRONGROOM_STORE", &elsewhere);
    child::succeeds(command);
    assert!(elsewhere.exists(), "the store is where the environment says");
    assert!(!fixture.store_path().exists(), "and not where the file says");
}

#[test]
fn nothing_is_written_before_there_is_something_to_keep() {
    let fixture = Fixture::new();
    slots(false).good();
    token_info(fixture.empty_slot()).good();
    let files = fs::read_dir(fixture.directory()).unwrap().count();
    assert_eq!(files, 1, "only the configuration: looking makes no store");
}

fn take(command: &mut std::process::Command) -> std::process::Command {
    std::mem::replace(command, std::process::Command::new("true"))
}

fn start(flags: CK_FLAGS, callbacks: u8, reserved: CK_VOID_PTR) -> R<()> {
    let mut args = CK_C_INITIALIZE_ARGS {
        CreateMutex: (callbacks & 1 != 0).then_some(create as _),
        DestroyMutex: (callbacks & 2 != 0).then_some(one as _),
        LockMutex: (callbacks & 4 != 0).then_some(one as _),
        UnlockMutex: (callbacks & 8 != 0).then_some(one as _),
        flags,
        pReserved: reserved,
    };
    outcome(p11!(C_Initialize(ptr::from_mut(&mut args).cast())))
}

fn c_string(text: &str) -> std::ffi::CString {
    std::ffi::CString::new(text).unwrap()
}

unsafe extern "C" fn create(mutex: *mut CK_VOID_PTR) -> CK_RV {
    // SAFETY: the library passes where it wants the mutex; the tests use it from one thread.
    unsafe { *mutex = ptr::null_mut() };
    CKR_OK
}

unsafe extern "C" fn one(_mutex: CK_VOID_PTR) -> CK_RV {
    CKR_OK
}
