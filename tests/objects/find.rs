// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Searching.

use crate::common::*;
use crate::{data, every_class};
use std::ptr;

#[test]
fn objects_are_found_by_each_of_their_attributes() {
    let user = User::new();
    let s = user.session;
    for token in [true, false] {
        let made: Vec<(Obj, Template)> = every_class()
            .into_iter()
            .enumerate()
            .map(|(index, (name, template))| {
                let place = template! { CKA_TOKEN => token, CKA_LABEL => format!("object {index}").as_str() };
                let whole = template.and(&place);
                (s.create(&whole).good_for(name), whole)
            })
            .collect();
        for (object, whole) in &made {
            assert_eq!(s.find(whole).good(), [*object], "by everything at once");
            for (kind, value) in whole.attributes() {
                let found = s.find(&template! { *kind => &value.0 }).good();
                assert!(found.contains(object), "by {kind:#x}");
            }
        }
        assert_eq!(s.find(&Template::default()).good().len(), made.len());
        for (object, _) in made {
            s.destroy(object).good();
        }
    }
}

#[test]
fn matches_are_byte_for_byte() {
    let user = User::new();
    let s = user.session;
    for token in [true, false] {
        let object = s.create(&data().with(CKA_TOKEN, token)).good();
        for near in ["", "d", "dat", "data ", "Data", "data\0"] {
            assert_eq!(s.find(&template! { CKA_LABEL => near }).good(), [], "{near:?}");
        }
        let empty = template! { CKA_CLASS => CKO_DATA, CKA_APPLICATION => "" };
        assert_eq!(s.find(&empty).good(), [object], "an empty value matches an empty value");
        assert_eq!(s.find(&template! { CKA_CLASS => CKO_SECRET_KEY }).good(), []);
        let both = template! { CKA_LABEL => "data", CKA_VALUE => b"other" };
        assert_eq!(s.find(&both).good(), [], "all attributes must match");
        s.destroy(object).good();
    }
}

#[test]
fn every_combination_of_attributes_narrows() {
    let user = User::new();
    let s = user.session;
    for i in 0..24_u8 {
        let template = template! {
            CKA_CLASS => CKO_DATA,
            CKA_TOKEN => i % 2 == 0,
            CKA_PRIVATE => i % 3 == 0,
            CKA_LABEL => format!("label {}", i % 4).as_str(),
            CKA_APPLICATION => format!("app {}", i % 6).as_str(),
            CKA_VALUE => &[i],
        };
        s.create(&template).good();
    }
    let count = |template: Template| s.find(&template).good().len();
    assert_eq!(count(template! {}), 24);
    assert_eq!(count(template! { CKA_TOKEN => true }), 12);
    assert_eq!(count(template! { CKA_PRIVATE => true }), 8);
    assert_eq!(count(template! { CKA_LABEL => "label 1" }), 6);
    assert_eq!(count(template! { CKA_LABEL => "label 0", CKA_TOKEN => true }), 6);
    assert_eq!(count(template! { CKA_LABEL => "label 0", CKA_TOKEN => false }), 0);
    assert_eq!(count(template! { CKA_LABEL => "label 2", CKA_APPLICATION => "app 0" }), 2);
    assert_eq!(count(template! { CKA_LABEL => "label 1", CKA_APPLICATION => "app 0" }), 0);
    assert_eq!(count(template! { CKA_VALUE => &[7] }), 1);
    assert_eq!(count(template! { CKA_VALUE => &[77] }), 0);
}

#[test]
fn sensitive_values_do_not_answer_searches() {
    let user = User::new();
    let s = user.session;
    let closed = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => false, CKA_TOKEN => true };
    let key = keys::try_secret(s, CKK_AES, &[9; 16], &closed).good();
    let guess = s.find(&template! { CKA_CLASS => CKO_SECRET_KEY, CKA_VALUE => &[9; 16] });
    assert!(!guess.unwrap_or_default().contains(&key), "a search is no oracle for a secret value");
}

#[test]
fn unknown_attributes_match_nothing() {
    let user = User::new();
    let s = user.session;
    s.create(&data()).good();
    for (kind, value) in
        [(0x7FFF_0001, &b"x"[..]), (CKA_MODULUS, b"x"), (CKA_CLASS, b"x"), (CKA_TOKEN, b"xy")]
    {
        match s.find(&template! { kind => value }) {
            Ok(found) => assert_eq!(found, [], "{kind:#x}"),
            refused => {
                refused.gives_one_of(&[CKR_ATTRIBUTE_TYPE_INVALID, CKR_ATTRIBUTE_VALUE_INVALID])
            }
        }
        s.cancel(CKF_FIND_OBJECTS).good();
    }
}

