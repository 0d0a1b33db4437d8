// SPDX-License-Identifier: Apache-2.0 OR MIT
//! A store that an older version wrote: it is read and used, and its keys are renewed once everyone has
//! logged in.

use crate::common::*;
use crate::*;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_store_of_before_is_used_and_rotated_once_everyone_has_logged_in() {
    let fixture = older();
    let token = Token { slot: session::slots(false).good()[0] };
    let said = child::everything(&command(&fixture, &[PLAIN, &["--pin-env", "PIN"]].concat()));
    // The user has just logged in; the custodian holds nothing.
    for name in ["SO PIN", "PIN of 'operator'", "PIN of 'manager'", "PIN of 'auditor'"] {
        assert!(said.contains(name), "{name}: {said}");
    }
    assert!(!said.contains("user PIN") && !said.contains("custodian"), "{said}");
    let operator = enter(token, "operator");
    let known = block(operator, labelled(operator, "box"));
    operator.close().good();
    for name in ["manager", "auditor", "custodian"] {
        enter(token, name).close().good();
    }
    token.so().close().good();
    let user = token.user();
    let sign = |s: Session| {
        let key = s.find(&template! { CKA_CLASS => CKO_PRIVATE_KEY }).good()[0];
        let public = s.find(&template! { CKA_CLASS => CKO_PUBLIC_KEY }).good()[0];
        let mech = Mech::plain(CKM_ECDSA_SHA256);
        let signature = s.sign(&mech, key, b"message").good();
        s.verify(&mech, public, b"message", &signature).good();
    };
    for (generation, how) in [(2, PLAIN), (3, WHOLE), (4, PLAIN)] {
        assert!(rotate(&fixture, how).contains(&format!("generation {generation}")));
        assert_eq!(block(user, labelled(user, "box")), known);
        sign(user);
    }
    user.close().good();
    fixture.restart();
    let user = token.user();
    assert_eq!(block(user, labelled(user, "box")), known);
    sign(user);
    session::finalize().good();
    clean(&fixture);
}

#[test]
fn who_never_logs_in_is_removed_or_given_another_pin() {
    let fixture = older();
    let so: &[&str] = &["--so-pin-env", "SO"];
    run(&fixture, &[&["user", "remove", "auditor"], so].concat());
    for name in ["operator", "manager"] {
        let reset = ["user", "reset", name, "--new-pin-env", "NEW"];
        run(&fixture, &[&reset[..], so].concat());
    }
    assert!(rotate(&fixture, WHOLE).contains("generation 2"));
    clean(&fixture);
}

/// The store in `tests/vectors/store-2`.
fn older() -> Fixture {
    let fixture = Fixture::prepared("");
    let (from, to) = ("tests/vectors/store-2", fixture.store_path());
    std::fs::create_dir(&to).unwrap();
    std::fs::set_permissions(&to, std::fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["store.db", "seal-1.key", "changes"] {
        std::fs::copy(format!("{from}/{name}"), to.join(name)).unwrap();
        std::fs::set_permissions(to.join(name), std::fs::Permissions::from_mode(0o600)).unwrap();
    }
    fixture.initialize().good();
    fixture
}
