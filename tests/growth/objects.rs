// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Searches that are longer than what is read at once, and handles.

use crate::common::*;
use crate::{begin, data, more, rest};
use std::collections::BTreeSet;

/// More than two pages of what the store is asked for at once.
const MANY: usize = 600;

fn fill(session: Session) -> Vec<Obj> {
    (0..MANY).map(|n| session.create(&data(&format!("object {}", n % 3), true)).good()).collect()
}

#[test]
fn a_search_is_of_what_there_was_when_it_began() {
    let user = User::new();
    let s = user.session;
    let made = fill(s);
    let everything = Template::default();
    let by_class = template! { CKA_CLASS => CKO_DATA };
    for (template, gone) in [(everything, 590), (by_class, 580)] {
        begin(s, &template);
        let mut found = more(s, 10);
        let late = s.create(&data("late", true)).good();
        s.destroy(made[gone]).good();
        s.destroy(made[gone + 1]).good();
        found.extend(rest(s));
        let unique: BTreeSet<Obj> = found.iter().copied().collect();
        assert_eq!(unique.len(), found.len(), "nothing twice");
        assert!(!unique.contains(&late), "what came later is not found");
        s.destroy(late).good();
        let left = s.find(&Template::default()).good();
        assert_eq!(unique, left.into_iter().collect(), "all that was there and still is");
    }
}

#[test]
fn public_and_private_objects_are_found_together_in_pages() {
    let user = User::new();
    let s = user.session;
    for n in 0..MANY {
        s.create(&data("one", n % 2 == 0)).good();
    }
    assert_eq!(s.find(&Template::default()).good().len(), MANY);
    assert_eq!(s.find(&template! { CKA_LABEL => "one" }).good().len(), MANY);
    s.logout().good();
    assert_eq!(s.find(&Template::default()).good().len(), MANY / 2);
    assert_eq!(s.find(&template! { CKA_LABEL => "one" }).good().len(), MANY / 2);
}

#[test]
fn what_was_destroyed_fills_no_page() {
    let user = User::new();
    let s = user.session;
    let token = template! { CKA_TOKEN => true };
    for _ in 0..300 {
        let key = keys::aes_with(s, 32, &token);
        s.destroy(key).good();
    }
    let last = s.create(&data("last", true)).good();
    assert_eq!(s.find(&Template::default()).good(), [last]);
}

#[test]
fn an_object_has_one_handle_until_the_logout() {
    let user = User::new();
    let s = user.session;
    let private = s.create(&data("private", true)).good();
    let public = s.create(&data("public", false)).good();
    let own = s
        .create(&template! { CKA_CLASS => CKO_DATA, CKA_PRIVATE => true, CKA_LABEL => "own" })
        .good();
    for (label, object) in [("private", private), ("public", public), ("own", own)] {
        assert_eq!(s.find(&template! { CKA_LABEL => label }).good(), [object], "{label}");
    }
    s.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    assert_eq!(s.get(private, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
    assert_eq!(s.get(own, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
    assert_eq!(s.get(public, CKA_LABEL).good(), b"public");
    let again = s.find(&template! { CKA_LABEL => "private" }).good();
    assert_ne!(again, [private], "a handle that ended is not given out again");
    assert_eq!(s.get(again[0], CKA_LABEL).good(), b"private");
}

#[test]
fn made_up_handles_are_of_no_object() {
    let user = User::new();
    let s = user.session;
    let private = s.create(&data("private", true)).good();
    s.create(&data("public", false)).good();
    for bit in 0..64 {
        let handle = Obj(private.0 ^ (1 << bit));
        let got = s.get(handle, CKA_LABEL);
        assert!(
            got == Err(Rv(CKR_OBJECT_HANDLE_INVALID)) || got.as_deref() == Ok(b"public"),
            "bit {bit}: {got:?}"
        );
    }
}

#[test]
fn a_handle_is_of_its_own_token() {
    let user = User::new();
    let object = user.session.create(&data("one", false)).good();
    let other = user.fixture.token("other").public();
    assert_eq!(other.get(object, CKA_LABEL), Err(Rv(CKR_OBJECT_HANDLE_INVALID)));
}
