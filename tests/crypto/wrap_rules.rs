// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Who may wrap what, and what becomes of a wrapped key that is not right.

use crate::common::operation::Kind;
use crate::common::*;
use crate::data;

#[test]
fn a_key_that_may_not_leave_does_not() {
    let user = User::new();
    let s = user.session;
    let by = keys::aes(s, 32);
    let kept = keys::aes_with(s, 32, &template! { CKA_EXTRACTABLE => false });
    for mech in [Mech::plain(CKM_AES_KEY_WRAP), Mech::plain(CKM_AES_KEY_WRAP_KWP), pad()] {
        s.wrap(&mech, by, kept).gives(CKR_KEY_UNEXTRACTABLE);
    }
    let (public, _) = keys::rsa(s);
    s.wrap(&Mech::plain(CKM_RSA_PKCS), public, kept).gives(CKR_KEY_UNEXTRACTABLE);
}

#[test]
fn a_sensitive_key_may_leave_wrapped() {
    let user = User::compatible();
    let s = user.session;
    let template = template! { CKA_SENSITIVE => true, CKA_EXTRACTABLE => true };
    let (by, key) = (keys::aes(s, 32), keys::aes_with(s, 32, &template));
    s.get(key, CKA_VALUE).gives(CKR_ATTRIBUTE_SENSITIVE);
    assert_eq!(s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), by, key).good().len(), 40);
}

#[test]
fn wrapping_keys_of_another_type_are_refused() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let (aes, generic) = (keys::aes(s, 32), keys::generic(s, 32));
    let (ec_public, ec_private) = keys::pair(s, &ec::P256);
    let kw = Mech::plain(CKM_AES_KEY_WRAP);
    for by in [public, generic, ec_public] {
        s.wrap(&kw, by, aes).gives(CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    }
    for by in [aes, generic, ec_public] {
        s.wrap(&Mech::plain(CKM_RSA_PKCS), by, aes).gives(CKR_WRAPPING_KEY_TYPE_INCONSISTENT);
    }
    let template = class(CKK_AES);
    for by in [private, generic, ec_private] {
        s.unwrap(&kw, by, &data(40), &template).gives(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    }
    for by in [aes, generic, ec_private] {
        let refused = s.unwrap(&Mech::plain(CKM_RSA_PKCS), by, &data(256), &template);
        refused.gives(CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT);
    }
}

#[test]
fn handles_must_be_of_keys() {
    let user = User::new();
    let s = user.session;
    let aes = keys::aes(s, 32);
    let object = s.create(&template! { CKA_CLASS => CKO_DATA, CKA_VALUE => b"data" }).good();
    let kw = Mech::plain(CKM_AES_KEY_WRAP);
    for bad in [Obj(0), Obj(0x7777_7777)] {
        s.wrap(&kw, bad, aes).gives(CKR_WRAPPING_KEY_HANDLE_INVALID);
        s.wrap(&kw, aes, bad).gives(CKR_KEY_HANDLE_INVALID);
        let refused = s.unwrap(&kw, bad, &data(40), &class(CKK_AES));
        refused.gives(CKR_UNWRAPPING_KEY_HANDLE_INVALID);
    }
    let wrapping = [CKR_WRAPPING_KEY_HANDLE_INVALID, CKR_WRAPPING_KEY_TYPE_INCONSISTENT];
    s.wrap(&kw, object, aes).gives_one_of(&wrapping);
    s.wrap(&kw, aes, object).gives_one_of(&[CKR_KEY_HANDLE_INVALID, CKR_KEY_NOT_WRAPPABLE]);
    let unwrapping = [CKR_UNWRAPPING_KEY_HANDLE_INVALID, CKR_UNWRAPPING_KEY_TYPE_INCONSISTENT];
    s.unwrap(&kw, object, &data(40), &class(CKK_AES)).gives_one_of(&unwrapping);
    let (public, _) = keys::rsa(s);
    let none = [CKR_KEY_NOT_WRAPPABLE, CKR_KEY_HANDLE_INVALID, CKR_KEY_UNEXTRACTABLE];
    s.wrap(&kw, aes, public).gives_one_of(&none);
}

#[test]
fn private_keys_are_wrapped_by_secret_keys_only() {
    let user = User::new();
    let s = user.session;
    let (public, private) = keys::rsa(s);
    let refused = s.wrap(&Mech::plain(CKM_RSA_PKCS), public, private);
    let none = [CKR_KEY_NOT_WRAPPABLE, CKR_KEY_SIZE_RANGE, CKR_WRAPPING_KEY_TYPE_INCONSISTENT];
    refused.gives_one_of(&none);
}

#[test]
fn trusted_wrapping_is_for_trusted_keys() {
    let user = User::new();
    let s = user.session;
    let template = keys::open().with(CKA_WRAP_WITH_TRUSTED, true);
    let (by, key) = (keys::aes(s, 32), keys::aes_with(s, 32, &template));
    s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), by, key).gives(CKR_KEY_NOT_WRAPPABLE);
    s.set(key, &template! { CKA_WRAP_WITH_TRUSTED => false }).gives(CKR_ATTRIBUTE_READ_ONLY);
}

