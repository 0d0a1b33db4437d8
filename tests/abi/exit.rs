// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The end of a process, and what its own OpenSSL does before ours.

use crate::common::*;
use libloading::os::unix::{Library, RTLD_GLOBAL, RTLD_LOCAL, RTLD_NOW, Symbol};
use std::path::Path;
use std::process::Command;
use std::sync::OnceLock;

#[test]
fn a_process_ends_with_or_without_finalize() {
    let test = "exit::a_process_ends_with_or_without_finalize";
    match child::role().as_deref() {
        Some("with") => {
            work();
            session::finalize().good();
        }
        Some("without") => work(),
        Some("exit") => {
            work();
            std::process::exit(0);
        }
        Some("thread") => std::thread::spawn(work).join().unwrap(),
        _ => {
            for role in ["with", "without", "thread"] {
                run(test, role, &[]);
            }
            let directory = tempfile::tempdir().unwrap();
            let mut command = in_store(child::command(test, "exit"), directory.path());
            let output = command.output().unwrap();
            assert!(output.status.success(), "{}", child::everything(&output));
        }
    }
}

#[test]
fn the_host_has_an_openssl_of_its_own() {
    let test = "exit::the_host_has_an_openssl_of_its_own";
    match child::role().as_deref() {
        Some("first") => host_first(),
        Some("last") => host_last(),
        Some("cleaned up") => host_cleaned_up(),
        Some("at exit") => finalize_at_exit(),
        _ => {
            for role in ["first", "last", "cleaned up", "at exit"] {
                run(test, role, &[]);
            }
        }
    }
}

