// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who was removed has an old copy of the files, the seal and their PIN: after a rotation that opens
//! nothing that was written since, shown by the independent reader.

use crate::common::*;
use crate::reader::{Bytes, Files, attributes, open};
use crate::*;
use std::path::Path;

const MATERIAL: u64 = 0x8000_0000 | 0x5352_0000 | 0x12;
/// The role of operators in records.
const OPERATOR: u8 = 2;

#[test]
fn a_removed_user_with_old_files_the_seal_and_their_pin_opens_nothing_new() {
    let (fixture, token) = people("");
    let user = token.user();
    aes(user, "before");
    user.close().good();
    session::finalize().good();
    let old = fixture.directory().join("old");
    copy(&fixture.store_path(), &old);
    run(&fixture, &["user", "remove", "operator", "--so-pin-env", "SO"]);
    rotate(&fixture, WHOLE);
    fixture.initialize().good();
    let user = token.user();
    aes(user, "after");
    user.set(labelled(user, "before"), &template! { CKA_ID => &[9u8] }).good();
    session::finalize().good();
    let (before, now) = (Files::open(&old), Files::open(&fixture.store_path()));
    let (was, is) = (before.token(), now.token());
    // What they had opens what was there then: the test reads as one who has these things.
    let (role, pin) = &was.users["operator"];
    assert_eq!(*role, OPERATOR);
    let seed = before.seed(&was, (*role, "operator"), pin, &pin_of("operator")).unwrap();
    let had = before.shared(&was, (*role, "operator"), pin, &seed).unwrap();
    let (token_key, use_key) = had.split_at(32);
    let then = before.object(&was, token_key, "before").expect("what was there then");
    material(&before, &was, &then, use_key).expect("with its material");
    // Of what is there now nothing opens: no object, no material, no share of anyone's.
    for label in ["before", "after"] {
        assert!(now.object(&is, token_key, label).is_none(), "{label}");
    }
    assert!(!is.users.contains_key("operator"));
    let all = [(0, "", is.so.as_ref().unwrap()), (1, "", is.user.as_ref().unwrap())];
    let named = is.users.iter().map(|(name, (role, pin))| (*role, name.as_str(), pin));
    for (role, name, pin) in all.into_iter().chain(named).filter(|(_, _, pin)| pin.shares.is_some())
    {
        assert_eq!(now.shared(&is, (role, name), pin, &seed), None, "{name}");
    }
    // Who is there opens all of it, so that the objects are where the reader looks.
    let keys = now.wrapped(&is, (1, ""), is.user.as_ref().unwrap(), USER_PIN);
    let (new_token_key, new_use_key) = keys.split_at(32);
    assert_ne!((new_token_key, new_use_key), (token_key, use_key));
    for label in ["before", "after"] {
        let object = now.object(&is, new_token_key, label).expect(label);
        assert!(material(&now, &is, &object, use_key).is_none(), "the old use key: {label}");
        material(&now, &is, &object, new_use_key).expect(label);
    }
}

#[test]
fn a_plain_rotation_keeps_a_removed_user_from_what_is_written_since() {
    let (fixture, token) = people("");
    session::finalize().good();
    let before = Files::open(&fixture.store_path());
    let was = before.token();
    let (role, pin) = &was.users["auditor"];
    let token_key = before.wrapped(&was, (*role, "auditor"), pin, &pin_of("auditor"));
    drop(before);
    run(&fixture, &["user", "remove", "auditor", "--so-pin-env", "SO"]);
    rotate(&fixture, PLAIN);
    fixture.initialize().good();
    let user = token.user();
    aes(user, "after");
    session::finalize().good();
    let now = Files::open(&fixture.store_path());
    assert!(now.object(&now.token(), &token_key, "after").is_none());
}

/// The material in a record, as far as a use key opens it.
fn material(
    files: &Files,
    token: &reader::Token,
    object: &std::collections::BTreeMap<u64, Vec<u8>>,
    use_key: &[u8],
) -> Option<Vec<u8>> {
    let mut blob = Bytes(object[&MATERIAL].clone());
    assert_eq!((blob.u8(), blob.u32(), blob.u8()), (2, token.use_generation, 1));
    let record = open(use_key, &files.material_context(token, 1, &[]), &blob.0)?;
    attributes(record).remove(&(CKA_VALUE as u64))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let there = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &there);
        } else {
            std::fs::copy(&path, there).unwrap();
        }
    }
}
