// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What logout takes away.

use crate::common::*;

#[test]
fn private_objects_vanish_and_their_handles_never_return() {
    let user = User::new();
    let s = user.session;
    let data = |token: bool, private: bool| {
        s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => token, CKA_PRIVATE => private })
            .good()
    };
    let (kept, gone) = (data(true, true), data(false, true));
    let (public_token, public_session) = (data(true, false), data(false, false));
    s.logout().good();
    for handle in [kept, gone] {
        s.get(handle, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
        s.destroy(handle).gives(CKR_OBJECT_HANDLE_INVALID);
        s.copy(handle, &Template::default()).gives(CKR_OBJECT_HANDLE_INVALID);
        s.set(handle, &template! { CKA_LABEL => "x" }).gives(CKR_OBJECT_HANDLE_INVALID);
        s.size(handle).gives(CKR_OBJECT_HANDLE_INVALID);
    }
    for handle in [public_token, public_session] {
        s.get(handle, CKA_CLASS).good_for("public objects stay");
    }
    s.login(CKU_USER, USER_PIN).good();
    for handle in [kept, gone] {
        s.get(handle, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
    }
    let found = s.find(&template! { CKA_PRIVATE => true }).good();
    assert_eq!(found.len(), 1, "the token object is found again, the session object is destroyed");
    assert!(!found.contains(&kept) && !found.contains(&gone), "by a new handle");
}

#[test]
fn a_search_begun_before_logout_finds_no_private_object() {
    let user = User::new();
    let s = user.session;
    for _ in 0..3 {
        s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true })
            .good();
    }
    outcome(p11!(C_FindObjectsInit(s.0, std::ptr::null_mut(), 0))).good();
    s.logout().good();
    let (mut handles, mut count) = ([0; 10], 0);
    let found = outcome(p11!(C_FindObjects(s.0, handles.as_mut_ptr(), 10, &mut count)));
    match found {
        Ok(()) => {
            assert!(handles[..count as usize].iter().all(|handle| {
                s.get(Obj(*handle), CKA_LABEL).code() == CKR_OBJECT_HANDLE_INVALID
            }))
        }
        refused => refused.gives(CKR_OPERATION_NOT_INITIALIZED),
    }
}

#[test]
fn closing_the_last_session_is_logout_too() {
    let user = User::new();
    let s = user.session;
    let object = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true };
    let handle = s.create(&object).good();
    s.close().good();
    let s = user.token.public();
    s.get(handle, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
    assert_eq!(s.find(&object).good(), []);
    s.login(CKU_USER, USER_PIN).good();
    assert_eq!(s.find(&object).good().len(), 1);
}

#[test]
fn the_so_sees_no_private_object() {
    let user = User::new();
    let s = user.session;
    for private in [true, false] {
        s.create(&template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => private })
            .good();
    }
    keys::aes_with(s, 32, &template! { CKA_TOKEN => true });
    s.logout().good();
    s.login(CKU_SO, SO_PIN).good();
    assert_eq!(s.find(&Template::default()).good().len(), 1);
    assert_eq!(s.find(&template! { CKA_PRIVATE => true }).good(), []);
    let private = template! { CKA_CLASS => CKO_DATA, CKA_PRIVATE => true };
    s.create(&private).gives(CKR_USER_NOT_LOGGED_IN);
    let secret = template! { CKA_VALUE_LEN => 32 as CK_ULONG, CKA_PRIVATE => true };
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &secret).gives(CKR_USER_NOT_LOGGED_IN);
}
