// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A child made by fork, whose parent lets go of the store: what the child is told is kept, is kept,
//! whoever opens and closes the store meanwhile.

use crate::common::forked::fork;
use crate::common::*;
use crate::{check, child_on, join};
use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::process::Command;

#[test]
fn a_child_keeps_its_keys_though_its_parent_finalised() {
    survives("forked::a_child_keeps_its_keys_though_its_parent_finalised", "finalise");
}

#[test]
fn a_child_keeps_its_keys_though_its_parent_ended() {
    survives("forked::a_child_keeps_its_keys_though_its_parent_ended", "exit");
}

fn survives(test: &str, role: &str) {
    if child::role().is_some() {
        return parent(role);
    }
    let user = User::new();
    session::finalize().good();
    for opener in [open_and_close, list_keys] {
        // The child of a fork is the child's child here.
        let mut parent = child::spawn(child_on(&user.fixture, test, role));
        let mut input = parent.stdin.take().unwrap();
        let mut lines = BufReader::new(parent.stdout.take().unwrap()).lines();
        let mut heard = Vec::new();
        while !heard.iter().any(|line: &String| line.contains("left")) {
            heard.push(lines.next().unwrap_or_else(|| panic!("{heard:?}")).unwrap());
        }
        if role == "exit" {
            assert!(parent.wait().unwrap().success());
        }
        opener(&user.fixture);
        writeln!(input, "go").unwrap();
        // The end of the output is the end of both.
        heard.extend(lines.map_while(Result::ok));
        assert!(parent.wait().unwrap().success(), "{heard:?}");
        let made = heard.iter().filter(|line| line.contains("acknowledged")).count();
        assert_eq!(made, KEYS, "{heard:?}");
        all_there(&user);
    }
}

/// The keys that were acknowledged are there, and are then removed.
fn all_there(user: &User) {
    user.fixture.initialize().good();
    let s = user.token.user();
    let found = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good();
    assert_eq!(found.len(), KEYS);
    check(&user.fixture).unwrap();
    for key in found {
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).good();
        s.destroy(key).good();
    }
    session::finalize().good();
    check(&user.fixture).unwrap();
}

/// The process that forks: it has used the store, and lets go of it while its child goes on.
fn parent(role: &str) {
    let s = join();
    s.find(&Template::default()).good();
    s.create(&template! { CKA_CLASS => CKO_DATA }).good();
    let (mut ready, mut tell) = UnixStream::pair().unwrap();
    let child = fork(|| {
        // SAFETY: asks for a signal that ends this process, should it wait for ever.
        unsafe { libc::alarm(60) };
        let s = join();
        tell.write_all(b".").unwrap();
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).unwrap();
        assert_eq!(line, "go\n");
        for _ in 0..KEYS {
            keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
            println!("acknowledged");
        }
        session::finalize().good();
    });
    ready.read_exact(&mut [0]).unwrap();
    if role == "exit" {
        println!("left");
        // SAFETY: leaves the process, as the test has it.
        unsafe { libc::_exit(0) };
    }
    session::finalize().good();
    println!("left");
    child.succeeds();
}

fn list_keys(fixture: &Fixture) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(["key", "list", "--pin-env", "PIN"]).env("PIN", USER_PIN);
    command.env("STRONGROOM_CONF", fixture.config_path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", child::everything(&output));
}

/// The same by the library, in a process of its own.
fn open_and_close(fixture: &Fixture) {
    child::succeeds(child_on(fixture, "forked::opener", "opener"));
}

/// A child's part alone: opens the store, reads, closes it.
#[test]
fn opener() {
    if child::role().is_some() {
        join().find(&Template::default()).good();
        session::finalize().good();
    }
}

const KEYS: usize = 3;
