// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What is left of a key that was destroyed.

use crate::common::operation::Kind;
use crate::common::*;
use crate::in_state;
use strongroom::vendor::*;

fn class() -> Template {
    template! { CKA_CLASS => CKO_STRONGROOM_DESTROYED }
}

/// A token key with everything a tombstone keeps.
fn doomed(s: Session) -> Obj {
    keys::aes_with(
        s,
        32,
        &template! {
            CKA_TOKEN => true,
            CKA_LABEL => "doomed",
            CKA_ID => b"\x01",
            CKA_STRONGROOM_OWNER => "payments",
            CKA_STRONGROOM_PURPOSE => "receipts",
        },
    )
}

#[test]
fn a_destroyed_key_leaves_who_it_was() {
    let mut user = User::new();
    let s = user.session;
    let key = doomed(s);
    let id = s.get(key, CKA_UNIQUE_ID).good();
    let made = s.get(key, CKA_STRONGROOM_MADE).good();
    s.destroy(key).good();
    user.restart();
    let s = user.session;
    let found = s.find(&class()).good();
    let [left] = found[..] else { panic!("{found:?}") };
    for (kind, want) in [
        (CKA_LABEL, &b"doomed"[..]),
        (CKA_ID, b"\x01"),
        (CKA_UNIQUE_ID, &id),
        (CKA_STRONGROOM_MADE, &made),
        (CKA_STRONGROOM_OWNER, b"payments"),
        (CKA_STRONGROOM_PURPOSE, b"receipts"),
        (CKA_STRONGROOM_STATE_REASON, b""),
    ] {
        assert_eq!(s.get(left, kind).good(), want, "{kind:#x}");
    }
    assert_eq!(s.number(left, CKA_KEY_TYPE), Ok(CKK_AES));
    assert_eq!(s.number(left, CKA_STRONGROOM_STATE), Ok(STRONGROOM_STATE_DESTROYED));
    assert!(s.get(left, CKA_STRONGROOM_STATE_BY).good().starts_with(b"user, uid "));
    assert_eq!(s.get(left, CKA_STRONGROOM_STATE_SINCE).good().len(), 16);
    for kind in [CKA_VALUE, CKA_VALUE_LEN, CKA_CHECK_VALUE, CKA_ENCRYPT] {
        s.get(left, kind).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    }
}

#[test]
fn only_a_search_for_its_class_finds_it() {
    let user = User::new();
    let s = user.session;
    let key = doomed(s);
    let id = s.get(key, CKA_UNIQUE_ID).good();
    s.destroy(key).good();
    for other in [
        Template::default(),
        template! { CKA_TOKEN => true },
        template! { CKA_LABEL => "doomed" },
        template! { CKA_ID => b"\x01" },
        template! { CKA_UNIQUE_ID => id },
        template! { CKA_KEY_TYPE => CKK_AES },
        template! { CKA_CLASS => CKO_SECRET_KEY },
        template! { CKA_STRONGROOM_OWNER => "payments" },
        in_state(STRONGROOM_STATE_DESTROYED),
        class().with(CKA_LABEL, "another"),
        class().with(CKA_TOKEN, false),
    ] {
        assert_eq!(s.find(&other), Ok(vec![]), "{other:?}");
    }
    for named in [
        class().with(CKA_LABEL, "doomed"),
        class().with(CKA_KEY_TYPE, CKK_AES).with(CKA_ID, b"\x01"),
        class().with(CKA_STRONGROOM_OWNER, "payments"),
        class().and(&in_state(STRONGROOM_STATE_DESTROYED)),
    ] {
        assert_eq!(s.find(&named).good().len(), 1, "{named:?}");
    }
    // Of a private key only the user sees it.
    s.logout().good();
    assert_eq!(s.find(&class()), Ok(vec![]));
    s.login(CKU_SO, SO_PIN).good();
    assert_eq!(s.find(&class()), Ok(vec![]));
}

#[test]
fn it_is_not_used_changed_copied_or_destroyed() {
    let user = User::new();
    let s = user.session;
    s.destroy(doomed(s)).good();
    let left = s.find(&class()).good()[0];
    let (ecb, kwp) = (Mech::plain(CKM_AES_ECB), Mech::plain(CKM_AES_KEY_WRAP_KWP));
    s.start(Kind::Encrypt, &ecb, Some(left)).gives(CKR_KEY_HANDLE_INVALID);
    s.start(Kind::Decrypt, &ecb, Some(left)).gives(CKR_KEY_HANDLE_INVALID);
    s.wrap(&kwp, keys::aes(s, 32), left).gives(CKR_KEY_HANDLE_INVALID);
    s.wrap(&kwp, left, keys::aes(s, 32)).gives(CKR_WRAPPING_KEY_HANDLE_INVALID);
    s.set(left, &template! { CKA_LABEL => "renamed" }).gives(CKR_ACTION_PROHIBITED);
    s.set(left, &in_state(STRONGROOM_STATE_ACTIVE)).gives(CKR_ACTION_PROHIBITED);
    s.copy(left, &Template::default()).gives(CKR_ACTION_PROHIBITED);
    s.destroy(left).gives(CKR_ACTION_PROHIBITED);
    s.create(&class().with(CKA_LABEL, "forged")).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    s.create(&class().with(CKA_KEY_TYPE, CKK_AES)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    assert_eq!(s.find(&class()), Ok(vec![left]));
}

#[test]
fn what_ends_with_its_session_or_is_no_secret_leaves_nothing() {
    let user = User::new();
    let s = user.session;
    let on_token = template! { CKA_TOKEN => true };
    let (public, private) = keys::pair_with(s, &ec::P256, &on_token, &on_token);
    let data = template! { CKA_CLASS => CKO_DATA, CKA_VALUE => b"data" }.and(&on_token);
    for object in [public, keys::aes(s, 32), s.create(&data).good()] {
        s.destroy(object).good();
    }
    assert_eq!(s.find(&class()), Ok(vec![]));
    s.destroy(private).good();
    let left = s.find(&class()).good()[0];
    assert_eq!(s.number(left, CKA_KEY_TYPE), Ok(CKK_EC));
    // What may not be destroyed is not.
    let kept = keys::aes_with(s, 32, &on_token.with(CKA_DESTROYABLE, false));
    s.destroy(kept).gives(CKR_ACTION_PROHIBITED);
    assert_eq!(s.find(&class()), Ok(vec![left]));
}

#[test]
fn it_shows_no_more_in_the_file_than_the_key_did() {
    let user = User::new();
    let s = user.session;
    for private in [true, false] {
        let label = format!("a label to look for {private}");
        let template = template! {
            CKA_TOKEN => true, CKA_PRIVATE => private, CKA_LABEL => label.as_str(),
        };
        s.destroy(keys::aes_with(s, 32, &template)).good();
    }
    assert_eq!(s.find(&class()).good().len(), 2);
    session::finalize().good();
    let mut read = 0;
    for entry in std::fs::read_dir(user.fixture.store_path()).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(path).unwrap();
        read += bytes.len();
        let label = b"a label to look for";
        assert!(!bytes.windows(label.len()).any(|window| window == label));
    }
    assert!(read > 4096, "the store was looked at");
}
