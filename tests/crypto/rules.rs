// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Every mechanism with every key that is not its own, and with keys whose usage forbids it.

use crate::common::ec::{ED25519, P256, X25519};
use crate::common::operation::Kind;
use crate::common::*;
use crate::data;
use crate::table::{Family, required};

#[test]
fn keys_of_another_type_are_refused() {
    let user = User::new();
    let s = user.session;
    let all = families(s);
    for row in required() {
        let mech = (row.mech)(row.kind);
        for (family, first, second) in &all {
            let same_type = row.family == Family::Secret(CKK_AES, 16) && *family == Family::Aes;
            if *family == row.family || same_type || also(row.kind, *family) {
                continue;
            }
            for (flag, kind, key) in operations(*first, *second) {
                if row.flags & flag != 0 {
                    let started = s.start(kind, &mech, Some(key));
                    let what = format!("{kind:?} by {:#x} with {family:?}", row.kind);
                    started.gives_for(&what, &[CKR_KEY_TYPE_INCONSISTENT]);
                }
            }
            if row.flags & CKF_DERIVE != 0 {
                let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
                let derived =
                    s.derive(&mech, *second, &template.with(CKA_VALUE_LEN, 16 as CK_ULONG));
                let what = format!("derive by {:#x} with {family:?}", row.kind);
                derived.gives_for(&what, &[CKR_KEY_TYPE_INCONSISTENT]);
            }
        }
    }
}

#[test]
fn the_wrong_half_of_a_pair_is_refused() {
    let user = User::new();
    let s = user.session;
    let wrong = [CKR_KEY_TYPE_INCONSISTENT, CKR_KEY_FUNCTION_NOT_PERMITTED];
    for row in required().iter().filter(|row| {
        !matches!(
            row.family,
            Family::None
                | Family::Aes
                | Family::Generic
                | Family::Master
                | Family::Secret(..)
                | Family::Hss
        )
    }) {
        let (_, public, private) =
            families(s).into_iter().find(|(family, ..)| *family == row.family).unwrap();
        let mech = (row.mech)(row.kind);
        for (flag, kind, key) in operations(private, public) {
            if row.flags & flag != 0 {
                let what = format!("{kind:?} by {:#x}", row.kind);
                s.start(kind, &mech, Some(key)).gives_for(&what, &wrong);
            }
        }
    }
}

#[test]
fn usage_attributes_are_obeyed() {
    let user = User::new();
    let s = user.session;
    for (family, first, second) in families(s) {
        for (flag, kind, key) in operations(first, second) {
            let Some(row) =
                required().into_iter().find(|row| row.family == family && row.flags & flag != 0)
            else {
                continue;
            };
            let forbidden = s.copy(key, &template! { usage(kind) => false }).good();
            let started = s.start(kind, &(row.mech)(row.kind), Some(forbidden));
            let what = format!("{kind:?} by {:#x}", row.kind);
            started.gives_for(&what, &[CKR_KEY_FUNCTION_NOT_PERMITTED]);
            let allowed = s.copy(forbidden, &template! { usage(kind) => true }).good();
            s.start(kind, &(row.mech)(row.kind), Some(allowed)).good_for(&what);
            s.start_null(kind).good();
        }
    }
}

#[test]
fn key_management_obeys_usage_attributes() {
    let user = User::new();
    let s = user.session;
    let key = keys::aes(s, 32);
    let by = keys::aes_with(s, 32, &template! { CKA_WRAP => false, CKA_UNWRAP => false });
    let kw = Mech::plain(CKM_AES_KEY_WRAP);
    s.wrap(&kw, by, key).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let template = template! { CKA_CLASS => CKO_SECRET_KEY, CKA_KEY_TYPE => CKK_AES };
    s.unwrap(&kw, by, &data(40), &template).gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
    let never = template! { CKA_DERIVE => false };
    let (_, base) = keys::pair_with(s, &P256, &Template::default(), &never);
    let peer = reference::point(&P256, &reference::generate(&P256));
    let derived = s.derive(
        &Mech::ecdh(CKD_NULL, b"", &peer),
        base,
        &template.with(CKA_VALUE_LEN, 16 as CK_ULONG),
    );
    derived.gives(CKR_KEY_FUNCTION_NOT_PERMITTED);
}

