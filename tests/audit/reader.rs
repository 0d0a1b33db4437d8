// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A reader of logs by the letter of `docs/audit-format.md`: parses, and checks numbers, chain,
//! segments, tree and checkpoints.

use openssl::hash::{MessageDigest, hash};
use openssl::pkey::{Id, PKey};
use openssl::sign::{Signer, Verifier};
use serde_json::Value;
use std::path::{Path, PathBuf};
use strongroom::mechanism::{kem, primitive};
use strongroom::secret::Secret;

/// A log that was read.
pub struct Reader {
    /// Its records, in order.
    pub records: Vec<Value>,
    /// The lines that they are.
    pub lines: Vec<Vec<u8>>,
    /// The sizes of its checkpoints.
    pub checkpoints: Vec<u64>,
}

impl Reader {
    /// Reads a log and checks all of it.
    pub fn read(directory: &Path, seed: &Secret) -> Reader {
        let mut key = first_key(directory, seed);
        let mut reader = Reader { records: Vec::new(), lines: Vec::new(), checkpoints: Vec::new() };
        let mut previous = vec![0; 32];
        for segment in named(directory, ".jsonl") {
            let bytes = std::fs::read(&segment).unwrap();
            assert_eq!(bytes.last(), Some(&b'\n'), "{segment:?} ends with a whole line");
            let first: usize = segment.file_stem().unwrap().to_str().unwrap().parse().unwrap();
            assert_eq!(first, reader.lines.len() + 1, "{segment:?} follows");
            for line in bytes[..bytes.len() - 1].split(|byte| *byte == b'\n') {
                assert!(line.is_ascii());
                let record: Value = serde_json::from_slice(line).unwrap();
                assert_eq!(record["v"], 1);
                assert_eq!(record["seq"], reader.lines.len() + 1);
                // The key went on with the records that are gone.
                for _ in 0..record["details"]["lost"].as_u64().unwrap_or(0) {
                    key = hmac(&key, &[NEXT]);
                }
                let at = line.len() - 64 - 2;
                let text = line[..at].strip_suffix(b",\"mac\":\"").unwrap();
                let mac = hmac(&key, &[&previous, text]);
                assert_eq!(hex::encode(&mac), record["mac"], "record {}", record["seq"]);
                key = hmac(&key, &[NEXT]);
                previous = mac;
                reader.lines.push(line.to_vec());
                reader.records.push(record);
            }
        }
        reader.check_checkpoints(directory);
        reader
    }

    /// The records of one operation.
    pub fn of(&self, op: &str) -> Vec<&Value> {
        self.records.iter().filter(|record| record["op"] == op).collect()
    }

    fn check_checkpoints(&mut self, directory: &Path) {
        let verifier = std::fs::read_to_string(directory.join("verifier")).unwrap();
        let mut parts = verifier.trim_end().splitn(3, '+');
        let (name, hash) = (parts.next().unwrap(), parts.next().unwrap());
        let key = openssl::base64::decode_block(parts.next().unwrap()).unwrap();
        let public = PKey::public_key_from_raw_bytes(&key[1..], Id::ED25519).unwrap();
        for path in named(&directory.join("checkpoints"), "") {
            let note = std::fs::read_to_string(&path).unwrap();
            let (body, signature) = note.split_at(note.find("\n\n").unwrap() + 1);
            let lines: Vec<_> = body.lines().collect();
            let size: usize = lines[1].parse().unwrap();
            assert_eq!(lines[0], name);
            assert_eq!(lines[2], openssl::base64::encode_block(&root(&self.lines[..size])));
            let signature = signature.trim().strip_prefix(&format!("\u{2014} {name} ")).unwrap();
            let signature = openssl::base64::decode_block(signature).unwrap();
            assert_eq!(hex::encode(&signature[..4]), hash);
            let mut check = Verifier::new_without_digest(&public).unwrap();
            assert!(check.verify_oneshot(&signature[4..], body.as_bytes()).unwrap());
            self.checkpoints.push(size as u64);
        }
    }
}

/// RFC 6962, section 2.1.
pub fn root(lines: &[Vec<u8>]) -> Vec<u8> {
    match lines {
        [] => sha256(&[]),
        [line] => sha256(&[&[0], line.as_slice()].concat()),
        _ => {
            let (left, right) = lines.split_at(lines.len().next_power_of_two() / 2);
            sha256(&[&[1], root(left).as_slice(), &root(right)].concat())
        }
    }
}

/// The first key of the first chain.
pub fn first_key(directory: &Path, seed: &Secret) -> Vec<u8> {
    let file = std::fs::read(directory.join("00000000000000000001.keys")).unwrap();
    let file: Value = serde_json::from_slice(&file).unwrap();
    let auditor = &file["auditors"][0];
    let bytes = |name: &str| openssl::base64::decode_block(auditor[name].as_str().unwrap());
    let shared = kem::Decapsulator::new(seed).unwrap().decapsulate(&bytes("kem").unwrap()).unwrap();
    let store = hex::decode(file["store"].as_str().unwrap()).unwrap();
    let context = [&b"strongroom audit chain"[..], &store, &1u64.to_be_bytes()].concat();
    primitive::open(&shared, &context, &bytes("sealed").unwrap()).unwrap().expose().to_vec()
}

fn named(directory: &Path, ending: &str) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).unwrap();
    let mut found: Vec<_> = entries
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.to_str().unwrap().ends_with(ending) && path.is_file())
        .collect();
    found.sort();
    found
}

fn hmac(key: &[u8], parts: &[&[u8]]) -> Vec<u8> {
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    parts.iter().for_each(|part| signer.update(part).unwrap());
    signer.sign_to_vec().unwrap()
}

fn sha256(bytes: &[u8]) -> Vec<u8> {
    hash(MessageDigest::sha256(), bytes).unwrap().to_vec()
}

const NEXT: &[u8] = b"strongroom audit next";
