// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may see and change which objects from which session.

use crate::common::*;
use crate::{data, every_class};

#[test]
fn a_public_session_sees_and_makes_public_objects_only() {
    let user = User::new();
    let s = user.session;
    let private = s.create(&data().with(CKA_TOKEN, true).with(CKA_PRIVATE, true)).good();
    let public = s.create(&data().with(CKA_TOKEN, true).with(CKA_PRIVATE, false)).good();
    s.logout().good();
    assert_eq!(s.find(&Template::default()).good(), [public]);
    assert_eq!(s.find(&template! { CKA_PRIVATE => true }).good(), []);
    s.get(private, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
    for token in [true, false] {
        let place = template! { CKA_TOKEN => token };
        let made = s.create(&data().and(&place).with(CKA_PRIVATE, true));
        made.gives(CKR_USER_NOT_LOGGED_IN);
        s.create(&data().and(&place).with(CKA_PRIVATE, false)).good();
    }
    s.set(public, &template! { CKA_LABEL => "changed" }).good();
    s.destroy(public).good();
}

#[test]
fn keys_of_the_token_are_private_unless_told_otherwise() {
    let user = User::new();
    let s = user.session;
    s.logout().good();
    let kept = template! { CKA_TOKEN => true };
    for (name, template) in every_class() {
        let template = template.and(&kept);
        let made = s.create(&template);
        if is_key(name) {
            made.gives_for(name, &[CKR_USER_NOT_LOGGED_IN]);
            s.create(&template.with(CKA_PRIVATE, false)).good_for(name);
        } else {
            made.good_for(name);
        }
    }
    let aes = template! { CKA_VALUE_LEN => 32 as CK_ULONG }.and(&kept);
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes).gives(CKR_USER_NOT_LOGGED_IN);
    let public = template! { CKA_EC_PARAMS => ec::P256.oid };
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
    s.generate_pair(&mech, &public, &kept).gives(CKR_USER_NOT_LOGGED_IN);
}

#[test]
fn keys_of_a_session_need_no_login_and_are_then_public() {
    let user = User::new();
    let s = user.session;
    s.logout().good();
    for (name, template) in every_class().into_iter().filter(|(name, _)| is_key(name)) {
        let key = s.create(&template).good_for(name);
        assert_eq!(s.get(key, CKA_PRIVATE).good(), [CK_FALSE], "{name}");
        s.create(&template.with(CKA_PRIVATE, true)).gives_for(name, &[CKR_USER_NOT_LOGGED_IN]);
    }
    let aes = template! { CKA_VALUE_LEN => 32 as CK_ULONG };
    let key = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes).good();
    assert_eq!(s.get(key, CKA_SENSITIVE).good(), [CK_TRUE]);
    s.login(CKU_USER, USER_PIN).good();
    let key = s.generate(&Mech::plain(CKM_AES_KEY_GEN), &aes).good();
    assert_eq!(s.get(key, CKA_PRIVATE).good(), [CK_TRUE]);
}

fn is_key(name: &str) -> bool {
    ["private key", "secret", "AES"].iter().any(|part| name.contains(part))
}

#[test]
fn a_read_only_session_changes_session_objects_only() {
    let user = User::new();
    let s = user.session;
    let kept = s.create(&data().with(CKA_TOKEN, true)).good();
    let reader = Session::read_only(user.token.slot).good();
    reader.get(kept, CKA_LABEL).good();
    reader.set(kept, &template! { CKA_LABEL => "new" }).gives(CKR_SESSION_READ_ONLY);
    reader.destroy(kept).gives(CKR_SESSION_READ_ONLY);
    reader.create(&data().with(CKA_TOKEN, true)).gives(CKR_SESSION_READ_ONLY);
    let own = reader.create(&data()).good();
    reader.set(own, &template! { CKA_LABEL => "new" }).good();
    reader.destroy(own).good();
    let aes = template! { CKA_VALUE_LEN => 32 as CK_ULONG };
    let mech = Mech::plain(CKM_AES_KEY_GEN);
    let made = reader.generate(&mech, &aes.clone().with(CKA_TOKEN, true));
    made.gives(CKR_SESSION_READ_ONLY);
    let key = reader.generate(&mech, &aes).good();
    let curve = template! { CKA_EC_PARAMS => ec::P256.oid };
    let (token, none) = (template! { CKA_TOKEN => true }, Template::default());
    let mech = Mech::plain(CKM_EC_KEY_PAIR_GEN);
    for (public, private) in [(&token, &none), (&none, &token), (&token, &token)] {
        let made = reader.generate_pair(&mech, &curve.clone().and(public), private);
        made.gives(CKR_SESSION_READ_ONLY);
    }
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let open = keys::aes(reader, 32);
    let wrapped = reader.wrap(&mech, key, open).good();
    let back =
        template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES, CKA_TOKEN => true };
    reader.unwrap(&mech, key, &wrapped, &back).gives(CKR_SESSION_READ_ONLY);
    assert_eq!(reader.find(&token).good(), [kept], "no token object came to be");
}

#[test]
fn session_objects_are_shared_and_die_with_their_session() {
    let user = User::new();
    let (one, two) = (user.session, user.token.public());
    let objects: Vec<Obj> = every_class()
        .into_iter()
        .map(|(name, template)| two.create(&template).good_for(name))
        .collect();
    for object in &objects {
        one.get(*object, CKA_CLASS).good_for("sessions of an application share objects");
    }
    assert_eq!(one.find(&Template::default()).good().len(), objects.len());
    two.close().good();
    for object in &objects {
        one.get(*object, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
    }
    assert_eq!(one.find(&Template::default()).good(), []);
}

#[test]
fn tokens_do_not_share_objects() {
    let fixture = Fixture::new();
    let (one, two) = (fixture.token("one").user(), fixture.token("two").user());
    let object = one.create(&data().with(CKA_TOKEN, true)).good();
    assert_eq!(two.find(&Template::default()).good(), []);
    two.get(object, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
    two.destroy(object).gives(CKR_OBJECT_HANDLE_INVALID);
    one.get(object, CKA_LABEL).good();
}

#[test]
fn handles_are_not_used_again() {
    let user = User::new();
    let s = user.session;
    let mut seen = Vec::new();
    for _ in 0..200 {
        let object = s.create(&data()).good();
        assert!(!seen.contains(&object), "a stale handle would be another object");
        seen.push(object);
        s.destroy(object).good();
    }
    for object in seen {
        s.get(object, CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
    }
}
