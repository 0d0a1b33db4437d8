// SPDX-License-Identifier: Apache-2.0 OR MIT
//! The objects that a token has without anybody having made them.

use crate::common::*;
use crate::{certificates, data};

const CLASSES: [CK_OBJECT_CLASS; 3] = [CKO_PROFILE, CKO_MECHANISM, CKO_HW_FEATURE];

#[test]
fn they_are_found_by_who_asks_for_their_class_alone() {
    let user = User::new();
    let s = user.session;
    assert_eq!(s.find(&Template::default()).good(), [], "an application made nothing");
    for unclassed in [template! { CKA_TOKEN => true }, template! { CKA_PRIVATE => false }] {
        assert_eq!(s.find(&unclassed).good(), []);
    }
    for class in CLASSES {
        let found = of_class(s, class);
        assert!(!found.is_empty(), "class {class}");
        assert_eq!(of_class(s, class), found, "their handles stay");
        for object in &found {
            assert_eq!(s.number(*object, CKA_CLASS).good(), class);
        }
        let on_token = |on: bool| s.find(&template! { CKA_CLASS => class, CKA_TOKEN => on }).good();
        assert_eq!((on_token(true), on_token(false)), (found.clone(), Vec::new()));
    }
    assert_eq!(of_class(s, CKO_VALIDATION), [], "nobody has validated this library");
    s.logout().good();
    assert!(!of_class(s, CKO_PROFILE).is_empty(), "no login is needed");
}

#[test]
fn they_stand_beside_what_applications_make() {
    let user = User::new();
    let s = user.session;
    let made = [s.create(&data()).good(), s.create(&data().with(CKA_TOKEN, true)).good()];
    assert_eq!(s.find(&Template::default()).good(), made);
    assert!(CLASSES.iter().all(|class| !of_class(s, *class).contains(&made[0])));
}

#[test]
fn each_has_an_identity_and_a_size() {
    let user = User::new();
    let s = user.session;
    let mut seen = Vec::new();
    for object in CLASSES.iter().flat_map(|class| of_class(s, *class)) {
        let id = s.get(object, CKA_UNIQUE_ID).good();
        assert!(std::str::from_utf8(&id).is_ok_and(|id| !id.is_empty()) && !seen.contains(&id));
        assert_eq!(s.find(&template! { CKA_UNIQUE_ID => &id }).good(), [object]);
        seen.push(id);
        assert!(s.size(object).good() > 0);
        for (flag, want) in [
            (CKA_TOKEN, true),
            (CKA_PRIVATE, false),
            (CKA_MODIFIABLE, false),
            (CKA_COPYABLE, false),
            (CKA_DESTROYABLE, false),
        ] {
            assert_eq!(s.flag(object, flag).good(), want, "{flag:#x}");
        }
        s.get(object, CKA_MODULUS).gives(CKR_ATTRIBUTE_TYPE_INVALID);
    }
}

#[test]
fn nobody_changes_copies_destroys_or_makes_them() {
    let user = User::new();
    let s = user.session;
    let tries = |s: Session, object: Obj| {
        s.set(object, &template! { CKA_LABEL => "mine" }).gives(CKR_ACTION_PROHIBITED);
        s.set(object, &template! { CKA_VALUE => b"2026010100000000" }).gives(CKR_ACTION_PROHIBITED);
        s.copy(object, &Template::default()).gives(CKR_ACTION_PROHIBITED);
        s.destroy(object).gives(CKR_ACTION_PROHIBITED);
    };
    for class in CLASSES {
        let object = of_class(s, class)[0];
        tries(s, object);
        tries(Session::read_only(user.token.slot).good(), object);
        s.get(object, CKA_CLASS).good_for("it is still there");
        let made = s.create(&template! { CKA_CLASS => class, CKA_TOKEN => true });
        made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
    }
    let made = s.create(&template! { CKA_CLASS => CKO_VALIDATION });
    made.gives_one_of(&[CKR_ATTRIBUTE_VALUE_INVALID, CKR_TEMPLATE_INCONSISTENT]);
}

