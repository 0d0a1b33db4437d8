// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Tokens of the first format, whose PINs wrap the token key alone and whose keys have their material in
//! their records: they go on working, and take no users from whom material would have to be kept.

use crate::common::*;
use crate::reader::{Files, counted, mac, open, seal, stretched};
use crate::{add, command, enter, labelled};

#[test]
fn a_token_of_the_first_format_is_read_used_and_written() {
    let fixture = Fixture::new();
    let token = fixture.token("older");
    session::finalize().good();
    make_older(&Files::open(&fixture.store_path()));
    fixture.initialize().good();
    assert_eq!(token.flags() & CKF_USER_PIN_INITIALIZED, CKF_USER_PIN_INITIALIZED);
    let s = token.user();
    crate::aes(s, "key", &[CKA_ENCRYPT, CKA_DECRYPT]).good();
    fixture.restart();
    let s = token.user();
    let ecb = Mech::plain(CKM_AES_ECB);
    let sealed = s.encrypt(&ecb, labelled(s, "key"), &[1; 16]).good();
    s.set_pin(USER_PIN, "another-pin").good();
    s.close().good();
    let so = token.so();
    so.init_pin(USER_PIN).good();
    so.close().good();
    let s = token.user();
    assert_eq!(s.decrypt(&ecb, labelled(s, "key"), &sealed).good(), [1; 16]);
    s.close().good();
    add(&fixture, "operator", "operator");
    let s = enter(token, "operator");
    assert_eq!(s.decrypt(&ecb, labelled(s, "key"), &sealed).good(), [1; 16]);
    s.close().good();
    for role in ["manager", "auditor"] {
        let who = ["user", "add", role, "--role", role, "--so-pin-env", "SO"];
        let said = command(&fixture, &[&who[..], &["--new-pin-env", "NEW"]].concat());
        let said = child::everything(&said);
        assert!(!said.contains("added") && said.contains("make a token anew"), "{said}");
    }
    // Its token key is renewed like any other's, and what is beneath it: it stays without a use key.
    for (generation, how) in [(2, "--compromised"), (3, "--json")] {
        let said = crate::run(&fixture, &["rotate", "token-key", how, "--pin-env", "PIN"]);
        assert!(said.contains("generation") && said.contains(&generation.to_string()), "{said}");
    }
    let s = token.user();
    assert_eq!(s.decrypt(&ecb, labelled(s, "key"), &sealed).good(), [1; 16]);
    session::finalize().good();
    assert!(crate::run(&fixture, &["check"]).contains("faults: 0"));
}

/// Puts a record of the first format in the place of the token's.
fn make_older(files: &Files) {
    let token = files.token();
    let keys = files.wrapped(&token, (1, ""), token.user.as_ref().unwrap(), USER_PIN);
    let mut record = [&[1][..], &token.uuid, &token.middle].concat();
    for (role, pin) in [(0, SO_PIN), (1, USER_PIN)] {
        let generation = token.generation.to_be_bytes();
        let context =
            [&[1][..], b"strongroom token key", &files.id, &token.uuid, &[role], &generation];
        let context = context.concat();
        let (salt, cost) = ([9 + role; 16], (19 * 1024, 2, 1));
        let inner = seal(&stretched(pin, &salt, cost), &context, &keys[..32]);
        let wrap = seal(&files.key("key pin"), &context, &inner);
        record.push(1);
        record.extend(salt);
        for number in [cost.0, cost.1, cost.2, 0] {
            record.extend(number.to_be_bytes());
        }
        record.extend(counted(&wrap));
    }
    let rows = files.key("key rows");
    let id = token.id.to_be_bytes();
    let tag = mac(&rows, &[b"record of token", &files.id, &id, &record]);
    record.extend(tag);
    replace(files, token.id, &record);
}

/// Replaces the row of the token, and its part of the sum over all rows.
pub fn replace(files: &Files, id: i64, body: &[u8]) {
    let rows = files.key("key rows");
    let query = "SELECT body FROM token WHERE id = ?1";
    let old: Vec<u8> = files.database.query_row(query, [id], |row| row.get(0)).unwrap();
    let state_key = files.key("key state");
    let mut state = open(&state_key, &files.id, &files.value("state")).unwrap();
    for row in [&old[..], body] {
        let element = mac(&rows, &[b"token", &id.to_be_bytes(), row]);
        // Version and revision come before the sum over the heads.
        state[9..41].iter_mut().zip(element).for_each(|(sum, byte)| *sum ^= byte);
    }
    let state = seal(&state_key, &files.id, &state);
    let change = |query: &str, value: &[u8]| {
        assert_eq!(files.database.execute(query, [value]).unwrap(), 1);
    };
    change("UPDATE token SET body = ?1", body);
    change("UPDATE value SET value = ?1 WHERE name = 'state'", &state);
}
