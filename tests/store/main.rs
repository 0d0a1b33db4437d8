// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store: what its files show, what survives, and what is refused.

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
#[allow(dead_code, reason = "not all of it is needed here")]
#[path = "../roles/reader.rs"]
mod reader;

mod altered;
mod copies;
mod corrupt;
mod forked;
mod kill;
mod modes;
mod offline;
mod processes;
mod read_only;
mod seal;
mod secrecy;

use common::*;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

/// In a child: does something again and again until its input ends.
fn until_told(mut act: impl FnMut(usize)) {
    let told = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
            told.store(true, Ordering::SeqCst);
        });
        let mut round = 0;
        while !told.load(Ordering::SeqCst) {
            act(round);
            round += 1;
        }
    });
}

/// All files of a directory.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        } else {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The files of the database.
fn database(fixture: &Fixture) -> Vec<PathBuf> {
    let is_database = |path: &PathBuf| {
        let mut head = [0; 15];
        let file = std::fs::File::open(path);
        file.is_ok_and(|mut file| std::io::Read::read_exact(&mut file, &mut head).is_ok())
            && &head == b"SQLite format 3"
    };
    let found: Vec<PathBuf> =
        files(&fixture.store_path()).into_iter().filter(is_database).collect();
    assert_eq!(found.len(), 1, "one database a store");
    found
}

/// `strongroom check` on a store; what it said, if it did not end with status 0.
fn check(fixture: &Fixture) -> Result<(), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.arg("check").env("STRONGROOM_STORE", fixture.store_path());
    let output = command.env("STRONGROOM_CONF", fixture.config_path()).output().unwrap();
    if output.status.success() { Ok(()) } else { Err(child::everything(&output)) }
}

/// Labels and values, in order.
type Content = Vec<(Vec<u8>, Vec<u8>)>;

/// What a call on a store that cannot be used may answer: an error that is no claim about the
/// caller or the PIN.
const UNUSABLE: &[CK_RV] = &[
    CKR_DEVICE_ERROR,
    CKR_TOKEN_NOT_RECOGNIZED,
    CKR_TOKEN_NOT_PRESENT,
    CKR_GENERAL_ERROR,
    CKR_FUNCTION_FAILED,
    CKR_TOKEN_WRITE_PROTECTED,
];

/// Tries to use a store as an application does: initialise, list, log in to the first token, read
/// every object. The first error stops it.
fn try_use(fixture: &Fixture) -> R<Content> {
    fixture.initialize()?;
    let tried = try_read();
    session::finalize().good();
    tried
}

fn try_read() -> R<Content> {
    let slot = session::slots(false)?[0];
    let flags = session::token_info(slot)?.flags;
    if flags & CKF_TOKEN_INITIALIZED == 0 {
        // A store that does not open is no fresh store: who believes it makes a new token.
        return Err(Rv(CKR_TOKEN_NOT_INITIALIZED));
    }
    let s = Session::read_write(slot)?;
    s.login(CKU_USER, USER_PIN)?;
    let mut read = Vec::new();
    for object in s.find(&Template::default())? {
        read.push((s.get(object, CKA_LABEL)?, s.get(object, CKA_VALUE)?));
    }
    read.sort();
    Ok(read)
}

/// A store with a token that holds a few objects, not initialised; and what they are.
fn filled() -> (Fixture, Content) {
    let fixture = Fixture::new();
    let s = fixture.token("token").user();
    for i in 0..6_u8 {
        let template = template! {
            CKA_CLASS => CKO_DATA,
            CKA_TOKEN => true,
            CKA_PRIVATE => i % 2 == 0,
            CKA_LABEL => format!("object {i}").as_str(),
            CKA_VALUE => vec![i; 100 + usize::from(i)],
        };
        s.create(&template).good();
    }
    let key = keys::open().with(CKA_TOKEN, true).with(CKA_LABEL, "key");
    keys::try_secret(s, CKK_AES, &[7; 32], &key).good();
    let content = try_read_of(s);
    session::finalize().good();
    (fixture, content)
}

fn try_read_of(s: Session) -> Content {
    let all = s.find(&Template::default()).good().into_iter();
    let mut read: Vec<_> = all
        .map(|object| (s.get(object, CKA_LABEL).good(), s.get(object, CKA_VALUE).good()))
        .collect();
    read.sort();
    read
}
