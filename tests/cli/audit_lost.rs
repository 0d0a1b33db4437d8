// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A log whose head is lost: nothing goes on by itself, nothing is cut off, and whoever goes on leaves a
//! break that every check names.

use super::desk::{Desk, Ended};
use serde_json::Value;
use std::fs;
use std::path::PathBuf;

fn run(desk: &Desk, arguments: &str) -> Ended {
    desk.run(&arguments.split_whitespace().collect::<Vec<_>>())
}

fn audit(desk: &Desk, name: &str) -> PathBuf {
    desk.store().join("audit").join(name)
}

/// The kinds of faults that a check with the officer's PIN names, with their records.
#[track_caller]
fn faults(desk: &Desk, more: &str) -> Vec<(String, u64)> {
    let ended = run(desk, &format!("audit verify --json --so --so-pin-file $D/so {more}"));
    let found = ended.json()["faults"].as_array().unwrap().clone();
    assert_eq!(ended.code, i32::from(!found.is_empty()), "{ended:?}");
    let fault = |fault: &Value| {
        (fault["kind"].as_str().unwrap().to_owned(), fault["seq"].as_u64().unwrap_or_default())
    };
    found.iter().map(fault).collect()
}

fn keys(desk: &Desk) -> usize {
    run(desk, "key list --json --pin-file $D/pin").good().json().as_array().unwrap().len()
}

fn lines(desk: &Desk, segment: u64) -> Vec<String> {
    let text = fs::read_to_string(audit(desk, &format!("{segment:020}.jsonl"))).unwrap();
    text.lines().map(str::to_owned).collect()
}

const GENERATE: &str = "key generate --type aes --label k --pin-file $D/pin";
const FIRST: &str = "00000000000000000001.jsonl";

/// Loses the head in one way; each is refused, named, left as it is, and gone on from.
#[track_caller]
fn lost(desk: &Desk, kind: &str) {
    let before = fs::read(audit(desk, FIRST)).unwrap();
    let count = lines(desk, 1).len() as u64;
    let refused = run(desk, GENERATE);
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.err.contains("'strongroom audit renew --lost'"), "{refused:?}");
    run(desk, "audit renew").bad("CKR_DEVICE_ERROR");
    assert_eq!(fs::read(audit(desk, FIRST)).unwrap(), before, "nothing is cut off or written");
    assert_eq!(faults(desk, "")[0].0, kind);
    let said = run(desk, "audit renew --lost --json").good();
    let seq = said.json()["seq"].as_u64().unwrap();
    assert_eq!(seq, count + 1);
    assert!(said.json()["broken"].as_bool().unwrap());
    assert!(fs::read(audit(desk, FIRST)).unwrap().starts_with(&before));
    assert_eq!(keys(desk), 1, "nothing was done that was refused");
    run(desk, &GENERATE.replace(" k ", " l ")).good();
    // The break stays, and what comes behind it is checked by itself.
    assert_eq!(faults(desk, ""), [("broken".to_owned(), seq)]);
    assert_eq!(faults(desk, &format!("--from {}", seq + 1)), []);
    let again = run(desk, "audit renew --lost");
    assert!(again.err.contains("is not lost"), "{again:?}");
    // Lines before and behind it are still those that were written.
    let text = fs::read_to_string(audit(desk, FIRST)).unwrap();
    fs::write(audit(desk, FIRST), text.replacen("key generate", "key forgerate", 1)).unwrap();
    assert_eq!(faults(desk, "")[0].0, "edited");
    fs::write(audit(desk, FIRST), text).unwrap();
    let behind = audit(desk, &format!("{:020}.jsonl", seq + 1));
    let text = fs::read_to_string(&behind).unwrap();
    fs::write(&behind, text.replacen("key generate", "key forgerate", 1)).unwrap();
    assert!(faults(desk, "").iter().any(|(kind, _)| kind == "edited"));
    fs::write(&behind, text).unwrap();
    assert_eq!(faults(desk, ""), [("broken".to_owned(), seq)]);
}

fn with_key() -> Desk {
    let desk = Desk::with_token();
    run(&desk, GENERATE).good();
    desk
}

#[test]
fn a_head_that_is_gone() {
    let desk = with_key();
    fs::remove_file(audit(&desk, "head")).unwrap();
    lost(&desk, "head-missing");
}

#[test]
fn a_head_that_is_nobodys() {
    let desk = with_key();
    let mut head = fs::read(audit(&desk, "head")).unwrap();
    head[100] ^= 1;
    fs::write(audit(&desk, "head"), head).unwrap();
    lost(&desk, "head-altered");
}

