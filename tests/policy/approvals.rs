// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Named users: what rules say of them by name, and what custodians approve of.

use crate::common::*;
use crate::{OTHER_PIN, rule, set_policy, strongroom};

fn add(fixture: &Fixture, name: &str, role: &str) {
    let pins = ["--so-pin-env", "SO", "--new-pin-env", "OTHER"];
    let add = [&["user", "add", name, "--role", role][..], &pins].concat();
    let added = strongroom(fixture, &add);
    assert!(added.status.success(), "{}", child::everything(&added));
}

/// What the command said, if it did not end with 0.
fn approve(fixture: &Fixture, who: &str, key: &str, more: &[&str]) -> Result<(), String> {
    let approve = ["policy", "approve", key, "export", "--user", who, "--pin-env", "OTHER"];
    let done = strongroom(fixture, &[&approve[..], more].concat());
    if done.status.success() { Ok(()) } else { Err(child::everything(&done)) }
}

#[test]
fn an_export_waits_for_two_custodians() {
    let user = User::new();
    let (s, fixture) = (user.session, &user.fixture);
    for name in ["carol", "dave"] {
        add(fixture, name, "custodian");
    }
    add(fixture, "ops", "operator");
    let place = template! { CKA_TOKEN => true, CKA_EXTRACTABLE => true, CKA_LABEL => "k" };
    let by = keys::aes_with(s, 32, &template! { CKA_LABEL => "by" });
    let key = keys::aes_with(s, 16, &place);
    let unique = String::from_utf8(s.get(key, CKA_UNIQUE_ID).good()).unwrap();
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let lines = "match = { label = \"k\" }\napprovals = { count = 2, operations = [\"export\"] }";
    set_policy(fixture, &rule("r", lines));
    let denied = || s.wrap(&mech, by, key).gives(CKR_KEY_NOT_WRAPPABLE);
    denied();
    approve(fixture, "carol", &unique, &["--uses", "5"]).unwrap();
    denied();
    approve(fixture, "carol", &unique, &["--uses", "5"]).unwrap();
    denied();
    let said = approve(fixture, "ops", &unique, &[]).expect_err("an operator");
    assert!(said.contains("only custodians approve"), "{said}");
    approve(fixture, "dave", "another key", &[]).unwrap();
    denied();
    approve(fixture, "dave", &unique, &["--for", "1s"]).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(2100));
    denied();
    approve(fixture, "dave", &unique, &["--uses", "2"]).unwrap();
    s.wrap(&mech, by, key).good_for("the length, then the key: one use");
    s.wrap(&mech, by, key).good();
    denied();
    // Who is removed has approved of nothing.
    approve(fixture, "dave", &unique, &["--uses", "2"]).unwrap();
    let removed = strongroom(fixture, &["user", "remove", "dave", "--so-pin-env", "SO"]);
    assert!(removed.status.success(), "{}", child::everything(&removed));
    denied();
    add(fixture, "dave", "custodian");
    denied();
    approve(fixture, "dave", &unique, &[]).unwrap();
    s.wrap(&mech, by, key).good();
}

#[test]
fn rules_name_users_and_roles() {
    let user = User::new();
    let fixture = &user.fixture;
    for name in ["alice", "bob"] {
        add(fixture, name, "operator");
    }
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "k" };
    keys::aes_with(user.session, 32, &place);
    let used = |who: &str| {
        let s = user.session;
        s.logout().good();
        s.login(CKU_USER, who).good_for(who);
        let key = s.find(&template! { CKA_LABEL => "k" }).good()[0];
        s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).map(drop).code()
    };
    let (alice, bob) = (format!("alice:{OTHER_PIN}"), format!("bob:{OTHER_PIN}"));
    let denied = CKR_KEY_FUNCTION_NOT_PERMITTED;
    for (principals, alice_may, bob_may, user_may) in [
        ("users = [\"alice\"]", CKR_OK, denied, denied),
        ("users = [\"alice\", \"bob\"]", CKR_OK, CKR_OK, denied),
        ("roles = [\"operator\"]", CKR_OK, CKR_OK, CKR_OK),
        ("roles = [\"user\"]", denied, denied, CKR_OK),
        ("roles = [\"manager\"]", denied, denied, CKR_OK),
    ] {
        set_policy(fixture, &rule("r", &format!("principals = {{ {principals} }}")));
        let found = [used(&alice), used(&bob), used(USER_PIN)];
        assert_eq!(found, [alice_may, bob_may, user_may], "{principals}");
    }
}