#[test]
fn changed_wrapped_keys_are_refused_and_leave_nothing() {
    let user = User::new();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::aes(s, 32));
    for mech in [Mech::plain(CKM_AES_KEY_WRAP), Mech::plain(CKM_AES_KEY_WRAP_KWP)] {
        let wrapped = s.wrap(&mech, by, key).good();
        let before = s.find(&Template::default()).good();
        for at in [0, 8, wrapped.len() - 1] {
            let mut wrong = wrapped.clone();
            wrong[at] ^= 1;
            s.unwrap(&mech, by, &wrong, &class(CKK_AES)).gives(CKR_WRAPPED_KEY_INVALID);
        }
        let other = keys::aes(s, 32);
        s.unwrap(&mech, other, &wrapped, &class(CKK_AES)).gives(CKR_WRAPPED_KEY_INVALID);
        s.destroy(other).good();
        let length = [CKR_WRAPPED_KEY_LEN_RANGE, CKR_WRAPPED_KEY_INVALID];
        for count in [0, 1, 8, 15, wrapped.len() - 1] {
            let refused = s.unwrap(&mech, by, &wrapped[..count], &class(CKK_AES));
            refused.gives_for(&format!("{count} bytes"), &length);
        }
        assert_eq!(s.find(&Template::default()).good(), before, "nothing was left behind");
    }
}

#[test]
fn unwrapped_values_must_fit_the_template() {
    let user = User::new();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::secret(s, CKK_GENERIC_SECRET, &data(20)));
    let mech = Mech::plain(CKM_AES_KEY_WRAP_KWP);
    let wrapped = s.wrap(&mech, by, key).good();
    // C_UnwrapKey: "If any length conflict occurs ... SHALL return CKR_WRAPPED_KEY_LEN_RANGE".
    s.unwrap(&mech, by, &wrapped, &class(CKK_AES)).gives(CKR_WRAPPED_KEY_LEN_RANGE);
    for length in [1, 19, 21, HUGE] {
        let other = class(CKK_GENERIC_SECRET).with(CKA_VALUE_LEN, length);
        s.unwrap(&mech, by, &wrapped, &other).gives(CKR_WRAPPED_KEY_LEN_RANGE);
    }
    let none = Template::default();
    s.unwrap(&mech, by, &wrapped, &none).gives(CKR_TEMPLATE_INCOMPLETE);
    let valued = class(CKK_GENERIC_SECRET).with(CKA_VALUE, &[1; 20]);
    let refused = s.unwrap(&mech, by, &wrapped, &valued);
    refused.gives_one_of(&[CKR_TEMPLATE_INCONSISTENT, CKR_ATTRIBUTE_READ_ONLY]);
}

#[test]
fn wrapping_takes_the_output_rule() {
    let user = User::new();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::aes(s, 32));
    let (mut mech, mut length) = (Mech::plain(CKM_AES_KEY_WRAP).raw(), 39);
    let mut room = [0xA5_u8; 40];
    let out = room.as_mut_ptr();
    outcome(p11!(C_WrapKey(s.0, &mut mech, by.0, key.0, out, &mut length)))
        .gives(CKR_BUFFER_TOO_SMALL);
    assert!(length >= 40, "{length}");
    assert_eq!(room, [0xA5; 40], "nothing is written into a buffer that is too small");
    length = 40;
    outcome(p11!(C_WrapKey(s.0, &mut mech, by.0, key.0, out, &mut length))).good();
    assert_eq!(length, 40);
}

#[test]
fn wrapping_leaves_other_operations_alone() {
    let user = User::new();
    let s = user.session;
    let (by, key) = (keys::aes(s, 32), keys::aes(s, 32));
    s.start(Kind::Digest, &Mech::plain(CKM_SHA256), None).good();
    s.update(Kind::Digest, b"part").good();
    s.wrap(&Mech::plain(CKM_AES_KEY_WRAP), by, key).good();
    let digest = s.finish(Kind::Digest, operation::Room::Bytes(32));
    digest.rv.good();
    assert_eq!(digest.data, reference::digest(CKM_SHA256, b"part"));
}

fn class(kind: CK_KEY_TYPE) -> Template {
    template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => kind }
}

fn pad() -> Mech {
    Mech::iv(CKM_AES_CBC_PAD, &[1; 16])
}