/// A copy of the head from before another chain began knows nothing of that chain's keys.
#[test]
fn a_head_from_before_another_chain() {
    let desk = with_key();
    let head = fs::read(audit(&desk, "head")).unwrap();
    run(&desk, "audit renew").good();
    run(&desk, "key list --pin-file $D/pin").good();
    fs::write(audit(&desk, "head"), head).unwrap();
    lost(&desk, "head-older");
}

/// One of the same chain is no loss: the lines behind it are taken over.
#[test]
fn an_older_head_of_the_same_chain_goes_on() {
    let desk = with_key();
    let head = fs::read(audit(&desk, "head")).unwrap();
    run(&desk, "key list --pin-file $D/pin").good();
    let before = lines(&desk, 1);
    fs::write(audit(&desk, "head"), head).unwrap();
    run(&desk, "key list --pin-file $D/pin").good();
    assert!(lines(&desk, 1).starts_with(&before));
    assert_eq!(faults(&desk, ""), []);
}

/// Lost once more, also right behind a renewal, whose chain never had a record.
#[test]
fn a_head_that_is_lost_again() {
    let desk = with_key();
    run(&desk, "audit renew").good();
    fs::remove_file(audit(&desk, "head")).unwrap();
    lost(&desk, "head-missing");
    let first = faults(&desk, "");
    fs::remove_file(audit(&desk, "head")).unwrap();
    let seq = run(&desk, "audit renew --lost --json").good().json()["seq"].as_u64().unwrap();
    assert_eq!(faults(&desk, ""), [first, vec![("broken".to_owned(), seq)]].concat());
    assert_eq!(faults(&desk, &format!("--from {}", seq + 1)), []);
}

/// Records are gone with the head: the store's binding says how many.
#[test]
fn a_head_that_is_lost_with_records() {
    let desk = with_key();
    let text = fs::read_to_string(audit(&desk, FIRST)).unwrap();
    let count = text.lines().count();
    let kept: String = text.split_inclusive('\n').take(count - 3).collect();
    fs::write(audit(&desk, FIRST), format!("{kept}{{\"v\":1,\"se")).unwrap();
    fs::remove_file(audit(&desk, "head")).unwrap();
    run(&desk, "audit renew --lost").good();
    let broken: Value = serde_json::from_str(&lines(&desk, 1)[count - 3]).unwrap();
    assert_eq!(
        (&broken["op"], &broken["outcome"]),
        (&"audit.broken".into(), &"CKR_DEVICE_ERROR".into())
    );
    assert!(broken["details"]["lost"].as_u64().unwrap() >= 1, "{broken}");
    assert_eq!(broken["details"]["cut"], 10);
    run(&desk, &GENERATE.replace(" k ", " l ")).good();
    let seq = count as u64 - 2;
    assert_eq!(faults(&desk, "")[..2], [("broken".to_owned(), seq), ("removed".to_owned(), seq)]);
}

/// All of it is gone: another log begins, which says what is missing.
#[test]
fn a_log_that_is_gone() {
    let desk = with_key();
    fs::remove_dir_all(audit(&desk, "")).unwrap();
    run(&desk, GENERATE).bad("CKR_DEVICE_ERROR");
    assert!(!audit(&desk, "head").exists(), "none takes its place");
    run(&desk, "audit renew --lost").good();
    assert_eq!(keys(&desk), 1);
    run(&desk, &GENERATE.replace(" k ", " l ")).good();
    let found = faults(&desk, "");
    assert!(found.contains(&("broken".to_owned(), 3)), "{found:?}");
    assert!(found.contains(&("removed".to_owned(), 3)), "{found:?}");
}

/// With `on_failure = "warn"` work goes on unrecorded, and the log is as it was.
#[test]
fn a_lost_head_is_warned_of() {
    let desk = with_key();
    fs::remove_file(audit(&desk, "head")).unwrap();
    let before = fs::read(audit(&desk, FIRST)).unwrap();
    desk.write("strongroom.toml", b"[audit]\non_failure = \"warn\"\n");
    let done = run(&desk, &GENERATE.replace(" k ", " l ")).good();
    assert!(done.err.contains("done, and not recorded"), "{done:?}");
    assert_eq!(keys(&desk), 2);
    assert_eq!(fs::read(audit(&desk, FIRST)).unwrap(), before);
    run(&desk, "audit renew --lost").good();
}

/// Whoever may not write gets no other log.
#[test]
fn what_cannot_be_written_is_no_lost_head() {
    let desk = with_key();
    let mut permissions = fs::metadata(audit(&desk, FIRST)).unwrap().permissions();
    std::os::unix::fs::PermissionsExt::set_mode(&mut permissions, 0o666);
    fs::set_permissions(audit(&desk, FIRST), permissions).unwrap();
    run(&desk, "audit renew --lost").bad("cannot begin another chain");
    assert!(!audit(&desk, "new-head").exists());
}
