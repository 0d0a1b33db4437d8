// SPDX-License-Identifier: Apache-2.0 OR MIT
//! What the security officer trusts, nobody else makes more of.

use crate::common::*;
use crate::secret;

#[test]
fn trust_is_not_carried_to_a_copy_of_the_user() {
    let user = User::new();
    let s = user.session;
    for key in trusted(&user) {
        for place in [template! { CKA_TOKEN => false }, template! { CKA_LABEL => "copy" }] {
            let copy = s.copy(key, &place).good();
            assert!(!s.flag(copy, CKA_TRUSTED).good(), "trust was copied");
            assert!(s.flag(key, CKA_TRUSTED).good(), "the original keeps it");
        }
        s.copy(key, &template! { CKA_TRUSTED => true }).gives_one_of(REFUSED);
    }
}

#[test]
fn the_user_gives_no_usage_to_a_trusted_key() {
    let user = User::new();
    let s = user.session;
    for key in trusted(&user) {
        for usage in [CKA_ENCRYPT, CKA_VERIFY] {
            let more = template! { usage => true };
            s.set(key, &more).gives_for(&format!("{usage:#x}"), REFUSED);
            s.copy(key, &more).gives_for(&format!("a copy with {usage:#x}"), REFUSED);
            assert!(!s.flag(key, usage).good());
        }
        s.set(key, &template! { CKA_LABEL => "renamed" }).good_for("all else may be changed");
        s.set(key, &template! { CKA_WRAP => false }).good_for("a usage may be given up");
        s.set(key, &template! { CKA_WRAP => true }).gives_one_of(REFUSED);
    }
}

#[test]
fn what_the_user_copied_wraps_no_key_that_wants_trust() {
    let user = User::new();
    let s = user.session;
    let mech = Mech::plain(CKM_AES_KEY_WRAP);
    let target = keys::try_secret(
        s,
        CKK_AES,
        &[9; 16],
        &template! {
            CKA_WRAP_WITH_TRUSTED => true,
            CKA_EXTRACTABLE => true,
        },
    );
    let (target, key) = (target.good(), trusted(&user)[0]);
    // The login of the SO took away the private session object.
    s.get(target, CKA_LABEL).gives(CKR_OBJECT_HANDLE_INVALID);
    let wanting = template! { CKA_WRAP_WITH_TRUSTED => true, CKA_EXTRACTABLE => true };
    let target = keys::try_secret(s, CKK_AES, &[9; 16], &wanting).good();
    s.wrap(&mech, key, target).good_for("the trusted key wraps");
    let copy = s.copy(key, &template! { CKA_TOKEN => false }).good();
    s.wrap(&mech, copy, target).gives(CKR_KEY_NOT_WRAPPABLE);
}

/// Keys that the user made and the SO trusts, for wrapping alone; the user is logged in.
fn trusted(user: &User) -> [Obj; 2] {
    let s = user.session;
    let usages = template! {
        CKA_TOKEN => true,
        CKA_PRIVATE => false,
        CKA_WRAP => true,
        CKA_ENCRYPT => false,
        CKA_VERIFY => false,
    };
    let aes = secret(CKK_AES, &[7; 32]).and(&usages).set(CKA_EXTRACTABLE, false);
    let rsa = keys::rsa_public(&reference::rsa()).and(&usages);
    let all = [s.create(&aes).good(), s.create(&rsa).good()];
    s.logout().good();
    s.login(CKU_SO, SO_PIN).good();
    for key in all {
        s.set(key, &template! { CKA_TRUSTED => true }).good();
    }
    s.logout().good();
    s.login(CKU_USER, USER_PIN).good();
    all
}

const REFUSED: &[CK_RV] = &[
    CKR_ATTRIBUTE_READ_ONLY,
    CKR_TEMPLATE_INCONSISTENT,
    CKR_ACTION_PROHIBITED,
    CKR_USER_NOT_LOGGED_IN,
];