#[test]
fn settings_of_the_host_openssl_are_not_ours() {
    let test = "exit::settings_of_the_host_openssl_are_not_ours";
    if child::role().is_some() {
        work();
        session::finalize().good();
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (name, text) in [
        ("garbage", "\u{1}\u{2} = [[[ no configuration".to_owned()),
        ("provider", OUR_PROVIDER.replace("MODULE", &module::path().display().to_string())),
        ("nothing allowed", NOTHING_ALLOWED.to_owned()),
    ] {
        let file = directory.path().join(name);
        std::fs::write(&file, text).unwrap();
        run(test, name, &[("OPENSSL_CONF", &file), ("OPENSSL_MODULES", directory.path())]);
    }
    run(test, "absent", &[("OPENSSL_CONF", Path::new("/nonexistent/openssl.cnf"))]);
}

#[test]
fn the_library_can_be_closed_and_opened_again() {
    let test = "exit::the_library_can_be_closed_and_opened_again";
    if child::role().is_some() {
        work();
        for _ in 0..3 {
            // SAFETY: loading runs the library's initialisers, as for every application.
            let again = unsafe { Library::open(Some(module::path()), RTLD_NOW | RTLD_LOCAL) };
            again.unwrap().close().unwrap();
        }
        work_more();
        session::finalize().good();
        work_again();
        return;
    }
    run(test, "close", &[]);
}

#[test]
fn a_forked_child_may_exit_in_the_ordinary_way() {
    let test = "exit::a_forked_child_may_exit_in_the_ordinary_way";
    if child::role().is_some() {
        work();
        let child = forked::fork(|| {
            session::slots(false).gives(CKR_CRYPTOKI_NOT_INITIALIZED);
            // SAFETY: runs the exit handlers in the child, which is what is tested.
            unsafe { libc::exit(0) };
        });
        child.succeeds();
        let child = forked::fork(|| {
            work_again();
            // SAFETY: as above, with the library in use.
            unsafe { libc::exit(0) };
        });
        child.succeeds();
        work_more();
        return;
    }
    run(test, "fork", &[]);
}

/// Our library, then the host's, which goes first.
fn host_last() {
    work();
    let host = host();
    use_host(&host);
    host.close().unwrap();
    work_more();
    session::finalize().good();
}

/// The host's library, then ours, which goes first.
fn host_first() {
    let host = host();
    use_host(&host);
    work();
    session::finalize().good();
    use_host(&host);
    host.close().unwrap();
}

/// The host's library is cleaned up by name before ours ends.
fn host_cleaned_up() {
    let host = host();
    use_host(&host);
    work();
    // SAFETY: the function has this C type; nothing of the host's library is used after it.
    unsafe {
        let cleanup: Symbol<unsafe extern "C" fn()> = host.get(b"OPENSSL_cleanup").unwrap();
        cleanup();
    }
    work_more();
    host.close().unwrap();
    work_more();
    session::finalize().good();
}

/// `C_Finalize` is called by an exit handler that runs after the host's libcrypto has ended: it was
/// registered before.
fn finalize_at_exit() {
    // SAFETY: the handler is a function of this program.
    assert_eq!(unsafe { libc::atexit(finalize_now) }, 0);
    let host = host();
    use_host(&host);
    work();
    std::mem::forget(host);
}

extern "C" fn finalize_now() {
    if session::finalize().is_err() {
        // SAFETY: leaves with a status that the parent takes for failure.
        unsafe { libc::_exit(9) };
    }
}

/// The libcrypto of the system, as a host would have it: its symbols visible to all.
fn host() -> Library {
    // SAFETY: loading runs the initialisers of the system's library.
    let host = unsafe { Library::open(Some("libcrypto.so.3"), RTLD_NOW | RTLD_GLOBAL) };
    host.expect("the system's libcrypto.so.3 (package libssl3)")
}

fn use_host(host: &Library) {
    let mut random = [0_u8; 16];
    // SAFETY: the function has this C type, and the buffer this length.
    let done = unsafe {
        let bytes: Symbol<unsafe extern "C" fn(*mut u8, i32) -> i32> =
            host.get(b"RAND_bytes").unwrap();
        bytes(random.as_mut_ptr(), 16)
    };
    assert_eq!(done, 1);
}

/// Initialises the library on the store that the environment names, makes a token and signs.
fn work() {
    initialize_child().good();
    let slot = *session::slots(false).good().last().unwrap();
    session::init_token(slot, SO_PIN, "token").good();
    let s = Session::read_write(slot).good();
    s.login(CKU_SO, SO_PIN).good();
    s.init_pin(USER_PIN).good();
    s.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    SESSION.set(s).unwrap();
    work_more();
}

/// Uses the session of [`work`].
fn work_more() {
    let s = *SESSION.get().unwrap();
    let (public, private) = keys::pair(s, &ec::P256);
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    let signature = s.sign(&mech, private, b"message").good();
    s.verify(&mech, public, b"message", &signature).good();
    let aes = keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    s.encrypt(&Mech::gcm(&[1; 12], b"", 128), aes, b"data").good();
}

/// Initialises again and logs in to the token that is there.
fn work_again() {
    let s = join();
    keys::pair(s, &ec::P256);
}

/// Runs a test as a child in a role, on a store of its own.
fn run(test: &str, role: &str, environment: &[(&str, &Path)]) {
    let directory = tempfile::tempdir().unwrap();
    let mut command = in_store(child::command(test, role), directory.path());
    command.envs(environment.iter().copied());
    child::succeeds(command);
}

/// Gives a child a store in a directory.
fn in_store(mut command: Command, directory: &Path) -> Command {
    let conf = directory.join("strongroom.toml");
    let text = format!("[store]\npath = {:?}\n", directory.join("store"));
    std::fs::write(&conf, text).unwrap();
    command.env("CHILD_CONF", conf);
    command
}

static SESSION: OnceLock<Session> = OnceLock::new();

const OUR_PROVIDER: &str = "openssl_conf = all\n[all]\nproviders = list\n[list]\npkcs11 = ours\n\
    [ours]\nmodule = pkcs11.so\npkcs11-module-path = MODULE\nactivate = 1\n";
const NOTHING_ALLOWED: &str = "openssl_conf = all\n[all]\nalg_section = algorithms\n\
    providers = list\n[list]\nnull = empty\n[empty]\nactivate = 1\n[algorithms]\n\
    default_properties = provider=none\n";