#[test]
fn a_search_has_a_beginning_and_an_end() {
    let user = User::new();
    let s = user.session;
    let (mut handle, mut count) = (0, 0);
    let none = CKR_OPERATION_NOT_INITIALIZED;
    outcome(p11!(C_FindObjects(s.0, &mut handle, 1, &mut count))).gives(none);
    outcome(p11!(C_FindObjectsFinal(s.0))).gives(none);
    outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).good();
    outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).gives(CKR_OPERATION_ACTIVE);
    outcome(p11!(C_FindObjects(s.0, &mut handle, 1, &mut count))).good();
    assert_eq!(count, 0);
    outcome(p11!(C_FindObjectsFinal(s.0))).good();
    outcome(p11!(C_FindObjectsFinal(s.0))).gives(none);
}

#[test]
fn batches_bring_every_object_once() {
    let user = User::new();
    let s = user.session;
    let mut made: Vec<Obj> =
        (0..50).map(|i| s.create(&data().with(CKA_TOKEN, i % 2 == 0)).good()).collect();
    made.sort();
    for batch in [1, 3, 49, 50, 51, 1000] {
        outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).good();
        let mut found = Vec::new();
        loop {
            let (mut handles, mut count) = (vec![0; batch], 77);
            let room = batch as CK_ULONG;
            outcome(p11!(C_FindObjects(s.0, handles.as_mut_ptr(), room, &mut count))).good();
            assert!(count <= room);
            found.extend(handles[..count as usize].iter().map(|handle| Obj(*handle)));
            if count == 0 {
                break;
            }
        }
        outcome(p11!(C_FindObjectsFinal(s.0))).good();
        found.sort();
        assert_eq!(found, made, "in batches of {batch}");
    }
}

#[test]
fn objects_destroyed_during_a_search_do_no_harm() {
    let user = User::new();
    let s = user.session;
    let made: Vec<Obj> = (0..10).map(|_| s.create(&data().with(CKA_TOKEN, true)).good()).collect();
    outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).good();
    for object in &made {
        s.destroy(*object).good();
    }
    let (mut handles, mut count) = ([0; 20], 0);
    outcome(p11!(C_FindObjects(s.0, handles.as_mut_ptr(), 20, &mut count))).good();
    for handle in &handles[..count as usize] {
        s.get(Obj(*handle), CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
    }
    outcome(p11!(C_FindObjectsFinal(s.0))).good();
}

#[test]
fn two_sessions_search_at_once() {
    let user = User::new();
    let (one, two) = (user.session, user.token.public());
    for _ in 0..5 {
        one.create(&data().with(CKA_TOKEN, true)).good();
    }
    outcome(p11!(C_FindObjectsInit(one.0, ptr::null_mut(), 0))).good();
    assert_eq!(two.find(&Template::default()).good().len(), 5);
    let (mut handles, mut count) = ([0; 9], 0);
    outcome(p11!(C_FindObjects(one.0, handles.as_mut_ptr(), 9, &mut count))).good();
    assert_eq!(count, 5);
    outcome(p11!(C_FindObjectsFinal(one.0))).good();
}

#[test]
fn a_found_object_has_the_handle_it_had() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&data().with(CKA_TOKEN, true)).good();
    for _ in 0..3 {
        assert_eq!(s.find(&template! { CKA_LABEL => "data" }).good(), [object]);
    }
}

#[test]
fn a_search_begun_before_logout_gives_no_private_object_after_it() {
    let user = User::new();
    let (s, other) = (user.session, user.token.public());
    let place =
        |token: bool, private: bool| data().with(CKA_TOKEN, token).with(CKA_PRIVATE, private);
    let make = |token, private| other.create(&place(token, private)).good();
    let public = [make(false, false), make(true, false)];
    let private = [make(false, true), make(true, true)];
    outcome(p11!(C_FindObjectsInit(s.0, ptr::null_mut(), 0))).good();
    other.logout().good();
    let (mut batch, mut got) = ([CK_INVALID_HANDLE; 9], 0);
    outcome(p11!(C_FindObjects(s.0, batch.as_mut_ptr(), 9, &mut got))).good();
    let mut found: Vec<Obj> = batch[..got as usize].iter().map(|handle| Obj(*handle)).collect();
    found.sort();
    assert_eq!(found, public, "and none of {private:?}");
    outcome(p11!(C_FindObjectsFinal(s.0))).good();
    assert_eq!(s.find(&data()).good(), public);
}