#[test]
fn they_are_no_keys() {
    let user = User::new();
    let s = user.session;
    for object in CLASSES.iter().map(|class| of_class(s, *class)[0]) {
        let mut mech = Mech::plain(CKM_SHA256_HMAC).raw();
        outcome(p11!(C_SignInit(s.0, &mut mech, object.0))).gives(CKR_KEY_HANDLE_INVALID);
    }
}

#[test]
fn handles_that_name_none_of_them_name_nothing() {
    let user = User::new();
    let s = user.session;
    for handle in [0, 0x7FFF, 0xFFFF_FFFE, 0xFFFF_FFFF, 0x1_0000_0000, HUGE] {
        s.get(Obj(handle), CKA_CLASS).gives(CKR_OBJECT_HANDLE_INVALID);
        s.destroy(Obj(handle)).gives(CKR_OBJECT_HANDLE_INVALID);
        s.copy(Obj(handle), &Template::default()).gives(CKR_OBJECT_HANDLE_INVALID);
    }
}

#[test]
fn every_mechanism_has_its_object() {
    let user = User::new();
    let s = user.session;
    let mut offered = session::mechanisms(user.token.slot).good();
    let objects = of_class(s, CKO_MECHANISM);
    let mut found: Vec<CK_ULONG> =
        objects.iter().map(|object| s.number(*object, CKA_MECHANISM_TYPE).good()).collect();
    offered.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, offered);
    let one = template! { CKA_CLASS => CKO_MECHANISM, CKA_MECHANISM_TYPE => CKM_AES_GCM };
    assert_eq!(s.find(&one).good().len(), 1);
    let none = template! { CKA_CLASS => CKO_MECHANISM, CKA_MECHANISM_TYPE => HUGE };
    assert_eq!(s.find(&none).good(), []);
}

#[test]
fn the_clock_tells_the_time() {
    let user = User::new();
    let s = user.session;
    let clock = template! { CKA_CLASS => CKO_HW_FEATURE, CKA_HW_FEATURE_TYPE => CKH_CLOCK };
    let [clock] = s.find(&clock).good()[..] else { panic!("a token has one clock") };
    let before = now();
    let value = s.get(clock, CKA_VALUE).good();
    let info = session::token_info(user.token.slot).good();
    let told = [value, info.utcTime.to_vec()].map(|text| String::from_utf8(text).unwrap());
    for text in &told {
        assert_eq!(text.len(), 16, "{text}");
        assert!(text.ends_with("00") && (before.clone()..=now()).contains(text), "{text}");
    }
    assert_ne!(info.flags & CKF_CLOCK_ON_TOKEN, 0);
}

/// The time as OpenSSL tells it.
fn now() -> String {
    let elapsed = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let time = openssl::asn1::Asn1Time::from_unix(elapsed as i64).unwrap().to_string();
    let parts: Vec<&str> = time.split_whitespace().collect();
    let [month, day, clock, year, _] = parts[..] else { panic!("{time}") };
    let month = "JanFebMarAprMayJunJulAugSepOctNovDec".find(month).unwrap() / 3 + 1;
    format!("{year}{month:02}{:02}{}00", day.parse::<u8>().unwrap(), clock.replace(':', ""))
}

#[test]
fn what_the_profiles_promise_holds() {
    let user = User::new();
    let s = user.session;
    let claimed: Vec<CK_ULONG> = of_class(s, CKO_PROFILE)
        .iter()
        .map(|object| s.number(*object, CKA_PROFILE_ID).good())
        .collect();
    for profile in [CKP_BASELINE_PROVIDER, CKP_EXTENDED_PROVIDER, CKP_AUTHENTICATION_TOKEN] {
        assert!(claimed.contains(&profile), "profile {profile}");
        let found = s.find(&template! { CKA_PROFILE_ID => profile }).good();
        assert_eq!(found.len(), 1, "by its number alone");
    }
    assert!(!claimed.contains(&CKP_COMPLETE_PROVIDER), "no library has every mechanism");
    assert!(!session::mechanisms(user.token.slot).good().is_empty(), "extended provider");
    assert!(claimed.contains(&CKP_PUBLIC_CERTIFICATES_TOKEN), "as long as all is found openly");
    s.logout().good();
    let (pin, name) = (USER_PIN.as_bytes(), b"");
    let logged_in = p11!(C_LoginUser(s.0, CKU_USER, bytes(pin), len(pin), bytes(name), 0));
    outcome(logged_in).good_for("extended provider, authentication token");
    let (public, private) = keys::pair(s, &ec::P256);
    let mech = Mech::plain(CKM_ECDSA_SHA256);
    let signature = s.sign(&mech, private, b"challenge").good_for("authentication token");
    s.verify(&mech, public, b"challenge", &signature).good();
}

