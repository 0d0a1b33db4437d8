// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The search for secrets that every test with a store ends with finds what is put in its way: each kind of
//! secret, in each spelling, in the log and on the diagnostic channel.

use crate::common::*;
use crate::ways::{WAYS, Way, forget};
use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use strongroom::object::attribute;

/// A spelling, and how a value looks in it.
type Spelling = (&'static str, fn(&[u8]) -> Vec<u8>);

const SPELLINGS: &[Spelling] = &[
    ("raw", |value| value.to_vec()),
    ("hexadecimal", |value| hex::encode(value).into_bytes()),
    ("HEXADECIMAL", |value| hex::encode_upper(value).into_bytes()),
    ("numbers", |value| format!("{value:?}").into_bytes()),
    ("hexadecimal numbers", |value| format!("{value:02x?}").into_bytes()),
    ("escaped", |value| value.escape_ascii().to_string().into_bytes()),
    ("base64", |value| openssl::base64::encode_block(value).into_bytes()),
    ("base64 of more", |value| openssl::base64::encode_block(&[b"x", value].concat()).into_bytes()),
    ("base64 of more still", |value| {
        openssl::base64::encode_block(&[b"xy", value, b"z"].concat()).into_bytes()
    }),
];

/// A log that is none, and has this in a line.
fn planted(fixture: &Fixture, text: &[u8]) -> PathBuf {
    let store = fixture.directory().join("planted");
    fs::create_dir_all(store.join("audit")).unwrap();
    let line = [b"{\"v\":1,\"op\":\"", text, b"\"}\n"].concat();
    fs::write(store.join("audit/00000000000000000001.jsonl"), line).unwrap();
    store
}

/// By each way, in one spelling after the other; and by one way in all.
#[test]
fn each_kind_is_found_in_each_spelling() {
    let user = User::with_settings(fixture::COMPATIBLE);
    let looked_for = |(kind, _, way): &Way, (spelling, spell): &Spelling| {
        forget();
        let secret = way(&user);
        heard::read_made();
        let store = planted(&user.fixture, &spell(&secret));
        assert!(heard::found(&store).is_some(), "{kind}, {spelling}");
        assert_eq!(heard::found(&store), None, "{kind}: nothing is looked for any more");
        way(&user);
        heard::read_made();
        let store = planted(&user.fixture, b"C_Login of user, with no secret at all");
        assert_eq!(heard::found(&store), None, "{kind}");
    };
    for (at, way) in WAYS.iter().enumerate() {
        looked_for(way, &SPELLINGS[at % SPELLINGS.len()]);
    }
    let cheap = WAYS.iter().find(|(_, functions, _)| functions[..] == ["C_Encrypt"]).unwrap();
    SPELLINGS.iter().for_each(|spelling| looked_for(cheap, spelling));
}

/// What the table of functions says of each is seen to be so.
#[test]
fn every_function_with_secrets_has_a_way() {
    let told = hearing::ROWS.iter().filter(|(_, secret)| *secret).map(|(name, _)| *name);
    let tried = WAYS.iter().flat_map(|(_, functions, _)| functions.iter().copied());
    assert_eq!(told.collect::<BTreeSet<_>>(), tried.collect::<BTreeSet<_>>());
    assert_eq!(hearing::ROWS.len(), module().entries().len(), "a row a function");
}

/// Every attribute that a sensitive key does not show is heard.
#[test]
fn every_hidden_attribute_is_heard() {
    let hidden = attribute::all().filter(|rule| rule.has(attribute::HIDDEN)).map(|rule| rule.id);
    let hidden: BTreeSet<_> = hidden.collect();
    assert_eq!(hidden, heard::SECRET.into_iter().collect::<BTreeSet<_>>());
}

#[test]
fn what_is_said_is_searched() {
    let fixture = Fixture::new();
    let store = planted(&fixture, b"nothing");
    fixture.token("said");
    // Not by the macro, whose output the test's harness may keep to itself.
    let line = format!("2026-03-02T12:00:00.000000Z ERROR the PIN is {SO_PIN}\n");
    std::io::stderr().write_all(line.as_bytes()).unwrap();
    let found = heard::found(&store).expect("what was said is found");
    assert!(found.contains("on the diagnostic channel"), "{found}");
    assert_eq!(heard::found(&store), None, "it is searched once");
}

/// The library itself is heard: what it says of a wrong configuration.
#[test]
fn the_library_is_heard() {
    let fixture = Fixture::new();
    session::finalize().good();
    let text = fs::read_to_string(fixture.config_path()).unwrap();
    fs::write(fixture.config_path(), format!("{text}[pin]\n\"unknown-{USER_PIN}\" = 1\n")).unwrap();
    assert!(fixture.initialize().is_err());
    heard::secret(format!("unknown-{USER_PIN}").as_bytes());
    let found = heard::found(&fixture.store_path()).expect("what the library said is found");
    assert!(found.contains("on the diagnostic channel"), "{found}");
}

#[test]
fn a_test_with_a_secret_in_its_log_fails() {
    let fixture = Fixture::new();
    fixture.token("planted");
    session::finalize().good();
    fs::write(fixture.store_path().join("audit/note"), SO_PIN).unwrap();
    let ended = catch_unwind(AssertUnwindSafe(|| drop(fixture)));
    let said = ended.expect_err("the end of the store is a failure");
    let said = said.downcast_ref::<String>().unwrap();
    assert!(said.contains("a secret, as it is, is in") && said.contains("audit/note"), "{said}");
}

/// Also of a process that has no such end.
#[test]
fn a_process_with_a_secret_in_its_log_is_ended() {
    let test = "secrets::a_process_with_a_secret_in_its_log_is_ended";
    if child::role().is_none() {
        let output = child::command(test, "child").output().unwrap();
        let said = child::everything(&output);
        assert_eq!(output.status.signal(), Some(libc::SIGABRT), "{said}");
        return assert!(said.contains("a secret, as it is, is in"), "{said}");
    }
    let fixture = Fixture::new();
    fixture.token("planted");
    fs::write(fixture.store_path().join("audit/note"), SO_PIN).unwrap();
    let _ = session::finalize();
}
