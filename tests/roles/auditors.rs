// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The pair of who may check the audit log: it opens by the format and their PIN, and comes to those whom an
//! older version made.

use crate::common::*;
use crate::older::replace;
use crate::reader::{Bytes, Files, Pin, Token, counted, mac, open};
use crate::{STRICT, add, command, pin_of};
use serde_json::Value;

/// The first key of a chain, for whoever has this pair: with ML-KEM from the test's own OpenSSL.
fn first_key(fixture: &Fixture, name: &str, seed: &[u8]) -> Option<Vec<u8>> {
    let directory = fixture.store_path().join("audit");
    let mut chains: Vec<_> = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "keys"))
        .collect();
    chains.sort();
    let file: Value = serde_json::from_slice(&std::fs::read(chains.last()?).unwrap()).unwrap();
    let one = file["auditors"].as_array()?.iter().find(|one| one["name"] == name)?;
    let bytes = |name: &str| openssl::base64::decode_block(one[name].as_str().unwrap()).unwrap();
    let shared = crate::reader::shares::decapsulated(seed, &bytes("kem"));
    let store = hex::decode(file["store"].as_str()?).ok()?;
    let first = file["first"].as_u64()?.to_be_bytes();
    open(&shared, &[b"strongroom audit chain", &store[..], &first].concat(), &bytes("sealed"))
}

/// The seed of a pair, for who has what the PIN opens.
fn audit_seed(files: &Files, token: &Token, who: (u8, &str), pin: &Pin, text: &str) -> Vec<u8> {
    let context = Files::pin_context(&files.id, token, who, pin);
    let inner = open(&files.key("key pin"), &context, &pin.wrap).expect("the outer layer");
    let content = open(&pin.stretched(text), &context, &inner).expect("the PIN opens");
    let (public, sealed) = pin.auditor.as_ref().expect("a pair");
    let purpose = [&context[..], b"pair of auditor"].concat();
    // HKDF of one block: extract without salt, expand.
    let wrapping = mac(&mac(&[0; 32], &[&content]), &[&purpose, &[1]]);
    open(&wrapping, &[&purpose[..], &counted(public)].concat(), sealed).expect("the pair opens")
}

#[test]
fn an_auditors_pair_opens_by_the_format() {
    let fixture = Fixture::with_settings(STRICT);
    fixture.token("pairs");
    session::finalize().good();
    let files = Files::open(&fixture.store_path());
    let record = files.token();
    let serial = hex::encode(&record.uuid[..8]);
    // The officer of a strict token holds no key of it, and has a pair.
    let so = record.so.clone().unwrap();
    assert_eq!(so.holds, 0);
    let seed = audit_seed(&files, &record, (0, ""), &so, SO_PIN);
    assert_eq!(first_key(&fixture, &format!("{serial}/"), &seed).unwrap().len(), 32);
    assert!(record.user.unwrap().auditor.is_none());
    add(&fixture, "auditor", "auditor");
    add(&fixture, "manager", "manager");
    let record = files.token();
    let auditor = &record.users["auditor"].1;
    let own = audit_seed(&files, &record, (4, "auditor"), auditor, &pin_of("auditor"));
    assert_eq!(first_key(&fixture, &format!("{serial}/auditor"), &own).unwrap().len(), 32);
    assert_eq!(first_key(&fixture, &format!("{serial}/"), &seed), None, "the officer is none now");
    assert!(record.users["manager"].1.auditor.is_none());
}

/// A token as versions before had it: the third of its record, and PINs without a pair.
#[test]
fn who_has_no_pair_gets_one_with_their_pin() {
    let fixture = Fixture::new();
    let token = fixture.token("older");
    add(&fixture, "auditor", "auditor");
    session::finalize().good();
    let files = Files::open(&fixture.store_path());
    let record = older(&files);
    let rows = files.key("key rows");
    let id = files.token().id;
    let tag = mac(&rows, &[b"record of token", &files.id, &id.to_be_bytes(), &record]);
    replace(&files, id, &[record, tag].concat());
    // Two copies of SQLite do not share a file.
    drop(files);
    // Nobody can check a chain that begins now, but for whoever opens the store.
    let verify = |who: &[&str]| {
        let said = command(&fixture, &[&["audit", "verify", "--json"][..], who].concat());
        serde_json::from_slice::<Value>(&said.stdout).unwrap()
    };
    let names = || {
        let out = command(&fixture, &["audit", "show", "--json", "--operation", "audit.renew"]);
        let text = String::from_utf8(out.stdout).unwrap();
        let last: Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        last["details"]["subject"].as_str().unwrap().to_owned()
    };
    assert_eq!(names(), "nobody");
    fixture.initialize().good();
    token.user().close().good();
    assert_eq!(names(), "nobody", "who uses keys is no auditor");
    let so = token.so();
    so.close().good();
    assert!(names().ends_with('/'), "the officer has one");
    session::finalize().good();
    let said = verify(&["--user", "auditor", "--pin-env", "PIN_auditor"]);
    assert_eq!(said["faults"], serde_json::json!([]));
    // What they opened it with is there from now on: their chain begins with the next of the command.
    command(&fixture, &["token", "list"]);
    assert!(names().ends_with("/auditor"), "{}", names());
    command(&fixture, &["key", "list", "--pin-env", "PIN"]);
    let said = verify(&["--user", "auditor", "--pin-env", "PIN_auditor"]);
    assert_eq!(said["faults"], serde_json::json!([]));
    let (chained, records) = (said["chained"].as_u64(), said["records"].as_u64());
    assert!(chained > Some(1) && chained < records, "{said}");
    let files = Files::open(&fixture.store_path());
    assert!(files.token().so.unwrap().auditor.is_some());
}

/// The record of the token, as version 3 has it.
fn older(files: &Files) -> Vec<u8> {
    let query = "SELECT body FROM token";
    let body: Vec<u8> = files.database.query_row(query, [], |row| row.get(0)).unwrap();
    let mut record = Bytes(body[..body.len() - 32].to_vec());
    assert_eq!(record.u8(), 4);
    let mut made = vec![3];
    made.extend(record.take(16 + 52 + 5 + 56));
    made.extend(without_pair(&mut record));
    made.extend(without_pair(&mut record));
    made.push(record.u8());
    assert_eq!(made.last(), Some(&1), "a token with a use key");
    made.extend(record.take(4));
    made.extend(counted(&record.bytes()));
    made.extend(counted(&record.bytes()));
    let users = record.u32();
    made.extend(users.to_be_bytes());
    for _ in 0..users {
        made.extend(record.take(8));
        made.extend(counted(&record.bytes()));
        made.push(record.u8());
        made.extend(without_pair(&mut record));
    }
    made.extend(record.0);
    made
}

fn without_pair(record: &mut Bytes) -> Vec<u8> {
    let form = record.u8();
    assert!((2..=5).contains(&form), "a PIN of form {form}");
    let holds = record.u8();
    let mut made = vec![2 + form % 2, holds];
    made.extend(record.take(16 + 16));
    made.extend(counted(&record.bytes()));
    if form % 2 == 1 {
        // The encapsulation key, and three parts for each key.
        for _ in 0..1 + 3 * u32::from(holds) {
            made.extend(counted(&record.bytes()));
        }
    }
    if form > 3 {
        record.bytes();
        record.bytes();
    }
    made
}
