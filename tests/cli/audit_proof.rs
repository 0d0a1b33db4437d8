// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What `strongroom audit` proves, checked by the algorithms of RFC 9162.

use super::audit::Written;
use super::proof::{Hash, grew, includes, leaf};
use openssl::base64::decode_block;
use serde_json::Value;
use strongroom::audit::Durability;
use strongroom::config;

/// A log of 14 records with checkpoints of 6 and 13.
fn grown() -> Written {
    let written = Written::new();
    let log = written.open(config::Audit::default());
    log.checkpoint().unwrap();
    for _ in 0..6 {
        log.append(&super::audit::entries()[1], Durability::Later).unwrap();
    }
    log.checkpoint().unwrap();
    written
}

#[test]
fn every_record_is_proved() {
    let written = grown();
    let lines = written.lines();
    assert_eq!(lines.len(), 14);
    for (size, seqs) in [("", 1..=13), ("--size 6", 1..=6)] {
        for seq in seqs {
            let proof = written.run(&format!("prove {seq} {size} --json")).good().json();
            assert_eq!(proof["line"], lines[seq as usize - 1]);
            assert_eq!(proof["index"], seq - 1);
            assert!(included(&proof, &lines[seq as usize - 1]));
            assert!(!included(&proof, &lines[seq as usize % 13]));
            let text = written.run(&format!("prove {seq} {size}")).good().out;
            let (head, note) = text.split_once("\n\n").unwrap();
            assert_eq!(note, proof["checkpoint"].as_str().unwrap());
            let head: Vec<&str> = head.lines().collect();
            assert_eq!(
                head[..2],
                ["c2sp.org/tlog-proof@v1".to_string(), format!("index {}", seq - 1)]
            );
            assert_eq!(head[2..].to_vec(), strings(&proof["hashes"]));
        }
    }
}

#[test]
fn every_growth_is_proved() {
    let written = grown();
    for (old, new) in (0..=13).map(|old| (old, 13)).chain((0..=6).map(|old| (old, 6))) {
        let proof = written.run(&format!("consistency {old} {new} --json")).good().json();
        let hashes: Vec<Hash> = strings(&proof["hashes"]).iter().map(|text| hash(text)).collect();
        let (was, is) = (hash(text(&proof["old_root"])), hash(text(&proof["new_root"])));
        match old {
            0 => assert!(hashes.is_empty()),
            old => {
                assert!(grew((old, was), (new, is), &hashes), "{old} to {new}");
                assert!(old == new || !grew((old, is), (new, was), &hashes));
            }
        }
        let lines = written.run(&format!("consistency {old} {new}")).good().out;
        let (head, note) = lines.split_once("\n\n").unwrap_or_else(|| panic!("{lines}"));
        assert_eq!(note, text(&proof["checkpoint"]));
        assert_eq!(head.lines().next(), Some(format!("old {old}").as_str()));
    }
}

#[test]
fn what_cannot_be_proved() {
    let written = grown();
    written.run("prove 14").bad("no checkpoint is over record 14: the newest is over 13");
    written.run("prove 0").bad("no checkpoint of size 13 is over record 0");
    written.run("prove 7 --size 6").bad("no checkpoint of size 6 is over record 7");
    written.run("prove 1 --size 5").bad("no checkpoint of size 5");
    written.run("consistency 6 12").bad("there is no checkpoint of size 12");
    written.run("consistency 13 6").bad("does not become");
}

/// A proof of what is not as it was signed is not given.
#[test]
fn what_was_altered_is_not_proved() {
    let of = |from: &str, to: &str, file: &str| {
        let written = grown();
        written.edit(file, from, to);
        written
    };
    const SEGMENT: &str = "00000000000000000001.jsonl";
    let edited = of("CKR_PIN_INCORRECT", "CKR_PIN_LOCKED", SEGMENT);
    for verb in ["prove 4", "prove 1", "consistency 6 13"] {
        edited.run(verb).bad("the log is not the one that the checkpoint of size 13 is of");
    }
    let renumbered = of("\"seq\":4,", "\"seq\":5,", SEGMENT);
    renumbered.run("prove 1").bad("00000000000000000001.jsonl:4 is not record 4");
    let resized = of("\n13\n", "\n12\n", "checkpoints/00000000000000000013");
    resized.run("prove 1").bad("the checkpoint of size 13 is not as the log's key signed it");
    resized.run("prove 1 --size 6").good();
    let other = grown();
    let key = std::fs::read(other.place.verifier()).unwrap();
    std::fs::write(edited.place.verifier(), key).unwrap();
    edited.run("prove 1").bad("is not as the log's key signed it");
    let renamed = grown();
    std::fs::rename(renamed.place.checkpoint(6), renamed.place.checkpoint(5)).unwrap();
    renamed.run("prove 1 --size 5").bad("the checkpoint of size 5 is not as");
    let garbled = of("strongroom-audit/", "strongroom-audit+", "verifier");
    garbled.run("key").bad("is no verifier key");
    let short = grown();
    let lines = short.lines();
    std::fs::write(short.place.segment(1), lines[..9].join("\n") + "\n").unwrap();
    short.run("prove 1").bad("the log ends after record 9, before record 13");
}

#[test]
fn the_key_is_what_is_published() {
    let written = grown();
    let key = written.run("key").good();
    assert_eq!(key.out, std::fs::read_to_string(written.place.verifier()).unwrap());
    let name = written.run("key --json").good().json()["name"].clone();
    assert_eq!(name, format!("strongroom-audit/{}", hex::encode(b"0123456789abcdef")));
}

fn included(proof: &Value, line: &str) -> bool {
    let place = (proof["index"].as_u64().unwrap(), proof["size"].as_u64().unwrap());
    let root = text(&proof["root"]);
    let hashes: Vec<Hash> = strings(&proof["hashes"]).iter().map(|text| hash(text)).collect();
    let signed = text(&proof["checkpoint"]).lines().nth(2).unwrap();
    includes(leaf(line.as_bytes()), place, hash(root), &hashes) && signed == root
}

fn hash(text: &str) -> Hash {
    decode_block(text).unwrap().try_into().unwrap()
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn strings(value: &Value) -> Vec<&str> {
    value.as_array().unwrap().iter().map(text).collect()
}
