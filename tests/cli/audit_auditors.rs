// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who can check the chain of the audit log: with which PIN, from when on, and what of it is recorded.

use super::desk::{Desk, Ended};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn run(desk: &Desk, arguments: &str) -> Ended {
    desk.run(&words(arguments))
}

/// What a check says, as JSON.
#[track_caller]
fn check(desk: &Desk, by: &str, code: i32) -> Value {
    let ended = run(desk, &format!("audit verify --json {by}"));
    assert_eq!(ended.code, code, "{ended:?}");
    ended.json()
}

/// How many records a holder's PIN checks, of how many.
#[track_caller]
fn checked(desk: &Desk, by: &str) -> (u64, u64) {
    let said = check(desk, by, 0);
    (said["chained"].as_u64().unwrap(), said["records"].as_u64().unwrap())
}

#[track_caller]
fn shown(desk: &Desk, filter: &str) -> Vec<Value> {
    let out = run(desk, &format!("audit show --json {filter}")).good().out;
    out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn segment(desk: &Desk, first: u64) -> PathBuf {
    desk.store().join(format!("audit/{first:020}.jsonl"))
}

/// Changes the latest record that has a text; returns its number.
fn edit(desk: &Desk, from: &str, to: &str) -> u64 {
    let text = fs::read_to_string(segment(desk, 1)).unwrap();
    let at = text.rfind(from).unwrap();
    let edited = format!("{}{to}{}", &text[..at], &text[at + from.len()..]);
    fs::write(segment(desk, 1), edited).unwrap();
    text[..at].lines().count() as u64
}

const SO: &str = "--so --so-pin-file $D/so";
const ANNA: &str = "--user anna --pin-file $D/new";
const ADD: &str = "user add anna --role auditor --so-pin-file $D/so --new-pin-file $D/new";
const GENERATE: &str = "key generate --type ec:p256 --label k --pin-file $D/pin";

/// Nobody has thought of auditors: the security officer checks all there is, from the first record on.
#[test]
fn a_default_store_has_a_chain_that_its_officer_checks() {
    let desk = Desk::with_token();
    run(&desk, GENERATE).good();
    let (chained, records) = checked(&desk, SO);
    assert_eq!(chained, records);
    // Without the PIN one sees what the store's own key opens, and says so.
    let (chained, records) = checked(&desk, "");
    assert!((1..records).contains(&chained), "{chained} of {records}");
    // What nobody else sees behind the last checkpoint.
    let seq = edit(&desk, "key generate", "key forgerate");
    let faults = check(&desk, SO, 1)["faults"].clone();
    assert_eq!((&faults[0]["kind"], &faults[0]["seq"]), (&"edited".into(), &seq.into()));
    assert_eq!(check(&desk, "", 0)["faults"], Value::Array(vec![]));
}

#[test]
fn an_auditor_checks_from_when_they_are_there_and_officers_no_longer() {
    let desk = Desk::with_token();
    let said = run(&desk, ADD).good();
    assert!(said.err.contains("another chain of the audit log begins here"), "{said:?}");
    run(&desk, GENERATE).good();
    let renewed = shown(&desk, "--operation audit.renew");
    let (before, anna) = (&renewed[0], &renewed[1]);
    assert!(anna["details"]["subject"].as_str().unwrap().ends_with("/anna"));
    assert!(before["details"]["subject"].as_str().unwrap().ends_with('/'), "the officer");
    // The first three records are the store's own.
    let (since, own) = (anna["seq"].as_u64().unwrap(), before["seq"].as_u64().unwrap());
    let (chained, records) = checked(&desk, ANNA);
    assert_eq!(chained, records - since + own);
    let (chained, records) = checked(&desk, SO);
    assert_eq!((chained, records > since), (since, true));
    // Who changes their own PIN takes along what they can check.
    run(&desk, "pin change --user anna --pin-file $D/new --new-pin-file $D/pin").good();
    let (chained, records) = checked(&desk, "--user anna --pin-file $D/pin");
    assert_eq!(chained, records - since + own);
    assert_eq!(shown(&desk, "--operation audit.renew").len(), 2, "and nobody needs another chain");
    // A PIN that another sets comes with another pair.
    let reset = run(&desk, "user reset anna --so-pin-file $D/so --new-pin-file $D/new").good();
    assert!(reset.err.contains("another chain of the audit log begins here"), "{reset:?}");
    assert_eq!(check(&desk, ANNA, 0)["unopened"].as_array().unwrap().len(), 2);
    // With the last auditor the officer is one again.
    let (before, _) = checked(&desk, SO);
    run(&desk, "user remove anna --so-pin-file $D/so").good();
    run(&desk, GENERATE.replace(" k ", " l ").as_str()).good();
    assert!(checked(&desk, SO).0 > before);
    assert_eq!(shown(&desk, "--operation audit.renew").len(), 4);
}

#[test]
fn an_auditor_sees_the_record_that_was_edited() {
    let desk = Desk::with_token();
    run(&desk, ADD).good();
    run(&desk, GENERATE).good();
    let before = fs::read(segment(&desk, 1)).unwrap();
    let seq = edit(&desk, "key generate", "key forgerate");
    let head = fs::read(desk.store().join("audit/head")).unwrap();
    let altered = fs::read(segment(&desk, 1)).unwrap();
    let ended = run(&desk, &format!("audit verify {ANNA}"));
    assert_eq!(ended.code, 1, "{ended:?}");
    assert!(ended.out.contains(&format!("record {seq}: a record was edited")), "{ended:?}");
    assert!(ended.err.contains("is not recorded: the log is left as it is"), "{ended:?}");
    assert_eq!(fs::read(segment(&desk, 1)).unwrap(), altered);
    assert_eq!(fs::read(desk.store().join("audit/head")).unwrap(), head);
    // What is sound is recorded.
    fs::write(segment(&desk, 1), before).unwrap();
    check(&desk, ANNA, 0);
    let last = shown(&desk, "--last 1").remove(0);
    assert_eq!((&last["op"], &last["details"]["subject"]), (&"login".into(), &"anna".into()));
}

#[test]
fn a_wrong_pin_is_charged_and_recorded() {
    let desk = Desk::with_token();
    run(&desk, ADD).good();
    let wrong = "audit verify --user anna --pin-file $D/wrong";
    for left in ["2 attempts are left", "1 attempt is left", "is locked now"] {
        let ended = run(&desk, wrong);
        assert_eq!(ended.code, 2, "a check that could not run: {ended:?}");
        assert!(ended.err.contains(left), "{ended:?}");
    }
    let refused = shown(&desk, "--outcome CKR_PIN_INCORRECT");
    let about = |record: &Value| (record["op"].clone(), record["details"]["subject"].clone());
    assert_eq!(
        refused.iter().map(about).collect::<Vec<_>>(),
        vec![("login".into(), "anna".into()); 3]
    );
    assert_eq!(run(&desk, &format!("audit verify {ANNA}")).code, 2);
    assert_eq!(shown(&desk, "--outcome CKR_PIN_LOCKED").len(), 1);
    // Who is no auditor hears so, and no PIN is tried.
    run(&desk, "user add boss --role manager --so-pin-file $D/so --new-pin-file $D/new").good();
    let before = shown(&desk, "").len();
    for (who, says) in [
        ("--user boss --pin-file $D/new", "'boss' is no auditor of token 'web'"),
        ("--pin-file $D/pin", "the user without a name is no auditor"),
        ("--user nobody --pin-file $D/new", "has no user 'nobody'"),
    ] {
        let ended = run(&desk, &format!("audit verify {who}"));
        assert_eq!(ended.code, 2, "{ended:?}");
        assert!(ended.err.contains(says) && ended.err.contains("next: "), "{ended:?}");
    }
    assert_eq!(shown(&desk, "").len(), before);
}

/// The officer of a strict token opens no key of it, and checks the log all the same.
#[test]
fn the_officer_of_a_strict_token_checks_the_log() {
    let desk = Desk::new();
    let init = "init --label web --separation strict --so-pin-file $D/so --pin-file $D/pin";
    run(&desk, init).good();
    run(&desk, "pin change --so --so-pin-file $D/so --new-pin-file $D/new").good();
    let (chained, records) = checked(&desk, "--so --so-pin-file $D/new");
    assert_eq!(chained, records);
}

/// A copy of the log is checked with a PIN of the store that it is of.
#[test]
fn a_copy_is_checked_with_a_pin() {
    let desk = Desk::with_token();
    run(&desk, GENERATE).good();
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([desk.store().join("audit"), desk.path("copy")])
        .status();
    assert!(copied.unwrap().success());
    let said = check(&desk, &format!("--log $D/copy {SO}"), 0);
    // What is kept for nobody but the store takes the store's key, which a copy is not checked with.
    assert_eq!(said["unopened"], serde_json::json!([1]));
    assert!(said["chained"].as_u64() > Some(1));
}

#[test]
fn a_chain_is_begun_anew_for_whom_the_configuration_names() {
    let desk = Desk::with_token();
    let public = desk.path("otto.pem").display().to_string();
    let (encapsulation, seed) = strongroom::mechanism::kem::generate().unwrap();
    let der = [SUBJECT_PUBLIC_KEY, encapsulation.as_slice()].concat();
    let text = openssl::base64::encode_block(&der);
    let pem = format!("-----BEGIN PUBLIC KEY-----\n{text}\n-----END PUBLIC KEY-----\n");
    fs::write(&public, pem).unwrap();
    desk.write("otto.key", hex::encode(seed.expose()).as_bytes());
    let settings = format!("[audit]\nauditors = [\"{public}\"]\n[pin]\nmax_failures = 3\n");
    desk.write("strongroom.toml", settings.as_bytes());
    run(&desk, GENERATE).good();
    assert_eq!(shown(&desk, "--operation audit.renew").len(), 1, "not by itself");
    let said = run(&desk, "audit renew --json").good().json();
    assert_eq!(said["auditors"], serde_json::json!(["otto"]));
    let ops: Vec<_> = shown(&desk, "--last 2").iter().map(|record| record["op"].clone()).collect();
    assert_eq!(ops, ["audit renew", "audit.renew"]);
    run(&desk, &GENERATE.replace(" k ", " l ")).good();
    let by_key = check(&desk, "--auditor-key $D/otto.key", 0);
    let since = said["seq"].as_u64().unwrap();
    let records = by_key["records"].as_u64().unwrap();
    assert!(by_key["chained"].as_u64().unwrap() >= records - since, "{by_key}");
    assert_eq!(by_key["last"].as_u64(), Some(records));
    // Whoever has another configuration leaves it at that.
    desk.write("strongroom.toml", b"[pin]\nmax_failures = 3\n");
    run(&desk, &GENERATE.replace(" k ", " m ")).good();
    check(&desk, SO, 0);
    assert_eq!(shown(&desk, "--operation audit.renew").len(), 2);
}

/// Who had the keys had the chain's key as well.
#[test]
fn what_follows_a_compromise_begins_another_chain() {
    let desk = Desk::with_token();
    run(&desk, GENERATE).good();
    let count = || shown(&desk, "--operation audit.renew").len();
    let before = count();
    run(&desk, "rotate token-key --pin-file $D/pin").good();
    run(&desk, "rotate master-key").good();
    assert_eq!(count(), before, "a plain rotation is none");
    run(&desk, "rotate token-key --compromised --pin-file $D/pin").good();
    assert_eq!(count(), before + 1);
    run(&desk, "rotate master-key --compromised").good();
    assert_eq!(count(), before + 2);
    let (chained, records) = checked(&desk, SO);
    assert_eq!(chained, records);
}

/// What the command itself refuses leaves a record too.
#[test]
fn what_the_command_refuses_is_recorded() {
    let desk = Desk::with_token();
    run(&desk, ADD).good();
    for (verb, arguments, outcome) in [
        ("user add", ADD, "CKR_ARGUMENTS_BAD"),
        ("user remove", "user remove bob --so-pin-file $D/so", "CKR_ARGUMENTS_BAD"),
        (
            "key generate",
            "key generate --type aes --label k --pin-file $D/wrong",
            "CKR_PIN_INCORRECT",
        ),
        ("pin change", "pin change --pin-file $D/pin --new-pin-file $D/short", "CKR_ARGUMENTS_BAD"),
        (
            "key destroy",
            "key destroy --label none --yes --reason test --pin-file $D/pin",
            "CKR_ARGUMENTS_BAD",
        ),
        ("seal remove", "seal remove --slot 1", "CKR_ARGUMENTS_BAD"),
        ("audit renew", "audit renew --lost", "CKR_ARGUMENTS_BAD"),
    ] {
        let before = shown(&desk, "").len() as u64;
        let ended = run(&desk, arguments);
        assert_eq!(ended.code, 1, "{ended:?}");
        let new = shown(&desk, &format!("--after {before}"));
        let own: Vec<_> = new.iter().filter(|record| record["op"] == verb).collect();
        assert_eq!(own.len(), 1, "{verb}: {new:#?}");
        assert_eq!(own[0]["outcome"], outcome, "{verb}: {new:#?}");
    }
}

/// What stands before a public key of ML-KEM-1024 (RFC 9935).
const SUBJECT_PUBLIC_KEY: &[u8] = &[
    0x30, 0x82, 0x06, 0x32, 0x30, 0x0B, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x04,
    0x03, 0x03, 0x82, 0x06, 0x21, 0x00,
];
