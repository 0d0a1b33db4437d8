// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What a token's record and its named values hold is brought over: PINs of everybody, failures counted,
//! the policy, the ledger.

use crate::common::*;
use crate::*;
use std::fs;

#[test]
fn pins_policy_and_counts_are_what_they_were() {
    let mut user = User::with_settings("[pin]\nmax_failures = 3\n");
    let fixture = &user.fixture;
    let s = user.session;
    let place = template! { CKA_TOKEN => true, CKA_LABEL => "counted" };
    keys::aes_with(s, 32, &keys::open().and(&place));
    let rules =
        "version = 1\n[[rule]]\nname = \"few\"\nmatch = { label = \"counted\" }\ntotal = 6\n";
    let policy = fixture.directory().join("policy.toml");
    fs::write(&policy, rules).unwrap();
    run(fixture, &["policy", "set", policy.to_str().unwrap(), "--so-pin-env", "SO"]);
    let add = ["user", "add", "olga", "--role", "operator", "--so-pin-env", "SO"];
    run(fixture, &[&add[..], &["--pin-env", "USER", "--new-pin-env", "USER"]].concat());
    use_key(s).good();
    use_key(s).good();
    s.logout().good();
    s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    for rotation in [COMPROMISED, PLAIN, COMPROMISED] {
        run(fixture, rotation);
    }
    // The wrong attempt still counts.
    let left = run(fixture, &["token", "list"]);
    assert!(left.contains("2 left"), "{left}");
    s.login(CKU_USER, "not the PIN").gives(CKR_PIN_INCORRECT);
    s.login(CKU_USER, USER_PIN).good();
    s.logout().good();
    s.login_user(CKU_USER, USER_PIN, "olga").good();
    use_key(s).good();
    s.logout().good();
    s.login(CKU_SO, SO_PIN).good();
    s.logout().good();
    assert!(run(fixture, &["policy", "show"]).contains("few"));
    whole(fixture);
    user.restart();
    let used = (0..10).take_while(|_| use_key(user.session).is_ok()).count();
    assert_eq!(used, 3, "three of six were used before");
    use_key(user.session).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let said = run(&user.fixture, &["doctor"]);
    assert!(said.contains("its own keys are from before the compromise"), "{said}");
}

fn use_key(s: Session) -> R<()> {
    let key = s.find(&template! { CKA_LABEL => "counted" })?[0];
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &[0; 16]).map(drop)
}
