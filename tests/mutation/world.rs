// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The store that is altered: two tokens with everything a store can hold, an older copy of it, and
//! another store like it.

use crate::common::*;
use crate::probe::{self, Seen};
use serde_json::Value as Json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// The store as it was written last, and what is to be seen in it.
pub struct World {
    pub fixture: Fixture,
    pub seen: Seen,
}

/// What `strongroom check` said.
pub struct Checked {
    pub code: i32,
    pub faults: Vec<Json>,
    pub said: String,
}

impl World {
    pub fn new() -> World {
        let fixture = Fixture::new();
        fill(&fixture);
        let keep = |name: &str| {
            session::finalize().good();
            copy(&fixture.store_path(), &fixture.directory().join(name));
        };
        keep("other");
        fs::remove_dir_all(fixture.store_path()).unwrap();
        fixture.initialize().good();
        fill(&fixture);
        keep("older");
        change(&fixture);
        keep("right");
        let seen = probe::look(&fixture).good();
        let world = World { fixture, seen };
        world.reset();
        let checked = world.check(&[]);
        assert_eq!((checked.code, checked.faults.len()), (0, 0), "{}", checked.said);
        world
    }

    /// Puts the store back as it was written last.
    pub fn reset(&self) {
        fs::remove_dir_all(self.fixture.store_path()).unwrap();
        copy(&self.kept("right"), &self.fixture.store_path());
    }

    /// A copy that was kept.
    pub fn kept(&self, name: &str) -> PathBuf {
        self.fixture.directory().join(name)
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.fixture.store_path().join(name)
    }

    pub fn check(&self, more: &[&str]) -> Checked {
        let output = command(&self.fixture, &[&["check", "--json"], more].concat());
        let json: Option<Json> = serde_json::from_slice(&output.stdout).ok();
        let faults = json.as_ref().and_then(|json| json["faults"].as_array().cloned());
        let code = output.status.code().expect("it was not killed");
        Checked { code, faults: faults.unwrap_or_default(), said: child::everything(&output) }
    }

    /// What an application sees is what was written, or less; an error of the whole store is one of
    /// those that blame nobody.
    pub fn nothing_else_is_seen(&self, what: &str) {
        match probe::look(&self.fixture) {
            Ok(seen) => seen.is_part_of(&self.seen, what),
            Err(error) => Err::<(), _>(error).gives_for(what, probe::UNUSABLE),
        }
    }

    /// The same, and searches return what matches alone.
    pub fn nothing_else_is_found(&self, what: &str) {
        match probe::search(&self.fixture, &self.seen) {
            Ok(seen) => seen.is_part_of(&self.seen, what),
            Err(error) => Err::<(), _>(error).gives_for(what, probe::UNUSABLE),
        }
    }
}

impl Checked {
    /// Whether a fault names this row.
    pub fn names(&self, table: &str, row: &str) -> bool {
        self.faults.iter().any(|fault| fault["table"] == table && fault["row"] == row)
    }
}

pub fn command(fixture: &Fixture, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strongroom"));
    command.args(arguments).env("STRONGROOM_STORE", fixture.store_path());
    command.env("STRONGROOM_CONF", fixture.config_path());
    let output = command.env("SO", SO_PIN).env("PIN", USER_PIN).output().unwrap();
    heard::assert_silent(&output);
    output
}

pub fn copy(from: &Path, to: &Path) {
    let output = Command::new("cp").arg("-a").args([from, to]).output().unwrap();
    assert!(output.status.success(), "{}", child::everything(&output));
}

/// Two tokens: users, a policy with a ledger, and objects of every way to rest.
fn fill(fixture: &Fixture) {
    let first = fixture.token("first");
    let second = fixture.token("second");
    let s = first.user();
    let rests = |label: &str| template! { CKA_TOKEN => true, CKA_LABEL => label };
    let signs = rests("pair").with(CKA_SIGN, true);
    keys::pair_with(s, &ec::P256, &rests("pair"), &signs);
    let mac = rests("mac").with(CKA_SIGN, true);
    keys::try_secret(s, CKK_SHA256_HMAC, &[0x4D; 32], &mac).good();
    let cipher = rests("cipher").with(CKA_ENCRYPT, true).with(CKA_PRIVATE, false);
    keys::try_secret(s, CKK_AES, &[0xC1; 32], &cipher).good();
    for private in [true, false] {
        let data = rests("data").with(CKA_CLASS, CKO_DATA).with(CKA_PRIVATE, private);
        s.create(&data.with(CKA_VALUE, "written once")).good();
    }
    let gone = rests("to be destroyed").with(CKA_CLASS, CKO_DATA);
    s.create(&gone.with(CKA_PRIVATE, false).with(CKA_VALUE, "older")).good();
    s.close().good();
    let s = second.user();
    let mac = rests("mac").with(CKA_SIGN, true);
    keys::try_secret(s, CKK_SHA256_HMAC, &[0x53; 32], &mac).good();
    let data = rests("data").with(CKA_CLASS, CKO_DATA).with(CKA_PRIVATE, false);
    s.create(&data.with(CKA_VALUE, "of the second")).good();
    s.close().good();
    let policy = fixture.directory().join("policy.toml");
    let rule = "version = 1\n[[rule]]\nname = \"seldom\"\noperations = [\"sign\"]\ntotal = 1000\n\
                [[rule]]\nname = \"rest\"\n";
    fs::write(&policy, rule).unwrap();
    let set = ["policy", "set", "--token", "first", policy.to_str().unwrap(), "--so-pin-env", "SO"];
    ran(fixture, &set);
    let user = ["user", "add", "olive", "--token", "second", "--role", "operator"];
    ran(fixture, &[&user[..], &["--so-pin-env", "SO", "--new-pin-env", "PIN"]].concat());
    ran(fixture, &["seal", "add", "--kind", "file"]);
    ran(fixture, &["seal", "remove", "--slot", "2"]);
    use_counted(first);
}

/// What is written after the older copy: of every row there is a later one.
fn change(fixture: &Fixture) {
    ran(fixture, &["seal", "add", "--kind", "file"]);
    fixture.initialize().good();
    let token = Token { slot: session::slots(false).good()[0] };
    let s = token.user();
    for object in s.find(&Template::default()).good() {
        let later = |kind| s.set(object, &template! { kind => "later" });
        if s.get(object, CKA_TOKEN) == Ok(vec![CK_TRUE]) {
            later(CKA_ID).or_else(|_| later(CKA_APPLICATION)).good();
        }
    }
    let gone = s.find(&template! { CKA_LABEL => "to be destroyed" }).good();
    s.destroy(gone[0]).good();
    s.close().good();
    use_counted(token);
    // Attempts that an older record would take back.
    let other = Token { slot: session::slots(false).good()[1] };
    let s = other.public();
    s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    s.close().good();
    let s = token.public();
    s.login(CKU_SO, "not the PIN").gives(CKR_PIN_INCORRECT);
    s.close().good();
}

fn use_counted(token: Token) {
    let s = token.user();
    let mac = s.find(&template! { CKA_LABEL => "mac" }).good();
    s.sign(&Mech::plain(CKM_SHA256_HMAC), mac[0], b"counted").good();
    s.close().good();
}

pub fn ran(fixture: &Fixture, arguments: &[&str]) {
    let output = command(fixture, arguments);
    assert!(output.status.success(), "{arguments:?}: {}", child::everything(&output));
}
