// SPDX-License-Identifier: Apache-2.0 OR MIT
//! PINs changed and users added while people are logged in: the next renewal of keys reaches them.

use crate::common::*;
use crate::*;

#[test]
fn who_has_changed_their_pin_reads_the_next_keys_without_another_login() {
    let (fixture, token) = people("");
    let s = token.user();
    let key = aes(s, "key");
    let known = block(s, key);
    s.set_pin(USER_PIN, "changed-pin").good();
    s.set_pin("changed-pin", USER_PIN).good();
    for how in [PLAIN, WHOLE] {
        rotate(&fixture, how);
        // One that is not in memory, so that it is read with the new keys.
        let fresh = aes(s, "fresh");
        block(s, fresh);
        s.copy(key, &template! { CKA_LABEL => "copy" }).good();
        assert_eq!(block(s, labelled(s, "copy")), known);
        s.destroy(labelled(s, "copy")).good();
        s.destroy(fresh).good();
    }
}

#[test]
fn a_session_under_a_pin_that_is_gone_ends_with_the_keys() {
    let (fixture, token) = people("");
    let s = token.user();
    aes(s, "key");
    s.close().good();
    fixture.restart();
    let s = token.user();
    // The security officer sets another PIN elsewhere: whoever knew the old one is not told the next keys.
    run(&fixture, &["pin", "unblock", "--so-pin-env", "SO", "--new-pin-env", "NEW"]);
    assert_eq!(
        s.find(&template! { CKA_LABEL => "key" }).good().len(),
        1,
        "the keys are the same yet"
    );
    run(&fixture, &[PLAIN, &["--pin-env", "NEW"]].concat());
    let place = template! { CKA_TOKEN => true, CKA_VALUE_LEN => 16 };
    s.generate(&Mech::plain(CKM_AES_KEY_GEN), &place).gives(CKR_USER_NOT_LOGGED_IN);
    s.logout().good();
    s.login(CKU_USER, "new-pin-0815").good();
    block(s, labelled(s, "key"));
}

#[test]
fn users_added_and_reset_between_renewals_have_the_keys() {
    let fixture = Fixture::new();
    let token = fixture.token("web");
    let s = token.user();
    aes(s, "key");
    let known = block(s, labelled(s, "key"));
    rotate(&fixture, PLAIN);
    add(&fixture, "operator", "operator");
    rotate(&fixture, WHOLE);
    s.close().good();
    let s = enter(token, "operator");
    assert_eq!(block(s, labelled(s, "key")), known);
    s.close().good();
    let who = ["user", "reset", "operator", "--so-pin-env", "SO", "--new-pin-env", "NEW"];
    run(&fixture, &who);
    rotate(&fixture, PLAIN);
    let s = token.public();
    s.login_user(CKU_USER, "new-pin-0815", "operator").good();
    assert_eq!(block(s, labelled(s, "key")), known);
}
