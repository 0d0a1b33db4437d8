// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may renew keys, and that everyone who is there has them afterwards.

use crate::common::*;
use crate::*;

const STRICT: &str = "[token]\nseparation = \"strict\"\n";

#[test]
fn each_role_renews_what_it_may_and_all_have_the_keys_afterwards() {
    for settings in ["", STRICT] {
        let strict = !settings.is_empty();
        let (fixture, token) = people(settings);
        let manager = enter(token, "manager");
        aes(manager, "key");
        manager.close().good();
        let operator = enter(token, "operator");
        let known = block(operator, labelled(operator, "key"));
        let may = |who: &str, whole: bool| match who {
            "" | "operator" => true,
            "so" => !strict,
            "manager" => !whole,
            _ => false,
        };
        let mut generation = 1;
        for who in ["", "so", "operator", "manager", "auditor", "custodian"] {
            for (how, whole) in [(PLAIN, false), (WHOLE, true)] {
                let variable = format!("PIN_{who}");
                let by: &[&str] = match who {
                    "" => &["--pin-env", "PIN"],
                    "so" => &["--so", "--so-pin-env", "SO"],
                    who => &["--user", who, "--pin-env", &variable],
                };
                let said = child::everything(&command(&fixture, &[how, by].concat()));
                if may(who, whole) {
                    generation += 1;
                    assert!(said.contains(&format!("generation {generation}")), "{who}: {said}");
                } else {
                    assert!(said.contains("cannot renew the keys"), "{who}: {said}");
                }
                assert_eq!(block(operator, labelled(operator, "key")), known, "{who}");
            }
        }
        operator.close().good();
        fixture.restart();
        all_have_the_keys(token, &known, strict);
        session::finalize().good();
        clean(&fixture);
    }
}

/// Everyone logs in by their PIN and has what their role has.
fn all_have_the_keys(token: Token, known: &[u8], strict: bool) {
    for who in ["", "operator"] {
        let s = if who.is_empty() { token.user() } else { enter(token, who) };
        assert_eq!(block(s, labelled(s, "key")), known, "{who}");
        s.close().good();
    }
    for who in ["manager", "auditor"] {
        let s = enter(token, who);
        assert_eq!(s.get(labelled(s, "key"), CKA_LABEL).good(), b"key", "{who}");
        s.close().good();
    }
    let s = enter(token, "custodian");
    assert_eq!(s.find(&template! { CKA_LABEL => "key" }).good(), []);
    s.close().good();
    let so = token.so();
    let set = so.init_pin("another-pin");
    if strict {
        set.gives(CKR_FUNCTION_FAILED);
    } else {
        set.good();
    }
    so.close().good();
    if !strict {
        let s = token.public();
        s.login(CKU_USER, "another-pin").good();
        assert_eq!(block(s, labelled(s, "key")), known);
        s.close().good();
    }
}

#[test]
fn a_strict_token_without_a_user_has_no_keys_to_renew() {
    let fixture = Fixture::with_settings(STRICT);
    let slot = fixture.empty_slot();
    session::init_token(slot, SO_PIN, "bare").good();
    let said =
        child::everything(&command(&fixture, &[PLAIN, &["--so", "--so-pin-env", "SO"]].concat()));
    assert!(said.contains("cannot renew the keys"), "{said}");
    let s = Session::read_write(slot).good();
    s.login(CKU_SO, SO_PIN).good();
    s.init_pin(USER_PIN).good();
    s.close().good();
    assert!(rotate(&fixture, WHOLE).contains("generation 2"));
}
