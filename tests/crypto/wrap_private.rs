// SPDX-License-Identifier: Apache-2.0 OR MIT
//! Wrapping and unwrapping of private keys as PKCS #8.

use crate::common::ec::Curve;
use crate::common::*;
use crate::data;
use crate::table::ALL_CURVES;
use openssl::ec::{Asn1Flag, EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::symm::Mode;

#[test]
fn private_keys_come_back_and_work() {
    let user = User::compatible();
    let s = user.session;
    let by = keys::aes(s, 32);
    let (_, rsa) = keys::rsa(s);
    let mut keys = vec![("RSA", CKK_RSA, rsa)];
    keys.extend(
        ALL_CURVES.iter().map(|curve| (curve.name, curve.key_type, keys::pair(s, curve).1)),
    );
    for (name, key_type, key) in keys {
        for mech in [Mech::plain(CKM_AES_KEY_WRAP_KWP), Mech::iv(CKM_AES_CBC_PAD, &[3; 16])] {
            let wrapped = s.wrap(&mech, by, key).good_for(name);
            let back = s.unwrap(&mech, by, &wrapped, &private(key_type)).good_for(name);
            let info = s.get(back, CKA_PUBLIC_KEY_INFO).good_for(name);
            assert_eq!(info, s.get(key, CKA_PUBLIC_KEY_INFO).good(), "{name}");
            let secret = if key_type == CKK_RSA { CKA_PRIVATE_EXPONENT } else { CKA_VALUE };
            assert_eq!(s.get(back, secret).good(), s.get(key, secret).good(), "{name}");
            assert!(!s.flag(back, CKA_LOCAL).good());
        }
    }
}

#[test]
fn openssl_opens_what_was_wrapped() {
    let user = User::new();
    let s = user.session;
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
    let open = |wrapped: &[u8]| {
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let der = openssl::symm::decrypt(cipher, &value, Some(&[3; 16]), wrapped).unwrap();
        PKey::private_key_from_pkcs8(&der).unwrap()
    };
    let (_, rsa) = keys::rsa(s);
    let opened = open(&s.wrap(&mech, by, rsa).good());
    assert_eq!(opened.rsa().unwrap().d(), reference::rsa().d());
    for curve in ALL_CURVES {
        let (public, private) = keys::pair(s, curve);
        let opened = open(&s.wrap(&mech, by, private).good_for(curve.name));
        let info = s.get(public, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(opened.public_key_to_der().unwrap(), info, "{}", curve.name);
    }
}

#[test]
fn keys_of_openssl_can_be_unwrapped() {
    let user = User::compatible();
    let s = user.session;
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
    let seal = |der: &[u8]| {
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        openssl::symm::encrypt(cipher, &value, Some(&[3; 16]), der).unwrap()
    };
    let rsa = PKey::from_rsa(reference::rsa()).unwrap();
    let der = rsa.private_key_to_pkcs8().unwrap();
    let back = s.unwrap(&mech, by, &seal(&der), &private(CKK_RSA)).good();
    assert_eq!(s.get(back, CKA_PRIVATE_EXPONENT).good(), reference::rsa().d().to_vec());
    for curve in ALL_CURVES {
        let own = reference::generate(curve);
        let der = own.private_key_to_pkcs8().unwrap();
        let back = s.unwrap(&mech, by, &seal(&der), &private(curve.key_type)).good_for(curve.name);
        assert_eq!(s.get(back, CKA_VALUE).good(), private_bytes(curve, &own), "{}", curve.name);
        let info = s.get(back, CKA_PUBLIC_KEY_INFO).good();
        assert_eq!(info, own.public_key_to_der().unwrap());
    }
}

#[test]
fn what_is_no_private_key_of_the_type_is_refused() {
    let user = User::compatible();
    let s = user.session;
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    let mech = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
    let seal = |der: &[u8]| {
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        openssl::symm::encrypt(cipher, &value, Some(&[3; 16]), der).unwrap()
    };
    let rsa = PKey::from_rsa(reference::rsa()).unwrap().private_key_to_pkcs8().unwrap();
    let ec = reference::generate(&ec::P256).private_key_to_pkcs8().unwrap();
    let before = s.find(&Template::default()).good();
    let mut broken = rsa.clone();
    broken[100] ^= 1;
    let cases: [(&[u8], CK_KEY_TYPE); 8] = [
        (&rsa, CKK_EC),
        (&ec, CKK_RSA),
        (&ec, CKK_EC_EDWARDS),
        (&rsa[..rsa.len() - 1], CKK_RSA),
        (&broken, CKK_RSA),
        (b"", CKK_RSA),
        (b"no DER at all", CKK_EC),
        (&[0x30, 0x84, 0xff, 0xff, 0xff, 0xff], CKK_EC),
    ];
    for (der, kind) in cases {
        let refused = s.unwrap(&mech, by, &seal(der), &private(kind));
        let what = format!("{} bytes as {kind:#x}", der.len());
        refused.gives_for(&what, &[CKR_WRAPPED_KEY_INVALID, CKR_TEMPLATE_INCONSISTENT]);
    }
    assert_eq!(s.find(&Template::default()).good(), before, "nothing was left behind");
}

#[test]
fn curves_that_are_not_here_are_named_so() {
    let user = User::compatible();
    let s = user.session;
    let value = data(32);
    let by = keys::secret(s, CKK_AES, &value);
    // Only where the wrapping is authenticated: elsewhere that would tell of a forged one's padding.
    let mech = Mech::plain(CKM_AES_KEY_WRAP_KWP);
    for (nid, flag, want) in [
        (Nid::BRAINPOOL_P256T1, Asn1Flag::NAMED_CURVE, CKR_CURVE_NOT_SUPPORTED),
        (Nid::SECP160R1, Asn1Flag::NAMED_CURVE, CKR_CURVE_NOT_SUPPORTED),
        (Nid::X9_62_PRIME256V1, Asn1Flag::EXPLICIT_CURVE, CKR_DOMAIN_PARAMS_INVALID),
    ] {
        let mut group = EcGroup::from_curve_name(nid).unwrap();
        group.set_asn1_flag(flag);
        let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
        let der = key.private_key_to_pkcs8().unwrap();
        let sealed = reference::kwp(&value, Mode::Encrypt, &der).unwrap();
        s.unwrap(&mech, by, &sealed, &private(CKK_EC)).gives(want);
        let cipher = openssl::symm::Cipher::aes_256_cbc();
        let sealed = openssl::symm::encrypt(cipher, &value, Some(&[3; 16]), &der).unwrap();
        let cbc = Mech::iv(CKM_AES_CBC_PAD, &[3; 16]);
        s.unwrap(&cbc, by, &sealed, &private(CKK_EC)).gives(CKR_WRAPPED_KEY_INVALID);
    }
}

fn private(kind: CK_KEY_TYPE) -> Template {
    template! { CKA_CLASS => CKO_PRIVATE_KEY, CKA_KEY_TYPE => kind }.and(&keys::open())
}

fn private_bytes(curve: &Curve, key: &PKey<Private>) -> Vec<u8> {
    let padded = reference::private_value(curve, key);
    match curve.key_type {
        CKK_EC => key.ec_key().unwrap().private_key().to_vec_padded(padded.len() as i32).unwrap(),
        _ => padded,
    }
}
