// SPDX-License-Identifier: Apache-2.0 OR MIT
//! HSS: public keys and verification.

use crate::common::operation::Kind;
use crate::common::*;
use crate::cut;

#[test]
fn known_answers() {
    let user = User::new();
    let s = user.session;
    for record in vectors::read("hss.txt") {
        let place = record.place();
        let (value, data) = (record.hex("public"), record.hex("data"));
        let signature = record.hex("signature");
        let key = s.create(&template(&value)).good_for(&place);
        s.verify(&mech(), key, &data, &signature).good_for(&place);
        s.verify_parts(&mech(), key, &cut(&data), &signature).good_for(&place);
        let changed = s.verify(&mech(), key, &[&data[..], b"."].concat(), &signature);
        changed.gives_for(&place, &[CKR_SIGNATURE_INVALID]);
        // Levels, leaf, type, one-time signature, end of the path.
        for at in [0, 3, 4, 7, 11, 12, 60, signature.len() / 2, signature.len() - 1] {
            let mut wrong = signature.clone();
            wrong[at] ^= 1;
            let want = [CKR_SIGNATURE_INVALID, CKR_SIGNATURE_LEN_RANGE];
            s.verify(&mech(), key, &data, &wrong).gives_for(&format!("{place}: {at}"), &want);
        }
        for length in [0, 1, 3, 4, 100, signature.len() - 1] {
            let short = s.verify(&mech(), key, &data, &signature[..length]);
            short.gives_for(&format!("{place}: {length}"), &[CKR_SIGNATURE_LEN_RANGE]);
        }
        let long = s.verify(&mech(), key, &data, &[&signature[..], &[0]].concat());
        long.gives_for(&place, &[CKR_SIGNATURE_LEN_RANGE]);
        let mut endless = signature.clone();
        endless[..4].fill(0xff);
        s.verify(&mech(), key, &data, &endless).gives_for(&place, &[CKR_SIGNATURE_INVALID]);
    }
}

#[test]
fn public_keys_tell_their_types() {
    let user = User::new();
    let s = user.session;
    let key = public(s);
    assert_eq!(s.number(key, CKA_HSS_LEVELS).good(), 2);
    assert_eq!(s.number(key, CKA_HSS_LMS_TYPE).good(), 5);
    assert_eq!(s.number(key, CKA_HSS_LMOTS_TYPE).good(), 4);
    assert!(s.flag(key, CKA_VERIFY).good());
    assert!(!s.flag(key, CKA_LOCAL).good());
    let value = s.get(key, CKA_VALUE).good();
    // RFC 9802, section 3: the identifier alone, then the key.
    let head = unhex("304e300d060b2a864886f70d0109100311033d00");
    assert_eq!(s.get(key, CKA_PUBLIC_KEY_INFO).good(), [head, value].concat());
}

#[test]
fn values_that_are_no_key_are_refused() {
    let user = User::new();
    let s = user.session;
    let value = s.get(public(s), CKA_VALUE).good();
    let changed = |at: usize, byte: u8| {
        let mut value = value.clone();
        value[at] = byte;
        value
    };
    for wrong in [
        value[1..].to_vec(),
        [&value[..], &[0]].concat(),
        Vec::new(),
        // No level, too many, and types that are unknown or do not go together.
        changed(3, 0),
        changed(3, 9),
        changed(7, 4),
        changed(7, 25),
        changed(7, 10),
        changed(11, 0),
        changed(11, 17),
        changed(11, 12),
    ] {
        s.create(&template(&wrong)).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    }
    for attribute in [CKA_HSS_LEVELS, CKA_HSS_LMS_TYPE, CKA_HSS_LMOTS_TYPE] {
        s.create(&template(&value).with(attribute, 2 as CK_ULONG)).gives(CKR_ATTRIBUTE_READ_ONLY);
    }
    s.create(&template(&value).without(CKA_VALUE)).gives(CKR_TEMPLATE_INCOMPLETE);
    let private = template(&value).set(CKA_CLASS, CKO_PRIVATE_KEY);
    s.create(&private).gives(CKR_ATTRIBUTE_VALUE_INVALID);
    let key = public(s);
    let parameter = s.start(Kind::Verify, &Mech::iv(CKM_HSS, &[1]), Some(key));
    parameter.gives(CKR_MECHANISM_PARAM_INVALID);
    s.start(Kind::Sign, &mech(), Some(key)).gives(CKR_MECHANISM_INVALID);
}

/// The public key of the RFC's first example.
pub fn public(s: Session) -> Obj {
    let record = vectors::read("hss.txt").remove(0);
    s.create(&template(&record.hex("public"))).good_for("HSS public key")
}

fn template(value: &[u8]) -> Template {
    template! { CKA_CLASS => CKO_PUBLIC_KEY, CKA_KEY_TYPE => CKK_HSS, CKA_VALUE => value }
}

fn mech() -> Mech {
    Mech::plain(CKM_HSS)
}