#[test]
fn the_hkdf_profile_goes_with_its_mechanism() {
    let user = User::new();
    let s = user.session;
    let claimed = !s.find(&template! { CKA_PROFILE_ID => CKP_HKDF_TLS_TOKEN }).good().is_empty();
    let offered = session::mechanisms(user.token.slot).good().contains(&CKM_HKDF_DATA);
    assert_eq!(claimed, offered);
    if !claimed {
        return;
    }
    let base = keys::secret(s, CKK_HKDF, &[7; 32]);
    for label in [&b"tls iv\0"[..], b"tls quic iv\0"] {
        let mut info = [&[0, 12], label].concat();
        let parameter = CK_HKDF_PARAMS {
            bExtract: CK_FALSE,
            bExpand: CK_TRUE,
            prfHashMechanism: CKM_SHA256,
            ulSaltType: CKF_HKDF_SALT_NULL,
            pSalt: std::ptr::null_mut(),
            ulSaltLen: 0,
            hSaltKey: CK_INVALID_HANDLE,
            pInfo: info.as_mut_ptr(),
            ulInfoLen: info.len() as CK_ULONG,
        };
        let template = template! { CKA_CLASS => CKO_DATA, CKA_VALUE_LEN => 12 as CK_ULONG };
        let mech = Mech::with(CKM_HKDF_DATA, parameter, Vec::new());
        let object = s.derive(&mech, base, &template).good();
        assert_eq!(s.get(object, CKA_VALUE).good().len(), 12);
    }
}

#[test]
fn the_public_certificates_profile_goes_when_its_conditions_do() {
    let user = User::new();
    let s = user.session;
    let claimed = || {
        let session = user.token.public();
        let profile = template! {
            CKA_CLASS => CKO_PROFILE, CKA_PROFILE_ID => CKP_PUBLIC_CERTIFICATES_TOKEN,
        };
        let found = session.find(&profile).good();
        session.close().good();
        !found.is_empty()
    };
    let token = template! { CKA_TOKEN => true };
    let certificate = s.create(&certificates::template().and(&token)).good();
    assert!(claimed(), "a certificate alone");
    let id = template! { CKA_TOKEN => true, CKA_ID => &[1, 2, 3] };
    let private = s.create(&keys::rsa_private(&reference::rsa()).and(&id)).good();
    assert!(!claimed(), "its private key cannot be told without a login");
    let public = s.create(&keys::rsa_public(&reference::rsa()).and(&id)).good();
    assert!(claimed(), "its public key can");
    s.destroy(public).good();
    s.set(private, &template! { CKA_ID => &[9] }).good();
    assert!(claimed(), "nothing says that the key is the certificate's");
    let subject = certificates::template().value(CKA_SUBJECT).unwrap().to_vec();
    s.set(private, &template! { CKA_SUBJECT => subject }).good();
    assert!(!claimed(), "the key of its subject has another id");
    s.destroy(private).good();
    assert!(claimed());
    let hidden = token.clone().with(CKA_PRIVATE, true);
    let hidden = s.create(&certificates::template().and(&hidden)).good();
    assert!(!claimed(), "a certificate that only the user sees");
    s.destroy(hidden).good();
    s.destroy(certificate).good();
    assert!(claimed());
}

fn of_class(s: Session, class: CK_OBJECT_CLASS) -> Vec<Obj> {
    s.find(&template! { CKA_CLASS => class }).good()
}