#[test]
fn allowed_mechanisms_are_the_only_ones() {
    let user = User::new();
    let s = user.session;
    let allowed: &[CK_ULONG] = &[CKM_AES_CBC, CKM_AES_ECB];
    let key = keys::aes_with(s, 32, &template! { CKA_ALLOWED_MECHANISMS => allowed });
    s.encrypt(&Mech::plain(CKM_AES_ECB), key, &data(16)).good();
    s.encrypt(&Mech::iv(CKM_AES_CBC, &[0; 16]), key, &data(16)).good();
    let other = s.start(Kind::Encrypt, &Mech::ctr(128, [0; 16]), Some(key));
    other.gives_one_of(&[CKR_MECHANISM_INVALID, CKR_KEY_FUNCTION_NOT_PERMITTED]);
    assert_eq!(s.get(key, CKA_ALLOWED_MECHANISMS).good(), Value::from(allowed).0);
}

#[test]
fn objects_that_are_no_keys_are_no_keys() {
    let user = User::new();
    let s = user.session;
    let object = s.create(&template! { CKA_CLASS => CKO_DATA, CKA_VALUE => b"data" }).good();
    for key in [object, Obj(0), Obj(0x7777_7777)] {
        for (_, kind, key) in operations(key, key) {
            let mech = match kind {
                Kind::Encrypt | Kind::Decrypt => Mech::plain(CKM_AES_ECB),
                _ => Mech::plain(CKM_SHA256_HMAC),
            };
            s.start(kind, &mech, Some(key)).gives(CKR_KEY_HANDLE_INVALID);
        }
        s.derive(&Mech::ecdh(CKD_NULL, b"", &[4; 65]), key, &Template::default())
            .gives(CKR_KEY_HANDLE_INVALID);
    }
}

/// Mechanisms that take keys of a second family too.
fn also(kind: CK_MECHANISM_TYPE, family: Family) -> bool {
    let hmac = crate::table::HASHES.iter().any(|hash| hash.hmac == kind || hash.general == kind);
    match family {
        _ if crate::derivation::takes(kind, family) => true,
        Family::Montgomery => kind == CKM_ECDH1_DERIVE,
        // Some tokens let any secret key be a MAC or derivation key.
        Family::Aes => hmac || kind == CKM_HKDF_DERIVE,
        _ => false,
    }
}

fn families(s: Session) -> Vec<(Family, Obj, Obj)> {
    let (rsa_public, rsa_private) = keys::rsa(s);
    let (ec_public, ec_private) = keys::pair(s, &P256);
    let (ed_public, ed_private) = keys::pair(s, &ED25519);
    let (x_public, x_private) = keys::pair(s, &X25519);
    let (aes, generic) = (keys::aes(s, 32), keys::generic(s, 32));
    let of_set = |key_type| {
        let (public, private) = sets::quick(key_type).pair(s);
        (Family::Set(key_type), public, private)
    };
    let pair = |family| {
        let (public, private) = crate::table::keys_of(s, family);
        (family, public, private)
    };
    vec![
        pair(Family::Dsa),
        pair(Family::Dh),
        pair(Family::X942),
        of_set(CKK_ML_DSA),
        of_set(CKK_SLH_DSA),
        of_set(CKK_ML_KEM),
        (Family::Rsa, rsa_public, rsa_private),
        (Family::Ec, ec_public, ec_private),
        (Family::Edwards, ed_public, ed_private),
        (Family::Montgomery, x_public, x_private),
        (Family::Aes, aes, aes),
        (Family::Generic, generic, generic),
    ]
}

fn operations(first: Obj, second: Obj) -> [(CK_FLAGS, Kind, Obj); 4] {
    [
        (CKF_ENCRYPT, Kind::Encrypt, first),
        (CKF_DECRYPT, Kind::Decrypt, second),
        (CKF_SIGN, Kind::Sign, second),
        (CKF_VERIFY, Kind::Verify, first),
    ]
}

fn usage(kind: Kind) -> CK_ATTRIBUTE_TYPE {
    match kind {
        Kind::Encrypt => CKA_ENCRYPT,
        Kind::Decrypt => CKA_DECRYPT,
        Kind::Sign => CKA_SIGN,
        Kind::Verify => CKA_VERIFY,
        Kind::Digest => panic!("a digest has no key"),
    }
}
