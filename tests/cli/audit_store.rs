// SPDX-License-Identifier: Apache-2.0 OR MIT
//! `strongroom audit` over the log of a store: what the command's verbs leave in it, checkpoints, and
//! the witnesses that they are handed to.

use super::desk::Desk;
use serde_json::Value;
use std::fs;
use std::path::Path;
use std::process::Command;
use strongroom::audit::{Entry, Log, Place};
use strongroom::files::Access;

const GENERATE: &[&str] =
    &["key", "generate", "--type", "ec:p256", "--label", "server", "--pin-file", "$D/pin"];

fn publish(desk: &Desk) -> super::desk::Ended {
    desk.run(&["audit", "checkpoint", "--publish", "$D/witness"])
}

fn with_witness() -> Desk {
    let desk = Desk::with_token();
    fs::create_dir(desk.path("witness")).unwrap();
    desk
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).unwrap();
    let mut names: Vec<_> =
        entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn verbs_are_in_the_log() {
    let desk = Desk::with_token();
    desk.run(GENERATE).good();
    desk.run(&["key", "list", "--pin-file", "$D/wrong"]).bad("attempts are left");
    let shown = |filter: &str| -> Vec<Value> {
        let arguments = ["audit", "show", "--json"].into_iter().chain(filter.split(' '));
        let out = desk.run(&arguments.collect::<Vec<_>>()).good().out;
        out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    // The label of a private key is not in the log: its identity is.
    let made = shown("--operation key*");
    assert!(!made.is_empty() && made.iter().all(|record| record["op"] == "key generate"));
    assert!(made.iter().all(|record| record["who"]["program"] == "strongroom"));
    let wrong = shown("--outcome CKR_PIN_INCORRECT");
    assert_eq!(wrong.iter().map(|record| &record["op"]).collect::<Vec<_>>(), ["login"]);
    // Reading leaves nothing.
    let before = shown("--after 0").len();
    desk.run(&["audit", "show"]).good();
    assert_eq!(shown("--after 0").len(), before);
}

#[test]
fn checkpoints_are_published_in_a_directory() {
    let desk = with_witness();
    let first = publish(&desk).good();
    let size = first.out.lines().nth(1).unwrap().to_string();
    let name = format!("{size:0>20}");
    assert_eq!(names(&desk.path("witness")), [name.as_str(), "verifier"]);
    assert_eq!(fs::read_to_string(desk.path("witness").join(&name)).unwrap(), first.out);
    let key = desk.run(&["audit", "key"]).good().out;
    assert_eq!(fs::read_to_string(desk.path("witness/verifier")).unwrap(), key);
    assert!(first.err.contains("published: "), "{first:?}");
    desk.run(GENERATE).good();
    let second = publish(&desk).good();
    let grown = second.out.lines().nth(1).unwrap().to_string();
    let proof = desk.run(&["audit", "consistency", &size, &grown]).good().out;
    let kept = desk.path("witness").join(format!("{size:0>20}-{grown:0>20}.consistency"));
    assert_eq!(fs::read_to_string(kept).unwrap(), proof);
    let json = desk.run(&["audit", "checkpoint", "--json"]).good().json();
    assert_eq!(json["published"], Value::Null);
    assert_eq!(
        json["note"].as_str().unwrap().lines().nth(1),
        Some(json["size"].to_string().as_str())
    );
}

#[test]
fn checkpoints_are_published_by_a_command() {
    let desk = Desk::with_token();
    let command = desk.expand("cat >$D/note; echo $STRONGROOM_CHECKPOINT_SIZE >$D/size");
    let done = desk.run(&["audit", "checkpoint", "--publish", &command]).good();
    assert_eq!(fs::read_to_string(desk.path("note")).unwrap(), done.out);
    let size = fs::read_to_string(desk.path("size")).unwrap();
    assert_eq!(Some(size.trim()), done.out.lines().nth(1));
    let failed = desk.run(&["audit", "checkpoint", "--publish", "exit 3"]).bad("was not published");
    assert_eq!(failed.out, "");
    desk.run(&["audit", "checkpoint", "--publish", "$D/none/such"]).bad("was not published");
}

/// A witness that knows a longer log, or another, says so.
#[test]
fn an_older_copy_is_not_published() {
    let desk = with_witness();
    publish(&desk).good();
    let copy = |from: &str, to: &str| {
        let _ = fs::remove_dir_all(desk.path(to));
        let done = Command::new("cp").arg("-a").arg(desk.path(from)).arg(desk.path(to)).status();
        assert!(done.unwrap().success());
    };
    copy("store", "old");
    desk.run(GENERATE).good();
    publish(&desk).good();
    copy("old", "store");
    publish(&desk).bad("the witness has a checkpoint of");
    for _ in 0..4 {
        desk.run(GENERATE).good();
    }
    publish(&desk).bad("the log is not the one whose checkpoint");
}

#[test]
fn another_stores_log_is_not_published() {
    let desk = with_witness();
    publish(&desk).good();
    let before = names(&desk.path("witness"));
    let other = Desk::with_token();
    let witness = desk.path("witness").display().to_string();
    other
        .run(&["audit", "checkpoint", "--publish", &witness])
        .bad("is not a checkpoint of this log");
    assert_eq!(names(&desk.path("witness")), before);
}

/// A copy of the log is read without the store, and proves as much.
#[test]
fn a_copy_is_enough() {
    let desk = Desk::with_token();
    desk.run(&["audit", "checkpoint"]).good();
    let proof = desk.run(&["audit", "prove", "2"]).good().out;
    fs::rename(desk.path("store/audit"), desk.path("copy")).unwrap();
    fs::remove_dir_all(desk.path("store")).unwrap();
    assert_eq!(desk.run(&["audit", "prove", "2", "--log", "$D/copy"]).good().out, proof);
    desk.run(&["audit", "prove", "2"]).bad("there is no audit log in");
    desk.run(&["audit", "checkpoint"]).bad("there is no store in");
}

/// A store that does not open without a question is not asked for one: its log is read as it is.
#[test]
fn nobody_is_asked_for_a_passphrase() {
    let desk = Desk::new();
    let init = "init --label web --seal passphrase --passphrase-file $D/passphrase \
                --so-pin-file $D/so --pin-file $D/pin";
    desk.run(&init.split_whitespace().collect::<Vec<_>>()).good();
    let shown = desk.run(&["audit", "show", "--operation", "init"]).good();
    assert!(shown.out.contains("init") && shown.err.is_empty(), "{shown:?}");
    desk.run(&["audit", "checkpoint"]).bad("no terminal to ask");
}

/// What a process counted that is gone, on the log of a desk's store.
fn count_and_go(desk: &Desk, times: u64) {
    let (file, store) = (desk.path("strongroom.toml"), desk.store());
    let config = strongroom::admin::configuration(Some(&file), Some(&store)).unwrap();
    let vault = strongroom::session::open_store(&config, None).unwrap().unwrap().vault;
    let access = Access::for_group("").unwrap();
    let place = Place { directory: store.join("audit"), access, store: *vault.id() };
    let log = Log::open(place, &vault.audit().unwrap().unwrap().key, config.audit).unwrap();
    let entry = Entry { op: "C_Sign", mechanism: "CKM_ECDSA", ..Entry::default() };
    let counter = log.counter(&entry).unwrap();
    (0..times).for_each(|_| counter.add());
}

#[test]
fn who_reads_records_what_was_counted() {
    let desk = Desk::with_token();
    count_and_go(&desk, 7);
    let signed = ["audit", "show", "--json", "--operation", "C_Sign"];
    let out = desk.run(&signed).good().out;
    let record: Value = serde_json::from_str(&out).unwrap();
    assert_eq!(record["details"]["count"], 7);
    assert_eq!(desk.run(&signed).good().out, out, "once");
    // A checkpoint is over what was counted.
    count_and_go(&desk, 5);
    let note = desk.run(&["audit", "checkpoint"]).good().out;
    let size: usize = note.lines().nth(1).unwrap().parse().unwrap();
    let text = fs::read_to_string(desk.store().join("audit/00000000000000000001.jsonl")).unwrap();
    assert!(text.lines().nth(size - 1).unwrap().contains("\"count\":5"), "{text}");
}
