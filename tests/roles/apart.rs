// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The separation is in the files: who has them, the seal and a manager's PIN has no key to use.

use crate::common::*;
use crate::reader::{Bytes, Files, attributes, open};
use crate::{STRICT, aes, enter, people, pin_of};

const MATERIAL: u64 = 0x8000_0000 | 0x5352_0000 | 0x12;
const VALUE: u64 = CKA_VALUE as u64;

#[test]
fn a_manager_or_auditor_has_no_use_key_and_material_does_not_open_with_what_they_have() {
    for settings in ["", STRICT] {
        let (fixture, token) = people(settings);
        let manager = enter(token, "manager");
        aes(manager, "deposited", &[CKA_ENCRYPT]).good();
        session::finalize().good();
        let files = Files::open(&fixture.store_path());
        let record = files.token();
        let wrapped = |name: &str| {
            let (role, pin) = &record.users[name];
            files.wrapped(&record, (*role, name), pin, &pin_of(name))
        };
        let (manager, auditor) = (wrapped("manager"), wrapped("auditor"));
        let (operator, custodian) = (wrapped("operator"), wrapped("custodian"));
        assert_eq!((operator.len(), manager.len(), auditor.len()), (64, 32, 32), "{settings:?}");
        let (token_key, use_key) = operator.split_at(32);
        assert_eq!((manager.as_slice(), auditor.as_slice()), (token_key, token_key));
        assert_ne!(token_key, use_key);
        assert!(![token_key, use_key].contains(&custodian.as_slice()), "{settings:?}");
        let object = files.object(&record, token_key, "deposited").unwrap();
        assert!(!object.contains_key(&VALUE), "the value rests apart");
        let mut blob = Bytes(object[&MATERIAL].clone());
        assert_eq!((blob.u8(), blob.u32(), blob.u8()), (2, 1, 2), "a deposit");
        let ciphertext = blob.bytes();
        let context = files.material_context(&record, 2, &ciphertext);
        for key in [token_key, &custodian] {
            assert_eq!(open(key, &context, &blob.0), None, "{settings:?}");
            assert_eq!(open(key, &files.seed_context(&record), &record.seed), None);
        }
        let seed = open(use_key, &files.seed_context(&record), &record.seed);
        assert_eq!(seed.map(|seed| seed.len()), Some(64), "who uses keys opens deposits");
    }
}

#[test]
fn what_users_of_keys_make_is_sealed_under_the_use_key() {
    let (fixture, token) = people("");
    let value = [0x5a; 32];
    let user = token.user();
    let template = template! {
        CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_VALUE => &value[..],
        CKA_TOKEN => true, CKA_LABEL => "own",
    };
    user.create(&template).good();
    session::finalize().good();
    let files = Files::open(&fixture.store_path());
    let record = files.token();
    let keys = files.wrapped(&record, (1, ""), record.user.as_ref().unwrap(), USER_PIN);
    let so = files.wrapped(&record, (0, ""), record.so.as_ref().unwrap(), SO_PIN);
    assert_eq!(so, keys, "the officer of a standard token sets the user's next PIN");
    let (token_key, use_key) = keys.split_at(32);
    let object = files.object(&record, token_key, "own").unwrap();
    assert!(!object.contains_key(&VALUE));
    let mut blob = Bytes(object[&MATERIAL].clone());
    assert_eq!((blob.u8(), blob.u32(), blob.u8()), (2, 1, 1), "sealed under the use key itself");
    let context = files.material_context(&record, 1, &[]);
    assert_eq!(open(token_key, &context, &blob.0), None);
    let material = attributes(open(use_key, &context, &blob.0).expect("the use key opens it"));
    assert_eq!(material.into_iter().collect::<Vec<_>>(), [(VALUE, value.to_vec())]);
}

#[test]
fn the_officer_of_a_strict_token_has_no_key_at_all() {
    let (fixture, _) = people(STRICT);
    session::finalize().good();
    let files = Files::open(&fixture.store_path());
    let record = files.token();
    let so = record.so.as_ref().unwrap();
    let user = record.user.as_ref().unwrap();
    assert_eq!((so.holds, user.holds), (0, 2));
    let keys = files.wrapped(&record, (1, ""), user, USER_PIN);
    let verifier = files.wrapped(&record, (0, ""), so, SO_PIN);
    assert_eq!(verifier.len(), 32);
    assert!(!keys.chunks(32).any(|key| key == verifier));
}
