// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Nothing readable in the files: no key, no label or id of one, no PIN.

use crate::common::*;
use crate::files;

#[test]
fn a_token_full_of_keys_shows_none_of_them() {
    let user = User::new();
    let s = user.session;
    let mut secrets: Vec<(String, Vec<u8>)> = vec![
        ("user PIN".to_owned(), USER_PIN.as_bytes().to_vec()),
        ("SO PIN".to_owned(), SO_PIN.as_bytes().to_vec()),
    ];
    for i in 0..40_u8 {
        let (label, id) = (
            format!("label-of-key-{i:03}-xyzzy"),
            vec![0xC0 ^ i, 0xDE, i, 0x5A, 0xA5, i, 0x77, 0x13],
        );
        let place = template! { CKA_TOKEN => true, CKA_LABEL => label.as_str(), CKA_ID => &id };
        let more = if i % 3 == 0 { keys::open() } else { Template::default() };
        let more = if i % 5 == 0 { more.with(CKA_PRIVATE, false) } else { more };
        let values = make(s, i, &place.and(&more));
        secrets.push((format!("label {i}"), label.into_bytes()));
        secrets.push((format!("id {i}"), id));
        secrets.extend(values.into_iter().map(|value| (format!("value {i}"), value)));
    }
    look(&user.fixture, &secrets, "while the library is in use");
    session::finalize().good();
    look(&user.fixture, &secrets, "after C_Finalize");
}

#[test]
fn changes_and_ends_leave_nothing_either() {
    let user = User::new();
    let s = user.session;
    let old = template! { CKA_TOKEN => true, CKA_LABEL => "the-first-label-of-it", CKA_ID => b"first-id-abcdef" };
    let key = keys::try_secret(
        s,
        CKK_GENERIC_SECRET,
        b"a secret of thirty-two bytes ...",
        &old.and(&keys::open()),
    )
    .good();
    s.set(key, &template! { CKA_LABEL => "the-second-label-of-it", CKA_ID => b"second-id-abcdef" })
        .good();
    let gone = template! { CKA_TOKEN => true, CKA_LABEL => "label-of-what-is-gone" };
    let gone = keys::try_secret(s, CKK_AES, b"0123456789abcdef", &gone).good();
    s.destroy(gone).good();
    s.set_pin(USER_PIN, "the-second-user-PIN").good();
    let words = [
        "the-first-label-of-it",
        "the-second-label-of-it",
        "first-id-abcdef",
        "second-id-abcdef",
        "a secret of thirty-two bytes ...",
        "label-of-what-is-gone",
        "0123456789abcdef",
        "the-second-user-PIN",
    ];
    let secrets: Vec<_> =
        words.iter().map(|word| ((*word).to_owned(), word.as_bytes().to_vec())).collect();
    look(&user.fixture, &secrets, "while the library is in use");
    session::finalize().good();
    look(&user.fixture, &secrets, "after C_Finalize");
}

#[test]
fn private_data_objects_and_certificates_show_nothing() {
    let user = User::new();
    let s = user.session;
    let template = template! {
        CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true, CKA_LABEL => "private-data-label",
        CKA_APPLICATION => "private-application", CKA_VALUE => b"a private value that nobody reads",
        CKA_OBJECT_ID => b"private-object-id",
    };
    s.create(&template).good();
    let secrets: Vec<_> = template
        .attributes()
        .iter()
        .filter(|(_, value)| value.0.len() > 8)
        .map(|(kind, value)| (format!("{kind:#x}"), value.0.clone()))
        .collect();
    assert_eq!(secrets.len(), 4);
    look(&user.fixture, &secrets, "while the library is in use");
}

#[test]
fn the_search_finds_what_is_there() {
    let user = User::new();
    let public = template! { CKA_CLASS => CKO_DATA, CKA_TOKEN => true, CKA_PRIVATE => true };
    user.session.create(&public).good();
    let everything: usize = files(&user.fixture.store_path())
        .iter()
        .map(|file| std::fs::read(file).unwrap().len())
        .sum();
    assert!(everything > 4096, "the store is in the directory that is searched");
    let known = b"SQLite format 3".to_vec();
    assert!(found(&user.fixture, &known).is_some(), "the search itself works");
}

/// Makes a key; what of it is secret.
fn make(s: Session, i: u8, more: &Template) -> Vec<Vec<u8>> {
    let value: Vec<u8> = (0..32_u8).map(|j| j.wrapping_mul(31) ^ i.wrapping_mul(73)).collect();
    match i % 4 {
        0 => keys::try_secret(s, CKK_AES, &value, more).good(),
        1 => keys::try_secret(s, CKK_GENERIC_SECRET, &value, more).good(),
        2 => {
            let own = reference::generate(&ec::P256);
            let value = reference::private_value(&ec::P256, &own);
            s.create(&keys::curve_private(&ec::P256, &value).and(more)).good();
            return vec![value];
        }
        _ => {
            let own = reference::rsa();
            s.create(&keys::rsa_private(&own).and(more)).good();
            let parts = [Some(own.d()), own.p(), own.q(), own.dmp1(), own.dmq1(), own.iqmp()];
            return parts.into_iter().map(|part| part.unwrap().to_vec()).collect();
        }
    };
    vec![value]
}

fn look(fixture: &Fixture, secrets: &[(String, Vec<u8>)], when: &str) {
    for (what, secret) in secrets {
        if let Some(place) = found(fixture, secret) {
            panic!("{what} is readable in {place} {when}");
        }
    }
}

/// Where bytes occur in the store's files: as they are, reversed, or as hexadecimal.
fn found(fixture: &Fixture, secret: &[u8]) -> Option<String> {
    let reversed: Vec<u8> = secret.iter().rev().copied().collect();
    let forms = [
        secret.to_vec(),
        reversed,
        hex::encode(secret).into_bytes(),
        hex::encode_upper(secret).into_bytes(),
    ];
    for file in files(&fixture.store_path()) {
        let content = std::fs::read(&file).unwrap();
        for form in &forms {
            if content.windows(form.len()).any(|window| window == form) {
                return Some(file.display().to_string());
            }
        }
    }
    None
}
